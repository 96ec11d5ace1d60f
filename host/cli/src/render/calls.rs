//! The calls of an attempt, one line each.

use sandpiper::report::CallReport;

use super::View;
use super::style::{Ink, clean, duration};
use super::table::{Cell, Table};

/// How much of a statement is shown; all of it with `--verbose`.
const SHOWN: usize = 100;

/// The calls as a table.
pub(super) fn table(calls: &[CallReport], view: View) -> String {
    if calls.is_empty() {
        return "no calls are recorded\n".to_owned();
    }
    // Only an API gives a status: a column that would be empty has no head.
    let status = if calls.iter().any(|call| call.status.is_some()) { "status" } else { "" };
    let mut table = Table::with_heads(&["#", "system", "operation", "rows", status, "took", "statement"]);
    for call in calls {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        table.row(
            0,
            vec![
                Cell::new(call.number.to_string()).right(),
                Cell::new(&call.system),
                Cell::new(&call.operation),
                Cell::new(number(call.rows)).right(),
                Cell::new(number(call.status.map(u64::from))).right(),
                Cell::new(duration(call.duration_ms)).right(),
                Cell::new(statement(&call.statement, view.verbose)),
            ],
        );
        if let Some(error) = &call.error {
            table.line(view.palette.paint(Ink::Bad, &format!("   error: {}", clean(error))));
        }
    }
    table.render(view.palette)
}

/// A statement on one line.
fn statement(statement: &str, whole: bool) -> String {
    let line = statement.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) if !whole => format!("{}…", line.get(..end).unwrap_or_default()),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, statement: &str) -> CallReport {
        CallReport {
            number,
            capability: "sql".to_owned(),
            operation: "execute".to_owned(),
            system: "db".to_owned(),
            statement: statement.to_owned(),
            rows: Some(1),
            status: None,
            duration_ms: 3,
            digest: None,
            response_digest: None,
            values: None,
            response: None,
            error: None,
        }
    }

    #[test]
    fn calls_line_up_each_on_one_line() {
        let failed =
            CallReport { rows: None, error: Some("no such table: b".to_owned()), ..call(2, "DELETE FROM b") };
        let expected = "\
#  system  operation  rows  took  statement
1  db      execute       1  3 ms  INSERT INTO a VALUES (1)
2  db      execute          3 ms  DELETE FROM b
   error: no such table: b
";
        let calls = [call(1, "INSERT INTO a\n  VALUES (1)"), failed];
        assert_eq!(table(&calls, View::default()), expected);
        assert_eq!(table(&[], View::default()), "no calls are recorded\n");
    }

    #[test]
    fn a_long_statement_is_cut_unless_more_is_asked_for() {
        let long = "x".repeat(200);
        assert_eq!(statement(&long, false).chars().count(), SHOWN + 1);
        assert_eq!(statement(&long, true), long);
    }
}
