//! Why a request to an API did not succeed.

use crate::bindings::http::client;
use std::fmt;

/// Why a request to an API did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Nothing was sent.
    NotSent(String),
    /// It was sent and no answer came: the effect is not known.
    NoAnswer(String),
    /// The host refused the request.
    Denied(String),
    /// A limit of the host was reached.
    LimitExceeded(String),
    /// [`error_for_status`](crate::http::Response::error_for_status): the status, and the begin of the body.
    Status(u16, String),
    /// A body that was to be text is not UTF-8.
    NotText,
    /// What this version has no name for: the host's name of it, and a message.
    Other(String, String),
}

impl Error {
    /// Whether this may be gone on the next attempt, and the API is known to have done nothing: nothing was
    /// sent, or the answer was 429 (too many requests) or 503 (unavailable).
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::NotSent(_) | Self::Status(429 | 503, _))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(message) => write!(formatter, "the request was not sent: {message}"),
            Self::NoAnswer(message) => write!(formatter, "no answer came, its effect is unknown: {message}"),
            Self::Denied(message) => write!(formatter, "the host refused this: {message}"),
            Self::LimitExceeded(message) => write!(formatter, "a limit was reached: {message}"),
            Self::Status(status, body) if body.is_empty() => {
                write!(formatter, "the API answered with {status}")
            }
            Self::Status(status, body) => write!(formatter, "the API answered with {status}: {body}"),
            Self::NotText => formatter.write_str("the body of the answer is not UTF-8"),
            Self::Other(name, message) => write!(formatter, "{name}: {message}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        match error {
            client::Error::NotSent(message) => Self::NotSent(message),
            client::Error::NoAnswer(message) => Self::NoAnswer(message),
            client::Error::Denied(message) => Self::Denied(message),
            client::Error::LimitExceeded(message) => Self::LimitExceeded(message),
            client::Error::Other((name, message)) => Self::Other(name, message),
        }
    }
}
