//! The chain of entries of a scope: appending to it under the lock of its head, reading it, and proving that nobody
//! touched it.

use sandpiper_engine::entry::{Entry, Sequence, Token};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{AppendError, Appended, ChainReport, Draft, EntryQuery, Lease, StoreError};

use super::arguments::{Argument, Statement};
use super::cells::Cells;
use super::client::Client;
use super::errors::Failure;
use super::lease::{self, scope_parts};
use super::{progress, schema, states};
use crate::chain::{Broken, Head, Link, Linked, NewLink, Walk, link};
use crate::crash;
use crate::sum::{End, Sum};

const HEAD: &str = "SELECT id, sequence, hash, states,
         EXISTS (SELECT 1 FROM sandpiper_checkpoint AS kept WHERE kept.chain = head.id)
         OR EXISTS (SELECT 1 FROM sandpiper_step AS step WHERE step.chain = head.id)
     FROM sandpiper_chain AS head WHERE service = ? AND environment = ? AND tenant = ?";
/// Here two hosts meet: whoever has the row appends, whoever waits for it reads afterwards what was appended.
const LOCK: &str = "SELECT id, sequence, hash, states,
         EXISTS (SELECT 1 FROM sandpiper_checkpoint AS kept WHERE kept.chain = head.id)
         OR EXISTS (SELECT 1 FROM sandpiper_step AS step WHERE step.chain = head.id)
     FROM sandpiper_chain AS head WHERE service = ? AND environment = ? AND tenant = ? FOR UPDATE";
const NEW: &str = "INSERT INTO sandpiper_chain (service, environment, tenant, sequence, hash, states)
     VALUES (?, ?, ?, 0, ?, ?) ON DUPLICATE KEY UPDATE sequence = sequence";
const INSERT: &str =
    "INSERT INTO sandpiper_entry (chain, sequence, hash, body, calls) VALUES (?, ?, ?, ?, ?)";
const MOVE: &str = "UPDATE sandpiper_chain SET sequence = ?, hash = ?, states = ? WHERE id = ?";
const HOLDS: &str = "SELECT hash FROM sandpiper_entry WHERE sequence = ? AND chain = (
         SELECT id FROM sandpiper_chain WHERE service = ? AND environment = ? AND tenant = ?)";
const END: &str = "SELECT head.sequence, head.hash, head.states, last.hash
     FROM sandpiper_chain AS head LEFT JOIN sandpiper_entry AS last
         ON last.chain = head.id AND last.sequence = head.sequence
     WHERE service = ? AND environment = ? AND tenant = ?";
const ORPHAN: &str = "SELECT chain FROM sandpiper_entry
     WHERE chain NOT IN (SELECT id FROM sandpiper_chain) LIMIT 1";
const WALK: &str = "SELECT sequence, hash, body FROM sandpiper_entry WHERE chain = ? AND sequence > ?
     ORDER BY sequence LIMIT 1000";

/// Why nothing was appended.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A rule of the chain.
    Append(AppendError),
    /// The server said no, or the connection was lost.
    Failure(Failure),
}

/// Why it is not certain that entries were appended.
#[derive(Debug)]
pub(crate) enum Unfinished {
    /// They were not.
    Refused(Refused),
    /// The connection was lost while these were committed.
    Unknown(Appended),
}

impl<T: Into<Refused>> From<T> for Unfinished {
    fn from(refused: T) -> Self {
        Self::Refused(refused.into())
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        Self::Append(error)
    }
}

/// The row of a chain.
pub(crate) struct Row {
    pub(crate) id: u64,
    head: Head,
    in_progress: bool,
}

fn row(row: &Cells) -> Result<Row, Failure> {
    let (hash, states) = (states::digest(row, 2)?, sum(row, 3)?);
    let head = Head { sequence: Sequence(row.number(1)?), hash, states };
    Ok(Row { id: row.number(0)?, head, in_progress: row.flag(4)? })
}

