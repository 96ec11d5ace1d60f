//! The chain of entries of a scope: appending to it, reading it, and proving that nobody touched it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::ChangeState;
use sandpiper_engine::store::{AppendError, Appended, ChainReport, Draft, EntryQuery, Lease, StoreError};

use super::details::Names;
use super::errors::{Explain, store_error};
use super::lease::{self, from_stored, stored};
use super::{calls, progress, states};
use crate::chain::{self as shared, Broken, Link, Walk, admits, end_fits};
use crate::sum::{End, Sum, headless};

/// How many bits of an entry's key are its sequence number; those above are its chain, which is 0 for the first.
const SEQUENCE_BITS: u32 = 40;

/// The last sequence number that a chain can have.
const LAST: u64 = (1 << SEQUENCE_BITS) - 1;

/// The key of an entry in the table: all of a chain's stand together, in their order.
pub(super) fn key(chain: i64, sequence: Sequence) -> i64 {
    (chain << SEQUENCE_BITS) | stored(sequence.0.min(LAST))
}

/// The chain of an entry's key.
pub(super) fn of(key: i64) -> i64 {
    key >> SEQUENCE_BITS
}

/// The row of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) chain: i64,
    end: shared::Head,
}

/// Appends entries, all or none, within a transaction of the caller's. `fenced` is what is known to stand under the lease
/// in this transaction. Gives also what stands under it once the transaction is committed.
pub(crate) fn append(
    connection: &Connection,
    lease: &Lease,
    drafts: &[Draft],
    fenced: Option<Fenced>,
) -> Result<(Appended, Fenced), AppendError> {
    let fenced = match fenced.filter(|fenced| fenced.lease == *lease) {
        Some(known) => known,
        None => look(connection, lease, drafts)?,
    };
    let Fenced { lease, mut head, in_progress, mut states, has_all } = fenced;
    let mut entries = Vec::with_capacity(drafts.len());
    let mut moved = BTreeSet::new();
    for draft in drafts {
        let id = &draft.record.change_id;
        let before = match states.remove(id) {
            Some(known) => known,
            None if has_all => None,
            None => states::one(connection, head.chain, id.as_str())?,
        };
        let appended = append_one(connection, &lease, &mut head, draft, before.as_ref())?;
        if let (true, true, Some(state)) = (in_progress, appended.is_some(), draft.record.state) {
            let forgotten = ChangeState::forgets(before.as_ref(), state);
            progress::clear(connection, head.chain, id.as_str(), forgotten)?;
        }
        let after = match &appended {
            Some(entry) => ChangeState::after(before.as_ref(), entry),
            None => before.clone(),
        };
        if after != before {
            head.end.states.replace(before.as_ref(), after.as_ref());
            moved.insert(id);
        }
        states.insert(id.clone(), after);
        entries.push(appended);
    }
    for id in moved {
        if let Some(Some(state)) = states.get(id) {
            states::write(connection, head.chain, state)?;
        }
    }
    // The last statement before the commit: here two hosts meet, where a database has several writers.
    connection
        .prepare_cached("UPDATE main.sandpiper_chain SET sequence = ?2, hash = ?3, states = ?4 WHERE id = ?1")
        .and_then(|mut statement| {
            let shared::Head { sequence, hash, states } = &head.end;
            statement.execute((head.chain, stored(sequence.0), hash.as_bytes().as_slice(), states.as_bytes()))
        })
        .in_store()?;
    Ok((Appended(entries), Fenced { lease, head, in_progress, states, has_all }))
}

fn append_one(
    connection: &Connection,
    lease: &Lease,
    head: &mut Head,
    draft: &Draft,
    before: Option<&ChangeState>,
) -> Result<Option<Entry>, AppendError> {
    if !admits(lease, draft, before)? {
        return Ok(None);
    }
    let sequence = Sequence(head.end.sequence.0 + 1);
    let calls = calls::packed(draft.calls.as_deref())?;
    let (entry, text) = Entry::link(draft.record.clone(), sequence, lease.token, head.end.hash)
        .map_err(StoreError::Refused)?;
    connection
        .prepare_cached(
            "INSERT INTO main.sandpiper_entry (sequence, hash, body, calls) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            let hash = entry.hash.as_bytes().as_slice();
            statement.execute((key(head.chain, sequence), hash, text, calls))
        })
        .in_store()?;
    (head.end.sequence, head.end.hash) = (sequence, entry.hash);
    Ok(Some(entry))
}

