//! Pruning: dropping calls that are old, and artifacts that are old and that nothing applied needs. Entries stay.

use jiff::Timestamp;
use rusqlite::Connection;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Lease, Pruned, Pruning, StoreError};

use super::errors::Explain;
use super::{chain, lease};
use crate::pruning::{Survey, damaged};

/// Drops what may go, within a transaction that keeps others from taking a lease.
pub(crate) fn prune(
    connection: &Connection,
    scope: &Scope,
    before: Timestamp,
    gone: &[Lease],
) -> Result<Pruning, StoreError> {
    if let Some((key, holder)) = lease::held_by_any(connection, gone)? {
        return Ok(Pruning::Held(key, holder));
    }
    let own = chain::head(connection, scope)?.map(|head| head.chain);
    let mut survey: Survey<i64> = Survey::new(own, before);
    let mut statement = connection
        .prepare(
            "SELECT sequence, body, ifnull(octet_length(calls), 0) FROM main.sandpiper_entry ORDER BY sequence",
        )
        .in_store()?;
    let mut rows = statement.query([]).in_store()?;
    while let Some(row) = rows.next().in_store()? {
        let key: i64 = row.get(0).in_store()?;
        let text = row.get_ref(1).in_store()?.as_str().map_err(|error| damaged(&error))?;
        survey.entry(chain::of(key), key, text, row.get(2).map(lease::from_stored).in_store()?)?;
    }
    let mut pruned = Pruned { calls: survey.old_calls.len() as u64, bytes: survey.bytes, artifacts: 0 };
    let mut forget =
        connection.prepare("UPDATE main.sandpiper_entry SET calls = NULL WHERE sequence = ?1").in_store()?;
    for key in std::mem::take(&mut survey.old_calls) {
        forget.execute([key]).in_store()?;
    }
    let mut statement =
        connection.prepare("SELECT digest, length(body) FROM main.sandpiper_artifact").in_store()?;
    let artifacts = statement
        .query_map([], |row| Ok((Digest::from(row.get::<_, [u8; 32]>(0)?), lease::from_stored(row.get(1)?))))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .in_store()?;
    let mut drop_artifact =
        connection.prepare("DELETE FROM main.sandpiper_artifact WHERE digest = ?1").in_store()?;
    for (digest, bytes) in survey.may_go(artifacts.into_iter()) {
        drop_artifact.execute([digest.as_bytes().as_slice()]).in_store()?;
        pruned.artifacts += 1;
        pruned.bytes += bytes;
    }
    Ok(Pruning::Done(pruned))
}
