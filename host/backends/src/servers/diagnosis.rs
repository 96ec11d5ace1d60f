//! What is found alike on every database server: whether it lets us in, its clock, and the host's own tables.

use std::future::Future;

use jiff::Timestamp;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::store::StoreError;

use super::cells::Cells;
use super::failure::{Failure, Saying, target_error};

/// A table of the host's in a target system, and its columns.
pub(crate) type Table = (&'static str, &'static [&'static str]);

/// Somebody answered.
pub(crate) fn reached(place: &str, user: &str) -> Finding {
    Finding::good("reachable", format!("`{place}` lets the account `{user}` in"))
}

/// Nobody answered, or lets us in: nothing else can be looked at.
pub(crate) fn unreachable(fault: &Fault, rest: &[&'static str]) -> Vec<Finding> {
    let help = fault.help.as_deref().unwrap_or_default();
    let found = Finding::bad("reachable", fault.message.as_str(), help);
    std::iter::once(found).chain(Finding::unknown(rest.iter().copied(), "reachable")).collect()
}

/// The server did not say what it was asked.
pub(crate) fn unread<E: Saying>(aspect: &'static str, failure: &Failure<E>) -> Finding {
    Finding::bad(aspect, target_error(failure).to_string(), "see what the server says in its log")
}

/// Holds the server's clock against this host's. It is asked for in milliseconds since 1970.
pub(crate) async fn clock<E: Saying>(asked: impl Future<Output = Result<Vec<Cells>, Failure<E>>>) -> Finding {
    let now = || Timestamp::now().as_millisecond();
    let before = now();
    let rows = asked.await;
    let after = now();
    let time = rows.and_then(|rows| Ok(rows.first().map(|row| row.number(0)).transpose()?));
    match time {
        Ok(Some(time)) => crate::diagnosis::clock(i64::try_from(time).unwrap_or(i64::MAX), before, after),
        Ok(None) => Finding::odd("clock", "the server did not tell its time", "ask it: `SELECT now()`"),
        Err(failure) => unread("clock", &failure),
    }
}

/// Whether the tables of markers and fence rows are as this host makes them, where they are there. Each row is a column
/// that was found: its table, its name. `shown` is the whole name of a table.
pub(crate) fn tables(rows: &[Cells], made: &[Table], shown: impl Fn(&str) -> String) -> Finding {
    let has = |table: &str, column: Option<&str>| {
        rows.iter().any(|row| {
            row.text(0).is_ok_and(|found| found == table)
                && column.is_none_or(|column| row.text(1).is_ok_and(|found| found == column))
        })
    };
    let there = made.iter().filter(|(table, _)| has(table, None));
    for (table, columns) in there.clone() {
        if let Some(column) = columns.iter().find(|column| !has(table, Some(column))) {
            let shown = shown(table);
            return Finding::bad(
                "tables",
                format!("`{shown}` has no column `{column}`: it is not the table that Sandpiper makes"),
                format!("rename that table; Sandpiper then makes its own `{table}`"),
            );
        }
    }
    match there.count() {
        0 => Finding::good(
            "tables",
            "no marker and fence tables yet: the first run that needs them makes them",
        ),
        _ => Finding::good("tables", "the marker and fence tables are as they should be"),
    }
}

/// What a look at the version of the store's tables gave; none where there are none yet.
pub(crate) fn schema(version: &Result<usize, StoreError>) -> Finding {
    let error = match version {
        Ok(0) => return Finding::good("schema", "no audit yet: the first run makes it"),
        Ok(version) => return Finding::good("schema", format!("version {version}")),
        Err(error) => error,
    };
    let help = match error {
        StoreError::Version(_) => "run a release of Sandpiper that is as new as the store",
        StoreError::Rights(_) => "grant the account what `rights` names",
        _ => "somebody changed the store by hand, or it was damaged: compare it with a backup",
    };
    Finding::bad("schema", error.to_string(), help)
}
