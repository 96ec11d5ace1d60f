//! A change that declares the further system `second`; else the cases of the library.

#[path = "../src/cases/mod.rs"]
mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-uses-000000000000000000000001",
    author = "sandpiper-tests",
    target_system = "target",
    uses = ["second"]
)]
mod change {
    use crate::cases;
    use sandpiper_sdk::prelude::*;

    /// The case `copy` copies `guest_rows` from `second` into the target.
    fn apply(db: &Connection, ctx: &Context) -> Result {
        if ctx.variable("case").is_some_and(|case| case != "copy") {
            return cases::apply(db, ctx);
        }
        let second = Connection::open("second")?;
        db.execute("CREATE TABLE guest_rows (id BIGINT PRIMARY KEY, note TEXT)", params![])?;
        for row in second.query("SELECT id, note FROM guest_rows", params![])? {
            let row = row?;
            let note: Option<String> = row.get("note")?;
            db.execute(
                "INSERT INTO guest_rows (id, note) VALUES (?, ?)",
                params![row.get::<i64>("id")?, note],
            )?;
        }
        Ok(())
    }

    fn rollback(db: &Connection, ctx: &Context) -> Result {
        cases::rollback(db, ctx)
    }
}
