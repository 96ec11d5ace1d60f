//! The chain of entries of a scope: appending to it, reading it, and proving that nobody touched it.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, OptionalExtension, Row};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::{
    AppendError, Appended, ChainReport, Condition, Draft, EntryQuery, Lease, StoreError,
};

use super::details::Names;
use super::errors::{Explain, store_error};
use super::lease::{self, from_stored, stored};
use super::{calls, progress, states};
use crate::chain as shared;
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

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) chain: i64,
    sequence: Sequence,
    hash: Digest,
    states: Sum,
}

/// Appends entries, all or none, within a transaction of the caller's.
pub(crate) fn append(
    connection: &Connection,
    lease: &Lease,
    drafts: &[Draft],
) -> Result<Appended, AppendError> {
    let Some(Fenced { head, in_progress, mut states }) = fenced(connection, lease, drafts)? else {
        return Err(AppendError::LeaseLost);
    };
    let mut head = match head {
        Some(head) => head,
        None => new_chain(connection, &lease.key.scope)?,
    };
    let mut entries = Vec::with_capacity(drafts.len());
    let mut moved = BTreeSet::new();
    for draft in drafts {
        let id = &draft.record.change_id;
        let before = match states.remove(id) {
            Some(known) => known,
            None => states::one(connection, head.chain, id.as_str())?,
        };
        let appended = append_one(connection, lease, &mut head, draft, before.as_ref())?;
        if let (true, true, Some(state)) = (in_progress, appended.is_some(), draft.record.state) {
            let forgotten = ChangeState::forgets(before.as_ref(), state);
            progress::clear(connection, head.chain, id.as_str(), forgotten)?;
        }
        let after = match &appended {
            Some(entry) => ChangeState::after(before.as_ref(), entry),
            None => before.clone(),
        };
        if after != before {
            head.states.replace(before.as_ref(), after.as_ref());
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
            let hash = head.hash.as_bytes().as_slice();
            statement.execute((head.chain, stored(head.sequence.0), hash, head.states.as_bytes()))
        })
        .in_store()?;
    Ok(Appended(entries))
}

fn append_one(
    connection: &Connection,
    lease: &Lease,
    head: &mut Head,
    draft: &Draft,
    before: Option<&ChangeState>,
) -> Result<Option<Entry>, AppendError> {
    let record = &draft.record;
    if record.scope != lease.key.scope {
        let reason = format!("an entry of another scope than the lease `{}`", lease.key);
        return Err(StoreError::Refused(reason).into());
    }
    let newest = before.map(|state| state.sequence);
    match draft.condition {
        Condition::Newest(planned) if planned != newest => {
            return Err(AppendError::Superseded(record.change_id.clone()));
        }
        Condition::NewestOrDrop(planned) if planned != newest => return Ok(None),
        Condition::SameAttempt
            if before.as_ref().and_then(|it| it.attempt_id.as_ref()) != record.attempt_id.as_ref() =>
        {
            return Err(AppendError::Superseded(record.change_id.clone()));
        }
        _ => {}
    }
    let sequence = Sequence(head.sequence.0 + 1);
    let calls = calls::packed(draft.calls.as_deref())?;
    let (entry, text) =
        Entry::link(record.clone(), sequence, lease.token, head.hash).map_err(StoreError::Refused)?;
    connection
        .prepare_cached(
            "INSERT INTO main.sandpiper_entry (sequence, hash, body, calls) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            let hash = entry.hash.as_bytes().as_slice();
            statement.execute((key(head.chain, sequence), hash, text, calls))
        })
        .in_store()?;
    *head = Head { sequence, hash: entry.hash, ..*head };
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
    let link = Link::read(row).in_store()?;
    Entry::read(&link.text, link.hash).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Walks a chain, and holds it against its head and the table of states.
pub(crate) fn verify(connection: &Connection, scope: &Scope) -> Result<ChainReport, StoreError> {
    // One snapshot of all three tables.
    let snapshot = connection.unchecked_transaction().in_store()?;
    let mut walk = Walk { entries: 0, last: Digest::ZERO, states: States::new() };
    let broken = match head(&snapshot, scope)? {
        Some(head) => walk.along(&snapshot, scope, head)?,
        None if is_headless(&snapshot)? => {
            Some((Sequence(1), "a chain's recorded end is not there".to_owned()))
        }
        None => None,
    };
    Ok(ChainReport { entries: walk.entries, broken })
}

/// What is wrong, and at which entry.
type Broken = Option<(Sequence, String)>;

struct Walk {
    entries: u64,
    last: Digest,
    states: States,
}

impl Walk {
    fn along(&mut self, connection: &Connection, scope: &Scope, head: Head) -> Result<Broken, StoreError> {
        let mut statement = connection
            .prepare(
                "SELECT sequence, hash, body FROM main.sandpiper_entry WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence",
            )
            .in_store()?;
        let all = [Sequence(0), Sequence(LAST)].map(|sequence| key(head.chain, sequence));
        let mut rows = statement.query(all).in_store()?;
        while let Some(row) = rows.next().in_store()? {
            let link = match Link::read(row) {
                Ok(link) => link,
                Err(error) => return Ok(Some((Sequence(self.entries + 1), error.to_string()))),
            };
            if let Some(reason) = self.step(scope, &link) {
                return Ok(Some((link.sequence.min(Sequence(self.entries + 1)), reason)));
            }
        }
        let found = states::rows(connection, head.chain);
        Ok(self.end(head).or_else(|| self.hold_against(found)).or_else(|| self.hold_sum(head)))
    }

