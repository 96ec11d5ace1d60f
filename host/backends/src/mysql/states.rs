//! The table of current states: one row for each change, so that a run with nothing to do is one indexed read.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Sequence, Token};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{Applied, ChangeState, States};
use sandpiper_engine::store::StoreError;

use super::arguments::{Argument, Statement};
use super::cells::Cells;
use super::client::Answer;
use super::errors::{Failure, store_error};
use super::lease::scope_parts;

macro_rules! columns {
    () => {
        "change_id, sequence, state, mode, recovery, stage, change_order, target_system, attempt_id, attempt, token, \
         applied_sequence, applied_digest, applied_meaning, change_name"
    };
}
macro_rules! select {
    () => {
        concat!(
            "SELECT ",
            columns!(),
            " FROM sandpiper_state WHERE chain = (SELECT id FROM sandpiper_chain
              WHERE service = ? AND environment = ? AND tenant = ?)"
        )
    };
}

const ALL: &str = concat!(select!(), " ORDER BY change_id");
const WRITE: &str = concat!(
    "INSERT INTO sandpiper_state (chain, ",
    columns!(),
    ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON DUPLICATE KEY UPDATE sequence = VALUES(sequence), state = VALUES(state), mode = VALUES(mode),
         recovery = VALUES(recovery), stage = VALUES(stage), change_order = VALUES(change_order),
         target_system = VALUES(target_system), attempt_id = VALUES(attempt_id), attempt = VALUES(attempt),
         token = VALUES(token), applied_sequence = VALUES(applied_sequence),
         applied_digest = VALUES(applied_digest), applied_meaning = VALUES(applied_meaning),
         change_name = VALUES(change_name)"
);

/// The statement that reads all states of a scope.
pub(crate) fn all(scope: &Scope) -> Statement<'_> {
    Statement::new(ALL, scope_parts(scope))
}

/// The statement that reads the states of some changes of a scope.
pub(crate) fn some<'a>(scope: &'a Scope, changes: impl Iterator<Item = &'a ChangeId>) -> Statement<'a> {
    let mut arguments = scope_parts(scope);
    let of_scope = arguments.len();
    arguments.extend(changes.map(|id| Argument::from(id.as_str())));
    let places = places(arguments.len() - of_scope);
    Statement::new(format!("{} AND change_id IN ({places})", select!()), arguments)
}

/// So many places for arguments; nothing, where there are none.
pub(crate) fn places(count: usize) -> String {
    match count {
        0 => "NULL".to_owned(),
        count => vec!["?"; count].join(", "),
    }
}

/// The statement that writes the state of one change of a chain.
pub(crate) fn write(chain: u64, state: &ChangeState) -> Statement<'_> {
    let applied = state.applied.as_ref();
    let values: [Argument<'_>; 16] = [
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
        applied.map(|applied| applied.digest.as_bytes().as_slice()).into(),
        applied.map(|applied| applied.meaning.as_bytes().as_slice()).into(),
        state.name.as_str().into(),
    ];
    Statement::new(WRITE, values)
}

/// The states in the answer to [`all`] or [`some`].
pub(crate) fn read(answer: &Answer) -> Result<States, StoreError> {
    let state = |row: &Cells| one(row).map(|state| (state.change_id.clone(), state));
    answer.rows.iter().map(state).collect()
}

fn one(row: &Cells) -> Result<ChangeState, StoreError> {
    let text = |column: usize| row.text(column).map_err(unreadable);
    let number = |column: usize| row.number(column).map_err(unreadable);
    let applied = match row.optional(11).map_err(unreadable)? {
        None => None,
        Some(_) => Some(Applied {
            sequence: Sequence(number(11)?),
            digest: digest(row, 12).map_err(unreadable)?,
            meaning: digest(row, 13).map_err(unreadable)?,
        }),
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

/// A digest in a cell.
pub(crate) fn digest(row: &Cells, column: usize) -> Result<Digest, Failure> {
    let bytes: Result<[u8; 32], _> = row.bytes(column)?.unwrap_or_default().try_into();
    bytes.map(Digest::from).map_err(|_| Failure::Refused(format!("column {} holds no digest", column + 1)))
}

fn unreadable(failure: Failure) -> StoreError {
    damaged(store_error(&failure).to_string())
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
