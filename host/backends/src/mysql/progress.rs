//! How far changes are that are not applied yet: checkpoints of guests, and the statements of `direct` changes.

use std::borrow::Cow;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::{Lease, StepMark};

use super::chain::{self, Refused};
use super::client::Client;
use super::errors::Failure;
use super::schema;
use crate::crash;
use crate::servers::failure::Unreadable;
use crate::servers::rows;
use crate::servers::rows::progress::{change_parts, mark};
use crate::servers::statement::{Argument, Statement};

macro_rules! of_scope {
    () => {
        "chain = (SELECT id FROM sandpiper_chain
                  WHERE service = ? AND environment = ? AND tenant = ?) AND change_id = ?"
    };
}

const PUT_CHECKPOINT: &str = "INSERT INTO sandpiper_checkpoint (chain, change_id, body) VALUES (?, ?, ?)
     ON DUPLICATE KEY UPDATE body = VALUES(body)";
const CHECKPOINT: &str = concat!("SELECT body FROM sandpiper_checkpoint WHERE ", of_scope!());
const PUT_STEP: &str = "INSERT INTO sandpiper_step
         (chain, change_id, step, payload, finished, doubtful, statements, complete,
          rollback_finished, rollback_doubtful, rollback_complete)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE payload = VALUES(payload), finished = VALUES(finished), doubtful = VALUES(doubtful),
         statements = VALUES(statements), complete = VALUES(complete), rollback_finished = VALUES(rollback_finished),
         rollback_doubtful = VALUES(rollback_doubtful), rollback_complete = VALUES(rollback_complete)";
const STEPS: &str = concat!(
    "SELECT step, payload, finished, doubtful, statements, complete,
            rollback_finished, rollback_doubtful, rollback_complete
     FROM sandpiper_step WHERE ",
    of_scope!(),
    " ORDER BY step"
);
macro_rules! if_newest {
    () => {
        " WHERE chain = ? AND change_id = ? AND EXISTS (SELECT 1 FROM sandpiper_state AS state
              WHERE state.chain = ? AND state.change_id = ? AND state.sequence = ?)"
    };
}
const FORGET: [&str; 2] = [
    concat!("DELETE FROM sandpiper_checkpoint", if_newest!()),
    concat!("DELETE FROM sandpiper_step", if_newest!()),
];
pub(crate) const CLEAR_CHECKPOINT: &str =
    "DELETE FROM sandpiper_checkpoint WHERE chain = ? AND change_id = ?";
pub(crate) const CLEAR_STEPS: &str = "DELETE FROM sandpiper_step WHERE chain = ? AND change_id = ?";

/// Keeps a checkpoint of a change.
pub(crate) async fn put_checkpoint(
    client: &mut Client,
    lease: &Lease,
    change: &ChangeId,
    data: &[u8],
) -> Result<(), Refused> {
    let row = |chain: u64| vec![chain.into(), change.as_str().into(), data.into()];
    put(client, lease, PUT_CHECKPOINT, row).await
}

/// Keeps how far a step is.
pub(crate) async fn put_step(
    client: &mut Client,
    lease: &Lease,
    change: &ChangeId,
    mark: &StepMark,
) -> Result<(), Refused> {
    let row = |chain: u64| rows::progress::row(chain, change, mark);
    put(client, lease, PUT_STEP, row).await
}

/// Writes a row of the chain of a lease, in a transaction of its own. Doing it twice does no harm.
async fn put<'a>(
    client: &mut Client,
    lease: &Lease,
    statement: &'a str,
    row: impl FnOnce(u64) -> Vec<Argument<'a>> + Send,
) -> Result<(), Refused> {
    let chain = match chain::fenced(client, lease).await {
        Ok(chain) => chain,
        Err(refused) => {
            schema::roll_back(client).await;
            return Err(refused);
        }
    };
    let put = [Statement::new(statement, row(chain)), Statement::plain("COMMIT")];
    crash::before("mysql progress");
    let kept = client.batch(&put).await;
    crash::after("mysql progress");
    match kept {
        Ok(_) => Ok(()),
        Err(failure) => {
            schema::roll_back(client).await;
            Err(failure.into())
        }
    }
}

/// The checkpoint of a change.
pub(crate) async fn checkpoint(
    client: &mut Client,
    scope: &Scope,
    change: &ChangeId,
) -> Result<Option<Vec<u8>>, Failure> {
    let answer = client.one(CHECKPOINT, change_parts(scope, change)).await?;
    let body = answer.rows.first().map(|row| row.bytes(0)).transpose()?;
    Ok(body.map(Cow::into_owned))
}

/// How far the steps of a change are.
pub(crate) async fn steps(
    client: &mut Client,
    scope: &Scope,
    change: &ChangeId,
) -> Result<Vec<StepMark>, Failure> {
    let answer = client.one(STEPS, change_parts(scope, change)).await?;
    let marks: Result<_, Unreadable> = answer.rows.iter().map(mark).collect();
    Ok(marks?)
}

/// Forgets all of it, as long as the newest entry of the change is this one. Doing it twice does no harm.
pub(crate) async fn forget(
    client: &mut Client,
    lease: &Lease,
    change: &ChangeId,
    newest: Sequence,
) -> Result<(), Refused> {
    let chain = match chain::fenced(client, lease).await {
        Ok(chain) => chain,
        Err(refused) => {
            schema::roll_back(client).await;
            return Err(refused);
        }
    };
    let row = || {
        let arguments: [Argument<'_>; 5] =
            [chain.into(), change.as_str().into(), chain.into(), change.as_str().into(), newest.0.into()];
        arguments
    };
    let mut statements: Vec<Statement<'_>> = FORGET.iter().map(|text| Statement::new(*text, row())).collect();
    statements.push(Statement::plain("COMMIT"));
    match client.batch(&statements).await {
        Ok(_) => Ok(()),
        Err(failure) => {
            schema::roll_back(client).await;
            Err(failure.into())
        }
    }
}
