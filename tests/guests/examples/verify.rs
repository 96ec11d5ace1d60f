//! The cases of the library, outside of any transaction, with a `verify` that answers as the variable
//! `verdict` says.

#[path = "../src/cases/mod.rs"]
mod cases;

#[sandpiper_sdk::change(
    id = "test-guest-cases-verify-000000000000000001",
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

    /// `applied`, `not-applied`, `partly-applied`, `unknown`, `failed`, `trap`; else whether `guest_rows` is
    /// there.
    fn verify(db: &Connection, ctx: &Context) -> Result<Verdict> {
        match ctx.variable("verdict").as_deref() {
            Some("applied") => Ok(Verdict::Applied),
            Some("not-applied") => Ok(Verdict::NotApplied),
            Some("partly-applied") => Ok(Verdict::PartlyApplied),
            Some("unknown") => Ok(Verdict::Unknown),
            Some("failed") => Err(Error::failed("the guest cannot tell")),
            Some("trap") => panic!("the guest panics in verify"),
            Some("write") => {
                db.execute("CREATE TABLE guest_seen (name TEXT, seen TEXT)", params![])?;
                Ok(Verdict::Applied)
            }
            _ => {
                let found =
                    db.query("SELECT id FROM guest_rows", params![]).and_then(|mut rows| rows.next_batch(1));
                Ok(if found.is_ok() { Verdict::Applied } else { Verdict::NotApplied })
            }
        }
    }
}