/// Whether an entry stands in its chain. For a commit whose answer was lost.
pub(crate) fn holds(connection: &Connection, scope: &Scope, entry: &Entry) -> Result<bool, StoreError> {
    let Some(head) = head(connection, scope)? else {
        return Ok(false);
    };
    let hash: Option<Vec<u8>> = connection
        .query_row(
            "SELECT hash FROM main.sandpiper_entry WHERE sequence = ?1",
            [key(head.chain, entry.sequence)],
            |row| row.get(0),
        )
        .optional()
        .in_store()?;
    Ok(hash.is_some_and(|hash| hash == entry.hash.as_bytes()))
}

/// The entries that a query selects, oldest first, from the text that was hashed.
pub(crate) fn entries(connection: &Connection, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
    let Some(head) = head(connection, &query.scope)? else {
        return Ok(Vec::new());
    };
    if let Some(places) = &query.places {
        return at(connection, head.chain, places);
    }
    // The canonical text holds the id in exactly this form, and nowhere else: within a string the quotes are escaped.
    let id = query.change_id.as_ref().map(|id| format!("\"change_id\":{}", serde_json::json!(id.as_str())));
    let newest = format!(
        "AND sequence IN (SELECT ?1 + sequence FROM main.sandpiper_state WHERE chain = ?1 >> {SEQUENCE_BITS})"
    );
    let notes = "AND instr(body, '\"state\":null') > 0";
    let text = format!(
        "SELECT sequence, hash, body FROM main.sandpiper_entry
         WHERE sequence > ?1 + ?2 AND sequence <= ?1 + {LAST} AND (?3 IS NULL OR instr(body, ?3) > 0) {} {}
         ORDER BY sequence LIMIT ?4",
        if query.newest_only { newest.as_str() } else { "" },
        if query.notes_only { notes } else { "" },
    );
    let after = query.after.map_or(0, |after| stored(after.0));
    let limit = query.limit.map_or(-1, i64::from);
    let mut statement = connection.prepare_cached(&text).in_store()?;
    let first = key(head.chain, Sequence(0));
    let mut rows = statement.query((first, after, id, limit)).in_store()?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().in_store()? {
        entries.push(read(row)?);
    }
    Ok(entries)
}

/// The entries with these places, each found by its key.
fn at(connection: &Connection, chain: i64, places: &[Sequence]) -> Result<Vec<Entry>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT sequence, hash, body FROM main.sandpiper_entry WHERE sequence = ?1")
        .in_store()?;
    let mut entries = Vec::with_capacity(places.len());
    for place in places {
        let mut rows = statement.query([key(chain, *place)]).in_store()?;
        entries.extend(rows.next().in_store()?.map(read).transpose()?);
    }
    entries.sort_by_key(|entry| entry.sequence);
    Ok(entries)
}

fn read(row: &Row<'_>) -> Result<Entry, StoreError> {
    let link = link(row).in_store()?;
    Entry::read(&link.text, link.hash).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Walks a chain, and holds it against its head and the table of states.
pub(crate) fn verify(connection: &Connection, scope: &Scope) -> Result<ChainReport, StoreError> {
    // One snapshot of all three tables.
    let snapshot = connection.unchecked_transaction().in_store()?;
    let mut walk = Walk::new(scope);
    let broken = match head(&snapshot, scope)? {
        Some(head) => along(&snapshot, head, &mut walk)?,
        None if is_headless(&snapshot)? => {
            Some((Sequence(1), "a chain's recorded end is not there".to_owned()))
        }
        None => None,
    };
    Ok(ChainReport { entries: walk.entries, broken })
}

/// Takes the entries of a chain one after the other.
fn along(connection: &Connection, head: Head, walk: &mut Walk<'_>) -> Result<Broken, StoreError> {
    let mut statement = connection
        .prepare(
            "SELECT sequence, hash, body FROM main.sandpiper_entry WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence",
        )
        .in_store()?;
    let all = [Sequence(0), Sequence(LAST)].map(|sequence| key(head.chain, sequence));
    let mut rows = statement.query(all).in_store()?;
    while let Some(row) = rows.next().in_store()? {
        let broken = match link(row) {
            Ok(link) => walk.step(&link),
            Err(error) => Some((Sequence(walk.entries + 1), error.to_string())),
        };
        if broken.is_some() {
            return Ok(broken);
        }
    }
    Ok(walk.end(head.end, states::rows(connection, head.chain)))
}

/// Whether entries have lost the head of their chain. The ids of chains have no gaps.
pub(super) fn is_headless(connection: &Connection) -> Result<bool, StoreError> {
    let orphan = format!(
        "SELECT (SELECT count(*) FROM main.sandpiper_chain) <> next.id OR EXISTS (
             SELECT 1 FROM main.sandpiper_entry WHERE sequence >= next.id << {SEQUENCE_BITS})
         FROM (SELECT ifnull(max(id) + 1, 0) AS id FROM main.sandpiper_chain) AS next"
    );
    connection.query_row(&orphan, [], |row| row.get(0)).in_store()
}

