//! `verify`: asks the database with one query whether the change is applied.

use sandpiper_sql_syntax::{Statement, classify};

use crate::bindings::{Error, Failure, Problem, Row, Step, Value, Verdict};
use crate::input::{self, Input};
use crate::{failure, place};

/// Runs the query of a step. `first_rows` gives its first two rows: as many as tell one from more.
///
/// # Errors
///
/// The text is not one query, the database refused it, or it gave anything but one boolean.
pub(crate) fn verify(
    step: &Step,
    first_rows: impl FnOnce(&str) -> Result<Vec<Row>, Box<Error>>,
) -> Result<Verdict, Failure> {
    let input = Input::read(step).map_err(input::refuse_first)?;
    let query = only_query(&input).map_err(input::refuse)?;
    let rows =
        first_rows(query.text).map_err(|error| failure::of_statement(*error, query.text, query.offset))?;
    verdict(&rows).map_err(|found| {
        let message = format!(
            "the query of `verify` gave {found}, but must give one row with one boolean (or the integer 0 or 1)"
        );
        Failure::FailedAt((message, place::at(query.offset)))
    })
}

/// The one query that the text of a `verify` is.
///
/// # Errors
///
/// It is something else.
pub(crate) fn only_query<'a>(input: &'a Input<'_>) -> Result<Statement<'a>, Problem> {
    let statements = input.statements()?;
    let (place, message) = match statements.as_slice() {
        [query] if classify(query.text, input.dialect).reads_only => return Ok(*query),
        [other] => (place::at(other.offset), "`verify` is a statement that may write"),
        [] => (place::whole(), "`verify` has no query"),
        [_, second, ..] => (place::at(second.offset), "`verify` has more than one statement"),
    };
    Err(Problem {
        place,
        message: message.into(),
        help: Some("write one `SELECT` that gives one boolean: true when the change is applied".into()),
    })
}

/// What the rows say, or what they are instead.
fn verdict(rows: &[Row]) -> Result<Verdict, String> {
    let row = match rows {
        [row] => row,
        [] => return Err("no row".into()),
        _ => return Err("more than one row".into()),
    };
    let [value] = row.as_slice() else {
        return Err(format!("{} columns", row.len()));
    };
    match value {
        Value::Boolean(true) | Value::Integer(1) => Ok(Verdict::Applied),
        Value::Boolean(false) | Value::Integer(0) => Ok(Verdict::NotApplied),
        Value::Integer(number) => Err(format!("the integer {number}")),
        other => Err(kind(other).into()),
    }
}

/// What a value is that is no boolean. The value itself stays out of messages: nobody knows what it holds.
fn kind(value: &Value) -> &str {
    match value {
        Value::Null => "NULL",
        Value::Boolean(_) => "a boolean",
        Value::Integer(_) => "an integer",
        Value::Double(_) | Value::Decimal(_) => "a number that is no integer",
        Value::Text(_) => "a text",
        Value::Bytes(_) => "bytes",
        Value::Uuid(_) => "a UUID",
        Value::Date(_) => "a date",
        Value::Time(_) => "a time",
        Value::Timestamp(_) => "a timestamp",
        Value::Json(_) => "a JSON document",
        Value::Other(_) => "a value of another type",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{refused_at, step};

    fn given(rows: Vec<Row>) -> Result<Verdict, Failure> {
        verify(&step("-- is it there?\nSELECT 1;"), |query| {
            assert_eq!(query, "SELECT 1");
            Ok(rows)
        })
    }

    #[test]
    fn one_boolean_is_the_verdict() {
        for (value, expected) in [
            (Value::Boolean(true), Verdict::Applied),
            (Value::Integer(1), Verdict::Applied),
            (Value::Boolean(false), Verdict::NotApplied),
            (Value::Integer(0), Verdict::NotApplied),
        ] {
            assert_eq!(given(vec![vec![value]]), Ok(expected));
        }
    }

    #[test]
    fn anything_else_than_one_boolean_is_a_failure_that_says_what_it_was() {
        let row = |value| vec![vec![value]];
        for (rows, found) in [
            (vec![], "no row"),
            (vec![vec![Value::Boolean(true)], vec![Value::Boolean(true)]], "more than one row"),
            (vec![vec![Value::Boolean(true), Value::Null]], "2 columns"),
            (vec![vec![]], "0 columns"),
            (row(Value::Null), "NULL"),
            (row(Value::Integer(2)), "the integer 2"),
            (row(Value::Integer(-1)), "the integer -1"),
            (row(Value::Double(1.0)), "a number that is no integer"),
            (row(Value::Text("true".into())), "a text"),
        ] {
            let failure = given(rows).unwrap_err();
            let Failure::FailedAt((message, place)) = failure else { panic!("{failure:?}") };
            assert!(
                message.starts_with(&format!("the query of `verify` gave {found}, but must")),
                "{message}"
            );
            assert_eq!(place, place::at(16));
        }
    }

    #[test]
    fn a_refused_query_names_its_place_in_the_text() {
        let failure = verify(&step("\n\nSELECT nothing"), |_| Err(Box::new(refused_at(7))));
        assert_eq!(failure, Err(Failure::FailedAt(("no such column (42703)".into(), place::at(9)))));
    }

    #[test]
    fn what_is_not_one_query_reaches_no_database() {
        for text in ["", "SELECT 1; SELECT 1", "DELETE FROM a"] {
            let failure = verify(&step(text), |query| panic!("`{query}` was sent"));
            assert!(matches!(failure, Err(Failure::FailedAt(_))), "{text}");
        }
    }
}
