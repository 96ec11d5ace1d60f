//! What a server says about a statement of a change's that it refused: where in the statement it is, and further facts.

use sandpiper_runtime::sql::{DatabaseError, SqlError};

use super::errors::{Failure, ServerError};
use crate::servers::failure::Saying as _;

/// As an error of a statement of a change's.
pub(crate) fn statement_error(failure: Failure, statement: &str) -> SqlError {
    let error = match failure {
        Failure::Lost(why) => return SqlError::ConnectionLost(why),
        Failure::Refused(why) | Failure::Version(why) => return SqlError::Conversion(why),
        Failure::Server(error, _) => *error,
    };
    SqlError::Refused(DatabaseError {
        transient: error.is_transient(),
        position: position(&error, statement),
        extras: facts(&error),
        message: format!("error {}: {}", error.number, error.message),
        code: error.state,
        detail: None,
        hint: None,
    })
}

/// Where in the statement it is, as far as the server says: `.. near 'SELEC 1' at line 2`.
fn position(error: &ServerError, statement: &str) -> Option<u32> {
    const PARSE_ERROR: u16 = 1064;
    if !error.is(PARSE_ERROR) {
        return None;
    }
    let (before, line) = error.message.rsplit_once("' at line ")?;
    let line: usize = line.trim().parse().ok()?;
    let start = match line.checked_sub(2) {
        None => 0,
        Some(ends) => statement.match_indices('\n').nth(ends).map_or(statement.len(), |(at, _)| at + 1),
    };
    // It is quoted as far as it fits; nothing at all means the end.
    let near = before.split_once("near '").map_or("", |(_, near)| near);
    let at = match near.is_empty() {
        true => statement.len(),
        false => statement.get(start..).and_then(|rest| rest.find(near)).map_or(start, |at| start + at),
    };
    u32::try_from(at).ok()
}

/// What the server tells by name in its sentences.
fn facts(error: &ServerError) -> Vec<(String, String)> {
    const DUPLICATE: [u16; 2] = [1062, 1586];
    const REFERENCES: [u16; 2] = [1451, 1452];
    const CHECK: [u16; 2] = [3819, 4025];
    let message = error.message.as_str();
    let between = |before: &str, after: &str| {
        let (_, rest) = message.split_once(before)?;
        rest.split_once(after).map(|(found, _)| found)
    };
    let mut facts = vec![("number".to_owned(), error.number.to_string())];
    let mut fact = |name: &str, text: &str| facts.push((name.to_owned(), text.to_owned()));
    if DUPLICATE.contains(&error.number)
        && let Some(key) = message.rsplit_once("for key '").map(|(_, key)| key.trim_end_matches('\''))
    {
        // MySQL says of which table it is.
        let (table, key) = key.split_once('.').map_or((None, key), |(table, key)| (Some(table), key));
        fact("constraint", key);
        table.into_iter().for_each(|table| fact("table", table));
    } else if REFERENCES.contains(&error.number) {
        between("CONSTRAINT `", "`").into_iter().for_each(|name| fact("constraint", name));
    } else if CHECK.contains(&error.number) {
        let name = between("CONSTRAINT `", "`").or_else(|| between("constraint '", "'"));
        name.into_iter().for_each(|name| fact("constraint", name));
    }
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: u16, message: &str) -> ServerError {
        ServerError { number, state: "42000".into(), message: message.into() }
    }

    #[test]
    fn the_place_of_a_syntax_error_is_what_the_server_quotes_on_its_line() {
        let said = |near: &str, line: usize| {
            let text = format!(
                "You have an error in your SQL syntax; check the manual .. to use near '{near}' at line {line}"
            );
            error(1064, &text)
        };
        let statement = "SELECT 1,\n  2 FRM t\nWHERE it's";
        assert_eq!(position(&said("t\nWHERE it's", 2), statement), Some(18));
        assert_eq!(position(&said("not in it", 2), statement), Some(10));
        assert_eq!(position(&said("", 3), statement), Some(30));
        assert_eq!(position(&said("SELECT 1", 1), statement), Some(0));
        assert_eq!(position(&error(1054, "Unknown column 'x'"), statement), None);
    }

    #[test]
    fn names_in_the_sentences_are_facts() {
        let named = |number, message: &str| facts(&error(number, message)).split_off(1);
        let fact = |name: &str, text: &str| (name.to_owned(), text.to_owned());
        assert_eq!(named(1062, "Duplicate entry '1' for key 'PRIMARY'"), [fact("constraint", "PRIMARY")]);
        assert_eq!(
            named(1062, "Duplicate entry 'a for key 'b' for key 't.unique_note'"),
            [fact("constraint", "unique_note"), fact("table", "t")]
        );
        let reference = "Cannot add or update a child row: a foreign key constraint fails (`d`.`t`, CONSTRAINT `fk` FOREIGN KEY ..)";
        assert_eq!(named(1452, reference), [fact("constraint", "fk")]);
        assert_eq!(named(4025, "CONSTRAINT `positive` failed for `d`.`t`"), [fact("constraint", "positive")]);
    }
}
