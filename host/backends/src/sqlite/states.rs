//! The table of current states: one row for each change, so that a run with nothing to do is one indexed read.

use rusqlite::types::{FromSqlResult, ValueRef};
use rusqlite::{Connection, Row};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::StoreError;

use super::chain;
use super::details::{self, Names};
use super::errors::{Explain, store_error};
use super::lease::{from_stored, stored};
use crate::sum::headless;

const COLUMNS: &str = "change_id, sequence, state, details";

/// All states of a scope, by the changes' ids, held against the head of its chain.
pub(crate) fn all(connection: &Connection, scope: &Scope) -> Result<States, StoreError> {
    // One snapshot of the head and the states.
    let snapshot = connection.unchecked_transaction().in_store()?;
    let Some(head) = chain::head(&snapshot, scope)? else {
        return if chain::is_headless(&snapshot)? { Err(headless()) } else { Ok(States::new()) };
    };
    let end = chain::recorded_end(&snapshot, head)?;
    let states = rows(&snapshot, head.chain)?;
    end.holds(&states)?;
    Ok(states)
}

/// All states of a chain, as they stand there.
pub(super) fn rows(connection: &Connection, chain: i64) -> Result<States, StoreError> {
    let query = format!("SELECT {COLUMNS} FROM main.sandpiper_state WHERE chain = ?1 ORDER BY change_id");
    let mut statement = connection.prepare_cached(&query).in_store()?;
    let mut rows = statement.query([chain]).in_store()?;
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
    let query =
        format!("INSERT OR REPLACE INTO main.sandpiper_state (chain, {COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)");
    let (id, sequence) = (state.change_id.as_str(), stored(state.sequence.0));
    let values = (chain, id, sequence, state.state.as_str(), details::encode(state)?);
    connection.prepare_cached(&query).and_then(|mut statement| statement.execute(values)).map(drop).in_store()
}

/// The state in the first four columns of a row.
pub(super) fn read(row: &Row<'_>, names: &mut Names) -> Result<ChangeState, StoreError> {
    let text = |column: usize| -> Result<&str, StoreError> { get(row, column, |value| value.as_str()) };
    let sequence = Sequence(from_stored(get(row, 1, |value| value.as_i64())?));
    let id = ChangeId::new(text(0)?).map_err(damaged)?;
    let state = text(2)?.parse().map_err(damaged)?;
    details::decode(get(row, 3, |value| value.as_blob())?, id, sequence, state, names)
        .ok_or_else(|| damaged("column 4 is no state's".to_owned()))
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
