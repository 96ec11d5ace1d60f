//! Queries: their columns, and their rows batch by batch.

use rusqlite::{Connection, Rows, Statement};
use sandpiper_runtime::sql::{Column, Row, SqlError, Value};

use super::ledger::{Ledger, Stopped};
use super::statements::prepare_one;
use super::values;

/// How many rows are read at once when a query begins. One that has no more needs no thread.
const FIRST_ROWS: u32 = 256;
/// How many bytes of them.
const FIRST_BYTES: usize = 256 * 1024;
/// How much a statement that writes may give back: it cannot be begun again, so all of it is kept.
const RETURNING_BYTES: usize = 64 * 1024 * 1024;

/// The beginning of a query.
pub(crate) struct First {
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// Whether these are all rows.
    pub(crate) complete: bool,
}

/// Runs a query as far as a first batch.
pub(crate) fn first(
    connection: &Connection,
    ledger: &Ledger,
    statement: &str,
    parameters: &[Value],
) -> Result<First, SqlError> {
    ledger.call(connection, || {
        let Some(mut prepared) = begin(connection, ledger, statement, parameters)? else {
            return Ok(First { columns: Vec::new(), rows: Vec::new(), complete: true });
        };
        let columns = columns(&prepared);
        let writes = !prepared.readonly();
        let mut rows = prepared.raw_query();
        let (max_rows, max_bytes) = if writes { (u32::MAX, RETURNING_BYTES) } else { (FIRST_ROWS, FIRST_BYTES) };
        let (rows, complete) = take(&mut rows, columns.len(), max_rows, max_bytes, statement)?;
        if writes && !complete {
            return Err(Stopped::Refused(SqlError::LimitExceeded(format!(
                "the statement gives back more than {} MiB: leave `RETURNING` out, or write fewer rows at once",
                RETURNING_BYTES / (1024 * 1024)
            ))));
        }
        Ok(First { columns, rows, complete })
    })
}

/// Prepares a query and gives it its parameters.
pub(crate) fn begin<'connection>(
    connection: &'connection Connection,
    ledger: &Ledger,
    statement: &str,
    parameters: &[Value],
) -> Result<Option<Statement<'connection>>, Stopped> {
    let Some(mut prepared) = prepare_one(connection, ledger, statement)? else {
        return Ok(None);
    };
    values::bind(&mut prepared, parameters, statement).map_err(Stopped::Refused)?;
    ledger.about_to_run(connection, &prepared, statement)?;
    Ok(Some(prepared))
}

/// Takes the next rows: at most `max_rows`, and about `max_bytes`, but at least one. Says whether the end was reached.
pub(crate) fn take(
    rows: &mut Rows<'_>,
    columns: usize,
    max_rows: u32,
    max_bytes: usize,
    statement: &str,
) -> Result<(Vec<Row>, bool), Stopped> {
    let mut taken = Vec::new();
    let mut bytes = 0;
    while taken.len() < max_rows.max(1) as usize && (taken.is_empty() || bytes < max_bytes) {
        match rows.next().map_err(|error| Stopped::database(error, statement))? {
            None => return Ok((taken, true)),
            Some(row) => {
                let row = values::read(row, columns).map_err(Stopped::Refused)?;
                bytes += values::size(&row);
                taken.push(row);
            }
        }
    }
    Ok((taken, false))
}

fn columns(statement: &Statement<'_>) -> Vec<Column> {
    let column = |column: rusqlite::Column<'_>| Column {
        name: column.name().to_owned(),
        type_name: column.decl_type().unwrap_or_default().to_owned(),
    };
    statement.columns().map(column).collect()
}