fn sum(row: &Cells, column: usize) -> Result<Sum, Failure> {
    states::digest(row, column).map(|bytes| Sum::from(*bytes.as_bytes()))
}

/// Appends entries, all or none, within a transaction of the caller's.
pub(crate) async fn append(
    client: &mut Client,
    lease: &Lease,
    drafts: &[Draft],
) -> Result<Appended, Refused> {
    let (row, linked) = linked(client, lease, drafts, Vec::new()).await?;
    crash::before("mysql entries");
    let done = client.batch(&written(&row, &linked)).await;
    crash::after("mysql entries");
    done?;
    Ok(Appended(linked.entries))
}

/// Appends entries in a transaction of their own, in two round trips.
pub(crate) async fn append_alone(
    client: &mut Client,
    lease: &Lease,
    drafts: &[Draft],
) -> Result<Appended, Unfinished> {
    let prepared = linked(client, lease, drafts, schema::begin_writing()).await;
    let (row, linked) = match prepared {
        Ok(prepared) => prepared,
        Err(refused) => {
            schema::roll_back(client).await;
            return Err(refused.into());
        }
    };
    let mut statements = written(&row, &linked);
    statements.push(Statement::plain("COMMIT"));
    crash::before("mysql append");
    let committed = client.batch(&statements).await;
    crash::after("mysql append");
    match committed {
        Ok(_) => Ok(Appended(linked.entries)),
        Err(Failure::Lost(_)) => Err(Unfinished::Unknown(Appended(linked.entries))),
        Err(failure) => {
            schema::roll_back(client).await;
            Err(failure.into())
        }
    }
}

/// Locks the head, and links the drafts to it: refused under an old token.
async fn linked(
    client: &mut Client,
    lease: &Lease,
    drafts: &[Draft],
    begin: Vec<Statement<'_>>,
) -> Result<(Row, Linked), Refused> {
    let scope = &lease.key.scope;
    let changes = || drafts.iter().map(|draft| &draft.record.change_id);
    let reads = || {
        [Statement::new(LOCK, scope_parts(scope)), lease::token(&lease.key), states::some(scope, changes())]
    };
    let mut statements = begin;
    statements.extend(reads());
    let mut answers = client.batch(&statements).await?;
    let first = answers.len().saturating_sub(3);
    if answers.get(first).is_none_or(|answer| answer.rows.is_empty()) {
        let mut again = vec![new_chain(scope)];
        again.extend(reads());
        answers = client.batch(&again).await?;
    }
    let mut answers = answers.into_iter().rev();
    let (found, token, locked) = (answers.next(), answers.next(), answers.next());
    let token =
        token.and_then(|answer| answer.rows.into_iter().next()).map(|row| row.number(0)).transpose()?;
    if token.map(Token) != Some(lease.token) {
        return Err(AppendError::LeaseLost.into());
    }
    let locked = locked.and_then(|answer| answer.rows.into_iter().next());
    let Some(locked) = locked.map(|found| row(&found)).transpose()? else {
        return Err(
            Failure::Refused("the head of the chain is not there after it was made".to_owned()).into()
        );
    };
    let before = states::read(&found.unwrap_or_default()).map_err(AppendError::Store)?;
    let linked = link(lease, locked.head, &before, drafts)?;
    Ok((locked, linked))
}

fn new_chain(scope: &Scope) -> Statement<'_> {
    let mut arguments = scope_parts(scope);
    arguments.push(Argument::Bytes(Head::EMPTY.hash.as_bytes().as_slice().into()));
    arguments.push(Argument::Bytes(Head::EMPTY.states.as_bytes().into()));
    Statement::new(NEW, arguments)
}

