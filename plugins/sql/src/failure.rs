//! From an error of the database to the failure of a step: what went wrong, and where in the text.

use crate::bindings::{DatabaseError, Error, Failure};
use crate::place;

/// The failure of a statement that stands `offset` bytes after the start of the text.
pub(crate) fn of_statement(error: Error, statement: &str, offset: usize) -> Failure {
    let (message, position) = match error {
        Error::Refused(error) => (said(&error), error.position),
        Error::ConnectionLost(message) => {
            return Failure::Failed(format!(
                "the connection was lost, so what was done is not known: {message}"
            ));
        }
        Error::Denied(message) | Error::Conversion(message) | Error::LimitExceeded(message) => {
            (message, None)
        }
        Error::Other((name, message)) => (format!("{name}: {message}"), None),
    };
    // A driver that counts wrongly must not make the place point behind the statement.
    let position =
        position.map_or(0, |position| usize::try_from(position).unwrap_or(usize::MAX).min(statement.len()));
    Failure::FailedAt((message, place::at(offset.saturating_add(position))))
}

/// Everything that a database says about a statement that it refused, in one line.
fn said(error: &DatabaseError) -> String {
    let mut said = error.message.clone();
    if !error.code.is_empty() {
        said.push_str(" (");
        said.push_str(&error.code);
        said.push(')');
    }
    for (name, text) in [("; detail: ", &error.detail), ("; hint: ", &error.hint)] {
        if let Some(text) = text {
            said.push_str(name);
            said.push_str(text);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: &str, position: Option<u32>) -> Error {
        Error::Refused(DatabaseError {
            code: code.into(),
            message: "column \"statsu\" does not exist".into(),
            detail: None,
            hint: None,
            position,
            extras: Vec::new(),
        })
    }

    #[test]
    fn the_position_counts_from_the_start_of_the_text() {
        let failure = of_statement(refused("42703", Some(7)), "SELECT statsu", 100);
        let message = "column \"statsu\" does not exist (42703)".to_owned();
        assert_eq!(failure, Failure::FailedAt((message, place::at(107))));
    }

    #[test]
    fn without_a_position_the_place_is_the_statement() {
        let failure = of_statement(refused("", None), "SELECT statsu", 100);
        let message = "column \"statsu\" does not exist".to_owned();
        assert_eq!(failure, Failure::FailedAt((message, place::at(100))));
    }

    #[test]
    fn a_position_behind_the_statement_is_its_end() {
        let failure = of_statement(refused("1", Some(u32::MAX)), "SELECT 1", 4);
        assert!(matches!(failure, Failure::FailedAt((_, place)) if place == place::at(12)));
    }

    #[test]
    fn detail_and_hint_follow_the_message() {
        let error = DatabaseError {
            code: "23505".into(),
            message: "duplicate key".into(),
            detail: Some("Key (id)=(1) already exists.".into()),
            hint: Some("Use another.".into()),
            position: None,
            extras: Vec::new(),
        };
        assert_eq!(
            said(&error),
            "duplicate key (23505); detail: Key (id)=(1) already exists.; hint: Use another."
        );
    }

    #[test]
    fn a_lost_connection_is_about_no_place() {
        let failure = of_statement(Error::ConnectionLost("reset by peer".into()), "SELECT 1", 4);
        assert!(matches!(failure, Failure::Failed(message) if message.ends_with("not known: reset by peer")));
    }

    #[test]
    fn what_the_host_refuses_is_about_the_statement() {
        for error in
            [Error::Denied("no".into()), Error::Conversion("no".into()), Error::LimitExceeded("no".into())]
        {
            assert_eq!(of_statement(error, "COMMIT", 9), Failure::FailedAt(("no".into(), place::at(9))));
        }
        let other = of_statement(Error::Other(("quota".into(), "used up".into())), "COMMIT", 9);
        assert_eq!(other, Failure::FailedAt(("quota: used up".into(), place::at(9))));
    }
}