    fn step(&mut self, scope: &Scope, link: &Link) -> Option<String> {
        let expected = Sequence(self.entries + 1);
        if link.sequence != expected {
            return Some(format!("entry {expected} is not there"));
        }
        if Entry::hash(self.last, &link.text) != link.hash {
            return Some("its text does not have its hash".to_owned());
        }
        let entry = match Entry::read(&link.text, link.hash) {
            Ok(entry) => entry,
            Err(error) => return Some(error.to_string()),
        };
        if entry.sequence != link.sequence || entry.record.scope != *scope {
            return Some("its text is that of another entry".to_owned());
        }
        let id = &entry.record.change_id;
        if let Some(state) = ChangeState::after(self.states.get(id), &entry) {
            self.states.insert(id.clone(), state);
        }
        self.entries += 1;
        self.last = link.hash;
        None
    }

    fn end(&self, head: Head) -> Broken {
        let last = Sequence(self.entries);
        if head.sequence > last {
            return Some((
                Sequence(last.0 + 1),
                format!("entry {} is the chain's end, and is not there", head.sequence),
            ));
        }
        if head.sequence < last || head.hash != self.last {
            return Some((
                last,
                format!("the chain's end is recorded as entry {}, with another hash", head.sequence),
            ));
        }
        None
    }

    fn hold_sum(&self, head: Head) -> Broken {
        let wrong =
            || (Sequence(self.entries), "the chain's end says something else about the states".to_owned());
        (head.states != Sum::of(&self.states)).then(wrong)
    }

    fn hold_against(&self, found: Result<States, StoreError>) -> Broken {
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some((Sequence(self.entries), error.to_string())),
        };
        let differing = |one: &States, other: &States| -> BTreeMap<Sequence, String> {
            let differs = |(id, state): &(_, &ChangeState)| other.get(*id) != Some(*state);
            let name = |(id, state): (_, &ChangeState)| {
                (state.sequence, format!("the table of states says something else about `{id}`"))
            };
            one.iter().filter(differs).map(name).collect()
        };
        let mut broken = differing(&found, &self.states);
        broken.extend(differing(&self.states, &found));
        broken.into_iter().next()
    }
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
            statement.query_row([key(head.chain, head.sequence)], |row| digest(row, 0)).optional()
        })
        .in_store()?;
    Ok(End { sequence: head.sequence, hash: head.hash, states: head.states, found })
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
    let before = Sequence(head.sequence.0.saturating_sub(1));
    let mut statement = snapshot
        .prepare("SELECT sequence, hash, body FROM main.sandpiper_entry WHERE sequence BETWEEN ?1 AND ?2 ORDER BY sequence")
        .in_store()?;
    let places = [before, Sequence(LAST)].map(|sequence| key(head.chain, sequence));
    let links = statement.query_map(places, Link::read).in_store()?;
    let links = links.map(|link| {
        let Link { sequence, hash, text } = link.in_store()?;
        Ok(shared::Link { sequence, hash, text })
    });
    let links = links.collect::<Result<Vec<_>, StoreError>>()?;
    let end = shared::Head { sequence: head.sequence, hash: head.hash, states: head.states };
    Ok(ChainReport { entries: head.sequence.0, broken: shared::end_fits(scope, end, &links) })
}

/// A stored entry.
struct Link {
    sequence: Sequence,
    hash: Digest,
    text: String,
}

impl Link {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let sequence = Sequence(from_stored(row.get::<_, i64>(0)?) & LAST);
        Ok(Self { sequence, hash: digest(row, 1)?, text: row.get(2)? })
    }
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
                    Ok(Head { chain: row.get(0)?, sequence, hash: digest(row, 2)?, states: sum(row, 3)? })
                })
                .optional()
        })
        .map_err(|error| store_error(&error))
}

/// What an append has to know before it writes.
struct Fenced {
    /// None: the scope has no entry yet.
    head: Option<Head>,
    /// Whether anything is kept of how far changes of the scope are.
    in_progress: bool,
    /// The states of the first two changes that entries are about; none of one that has no entry yet.
    states: BTreeMap<ChangeId, Option<ChangeState>>,
}

/// Looks under a lease; none when it is ours no more. One statement, for each costs as much as the change itself: a
/// change of the schema makes SQLite prepare all of them anew. More than two changes are rarely written about at once.
fn fenced(connection: &Connection, lease: &Lease, drafts: &[Draft]) -> Result<Option<Fenced>, AppendError> {
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
            return Ok(None);
        }
        let head = match row.get::<_, Option<i64>>(5).in_store()? {
            None => None,
            Some(chain) => {
                let sequence = Sequence(from_stored(row.get(6).in_store()?));
                let (hash, states) = (digest(row, 7).in_store()?, sum(row, 8).in_store()?);
                Some(Head { chain, sequence, hash, states })
            }
        };
        if row.get::<_, Option<i64>>(1).in_store()?.is_some() {
            let state = states::read(row, &mut Names::default())?;
            states.insert(state.change_id.clone(), Some(state));
        }
        found = Some((head, row.get(9).in_store()?));
    }
    Ok(found.map(|(head, in_progress)| Fenced { head, in_progress, states }))
}

pub(crate) fn new_chain(connection: &Connection, scope: &Scope) -> Result<Head, StoreError> {
    if is_headless(connection)? {
        return Err(headless());
    }
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let (hash, states) = (Digest::ZERO, Sum::EMPTY);
    connection
        .execute(
            "INSERT INTO main.sandpiper_chain (id, service, environment, tenant, sequence, hash, states)
             SELECT ifnull(max(id) + 1, 0), ?1, ?2, ?3, 0, ?4, ?5 FROM main.sandpiper_chain",
            (&scope.service, &scope.environment, tenant, hash.as_bytes().as_slice(), states.as_bytes()),
        )
        .in_store()?;
    Ok(Head { chain: connection.last_insert_rowid(), sequence: Sequence(0), hash, states })
}
