//! Why a call to a database did not succeed.

use crate::bindings::sql::client;
use crate::sql::DatabaseError;
use std::fmt;

/// Why a call to a database did not succeed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// The database refused the statement.
    Refused(Box<DatabaseError>),
    /// The connection was lost: what the database did is not known.
    ConnectionLost(String),
    /// The host refused the statement: it begins or ends a transaction, say.
    Denied(String),
    /// A value has no form on the other side.
    Conversion(String),
    /// A limit of the host was reached.
    LimitExceeded(String),
    /// [`query_one`](crate::sql::Connection::query_one) found no row, or more than one.
    RowCount(String),
    /// What this version has no name for: the host's name of it, and a message.
    Other(String, String),
}

/// Serialization failures and deadlocks are class 40 of SQLSTATE; 55P03 is PostgreSQL's `lock_not_available`.
const TRANSIENT_CODES: [&str; 4] = ["40", "55P03", "SQLITE_BUSY", "SQLITE_LOCKED"];

impl Error {
    /// What the database said, if it is the database that refused.
    pub fn database(&self) -> Option<&DatabaseError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// The SQLSTATE, or the database's own code where it has none, if it is the database that refused.
    pub fn code(&self) -> Option<&str> {
        self.database().map(|error| error.code.as_str())
    }

    /// Whether this may be gone on the next attempt: a deadlock, a lock that was not to be had, a lost
    /// connection.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(error) => TRANSIENT_CODES.iter().any(|code| error.code.starts_with(code)),
            Self::ConnectionLost(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => {
                write!(formatter, "{} ({})", error.message, error.code)?;
                for (name, text) in [("detail", &error.detail), ("hint", &error.hint)] {
                    if let Some(text) = text {
                        write!(formatter, "; {name}: {text}")?;
                    }
                }
                Ok(())
            }
            Self::ConnectionLost(message) => write!(formatter, "the connection was lost: {message}"),
            Self::Denied(message) => write!(formatter, "the host refused this: {message}"),
            Self::Conversion(message) | Self::RowCount(message) => formatter.write_str(message),
            Self::LimitExceeded(message) => write!(formatter, "a limit was reached: {message}"),
            Self::Other(name, message) => write!(formatter, "{name}: {message}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::Refused(error) => Self::Refused(Box::new(error)),
            client::Error::ConnectionLost(message) => Self::ConnectionLost(message),
            client::Error::Denied(message) => Self::Denied(message),
            client::Error::Conversion(message) => Self::Conversion(message),
            client::Error::LimitExceeded(message) => Self::LimitExceeded(message),
            client::Error::Other((name, message)) => Self::Other(name, message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_statement_shows_message_code_detail_and_hint() {
        let error = Error::from(client::Error::Refused(DatabaseError {
            code: "23505".into(),
            message: "duplicate key".into(),
            detail: Some("Key (id)=(1) already exists.".into()),
            hint: None,
            position: None,
            extras: Vec::new(),
        }));
        assert_eq!(error.to_string(), "duplicate key (23505); detail: Key (id)=(1) already exists.");
        assert_eq!(error.code(), Some("23505"));
    }

    #[test]
    fn an_unknown_case_keeps_its_name() {
        let error = Error::from(client::Error::Other(("quota".into(), "used up".into())));
        assert_eq!(error.to_string(), "quota: used up");
        assert_eq!(error.code(), None);
    }
}
