//! A component that describes a change and has none.

#[expect(unused_macros, unused_imports, reason = "this one has no change to export")]
mod support;

use sandpiper_sdk::bindings::{description, types};

struct Bare;

impl description::Guest for Bare {
    fn describe() -> types::ChangeInfo {
        support::info()
    }
}

#[cfg(target_family = "wasm")]
description::export!(Bare with_types_in description);
#[cfg(not(target_family = "wasm"))]
const _: () = {
    let _ = <Bare as description::Guest>::describe;
};
