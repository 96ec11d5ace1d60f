//! A change that fails at a place, as only changes written as data do.

mod support;

use sandpiper_sdk::bindings::types::{Failure, Place};

support::bare_change!(support::info, |_, _| {
    let place = Place { pointer: "/apply".to_owned(), offset: Some(7) };
    Err(Failure::FailedAt(("the guest gave up at a place".to_owned(), place)))
});
