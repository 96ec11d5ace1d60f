//! Handles: too many, kept too long, made up, and opened without a right to.

use super::values::{create_rows, see};
use sandpiper_sdk::bindings::sql::client;
use sandpiper_sdk::prelude::*;

const SELECT: &str = "SELECT 1 AS one UNION ALL SELECT 2 UNION ALL SELECT 3";

/// Opens cursors and keeps them.
pub(crate) fn cursors(db: &Connection, count: u64) -> Result {
    let mut cursors = Vec::new();
    for _ in 0..count {
        cursors.push(db.query(SELECT, params![])?);
    }
    see(db, "cursors", &cursors.len().to_string())
}

/// Opens the system that the variable `system` names again and again, and keeps the connections.
pub(crate) fn connections(ctx: &Context, count: u64) -> Result {
    let system = ctx.required_variable("system")?;
    let mut connections = Vec::new();
    for _ in 0..count {
        connections.push(Connection::open(&system)?);
    }
    Ok(())
}

/// Returns without giving a cursor back.
pub(crate) fn leaked_cursor(db: &Connection) -> Result {
    let mut cursor = db.query(SELECT, params![])?;
    cursor.next_batch(1)?;
    std::mem::forget(cursor);
    Ok(())
}

/// Reads two cursors in turn.
pub(crate) fn two_cursors(db: &Connection) -> Result {
    let mut sum = 0;
    let one = db.query(SELECT, params![])?.batch_size(1);
    let other = db.query(SELECT, params![])?.batch_size(1);
    for (one, other) in one.zip(other) {
        sum += one?.get::<i64>(0)? * other?.get::<i64>("one")?;
    }
    see(db, "sum", &sum.to_string())
}

/// Asks a cursor for more after its end.
pub(crate) fn cursor_past_end(db: &Connection) -> Result {
    let cursor = db.resource().query(SELECT, &[]).map_err(sandpiper_sdk::sql::Error::from)?;
    let mut sizes = Vec::new();
    for _ in 0..3 {
        sizes.push(cursor.next(10).map_err(sandpiper_sdk::sql::Error::from)?.len());
    }
    drop(cursor);
    see(db, "sizes", &format!("{sizes:?}"))
}

/// Writes to the table that a cursor is reading.
pub(crate) fn write_while_reading(db: &Connection) -> Result {
    create_rows(db)?;
    for id in 1..=20 {
        db.execute(&format!("INSERT INTO guest_rows (id, note) VALUES ({id}, 'read')"), params![])?;
    }
    for row in db.query("SELECT id FROM guest_rows WHERE note = 'read' ORDER BY id", params![])?.batch_size(3)
    {
        let id = row?.get::<i64>(0)?;
        db.execute(&format!("UPDATE guest_rows SET note = 'written' WHERE id = {id}"), params![])?;
    }
    Ok(())
}

/// Uses a handle that nobody gave.
pub(crate) fn forged() -> Result {
    // SAFETY: the number is no handle, and the host ends the guest for it; that is the case.
    let cursor = unsafe { client::Cursor::from_handle(4_242) };
    let rows = cursor.next(1).map_err(sandpiper_sdk::sql::Error::from)?;
    Err(Error::failed(format!("a forged handle gave {} rows", rows.len())))
}

/// Uses the handle of the context as a connection.
pub(crate) fn confused(ctx: &Context) -> Result {
    // SAFETY: the handle is of another type, and the host ends the guest for it; that is the case.
    let connection = unsafe { client::Connection::from_handle(ctx.resource().handle()) };
    Err(Error::failed(format!("the context has the dialect {}", connection.dialect())))
}

/// Gives back the handle that it was lent, which the bindings then do once more.
pub(crate) fn dropped_lent(db: &Connection) -> Result {
    // SAFETY: two owners of one handle, and the host ends the guest for it; that is the case.
    drop(unsafe { client::Connection::from_handle(db.resource().handle()) });
    Ok(())
}

/// Opens the system that the variable `system` names, runs `sql` there if it is set, and reads from a cursor
/// whose connection is gone.
pub(crate) fn open(db: &Connection, ctx: &Context) -> Result {
    let other = Connection::open(&ctx.required_variable("system")?)?;
    see(db, "dialect", &other.dialect())?;
    if let Some(statement) = ctx.variable("sql") {
        other.execute(&statement, params![])?;
    }
    let mut cursor = other.query(SELECT, params![])?;
    drop(other);
    let rows = cursor.next_batch(10)?;
    see(db, "rows", &rows.len().to_string())
}
