//! Pruning: dropping calls that are old, and artifacts that are old and that nothing applied needs. Entries stay.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use rusqlite::Connection;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, FORMAT, State};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Lease, Pruned, Pruning, StoreError};
use serde::Deserialize;

use super::errors::Explain;
use super::{chain, lease};

/// The part of an entry that tells what it needs.
#[derive(Deserialize)]
struct Need {
    format: u32,
    sequence: u64,
    change_id: String,
    attempt_id: Option<AttemptId>,
    state: Option<State>,
    digest: Digest,
    template_digest: Option<Digest>,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl Need {
    fn digests(&self) -> impl Iterator<Item = Digest> {
        std::iter::once(self.digest).chain(self.template_digest)
    }
}

/// What is known of a digest from the entries that name it.
#[derive(Default)]
struct Named {
    /// An entry of the scope names it.
    in_scope: bool,
    /// An entry names it that is not from before the time.
    lately: bool,
}

/// What a change needs, as far as its entries were read.
#[derive(Default)]
struct Change {
    /// The attempt whose application counts, with all digests that were recorded for it: of an accepted edit, too.
    applied: Option<(Option<AttemptId>, Vec<Digest>)>,
    /// The digests of the newest entry, where that leaves something open.
    unsettled: Vec<Digest>,
}

impl Change {
    fn read(&mut self, need: &Need) {
        let Some(state) = need.state else { return };
        self.unsettled.clear();
        match state {
            State::Applied | State::MarkedApplied | State::Baselined => match &mut self.applied {
                // Not another application, but a word on the same one.
                Some((attempt, digests)) if need.attempt_id.is_none() || *attempt == need.attempt_id => {
                    digests.extend(need.digests());
                }
                _ => self.applied = Some((need.attempt_id.clone(), need.digests().collect())),
            },
            State::Undone | State::MarkedRolledBack => self.applied = None,
            State::RolledBack => {}
            State::Started
            | State::Failed
            | State::RollbackFailed
            | State::Undoing
            | State::UndoFailed
            | State::MarkedResumable => self.unsettled.extend(need.digests()),
        }
    }

    fn needs(self) -> impl Iterator<Item = Digest> {
        self.applied.into_iter().flat_map(|(_, digests)| digests).chain(self.unsettled)
    }
}

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
    let mut pruned = Pruned::default();
    let mut old_calls: Vec<i64> = Vec::new();
    let mut named: HashMap<Digest, Named> = HashMap::new();
    let mut changes: HashMap<(i64, String), Change> = HashMap::new();
    let mut statement = connection
        .prepare(
            "SELECT sequence, body, ifnull(octet_length(calls), 0) FROM main.sandpiper_entry ORDER BY sequence",
        )
        .in_store()?;
    let mut rows = statement.query([]).in_store()?;
    while let Some(row) = rows.next().in_store()? {
        let key: i64 = row.get(0).in_store()?;
        let chain = chain::of(key);
        let need = need(row.get_ref(1).in_store()?.as_str().map_err(|error| damaged(&error))?)?;
        let is_old = need.finished_at.unwrap_or(need.started_at) < before;
        let bytes: u64 = row.get(2).map(lease::from_stored).in_store()?;
        if bytes > 0 && is_old && Some(chain) == own {
            old_calls.push(key);
            pruned.bytes += bytes;
        }
        for digest in need.digests() {
            let named = named.entry(digest).or_default();
            named.in_scope |= Some(chain) == own;
            named.lately |= !is_old;
        }
        changes.entry((chain, need.change_id.clone())).or_default().read(&need);
    }
    pruned.calls = old_calls.len() as u64;
    let needed: HashSet<Digest> = changes.into_values().flat_map(Change::needs).collect();
    let mut forget =
        connection.prepare("UPDATE main.sandpiper_entry SET calls = NULL WHERE sequence = ?1").in_store()?;
    for key in old_calls {
        forget.execute([key]).in_store()?;
    }
    let may_go = |digest: &Digest| match named.get(digest) {
        // Kept by a run that came to its end before its first entry.
        None => true,
        Some(named) => named.in_scope && !named.lately && !needed.contains(digest),
    };
    let mut statement =
        connection.prepare("SELECT digest, length(body) FROM main.sandpiper_artifact").in_store()?;
    let artifacts = statement
        .query_map([], |row| Ok((Digest::from(row.get::<_, [u8; 32]>(0)?), row.get::<_, i64>(1)?)))
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .in_store()?;
    let mut drop_artifact =
        connection.prepare("DELETE FROM main.sandpiper_artifact WHERE digest = ?1").in_store()?;
    for (digest, bytes) in artifacts.into_iter().filter(|(digest, _)| may_go(digest)) {
        drop_artifact.execute([digest.as_bytes().as_slice()]).in_store()?;
        pruned.artifacts += 1;
        pruned.bytes += lease::from_stored(bytes);
    }
    Ok(Pruning::Done(pruned))
}

fn need(text: &str) -> Result<Need, StoreError> {
    let need: Need = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    if need.format > FORMAT {
        let message = format!("entry {} was written by a newer Sandpiper", need.sequence);
        return Err(StoreError::Version(message));
    }
    Ok(need)
}

fn damaged(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("an entry cannot be read: {error}"))
}
