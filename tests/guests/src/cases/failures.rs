//! All ways in which a change does not succeed.

use super::values::{create_rows, see};
use sandpiper_sdk::prelude::*;

/// The database's own error, passed on by `?`.
pub(crate) fn refused(db: &Connection) -> Result {
    db.execute("INSERT INTO no_such_table VALUES (1)", params![])?;
    Ok(())
}

pub(crate) fn after_write(db: &Connection, error: Error) -> Result {
    create_rows(db)?;
    db.execute("INSERT INTO guest_rows (id, note) VALUES (1, 'before the failure')", params![])?;
    Err(error)
}

/// Transient before attempt number `enough`.
pub(crate) fn transient_until(db: &Connection, ctx: &Context, enough: u32) -> Result {
    let attempt = ctx.attempt();
    if attempt < enough {
        return Err(Error::transient(format!("attempt {attempt} is not enough")));
    }
    see(db, "attempt", &attempt.to_string())
}

/// A message that is too long, and full of escape sequences.
pub(crate) fn huge_message(bytes: u64) -> Result {
    let part = "\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7}\r\n";
    Err(Error::failed(part.repeat(usize::try_from(bytes)? / part.len())))
}

pub(crate) fn trap() -> ! {
    panic!("the guest panics as the case says");
}

pub(crate) fn trap_after_write(db: &Connection) -> Result {
    create_rows(db)?;
    db.execute("INSERT INTO guest_rows (id, note) VALUES (1, 'before the trap')", params![])?;
    trap()
}
