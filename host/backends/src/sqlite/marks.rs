//! What a target system keeps for the host: fence rows, which keep older holders of a lease out, and markers, which
//! prove that an attempt was committed.

use rusqlite::{Connection, OptionalExtension};
use sandpiper_engine::entry::AttemptId;
use sandpiper_runtime::target::{Fence, TargetError};

use super::errors::{Explain, message};
use super::lease::{from_stored, stored};

/// Makes the tables where they are missing.
fn make(connection: &Connection) -> rusqlite::Result<()> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS main.sandpiper_fence (
             store TEXT NOT NULL,
             service TEXT NOT NULL,
             environment TEXT NOT NULL,
             tenant TEXT NOT NULL,
             stage TEXT NOT NULL,
             token INTEGER NOT NULL,
             PRIMARY KEY (store, service, environment, tenant, stage)
         ) WITHOUT ROWID",
        "CREATE TABLE IF NOT EXISTS main.sandpiper_marker (
             attempt_id TEXT PRIMARY KEY,
             written_at TEXT NOT NULL
         ) WITHOUT ROWID",
    ] {
        connection.prepare_cached(statement)?.execute([])?;
    }
    Ok(())
}

/// Makes the tables if their absence is what the error says.
fn made(connection: &Connection, error: rusqlite::Error) -> rusqlite::Result<()> {
    if message(&error).starts_with("no such table") { make(connection) } else { Err(error) }
}

/// Sets the fence row to the token, within a transaction; writes nothing where it stands there already.
///
/// # Errors
///
/// [`TargetError::Fenced`] when a higher token stands there.
pub(crate) fn set_fence(connection: &Connection, fence: &Fence) -> Result<(), TargetError> {
    let Fence { store, key, token } = fence;
    let scope = &key.scope;
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let row = (store, &scope.service, &scope.environment, tenant, key.stage.as_str());
    let look = || {
        connection
            .prepare_cached(
                "SELECT token FROM main.sandpiper_fence
                 WHERE store = ?1 AND service = ?2 AND environment = ?3 AND tenant = ?4 AND stage = ?5",
            )
            .and_then(|mut statement| statement.query_row(row, |row| row.get(0)).optional())
    };
    // Making the tables costs two statements: only where looking finds none.
    let there: Option<i64> =
        look().or_else(|error| made(connection, error).and_then(|()| look())).in_target()?;
    match there.map(from_stored) {
        Some(there) if there > token.0 => return Err(TargetError::Fenced),
        Some(there) if there == token.0 => return Ok(()),
        _ => {}
    }
    let (store, service, environment, tenant, stage) = row;
    connection
        .prepare_cached(
            "INSERT INTO main.sandpiper_fence (store, service, environment, tenant, stage, token)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (store, service, environment, tenant, stage) DO UPDATE SET token = excluded.token",
        )
        .and_then(|mut statement| {
            statement.execute((store, service, environment, tenant, stage, stored(token.0)))
        })
        .map(drop)
        .in_target()
}

/// Writes the marker of an attempt, and reads it back: nothing may hide it.
pub(crate) fn write(connection: &Connection, attempt: &AttemptId) -> Result<(), TargetError> {
    let write = || {
        connection
            .prepare_cached(
                "INSERT INTO main.sandpiper_marker (attempt_id, written_at) VALUES (?1, datetime('now'))",
            )
            .and_then(|mut statement| statement.execute([&attempt.0]))
    };
    write().or_else(|error| made(connection, error).and_then(|()| write())).in_target()?;
    match is_there(connection, attempt)? {
        true => Ok(()),
        false => Err(TargetError::Refused(
            "the marker of the attempt is not there after it was written: drop the trigger on `sandpiper_marker`".into(),
        )),
    }
}

/// Whether the marker of an attempt is there.
pub(crate) fn is_there(connection: &Connection, attempt: &AttemptId) -> Result<bool, TargetError> {
    if !table_is_there(connection)? {
        return Ok(false);
    }
    connection
        .prepare_cached("SELECT 1 FROM main.sandpiper_marker WHERE attempt_id = ?1")
        .and_then(|mut statement| statement.exists([&attempt.0]))
        .in_target()
}

/// Removes markers, within a transaction.
pub(crate) fn forget(connection: &Connection, attempts: &[AttemptId]) -> Result<(), TargetError> {
    if attempts.is_empty() || !table_is_there(connection)? {
        return Ok(());
    }
    let mut statement =
        connection.prepare_cached("DELETE FROM main.sandpiper_marker WHERE attempt_id = ?1").in_target()?;
    attempts.iter().try_for_each(|attempt| statement.execute([&attempt.0]).map(drop)).in_target()
}

fn table_is_there(connection: &Connection) -> Result<bool, TargetError> {
    connection
        .prepare_cached("SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = 'sandpiper_marker'")
        .and_then(|mut statement| statement.exists([]))
        .in_target()
}
