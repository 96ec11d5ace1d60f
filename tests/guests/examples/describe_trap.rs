//! A change whose description traps.

mod support;

support::bare_change!(|| -> sandpiper_sdk::bindings::types::ChangeInfo {
    panic!("the guest panics in describe")
});
