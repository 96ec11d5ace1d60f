//! A change that behaves as the variable `case` says, in a transaction where the system allows it.

mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-cases-transactional-0000000001",
    author = "sandpiper-tests",
    target_system = "target",
    description = "behaves as the variable `case` says",
    labels = { purpose = "tests" }
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
