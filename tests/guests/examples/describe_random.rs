//! A change that lies: its id is another one each time that random numbers are real.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

support::bare_change!(|| ChangeInfo {
    id: format!("test-guest-{:016x}", RandomState::new().hash_one(0)),
    ..support::info()
});