/// What the head of a chain says of what is read beside it.
pub(super) fn recorded_end(connection: &Connection, head: Head) -> Result<End, StoreError> {
    let found = connection
        .prepare_cached("SELECT hash FROM main.sandpiper_entry WHERE sequence = ?1")
        .and_then(|mut statement| {
            statement.query_row([key(head.chain, head.end.sequence)], |row| digest(row, 0)).optional()
        })
        .in_store()?;
    let shared::Head { sequence, hash, states } = head.end;
    Ok(End { sequence, hash, states, found })
}

/// The hash of the newest entry, where it is the one that the chain's head names.
pub(crate) fn newest_hash(connection: &Connection, scope: &Scope) -> Result<Option<Digest>, StoreError> {
    let snapshot = connection.unchecked_transaction().in_store()?;
    let Some(head) = head(&snapshot, scope)? else { return Ok(None) };
    let End { hash, found, .. } = recorded_end(&snapshot, head)?;
    Ok(found.filter(|found| *found == hash))
}

/// Whether the newest entry fits the one before it and the recorded end; how many entries there are.
pub(crate) fn end(connection: &Connection, scope: &Scope) -> Result<ChainReport, StoreError> {
    let snapshot = connection.unchecked_transaction().in_store()?;
    let Some(head) = head(&snapshot, scope)? else {
        let lost = || (Sequence(1), "a chain's recorded end is not there".to_owned());
        return Ok(ChainReport { entries: 0, broken: is_headless(&snapshot)?.then(lost) });
    };
    let before = Sequence(head.end.sequence.0.saturating_sub(1));
    let mut statement = snapshot
        .prepare("SELECT sequence, hash, body FROM main.sandpiper_entry WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence")
        .in_store()?;
    let places = [before, Sequence(LAST)].map(|sequence| key(head.chain, sequence));
    let links = statement.query_map(places, link).in_store()?;
    let links = links.collect::<Result<Vec<_>, _>>().in_store()?;
    Ok(ChainReport { entries: head.end.sequence.0, broken: end_fits(scope, head.end, &links) })
}

/// A stored entry.
fn link(row: &Row<'_>) -> rusqlite::Result<Link> {
    let sequence = Sequence(from_stored(row.get::<_, i64>(0)?) & LAST);
    Ok(Link { sequence, hash: digest(row, 1)?, text: row.get(2)? })
}

fn sum(row: &Row<'_>, column: usize) -> rusqlite::Result<Sum> {
    row.get::<_, [u8; 32]>(column).map(Sum::from)
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest::from)
}

pub(crate) fn head(connection: &Connection, scope: &Scope) -> Result<Option<Head>, StoreError> {
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    connection
        .prepare_cached(
            "SELECT id, sequence, hash, states FROM main.sandpiper_chain
             WHERE service = ?1 AND environment = ?2 AND tenant = ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_row((&scope.service, &scope.environment, tenant), |row| {
                    let sequence = Sequence(from_stored(row.get(1)?));
                    let end = shared::Head { sequence, hash: digest(row, 2)?, states: sum(row, 3)? };
                    Ok(Head { chain: row.get(0)?, end })
                })
                .optional()
        })
        .map_err(|error| store_error(&error))
}

