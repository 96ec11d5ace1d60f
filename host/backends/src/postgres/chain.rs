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
         EXISTS (SELECT 1 FROM sandpiper.sandpiper_checkpoint AS kept WHERE kept.chain = head.id)
         OR EXISTS (SELECT 1 FROM sandpiper.sandpiper_step AS step WHERE step.chain = head.id)
     FROM sandpiper.sandpiper_chain AS head WHERE service = $1 AND environment = $2 AND tenant = $3";
/// Here two hosts meet: whoever has the row appends, whoever waits for it reads afterwards what was appended.
const LOCK: &str = "SELECT id, sequence, hash, states,
         EXISTS (SELECT 1 FROM sandpiper.sandpiper_checkpoint AS kept WHERE kept.chain = head.id)
         OR EXISTS (SELECT 1 FROM sandpiper.sandpiper_step AS step WHERE step.chain = head.id)
     FROM sandpiper.sandpiper_chain AS head WHERE service = $1 AND environment = $2 AND tenant = $3 FOR UPDATE OF head";
const NEW: &str =
    "INSERT INTO sandpiper.sandpiper_chain (service, environment, tenant, sequence, hash, states)
     VALUES ($1, $2, $3, 0, $4, $5) ON CONFLICT (service, environment, tenant) DO NOTHING";
const INSERT: &str =
    "INSERT INTO sandpiper.sandpiper_entry (chain, sequence, hash, body, calls) VALUES ($1, $2, $3, $4, $5)";
const MOVE: &str = "UPDATE sandpiper.sandpiper_chain SET sequence = $1, hash = $2, states = $3 WHERE id = $4";
const HOLDS: &str = "SELECT hash FROM sandpiper.sandpiper_entry WHERE sequence = $4 AND chain = (
         SELECT id FROM sandpiper.sandpiper_chain WHERE service = $1 AND environment = $2 AND tenant = $3)";
const CALLS: &str = "SELECT sequence, calls FROM sandpiper.sandpiper_entry
     WHERE calls IS NOT NULL AND sequence = ANY ($4::bigint[]) AND chain = (
         SELECT id FROM sandpiper.sandpiper_chain WHERE service = $1 AND environment = $2 AND tenant = $3)
     ORDER BY sequence";
/// From chain to chain, not from entry to entry.
const ORPHAN: &str = "WITH RECURSIVE written (chain) AS (
         SELECT pg_catalog.min(chain) FROM sandpiper.sandpiper_entry
         UNION ALL
         SELECT (SELECT pg_catalog.min(chain) FROM sandpiper.sandpiper_entry AS entry
             WHERE entry.chain OPERATOR(pg_catalog.>) written.chain)
         FROM written WHERE written.chain IS NOT NULL)
     SELECT chain FROM written WHERE chain IS NOT NULL
         AND chain NOT IN (SELECT id FROM sandpiper.sandpiper_chain) LIMIT 1";
const END: &str = "SELECT head.sequence, head.hash, head.states, last.hash
     FROM sandpiper.sandpiper_chain AS head LEFT JOIN sandpiper.sandpiper_entry AS last
         ON last.chain = head.id AND last.sequence = head.sequence
     WHERE service = $1 AND environment = $2 AND tenant = $3";
const LAST: &str = "SELECT sequence, hash, body FROM sandpiper.sandpiper_entry
     WHERE chain = $1 AND sequence >= $2 ORDER BY sequence";
const WALK: &str =
    "SELECT sequence, hash, body FROM sandpiper.sandpiper_entry WHERE chain = $1 ORDER BY sequence";

/// How many entries of a long chain are in memory at once.
const BATCH: i32 = 1000;

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
    crash::before("postgres entries");
    let done = client.batch(&written(&row, &linked, &TEXTS)).await;
    crash::after("postgres entries");
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
    crash::before("postgres append");
    let committed = client.batch(&statements).await;
    crash::after("postgres append");
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
    let mut arguments = scope_parts(scope);
    arguments.push(entry.sequence.0.into());
    let mut statements = schema::begin_writing();
    // The first entry comes with the row of its chain, which nobody sees yet, and whoever writes the same one waits for.
    statements.push(Statement::new(NEW, new_row(scope)));
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
    // The canonical text holds the id in exactly this form, and nowhere else: within a string the quotes are escaped.
    let id = query.change_id.as_ref().map(|id| format!("\"change_id\":{}", serde_json::json!(id.as_str())));
    let newest = "AND sequence IN (SELECT sequence FROM sandpiper.sandpiper_state WHERE chain = $1)";
    // In the canonical text a note has no state, and a label's text has its quotes escaped.
    let notes = "AND (body::jsonb -> 'state') IS NOT DISTINCT FROM 'null'::jsonb";
    let places = query.places.as_deref().map(array);
    let text = format!(
        "SELECT sequence, hash, body FROM sandpiper.sandpiper_entry
         WHERE chain = $1 AND sequence > $2 AND ($3::text IS NULL OR pg_catalog.strpos(body, $3::text) > 0)
             AND ($5::bigint[] IS NULL OR sequence = ANY ($5::bigint[])) {} {}
         ORDER BY sequence LIMIT $4",
        if query.newest_only { newest } else { "" },
        if query.notes_only { notes } else { "" }
    );
    let arguments: Vec<Argument<'_>> = vec![
        head.id.into(),
        query.after.map_or(0, |after| after.0).into(),
        id.into(),
        query.limit.map(u64::from).into(),
        places.into(),
    ];
    let answer = client.one(&text, arguments).await?;
    rows::chain::entries(&answer.rows)
}

/// Sequence numbers as an array.
pub(crate) fn array(sequences: &[Sequence]) -> String {
    let numbers: Vec<String> = sequences.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

/// The calls that are kept with entries.
pub(crate) async fn calls(
    client: &mut Client,
    scope: &Scope,
    sequences: &[Sequence],
) -> Result<Vec<(Sequence, String)>, Failure> {
    let mut arguments = scope_parts(scope);
    arguments.push(array(sequences).into());
    let answer = client.one(CALLS, arguments).await?;
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
    client.one(schema::LOOK, Vec::new()).await?;
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
    client.one(schema::LOOK, Vec::new()).await?;
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
    let mut answer = client.open("chain", WALK, &[head.id.into()], BATCH, true).await?;
    loop {
        for row in &answer.rows {
            let broken = match stored(row) {
                Ok(link) => walk.step(&link),
                Err(why) => Some((Sequence(walk.entries + 1), StoreError::from(why).to_string())),
            };
            if broken.is_some() {
                return Ok(broken);
            }
        }
        if !answer.suspended {
            break;
        }
        answer = client.fetch("chain", BATCH, true).await?;
    }
    let found = client.batch(&[states::all(scope)]).await?;
    let found = found.into_iter().next().unwrap_or_default();
    Ok(walk.end(head.head, rows::states::read(&found.rows)))
}
