//! The cases of the library, outside of any transaction, and to be applied again after a crash.

#[path = "../src/cases/mod.rs"]
mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-cases-always-retry-0000000001",
    author = "sandpiper-tests",
    target_system = "target",
    transactional = false,
    recovery = "always-retry"
)]
mod change {
    use crate::cases;
    use sandpiper_sdk::prelude::*;

    fn apply(db: &Connection, ctx: &Context) -> Result {
        cases::apply(db, ctx)
    }

    fn rollback(db: &Connection, ctx: &Context) -> Result {
        cases::rollback(db, ctx)
    }
}
