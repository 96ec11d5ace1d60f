//! Pruning: dropping calls that are old, and artifacts that are old and that nothing applied needs. Entries stay.

use jiff::Timestamp;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Lease, Pruned, Pruning, StoreError};

use super::client::Client;
use super::{chain, lease, schema};
use crate::pruning::Survey;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

/// Nobody takes a lease while it is held.
const LOCK: &str = "LOCK TABLE sandpiper.sandpiper_lease IN SHARE ROW EXCLUSIVE MODE";
const ENTRIES: &str = "SELECT chain, sequence, body, coalesce(pg_catalog.octet_length(calls), 0)
     FROM sandpiper.sandpiper_entry ORDER BY chain, sequence";
const FORGET: &str =
    "UPDATE sandpiper.sandpiper_entry SET calls = NULL WHERE chain = $1 AND sequence = ANY ($2::bigint[])";
const ARTIFACTS: &str = "SELECT digest, pg_catalog.octet_length(body) FROM sandpiper.sandpiper_artifact";
const DROP: &str = "DELETE FROM sandpiper.sandpiper_artifact WHERE digest = $1";

/// How many entries are in memory at once.
const BATCH: i32 = 1000;

/// Drops what may go, in one transaction.
pub(crate) async fn prune(
    client: &mut Client,
    scope: &Scope,
    before: Timestamp,
    gone: &[Lease],
) -> Result<Pruning, StoreError> {
    let pruned = pruned(client, scope, before, gone).await;
    let end = if matches!(pruned, Ok(Pruning::Done(_))) { "COMMIT" } else { "ROLLBACK" };
    if pruned.is_err() {
        schema::roll_back(client).await;
        return pruned;
    }
    client.one(end, Vec::new()).await.in_store()?;
    pruned
}

async fn pruned(
    client: &mut Client,
    scope: &Scope,
    before: Timestamp,
    gone: &[Lease],
) -> Result<Pruning, StoreError> {
    let mut begin = schema::begin_writing();
    begin.push(Statement::plain(LOCK));
    client.batch(&begin).await.in_store()?;
    if let Some((key, holder)) = lease::held_by_any(client, gone).await.in_store()? {
        return Ok(Pruning::Held(key, holder));
    }
    let own = chain::found(client, scope).await.in_store()?.map(|row| row.id);
    let mut survey: Survey<Sequence> = Survey::new(own.and_then(|id| i64::try_from(id).ok()), before);
    let mut answer = client.open("entries", ENTRIES, &[], BATCH, true).await.in_store()?;
    loop {
        for row in &answer.rows {
            let number = |column: usize| row.number(column).in_store();
            let chain = i64::try_from(number(0)?).unwrap_or(i64::MAX);
            survey.entry(chain, Sequence(number(1)?), row.text(2).in_store()?, number(3)?)?;
        }
        if !answer.suspended {
            break;
        }
        answer = client.fetch("entries", BATCH, true).await.in_store()?;
    }
    let mut pruned = Pruned { calls: survey.old_calls.len() as u64, bytes: survey.bytes, artifacts: 0 };
    if let Some(own) = own {
        let places = chain::array(&std::mem::take(&mut survey.old_calls));
        client.one(FORGET, vec![own.into(), places.into()]).await.in_store()?;
    }
    let kept = client.one(ARTIFACTS, Vec::new()).await.in_store()?;
    let mut artifacts = Vec::with_capacity(kept.rows.len());
    for row in &kept.rows {
        artifacts.push((row.digest(0).in_store()?, row.number(1).in_store()?));
    }
    let may_go: Vec<(Digest, u64)> = survey.may_go(artifacts.into_iter());
    let drop_one = |(digest, _): &'_ (Digest, u64)| -> Vec<Argument<'static>> {
        vec![format!("\\x{}", hex::encode(digest.as_bytes())).into()]
    };
    if !may_go.is_empty() {
        client.many(DROP, may_go.iter().map(drop_one)).await.in_store()?;
    }
    pruned.artifacts = may_go.len() as u64;
    pruned.bytes += may_go.iter().map(|(_, bytes)| bytes).sum::<u64>();
    Ok(Pruning::Done(pruned))
}
