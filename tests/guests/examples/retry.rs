//! The cases of the library, tried three times within a run.

#[path = "../src/cases/mod.rs"]
mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-cases-retry-000000000000000001",
    author = "sandpiper-tests",
    target_system = "target",
    retry = "{ attempts: 3, backoff: 10ms..50ms }"
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
