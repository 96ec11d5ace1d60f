//! A change without an author.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;

support::bare_change!(|| ChangeInfo { author: String::new(), ..support::info() });