fn written<'a>(row: &Row, linked: &'a Linked) -> Vec<Statement<'a>> {
    let id = row.id;
    let insert = |new: &'a NewLink| {
        let NewLink { link, calls } = new;
        let row: [Argument<'a>; 5] = [
            id.into(),
            link.sequence.0.into(),
            link.hash.as_bytes().as_slice().into(),
            link.text.as_str().into(),
            calls.as_deref().into(),
        ];
        Statement::new(INSERT, row)
    };
    let mut statements: Vec<Statement<'a>> = linked.links.iter().map(insert).collect();
    statements.extend(linked.states.values().map(|state| states::write(id, state)));
    if row.in_progress {
        let cleared = linked.cleared.iter();
        statements.extend(cleared.flat_map(|(change, what)| progress::clear(id, change, *what)));
    }
    let Head { sequence, hash, states } = &linked.head;
    let end: [Argument<'a>; 4] =
        [sequence.0.into(), hash.as_bytes().as_slice().into(), states.as_bytes().into(), id.into()];
    statements.push(Statement::new(MOVE, end));
    statements
}

/// Finds out whether an entry whose commit was not answered stands in its chain. Waits until the transaction that
/// wrote it has ended.
pub(crate) async fn holds(client: &mut Client, scope: &Scope, entry: &Entry) -> Result<bool, Failure> {
    let mut arguments = vec![entry.sequence.0.into()];
    arguments.extend(scope_parts(scope));
    let mut statements = schema::begin_writing();
    statements.push(Statement::new(LOCK, scope_parts(scope)));
    statements.push(Statement::new(HOLDS, arguments));
    statements.push(Statement::plain("ROLLBACK"));
    let answers = client.batch(&statements).await?;
    let found = answers.iter().rev().nth(1).and_then(|answer| answer.rows.first());
    Ok(found.map(|row| states::digest(row, 0)).transpose()? == Some(entry.hash))
}

/// The chain of a lease's scope, made if it has no entry yet and locked; refused under an old token.
pub(crate) async fn fenced(client: &mut Client, lease: &Lease) -> Result<u64, Refused> {
    let (row, _) = linked(client, lease, &[], schema::begin_writing()).await?;
    Ok(row.id)
}

/// The row of a scope's chain; none when the scope has no entry.
pub(crate) async fn found(client: &mut Client, scope: &Scope) -> Result<Option<Row>, Failure> {
    let answer = client.one(HEAD, scope_parts(scope)).await?;
    answer.rows.first().map(row).transpose()
}

fn stored(row: &Cells) -> Result<Link, Failure> {
    Ok(Link {
        sequence: Sequence(row.number(0)?),
        hash: states::digest(row, 1)?,
        text: row.text(2)?.to_owned(),
    })
}

/// The entries that a query selects, oldest first, from the text that was hashed.
pub(crate) async fn entries(client: &mut Client, query: &EntryQuery) -> Result<Vec<Entry>, EntriesError> {
    let Some(head) = found(client, &query.scope).await? else { return Ok(Vec::new()) };
    let mut text =
        "SELECT sequence, hash, body FROM sandpiper_entry WHERE chain = ? AND sequence > ?".to_owned();
    let mut arguments: Vec<Argument<'_>> =
        vec![head.id.into(), query.after.map_or(0, |after| after.0).into()];
    if let Some(id) = &query.change_id {
        // The canonical text holds the id in exactly this form, and nowhere else: within a string the quotes are escaped.
        text.push_str(" AND INSTR(body, ?) > 0");
        arguments.push(format!("\"change_id\":{}", serde_json::json!(id.as_str())).into());
    }
    if let Some(places) = &query.places {
        text.push_str(&format!(" AND sequence IN ({})", states::places(places.len())));
        arguments.extend(places.iter().map(|place| Argument::from(place.0)));
    }
    if query.newest_only {
        text.push_str(" AND sequence IN (SELECT sequence FROM sandpiper_state WHERE chain = ?)");
        arguments.push(head.id.into());
    }
    if query.notes_only {
        // In the canonical text a note has no state, and a label's text has its quotes escaped.
        text.push_str(" AND JSON_TYPE(JSON_EXTRACT(body, '$.state')) = 'NULL'");
    }
    text.push_str(" ORDER BY sequence");
    if let Some(limit) = query.limit {
        text.push_str(" LIMIT ?");
        arguments.push(u64::from(limit).into());
    }
    let answer = client.one(&text, arguments).await?;
    let mut entries = Vec::with_capacity(answer.rows.len());
    for row in &answer.rows {
        let link = stored(row)?;
        let entry = Entry::read(&link.text, link.hash);
        entries.push(entry.map_err(|error| EntriesError::Damaged(error.to_string()))?);
    }
    Ok(entries)
}

