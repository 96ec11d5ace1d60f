//! The table of current states: one row for each change, so that a run with nothing to do is one indexed read.

use rusqlite::types::{FromSqlError, FromSqlResult, ValueRef};
use rusqlite::{Connection, Row};
use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Sequence, Token};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::scope::{Scope, StageName, SystemName};
use sandpiper_engine::state::{Applied, ChangeState, States};
use sandpiper_engine::store::StoreError;

use super::errors::{Explain, store_error};
use super::lease::{from_stored, stored};

const COLUMNS: &str = "change_id, sequence, state, mode, recovery, stage, change_order, target_system, attempt_id, \
                       attempt, token, applied_sequence, applied_digest, applied_meaning";

/// All states of a scope, by the changes' ids.
pub(crate) fn all(connection: &Connection, scope: &Scope) -> Result<States, StoreError> {
    let query = format!(
        "SELECT {COLUMNS} FROM main.sandpiper_state
         WHERE chain = (SELECT id FROM main.sandpiper_chain WHERE service = ?1 AND environment = ?2 AND tenant = ?3)
         ORDER BY change_id"
    );
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let mut statement = connection.prepare_cached(&query).in_store()?;
    let mut rows = statement.query((&scope.service, &scope.environment, tenant)).in_store()?;
    let mut names = Names::default();
    let mut states = Vec::new();
    while let Some(row) = rows.next().in_store()? {
        let state = read(row, &mut names)?;
        states.push((state.change_id.clone(), state));
    }
    Ok(states.into_iter().collect())
}

/// The state of one change of a chain.
pub(crate) fn one(connection: &Connection, chain: i64, id: &str) -> Result<Option<ChangeState>, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM main.sandpiper_state WHERE chain = ?1 AND change_id = ?2");
    let mut statement = connection.prepare_cached(&query).in_store()?;
    let mut rows = statement.query((chain, id)).in_store()?;
    rows.next().in_store()?.map(|row| read(row, &mut Names::default())).transpose()
}

/// Writes the state of one change of a chain.
pub(crate) fn write(connection: &Connection, chain: i64, state: &ChangeState) -> Result<(), StoreError> {
    let query = format!(
        "INSERT OR REPLACE INTO main.sandpiper_state (chain, {COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
    );
    let applied = state.applied.as_ref();
    let values = rusqlite::params![
        chain,
        state.change_id.as_str(),
        stored(state.sequence.0),
        state.state.as_str(),
        state.mode.as_str(),
        recovery_name(state.recovery),
        state.stage.as_str(),
        state.order.as_str(),
        state.target_system.as_str(),
        state.attempt_id.as_ref().map(|id| &*id.0),
        state.attempt,
        stored(state.token.0),
        applied.map(|applied| stored(applied.sequence.0)),
        applied.map(|applied| applied.digest.as_bytes().as_slice()),
        applied.map(|applied| applied.meaning.as_bytes().as_slice()),
    ];
    connection.prepare_cached(&query).and_then(|mut statement| statement.execute(values)).map(drop).in_store()
}

/// The names that many rows share, kept once.
#[derive(Default)]
struct Names {
    stage: Option<StageName>,
    system: Option<SystemName>,
}

fn read(row: &Row<'_>, names: &mut Names) -> Result<ChangeState, StoreError> {
    let text = |column: usize| -> Result<&str, StoreError> { get(row, column, |value| value.as_str()) };
    let number = |column: usize| get(row, column, |value| value.as_i64()).map(from_stored);
    let digest = |column: usize| {
        get(row, column, |value| {
            let bytes: [u8; 32] = value.as_blob()?.try_into().map_err(|_| FromSqlError::InvalidType)?;
            Ok(Digest::from(bytes))
        })
    };
    let stage = match &names.stage {
        Some(stage) if stage.as_str() == text(5)? => stage.clone(),
        _ => names.stage.insert(text(5)?.into()).clone(),
    };
    let target_system = match &names.system {
        Some(system) if system.as_str() == text(7)? => system.clone(),
        _ => names.system.insert(text(7)?.into()).clone(),
    };
    let applied = match get(row, 11, |value| value.as_i64_or_null())? {
        None => None,
        Some(sequence) => Some(Applied {
            sequence: Sequence(from_stored(sequence)),
            digest: digest(12)?,
            meaning: digest(13)?,
        }),
    };
    Ok(ChangeState {
        change_id: ChangeId::new(text(0)?).map_err(damaged)?,
        sequence: Sequence(number(1)?),
        state: text(2)?.parse().map_err(damaged)?,
        mode: text(3)?.parse().map_err(damaged)?,
        recovery: recovery(text(4)?)?,
        stage,
        order: text(6)?.parse::<Order>().map_err(damaged)?,
        target_system,
        attempt_id: get(row, 8, |value| value.as_str_or_null())?.map(|id| AttemptId(id.into())),
        attempt: u32::try_from(number(9)?).unwrap_or(u32::MAX),
        token: Token(number(10)?),
        applied,
    })
}

fn get<'row, T>(
    row: &'row Row<'_>,
    column: usize,
    take: impl FnOnce(ValueRef<'row>) -> FromSqlResult<T>,
) -> Result<T, StoreError> {
    let value = row.get_ref(column).map_err(|error| store_error(&error))?;
    take(value).map_err(|error| damaged(format!("column {}: {error}", column + 1)))
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
