//! The chain of entries of a scope: appending to it under the lock of its head, reading it, and proving that nobody
//! touched it.

use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Appended, ChainReport, Draft, EntryQuery, Lease, StoreError};

use super::client::{Answer, Client};
use super::errors::{Failure, ServerError};
use super::lease;
use super::{progress, schema, states};
use crate::chain::{Broken, Linked, Walk};
use crate::crash;
use crate::servers::rows::chain::{Row, Texts, new_row, row, stored, written};
use crate::servers::rows::{self, scope_parts};
use crate::servers::statement::{Argument, Statement};

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
const LAST: &str = "SELECT sequence, hash, body FROM sandpiper_entry WHERE chain = ? AND sequence >= ?
     ORDER BY sequence";
const WALK: &str = "SELECT sequence, hash, body FROM sandpiper_entry WHERE chain = ? AND sequence > ?
     ORDER BY sequence LIMIT 1000";

/// What an append writes.
const TEXTS: Texts = Texts {
    insert: INSERT,
    write_state: states::WRITE,
    move_head: MOVE,
    clear_steps: progress::CLEAR_STEPS,
    clear_checkpoint: progress::CLEAR_CHECKPOINT,
};

pub(crate) type Refused = rows::chain::Refused<ServerError>;
pub(crate) type Unfinished = rows::chain::Unfinished<ServerError>;
pub(crate) type EntriesError = rows::chain::EntriesError<ServerError>;

/// Appends entries, all or none, within a transaction of the caller's.
pub(crate) async fn append(
    client: &mut Client,
    lease: &Lease,
    drafts: &[Draft],
) -> Result<Appended, Refused> {
    let (row, linked) = linked(client, lease, drafts, Vec::new()).await?;
    crash::before("mysql entries");
    let done = client.batch(&written(&row, &linked, &TEXTS)).await;
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
    let mut statements = written(&row, &linked, &TEXTS);
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
        let mut again = vec![Statement::new(NEW, new_row(scope))];
        again.extend(reads());
        answers = client.batch(&again).await?;
    }
    let mut answers = answers.into_iter().rev();
    let (found, token, locked) = (answers.next(), answers.next(), answers.next());
    let rows = |answer: Option<Answer>| answer.map(|answer| answer.rows).unwrap_or_default();
    rows::chain::linked(lease, drafts, &rows(locked), &rows(token), &rows(found))
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
    Ok(found.map(|row| row.digest(0)).transpose()? == Some(entry.hash))
}

/// The chain of a lease's scope, made if it has no entry yet and locked; refused under an old token.
pub(crate) async fn fenced(client: &mut Client, lease: &Lease) -> Result<u64, Refused> {
    let (row, _) = linked(client, lease, &[], schema::begin_writing()).await?;
    Ok(row.id)
}

/// The row of a scope's chain; none when the scope has no entry.
pub(crate) async fn found(client: &mut Client, scope: &Scope) -> Result<Option<Row>, Failure> {
    let answer = client.one(HEAD, scope_parts(scope)).await?;
    Ok(answer.rows.first().map(row).transpose()?)
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
    rows::chain::entries(&answer.rows)
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
    Ok(rows::chain::calls(&answer.rows)?)
}

/// Whether entries have lost the head of their chain.
pub(crate) async fn is_headless(client: &mut Client) -> Result<bool, Failure> {
    Ok(!client.one(ORPHAN, Vec::new()).await?.rows.is_empty())
}

/// The statement that reads what the head of a chain says of what is read beside it.
pub(crate) fn recorded_end(scope: &Scope) -> Statement<'_> {
    Statement::new(END, scope_parts(scope))
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
        None => headless(client).await?,
    };
    Ok(ChainReport { entries: walk.entries, broken })
}

/// A scope without a head has no entries; entries without a head have lost it.
async fn headless(client: &mut Client) -> Result<Broken, Failure> {
    let lost = || (Sequence(1), "a chain's recorded end is not there".to_owned());
    Ok(is_headless(client).await?.then(lost))
}

/// Whether the newest entry fits the one before it and the recorded end; how many entries there are.
pub(crate) async fn end(client: &mut Client, scope: &Scope) -> Result<ChainReport, Failure> {
    client.batch(&schema::begin_looking()).await?;
    let report = ended(client, scope).await;
    schema::roll_back(client).await;
    report
}

async fn ended(client: &mut Client, scope: &Scope) -> Result<ChainReport, Failure> {
    let Some(Row { id, head, .. }) = found(client, scope).await? else {
        return Ok(ChainReport { entries: 0, broken: headless(client).await? });
    };
    let before = head.sequence.0.saturating_sub(1);
    let answer = client.one(LAST, vec![id.into(), before.into()]).await?;
    Ok(rows::chain::ended(scope, head, &answer.rows)?)
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
                Err(why) => Some((Sequence(walk.entries + 1), StoreError::from(why).to_string())),
            };
            if broken.is_some() {
                return Ok(broken);
            }
        }
    }
    let found = client.batch(&[states::all(scope)]).await?;
    let found = found.into_iter().next().unwrap_or_default();
    Ok(walk.end(head.head, rows::states::read(&found.rows)))
}