/// The calls that are kept with entries.
pub(crate) async fn calls(
    client: &mut Client,
    scope: &Scope,
    sequences: &[Sequence],
) -> Result<Vec<(Sequence, String)>, Failure> {
    let text = format!(
        "SELECT sequence, calls FROM sandpiper_entry WHERE calls IS NOT NULL AND chain = (
             SELECT id FROM sandpiper_chain WHERE service = ? AND environment = ? AND tenant = ?)
         AND sequence IN ({}) ORDER BY sequence",
        states::places(sequences.len())
    );
    let mut arguments = scope_parts(scope);
    arguments.extend(sequences.iter().map(|sequence| Argument::from(sequence.0)));
    let answer = client.one(&text, arguments).await?;
    answer.rows.iter().map(|row| Ok((Sequence(row.number(0)?), row.text(1)?.to_owned()))).collect()
}

/// Why entries could not be read.
pub(crate) enum EntriesError {
    Failure(Failure),
    Damaged(String),
}

impl From<Failure> for EntriesError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Whether entries have lost the head of their chain.
pub(crate) async fn is_headless(client: &mut Client) -> Result<bool, Failure> {
    Ok(!client.one(ORPHAN, Vec::new()).await?.rows.is_empty())
}

/// The statement that reads what the head of a chain says of what is read beside it.
pub(crate) fn recorded_end(scope: &Scope) -> Statement<'_> {
    Statement::new(END, scope_parts(scope))
}

/// What [`recorded_end`] answered.
pub(crate) fn read_end(row: &Cells) -> Result<End, Failure> {
    let found = row.bytes(3)?.map(|_| states::digest(row, 3)).transpose()?;
    Ok(End { sequence: Sequence(row.number(0)?), hash: states::digest(row, 1)?, states: sum(row, 2)?, found })
}

/// Walks a chain, and holds it against its head and the table of states: all as they are at one moment.
pub(crate) async fn verify(client: &mut Client, scope: &Scope) -> Result<ChainReport, Failure> {
    client.batch(&schema::begin_looking()).await?;
    let report = walked(client, scope).await;
    schema::roll_back(client).await;
    report
}

async fn walked(client: &mut Client, scope: &Scope) -> Result<ChainReport, Failure> {
    let mut walk = Walk::new(scope);
    let broken = match found(client, scope).await? {
        Some(head) => along(client, scope, &head, &mut walk).await?,
        // A scope without a head has no entries; entries without a head have lost it.
        None => {
            let lost = || (Sequence(1), "a chain's recorded end is not there".to_owned());
            is_headless(client).await?.then(lost)
        }
    };
    Ok(ChainReport { entries: walk.entries, broken })
}

async fn along(
    client: &mut Client,
    scope: &Scope,
    head: &Row,
    walk: &mut Walk<'_>,
) -> Result<Broken, Failure> {
    let mut last = Sequence(0);
    loop {
        let answer = client.one(WALK, vec![head.id.into(), last.0.into()]).await?;
        if answer.rows.is_empty() {
            break;
        }
        for row in &answer.rows {
            let broken = match stored(row) {
                Ok(link) => {
                    last = link.sequence;
                    walk.step(&link)
                }
                Err(failure) => {
                    let why = super::errors::store_error(&failure).to_string();
                    Some((Sequence(walk.entries + 1), why))
                }
            };
            if broken.is_some() {
                return Ok(broken);
            }
        }
    }
    let found = client.batch(&[states::all(scope)]).await?;
    let found: Result<_, StoreError> = states::read(&found.into_iter().next().unwrap_or_default());
    Ok(walk.end(head.head, found))
}
