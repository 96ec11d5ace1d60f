//! A change with a `retry` that nobody can read.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;

support::bare_change!(|| ChangeInfo {
    options: vec![("retry".to_owned(), "often".to_owned())],
    ..support::info()
});
