//! The row of a change's current state.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{AttemptId, Sequence, Token};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::state::{Applied, ChangeState, States};
use sandpiper_engine::store::StoreError;

use crate::servers::cells::Cells;
use crate::servers::failure::Unreadable;
use crate::servers::statement::Argument;

/// The columns that [`read`] reads; in [`row`] the chain stands before them.
macro_rules! columns {
    () => {
        "change_id, sequence, state, mode, recovery, stage, change_order, target_system, attempt_id, attempt, token, \
         applied_sequence, applied_digest, applied_meaning, change_name"
    };
}
pub(crate) use columns;

/// The row of a state.
pub(crate) fn row(chain: u64, state: &ChangeState) -> [Argument<'_>; 16] {
    let applied = state.applied.as_ref();
    [
        chain.into(),
        state.change_id.as_str().into(),
        state.sequence.0.into(),
        state.state.as_str().into(),
        state.mode.as_str().into(),
        recovery_name(state.recovery).into(),
        state.stage.as_str().into(),
        state.order.as_str().into(),
        state.target_system.as_str().into(),
        state.attempt_id.as_ref().map(|id| &*id.0).into(),
        u64::from(state.attempt).into(),
        state.token.0.into(),
        applied.map(|applied| applied.sequence.0).into(),
        applied.map(|applied| &applied.digest).into(),
        applied.map(|applied| &applied.meaning).into(),
        state.name.as_str().into(),
    ]
}

/// The states that rows hold.
pub(crate) fn read(rows: &[Cells]) -> Result<States, StoreError> {
    let state = |row: &Cells| one(row).map(|state| (state.change_id.clone(), state));
    rows.iter().map(state).collect()
}

fn one(row: &Cells) -> Result<ChangeState, StoreError> {
    let text = |column: usize| row.text(column).map_err(unreadable);
    let number = |column: usize| row.number(column).map_err(unreadable);
    let digest = |column: usize| row.digest(column).map_err(unreadable);
    let applied = match row.is_null(11).map_err(unreadable)? {
        true => None,
        false => Some(Applied { sequence: Sequence(number(11)?), digest: digest(12)?, meaning: digest(13)? }),
    };
    Ok(ChangeState {
        change_id: ChangeId::new(text(0)?).map_err(damaged)?,
        sequence: Sequence(number(1)?),
        state: text(2)?.parse().map_err(damaged)?,
        mode: text(3)?.parse().map_err(damaged)?,
        recovery: recovery(text(4)?)?,
        stage: text(5)?.into(),
        order: text(6)?.parse::<Order>().map_err(damaged)?,
        name: text(14)?.to_owned(),
        target_system: text(7)?.into(),
        attempt_id: row.optional(8).map_err(unreadable)?.map(|id| AttemptId(id.into())),
        attempt: u32::try_from(number(9)?).unwrap_or(u32::MAX),
        token: Token(number(10)?),
        applied,
    })
}

fn unreadable(why: Unreadable) -> StoreError {
    damaged(StoreError::from(why).to_string())
}

fn damaged(error: String) -> StoreError {
    StoreError::Damaged(format!("the table `sandpiper_state` holds what no host wrote: {error}"))
}

fn recovery_name(recovery: Recovery) -> &'static str {
    match recovery {
        Recovery::AlwaysRetry => "always-retry",
        Recovery::ManualIntervention => "manual-intervention",
    }
}

fn recovery(name: &str) -> Result<Recovery, StoreError> {
    [Recovery::AlwaysRetry, Recovery::ManualIntervention]
        .into_iter()
        .find(|recovery| recovery_name(*recovery) == name)
        .ok_or_else(|| damaged(format!("no recovery is called `{name}`")))
}
