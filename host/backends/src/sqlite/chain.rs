//! The chain of entries of a scope: appending to it, reading it, and proving that nobody touched it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::{
    AppendError, Appended, ChainReport, Condition, Draft, EntryQuery, Lease, StoreError,
};

use super::errors::{Explain, store_error};
use super::lease::{self, from_stored, stored};
use super::{progress, states};

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) chain: i64,
    sequence: Sequence,
    hash: Digest,
}

/// Appends entries, all or none, within a transaction of the caller's.
pub(crate) fn append(
    connection: &Connection,
    lease: &Lease,
    drafts: &[Draft],
) -> Result<Appended, AppendError> {
    let Some(Fenced { head, in_progress }) = fenced(connection, lease)? else {
        return Err(AppendError::LeaseLost);
    };
    let mut head = match head {
        Some(head) => head,
        None => new_chain(connection, &lease.key.scope)?,
    };
    let mut entries = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let appended = append_one(connection, lease, &mut head, draft)?;
        let clears = draft.record.state.is_some_and(ChangeState::clears_checkpoints);
        if in_progress && clears && appended.is_some() {
            progress::clear(connection, head.chain, draft.record.change_id.as_str())?;
        }
        entries.push(appended);
    }
    // The last statement before the commit: here two hosts meet, where a database has several writers.
    connection
        .prepare_cached("UPDATE main.sandpiper_chain SET sequence = ?2, hash = ?3 WHERE id = ?1")
        .and_then(|mut statement| {
            statement.execute((head.chain, stored(head.sequence.0), head.hash.as_bytes().as_slice()))
        })
        .in_store()?;
    Ok(Appended(entries))
}

fn append_one(
    connection: &Connection,
    lease: &Lease,
    head: &mut Head,
    draft: &Draft,
) -> Result<Option<Entry>, AppendError> {
    let record = &draft.record;
    if record.scope != lease.key.scope {
        let reason = format!("an entry of another scope than the lease `{}`", lease.key);
        return Err(StoreError::Refused(reason).into());
    }
    let before = states::one(connection, head.chain, record.change_id.as_str())?;
    let newest = before.as_ref().map(|state| state.sequence);
    match draft.condition {
        Condition::Newest(planned) if planned != newest => {
            return Err(AppendError::Superseded(record.change_id.clone()));
        }
        Condition::NewestOrDrop(planned) if planned != newest => return Ok(None),
        _ => {}
    }
    let sequence = Sequence(head.sequence.0 + 1);
    let (entry, text) =
        Entry::link(record.clone(), sequence, lease.token, head.hash).map_err(StoreError::Refused)?;
    connection
        .prepare_cached(
            "INSERT INTO main.sandpiper_entry (chain, sequence, hash, body) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| {
            statement.execute((head.chain, stored(sequence.0), entry.hash.as_bytes().as_slice(), text))
        })
        .in_store()?;
    if entry.record.state.is_some()
        && let Some(state) = ChangeState::after(before.as_ref(), &entry)
    {
        states::write(connection, head.chain, &state)?;
    }
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
            "SELECT hash FROM main.sandpiper_entry WHERE chain = ?1 AND sequence = ?2",
            (head.chain, stored(entry.sequence.0)),
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
    // The canonical text holds the id in exactly this form, and nowhere else: within a string the quotes are escaped.
    let id = query.change_id.as_ref().map(|id| format!("\"change_id\":{}", serde_json::json!(id.as_str())));
    let newest = "AND sequence IN (SELECT sequence FROM main.sandpiper_state WHERE chain = ?1)";
    let text = format!(
        "SELECT sequence, hash, body FROM main.sandpiper_entry
         WHERE chain = ?1 AND sequence > ?2 AND (?3 IS NULL OR instr(body, ?3) > 0) {}
         ORDER BY sequence LIMIT ?4",
        if query.newest_only { newest } else { "" }
    );
    let after = query.after.map_or(0, |after| stored(after.0));
    let limit = query.limit.map_or(-1, i64::from);
    let mut statement = connection.prepare_cached(&text).in_store()?;
    let mut rows = statement.query((head.chain, after, id, limit)).in_store()?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next().in_store()? {
        let link = Link::read(row).in_store()?;
        entries.push(
            Entry::read(&link.text, link.hash).map_err(|error| StoreError::Damaged(error.to_string()))?,
        );
    }
    Ok(entries)
}

