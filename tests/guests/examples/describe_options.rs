//! A change with an option that no host knows.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;

support::bare_change!(|| ChangeInfo {
    options: vec![("no-such-option".to_owned(), "1".to_owned())],
    ..support::info()
});
