//! The cases of the library, outside of any transaction.

#[path = "../src/cases/mod.rs"]
mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-cases-direct-000000000000000001",
    author = "sandpiper-tests",
    target_system = "target",
    transactional = false
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