/// Walks a chain, and holds it against its head and the table of states.
pub(crate) fn verify(connection: &Connection, scope: &Scope) -> Result<ChainReport, StoreError> {
    // One snapshot of all three tables.
    let snapshot = connection.unchecked_transaction().in_store()?;
    let mut walk = Walk { entries: 0, last: Digest::ZERO, states: States::new() };
    let broken = match head(&snapshot, scope)? {
        Some(head) => walk.along(&snapshot, scope, head)?,
        None => headless(&snapshot)?,
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
                "SELECT sequence, hash, body FROM main.sandpiper_entry WHERE chain = ?1 ORDER BY sequence",
            )
            .in_store()?;
        let mut rows = statement.query([head.chain]).in_store()?;
        while let Some(row) = rows.next().in_store()? {
            let link = match Link::read(row) {
                Ok(link) => link,
                Err(error) => return Ok(Some((Sequence(self.entries + 1), error.to_string()))),
            };
            if let Some(reason) = self.step(scope, &link) {
                return Ok(Some((link.sequence.min(Sequence(self.entries + 1)), reason)));
            }
        }
        Ok(self.end(head).or_else(|| self.hold_against(states::all(connection, scope))))
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

/// A scope without a head has no entries; entries without a head have lost it.
fn headless(connection: &Connection) -> Result<Broken, StoreError> {
    let orphan =
        "SELECT chain FROM main.sandpiper_entry WHERE chain NOT IN (SELECT id FROM main.sandpiper_chain)";
    let orphan: Option<i64> = connection.query_row(orphan, [], |row| row.get(0)).optional().in_store()?;
    Ok(orphan.map(|_| (Sequence(1), "a chain's recorded end is not there".to_owned())))
}

/// A stored entry.
struct Link {
    sequence: Sequence,
    hash: Digest,
    text: String,
}

impl Link {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { sequence: Sequence(from_stored(row.get(0)?)), hash: digest(row, 1)?, text: row.get(2)? })
    }
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest::from)
}

pub(crate) fn head(connection: &Connection, scope: &Scope) -> Result<Option<Head>, StoreError> {
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    connection
        .prepare_cached(
            "SELECT id, sequence, hash FROM main.sandpiper_chain
             WHERE service = ?1 AND environment = ?2 AND tenant = ?3",
        )
        .and_then(|mut statement| {
            statement
                .query_row((&scope.service, &scope.environment, tenant), |row| {
                    let sequence = Sequence(from_stored(row.get(1)?));
                    Ok(Head { chain: row.get(0)?, sequence, hash: digest(row, 2)? })
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
}

/// Looks under a lease; none when it is ours no more. One statement, for each costs as much as the change itself: a
/// change of the schema makes SQLite prepare all of them anew.
fn fenced(connection: &Connection, lease: &Lease) -> Result<Option<Fenced>, StoreError> {
    let found: Option<(i64, Fenced)> = connection
        .prepare_cached(
            "SELECT lease.token, chain.id, chain.sequence, chain.hash,
                 EXISTS (SELECT 1 FROM main.sandpiper_checkpoint AS kept WHERE kept.chain = chain.id)
                 OR EXISTS (SELECT 1 FROM main.sandpiper_step AS step WHERE step.chain = chain.id)
             FROM main.sandpiper_lease AS lease LEFT JOIN main.sandpiper_chain AS chain
             ON (chain.service, chain.environment, chain.tenant) = (lease.service, lease.environment, lease.tenant)
             WHERE lease.service = ?1 AND lease.environment = ?2 AND lease.tenant = ?3 AND lease.stage = ?4",
        )
        .and_then(|mut statement| {
            let read = |row: &Row<'_>| {
                let head = match row.get::<_, Option<i64>>(1)? {
                    None => None,
                    Some(chain) => {
                        let sequence = Sequence(from_stored(row.get(2)?));
                        Some(Head { chain, sequence, hash: digest(row, 3)? })
                    }
                };
                Ok((row.get(0)?, Fenced { head, in_progress: row.get(4)? }))
            };
            statement.query_row(lease::parts(&lease.key), read).optional()
        })
        .in_store()?;
    Ok(found.filter(|(token, _)| from_stored(*token) == lease.token.0).map(|(_, fenced)| fenced))
}

pub(crate) fn new_chain(connection: &Connection, scope: &Scope) -> Result<Head, StoreError> {
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    connection
        .execute(
            "INSERT INTO main.sandpiper_chain (service, environment, tenant, sequence, hash)
             VALUES (?1, ?2, ?3, 0, ?4)",
            (&scope.service, &scope.environment, tenant, Digest::ZERO.as_bytes().as_slice()),
        )
        .in_store()?;
    Ok(Head { chain: connection.last_insert_rowid(), sequence: Sequence(0), hash: Digest::ZERO })
}
