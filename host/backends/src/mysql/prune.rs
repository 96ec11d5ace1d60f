//! Pruning: dropping calls that are old, and artifacts that are old and that nothing applied needs. Entries stay.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Lease, Pruned, Pruning, StoreError};

use super::client::Client;
use super::{chain, lease, schema, states};
use crate::pruning::Survey;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

/// Nobody takes a lease until this transaction has ended: at this level of isolation all rows are locked, and the gaps
/// between them too.
const LOCK: [&str; 3] = [
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
    "START TRANSACTION",
    "SELECT token FROM sandpiper_lease FOR UPDATE",
];
const ENTRIES: &str = "SELECT chain, sequence, body, COALESCE(LENGTH(calls), 0) FROM sandpiper_entry
     WHERE chain > ? OR (chain = ? AND sequence > ?) ORDER BY chain, sequence LIMIT 1000";
const ARTIFACTS: &str = "SELECT digest, LENGTH(body) FROM sandpiper_artifact";

/// How many rows one statement names.
const BATCH: usize = 1000;

/// Drops what may go, in one transaction.
pub(crate) async fn prune(
    client: &mut Client,
    scope: &Scope,
    before: Timestamp,
    gone: &[Lease],
) -> Result<Pruning, StoreError> {
    let pruned = pruned(client, scope, before, gone).await;
    if !matches!(pruned, Ok(Pruning::Done(_))) {
        schema::roll_back(client).await;
        return pruned;
    }
    client.one("COMMIT", Vec::new()).await.in_store()?;
    pruned
}

async fn pruned(
    client: &mut Client,
    scope: &Scope,
    before: Timestamp,
    gone: &[Lease],
) -> Result<Pruning, StoreError> {
    client.batch(&LOCK.map(Statement::plain)).await.in_store()?;
    if let Some((key, holder)) = lease::held_by_any(client, gone).await.in_store()? {
        return Ok(Pruning::Held(key, holder));
    }
    let own = chain::found(client, scope).await.in_store()?.map(|row| row.id);
    let mut survey: Survey<Sequence> = Survey::new(own.and_then(|id| i64::try_from(id).ok()), before);
    let mut last = (0, 0);
    loop {
        let after = vec![last.0.into(), last.0.into(), last.1.into()];
        let answer = client.one(ENTRIES, after).await.in_store()?;
        if answer.rows.is_empty() {
            break;
        }
        for row in &answer.rows {
            let number = |column: usize| row.number(column).in_store();
            last = (number(0)?, number(1)?);
            let chain = i64::try_from(last.0).unwrap_or(i64::MAX);
            survey.entry(chain, Sequence(last.1), row.text(2).in_store()?, number(3)?)?;
        }
    }
    let mut pruned = Pruned { calls: survey.old_calls.len() as u64, bytes: survey.bytes, artifacts: 0 };
    if let Some(own) = own {
        for calls in std::mem::take(&mut survey.old_calls).chunks(BATCH) {
            let places = states::places(calls.len());
            let forget =
                format!("UPDATE sandpiper_entry SET calls = NULL WHERE chain = ? AND sequence IN ({places})");
            let mut arguments: Vec<Argument<'_>> = vec![own.into()];
            arguments.extend(calls.iter().map(|sequence| Argument::from(sequence.0)));
            client.one(&forget, arguments).await.in_store()?;
        }
    }
    let kept = client.one(ARTIFACTS, Vec::new()).await.in_store()?;
    let mut artifacts: BTreeMap<Digest, u64> = BTreeMap::new();
    for row in &kept.rows {
        *artifacts.entry(row.digest(0).in_store()?).or_default() += row.number(1).in_store()?;
    }
    let may_go: Vec<(Digest, u64)> = survey.may_go(artifacts.into_iter());
    for digests in may_go.chunks(BATCH) {
        let places = states::places(digests.len());
        let drop = format!("DELETE FROM sandpiper_artifact WHERE digest IN ({places})");
        let arguments = digests.iter().map(|(digest, _)| Argument::from(digest.as_bytes().as_slice()));
        client.one(&drop, arguments.collect()).await.in_store()?;
    }
    pruned.artifacts = may_go.len() as u64;
    pruned.bytes += may_go.iter().map(|(_, bytes)| bytes).sum::<u64>();
    Ok(Pruning::Done(pruned))
}
