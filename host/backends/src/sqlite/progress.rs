//! How far changes are that are not applied yet: checkpoints of guests, and the statements of `direct` changes.

use rusqlite::{Connection, OptionalExtension, Row};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::progress::RollbackMark;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::Forgotten;
use sandpiper_engine::store::{AppendError, Lease, StepMark, StoreError};

use super::chain::{head, new_chain};
use super::errors::Explain;
use super::lease;

/// The chain of a lease's scope, made if it has no entry yet; refused under an old token.
fn fenced(connection: &Connection, lease: &Lease) -> Result<i64, AppendError> {
    if lease::token(connection, &lease.key)? != Some(lease.token) {
        return Err(AppendError::LeaseLost);
    }
    let scope = &lease.key.scope;
    match head(connection, scope)? {
        Some(head) => Ok(head.chain),
        None => Ok(new_chain(connection, scope)?.chain),
    }
}

/// Keeps a checkpoint of a change.
pub(crate) fn put_checkpoint(
    connection: &Connection,
    lease: &Lease,
    change: &ChangeId,
    data: &[u8],
) -> Result<(), AppendError> {
    let chain = fenced(connection, lease)?;
    let put = "INSERT OR REPLACE INTO main.sandpiper_checkpoint (chain, change_id, body) VALUES (?1, ?2, ?3)";
    connection.execute(put, (chain, change.as_str(), data)).in_store()?;
    Ok(())
}

/// The checkpoint of a change.
pub(crate) fn checkpoint(
    connection: &Connection,
    scope: &Scope,
    change: &ChangeId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let Some(head) = head(connection, scope)? else { return Ok(None) };
    let get = "SELECT body FROM main.sandpiper_checkpoint WHERE chain = ?1 AND change_id = ?2";
    connection.query_row(get, (head.chain, change.as_str()), |row| row.get(0)).optional().in_store()
}

/// Keeps how far a step is.
pub(crate) fn put_step(
    connection: &Connection,
    lease: &Lease,
    change: &ChangeId,
    mark: &StepMark,
) -> Result<(), AppendError> {
    let chain = fenced(connection, lease)?;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO main.sandpiper_step
                 (chain, change_id, step, payload, finished, doubtful, statements, complete,
                  rollback_finished, rollback_doubtful, rollback_complete)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut statement| {
            statement.execute((
                chain,
                change.as_str(),
                mark.step,
                mark.payload.as_bytes().as_slice(),
                mark.finished,
                mark.doubtful,
                mark.statements.as_bytes().as_slice(),
                mark.complete,
                mark.rollback.map(|rollback| rollback.finished),
                mark.rollback.and_then(|rollback| rollback.doubtful),
                mark.rollback.map(|rollback| rollback.complete),
            ))
        })
        .in_store()?;
    Ok(())
}

/// How far the steps of a change are.
pub(crate) fn steps(
    connection: &Connection,
    scope: &Scope,
    change: &ChangeId,
) -> Result<Vec<StepMark>, StoreError> {
    let Some(head) = head(connection, scope)? else { return Ok(Vec::new()) };
    connection
        .prepare_cached(
            "SELECT step, payload, finished, doubtful, statements, complete,
                    rollback_finished, rollback_doubtful, rollback_complete
             FROM main.sandpiper_step WHERE chain = ?1 AND change_id = ?2 ORDER BY step",
        )
        .and_then(|mut statement| statement.query_map((head.chain, change.as_str()), mark)?.collect())
        .in_store()
}

fn mark(row: &Row<'_>) -> rusqlite::Result<StepMark> {
    let digest = |bytes: [u8; 32]| Digest::from(bytes);
    Ok(StepMark {
        step: row.get(0)?,
        payload: digest(row.get(1)?),
        finished: row.get(2)?,
        doubtful: row.get(3)?,
        statements: digest(row.get(4)?),
        complete: row.get(5)?,
        rollback: match row.get(6)? {
            None => None,
            Some(finished) => Some(RollbackMark { finished, doubtful: row.get(7)?, complete: row.get(8)? }),
        },
    })
}

/// Forgets all of it, as long as the newest entry of the change is this one.
pub(crate) fn forget(
    connection: &Connection,
    lease: &Lease,
    change: &ChangeId,
    newest: Sequence,
) -> Result<(), AppendError> {
    let chain = fenced(connection, lease)?;
    let is_newest =
        "SELECT 1 FROM main.sandpiper_state WHERE chain = ?1 AND change_id = ?2 AND sequence = ?3";
    let row = (chain, change.as_str(), lease::stored(newest.0));
    let found = connection.query_row(is_newest, row, |_| Ok(())).optional().in_store()?;
    if found.is_some() {
        clear(connection, chain, change.as_str(), Forgotten::All)?;
    }
    Ok(())
}

/// Forgets it, with the entry that ends what it was kept for.
pub(crate) fn clear(
    connection: &Connection,
    chain: i64,
    change: &str,
    what: Forgotten,
) -> Result<(), StoreError> {
    const STEPS: &str = "DELETE FROM main.sandpiper_step WHERE chain = ?1 AND change_id = ?2";
    const CHECKPOINT: &str = "DELETE FROM main.sandpiper_checkpoint WHERE chain = ?1 AND change_id = ?2";
    let deletes: &[&str] = match what {
        Forgotten::Nothing => &[],
        Forgotten::Steps => &[STEPS],
        Forgotten::All => &[STEPS, CHECKPOINT],
    };
    for delete in deletes {
        connection
            .prepare_cached(delete)
            .and_then(|mut statement| statement.execute((chain, change)))
            .in_store()?;
    }
    Ok(())
}