/// What an append has to know before it writes.
pub(crate) struct Fenced {
    /// The lease, which is ours.
    pub(crate) lease: Lease,
    head: Head,
    /// Whether anything is kept of how far changes of the scope are.
    in_progress: bool,
    /// States of changes; none of one that has no entry yet.
    states: BTreeMap<ChangeId, Option<ChangeState>>,
    /// Whether a change that is not among them has no entry yet.
    has_all: bool,
}

/// Looks what stands under a lease; begins the chain where there is none yet. One statement, for each costs as much as
/// the change itself: a change of the schema makes SQLite prepare all of them anew. More than two changes are rarely
/// written about at once.
///
/// # Errors
///
/// [`AppendError::LeaseLost`] when the lease is ours no more.
fn look(connection: &Connection, lease: &Lease, drafts: &[Draft]) -> Result<Fenced, AppendError> {
    let mut ids = drafts.iter().map(|draft| &draft.record.change_id);
    let first = ids.next();
    let second = ids.find(|id| Some(*id) != first);
    let mut statement = connection
        .prepare_cached(
            "SELECT state.change_id, state.sequence, state.state, state.details,
                 lease.token, chain.id, chain.sequence, chain.hash, chain.states,
                 EXISTS (SELECT 1 FROM main.sandpiper_checkpoint AS kept WHERE kept.chain = chain.id)
                 OR EXISTS (SELECT 1 FROM main.sandpiper_step AS step WHERE step.chain = chain.id)
             FROM main.sandpiper_lease AS lease LEFT JOIN main.sandpiper_chain AS chain
             ON (chain.service, chain.environment, chain.tenant) = (lease.service, lease.environment, lease.tenant)
             LEFT JOIN main.sandpiper_state AS state ON state.chain = chain.id AND state.change_id IN (?5, ?6)
             WHERE lease.service = ?1 AND lease.environment = ?2 AND lease.tenant = ?3 AND lease.stage = ?4",
        )
        .in_store()?;
    let [service, environment, tenant, stage] = lease::parts(&lease.key);
    let text = |id: Option<&'_ ChangeId>| id.map(|id| id.as_str().to_owned());
    let mut rows =
        statement.query((service, environment, tenant, stage, text(first), text(second))).in_store()?;
    let mut states: BTreeMap<_, _> =
        [first, second].into_iter().flatten().map(|id| (id.clone(), None)).collect();
    let mut found = None;
    while let Some(row) = rows.next().in_store()? {
        if from_stored(row.get(4).in_store()?) != lease.token.0 {
            return Err(AppendError::LeaseLost);
        }
        let head = match row.get::<_, Option<i64>>(5).in_store()? {
            None => None,
            Some(chain) => {
                let sequence = Sequence(from_stored(row.get(6).in_store()?));
                let (hash, states) = (digest(row, 7).in_store()?, sum(row, 8).in_store()?);
                Some(Head { chain, end: shared::Head { sequence, hash, states } })
            }
        };
        if row.get::<_, Option<i64>>(1).in_store()?.is_some() {
            let state = states::read(row, &mut Names::default())?;
            states.insert(state.change_id.clone(), Some(state));
        }
        found = Some((head, row.get(9).in_store()?));
    }
    let (head, in_progress) = found.ok_or(AppendError::LeaseLost)?;
    let head = match head {
        Some(head) => head,
        None => new_chain(connection, &lease.key.scope)?,
    };
    let has_all = head.end.sequence == Sequence(0);
    Ok(Fenced { lease: lease.clone(), head, in_progress, states, has_all })
}

pub(crate) fn new_chain(connection: &Connection, scope: &Scope) -> Result<Head, StoreError> {
    if is_headless(connection)? {
        return Err(headless());
    }
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let end = shared::Head::EMPTY;
    connection
        .execute(
            "INSERT INTO main.sandpiper_chain (id, service, environment, tenant, sequence, hash, states)
             SELECT ifnull(max(id) + 1, 0), ?1, ?2, ?3, 0, ?4, ?5 FROM main.sandpiper_chain",
            (
                &scope.service,
                &scope.environment,
                tenant,
                end.hash.as_bytes().as_slice(),
                end.states.as_bytes(),
            ),
        )
        .in_store()?;
    Ok(Head { chain: connection.last_insert_rowid(), end })
}
