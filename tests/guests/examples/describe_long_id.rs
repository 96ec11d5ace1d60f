//! A change with an id of 256 characters; one less is allowed.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;

support::bare_change!(|| ChangeInfo { id: "i".repeat(256), ..support::info() });
