//! Running the statements of a change: one, one many times, or a whole script, all through the same guard.

use std::cell::Cell;

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::{Batch, Connection, Statement};
use sandpiper_runtime::sql::{Row, SqlError, Value};
use sandpiper_sql_syntax::{Dialect, names_internal_object};

use crate::crash;

use super::ledger::{Ledger, Stopped};
use super::values;

/// Refuses a text that names an object of ours, also where SQLite looks only later: in the body of a trigger or a view.
fn refuse_ours(text: &str) -> Result<(), Stopped> {
    match names_internal_object(text, Dialect::Sqlite) {
        None => Ok(()),
        Some(name) => Err(Stopped::Refused(SqlError::Denied(format!(
            "`{name}` is refused: names that begin with `sandpiper_` are the host's own; give your objects another name"
        )))),
    }
}

/// Runs one statement. Gives how many rows it affected.
pub(crate) fn execute(
    connection: &Connection,
    ledger: &Ledger,
    statement: &str,
    parameters: &[Value],
) -> Result<u64, SqlError> {
    ledger.call(connection, || {
        refuse_ours(statement)?;
        let Some(mut prepared) = prepare_one(connection, ledger, statement)? else {
            return Ok(0);
        };
        values::bind(&mut prepared, parameters, statement).map_err(Stopped::Refused)?;
        ledger.about_to_run(connection, &prepared, statement)?;
        run(connection, &mut prepared, statement)
    })
}

/// Runs one statement once per row of parameters. Gives how many rows all together affected.
pub(crate) fn execute_many(
    connection: &Connection,
    ledger: &Ledger,
    statement: &str,
    rows: &[Row],
) -> Result<u64, SqlError> {
    ledger.call(connection, || {
        let Some(mut prepared) = prepare_one(connection, ledger, statement)? else {
            return Ok(0);
        };
        if rows.is_empty() {
            return Ok(0);
        }
        ledger.about_to_run(connection, &prepared, statement)?;
        let mut affected = 0;
        for row in rows {
            values::bind(&mut prepared, row, statement).map_err(Stopped::Refused)?;
            affected += run(connection, &mut prepared, statement)?;
            if !ledger.stands(connection) {
                break;
            }
        }
        Ok(affected)
    })
}

/// Runs any number of statements without parameters.
pub(crate) fn run_script(connection: &Connection, ledger: &Ledger, script: &str) -> Result<(), SqlError> {
    let start = Cell::new(0);
    let done = ledger.call(connection, || {
        refuse_ours(script)?;
        let mut batch = Batch::new(connection, script);
        loop {
            ledger.guard.prepare();
            let next = batch.next().map_err(|error| Stopped::database(error, script))?;
            let Some(mut prepared) = next else { return Ok(()) };
            // Without parameters this is the statement as it stands in the script.
            let text = prepared.expanded_sql().unwrap_or_default();
            if let Some(at) = script.get(start.get()..).and_then(|rest| rest.find(text.as_str())) {
                start.set(start.get() + at);
            }
            values::bind(&mut prepared, &[], script).map_err(Stopped::Refused)?;
            ledger.about_to_run(connection, &prepared, &text)?;
            run(connection, &mut prepared, script)?;
            if !ledger.stands(connection) {
                return Ok(());
            }
            start.set(start.get() + text.len());
        }
    });
    done.map_err(|error| match error {
        SqlError::Refused(mut refused) => {
            let here = || start.get() + blanks(script.get(start.get()..).unwrap_or_default());
            refused.position = refused.position.or_else(|| u32::try_from(here()).ok());
            SqlError::Refused(refused)
        }
        other => other,
    })
}

/// Prepares the one statement of a text; none when there is none in it.
pub(crate) fn prepare_one<'connection>(
    connection: &'connection Connection,
    ledger: &Ledger,
    text: &str,
) -> Result<Option<Statement<'connection>>, Stopped> {
    ledger.guard.prepare();
    let mut batch = Batch::new(connection, text);
    let Some(statement) = batch.next().map_err(|error| Stopped::database(error, text))? else {
        return Ok(None);
    };
    match batch.next() {
        Ok(None) => Ok(Some(statement)),
        Ok(Some(_)) | Err(_) => Err(Stopped::Refused(SqlError::Denied(
            "the text holds more than one statement, and one call runs one: use `run-script` for several"
                .to_owned(),
        ))),
    }
}

/// Steps a statement to its end. Gives how many rows it affected by itself, not through triggers.
fn run(connection: &Connection, statement: &mut Statement<'_>, script: &str) -> Result<u64, Stopped> {
    let before = connection.total_changes();
    let mut rows = statement.raw_query();
    crash::before("sqlite statement");
    while rows.next().map_err(|error| Stopped::database(error, script))?.is_some() {}
    crash::after("sqlite statement");
    // The connection remembers the count of the last statement that had one.
    Ok(if connection.total_changes() == before { 0 } else { connection.changes() })
}

/// How many bytes of blanks and comments a text begins with.
fn blanks(text: &str) -> usize {
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == '\u{feff}');
        let after = if rest.starts_with("--") {
            rest.find('\n').map(|end| end + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map(|end| end + 2)
        } else {
            None
        };
        match after.and_then(|end| rest.get(end..)) {
            Some(after) => rest = after,
            None => return text.len() - rest.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::blanks;

    #[test]
    fn a_statement_begins_after_blanks_and_comments() {
        assert_eq!(blanks("SELECT"), 0);
        assert_eq!(blanks(" \n-- a\n/* b */ ;SELECT"), 16);
        assert_eq!(blanks("-- only"), 0);
    }
}
