//! Why a change did not succeed, and what that says about the system that it works on.

use crate::bindings::types::Failure;
use crate::{http, sql};
use std::any::Any;
use std::fmt;

/// The result of `apply`, `rollback` and `verify`.
pub type Result<T = ()> = std::result::Result<T, Error>;

/// What is known about the effect of a change that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A precondition did not hold: nothing was changed.
    Precondition,
    /// Something went wrong: the target system may have been changed.
    Failed,
    /// Went wrong in a way that may be gone on the next attempt.
    Transient,
    /// Of a rollback: this change cannot be taken back.
    Irreversible,
}

/// Why a change did not succeed.
///
/// `?` makes one from any [`std::error::Error`]: [`Transient`](ErrorKind::Transient) from a [`sql::Error`] or
/// [`http::Error`] that is transient by its own account, else [`Failed`](ErrorKind::Failed). Like other types
/// that any error converts into, it is no `std::error::Error` itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// A precondition did not hold, and nothing was changed.
    pub fn precondition(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Precondition, message)
    }

    /// Something went wrong; the target system may have been changed.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    /// Something went wrong that may be gone on the next attempt.
    pub fn transient(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Transient, message)
    }

    /// Of a rollback: this change cannot be taken back.
    pub fn irreversible(message: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Irreversible, message)
    }

    /// The same error, its message preceded by what was being done.
    #[must_use]
    pub fn context(self, doing: impl fmt::Display) -> Self {
        Self { message: format!("{doing}: {}", self.message), ..self }
    }

    /// What is known about the effect.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The text that the audit keeps.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn new(kind: ErrorKind, message: impl fmt::Display) -> Self {
        Self { kind, message: message.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.kind, self.message)
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        let transient = any.downcast_ref::<sql::Error>().is_some_and(sql::Error::is_transient)
            || any.downcast_ref::<http::Error>().is_some_and(http::Error::is_transient);
        let kind = if transient { ErrorKind::Transient } else { ErrorKind::Failed };
        Self { kind, message: with_sources(&error) }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error.kind {
            ErrorKind::Precondition => Self::Precondition(error.message),
            ErrorKind::Failed => Self::Failed(error.message),
            ErrorKind::Transient => Self::Transient(error.message),
            ErrorKind::Irreversible => Self::Irreversible(error.message),
        }
    }
}

/// The messages of an error and of what caused it; many errors repeat their cause in their own message.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);

    impl fmt::Display for Outer {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("the batch size is no number")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    fn database_error(code: &str) -> sql::Error {
        sql::Error::Refused(Box::new(sql::DatabaseError {
            code: code.to_owned(),
            message: "no".to_owned(),
            detail: None,
            hint: None,
            position: None,
            extras: Vec::new(),
        }))
    }

    #[test]
    fn question_mark_takes_any_error_with_its_causes() {
        fn parse() -> Result<i64> {
            Ok("ten".parse::<i64>().map_err(Outer)?)
        }
        let error = parse().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Failed);
        assert_eq!(error.message(), "the batch size is no number: invalid digit found in string");
    }

    #[test]
    fn a_deadlock_is_transient_and_a_broken_constraint_is_not() {
        assert_eq!(Error::from(database_error("40P01")).kind(), ErrorKind::Transient);
        assert_eq!(Error::from(database_error("SQLITE_BUSY")).kind(), ErrorKind::Transient);
        assert_eq!(Error::from(database_error("23505")).kind(), ErrorKind::Failed);
    }

    #[test]
    fn a_request_without_an_answer_is_not_transient_for_its_effect_is_unknown() {
        assert_eq!(Error::from(http::Error::NotSent("refused".into())).kind(), ErrorKind::Transient);
        assert_eq!(Error::from(http::Error::NoAnswer("timeout".into())).kind(), ErrorKind::Failed);
    }

    #[test]
    fn context_keeps_the_kind() {
        let error = Error::precondition("no table `orders`").context("before the backfill");
        assert_eq!(error.kind(), ErrorKind::Precondition);
        assert_eq!(error.to_string(), "before the backfill: no table `orders`");
    }

    #[test]
    fn each_kind_becomes_the_failure_of_that_name() {
        assert!(
            matches!(Failure::from(Error::precondition("a")), Failure::Precondition(text) if text == "a")
        );
        assert!(matches!(Failure::from(Error::failed("b")), Failure::Failed(text) if text == "b"));
        assert!(matches!(Failure::from(Error::transient("c")), Failure::Transient(text) if text == "c"));
        assert!(
            matches!(Failure::from(Error::irreversible("d")), Failure::Irreversible(text) if text == "d")
        );
    }
}
