//! What a server says when it refuses a statement, also in the words of the capability `sql`.

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;
use sandpiper_engine::store::StoreError;
use sandpiper_runtime::sql::{DatabaseError, SqlError};

use crate::servers::failure::{self, Saying};

/// Why a server did not do what it was asked.
pub(crate) type Failure = failure::Failure<ServerError>;

/// What a server says about a statement that it refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ServerError {
    pub(crate) severity: String,
    pub(crate) code: String,
    pub(crate) message: String,
    detail: Option<String>,
    hint: Option<String>,
    /// Counted in characters, from 1.
    position: Option<usize>,
    extras: Vec<(String, String)>,
}

/// SQLSTATEs that decide something here; the manual's appendix A has them all.
pub(crate) mod code {
    pub(crate) const UNDEFINED_TABLE: &str = "42P01";
    pub(crate) const INVALID_SCHEMA: &str = "3F000";
    pub(crate) const INSUFFICIENT_PRIVILEGE: &str = "42501";
    pub(crate) const QUERY_CANCELED: &str = "57014";
    pub(crate) const LOCK_NOT_AVAILABLE: &str = "55P03";
    pub(crate) const CANNOT_CONNECT_NOW: &str = "57P03";
    pub(crate) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(crate) const UNDEFINED_DATABASE: &str = "3D000";
    pub(crate) const ACTIVE_TRANSACTION: &str = "25001";
    pub(crate) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(crate) const SYNTAX_ERROR: &str = "42601";
    pub(crate) const INVALID_AUTHORIZATION: &str = "28000";
}

impl ServerError {
    pub(crate) fn read(mut fields: ErrorFields<'_>) -> Self {
        let mut error = Self::default();
        while let Ok(Some(field)) = fields.next() {
            let text = String::from_utf8_lossy(field.value_bytes()).into_owned();
            let fact = |name: &str| Some(name.to_owned());
            let extra = match field.type_() {
                // `V` is `S`, never translated; older servers have `S` only.
                b'V' => {
                    error.severity = text;
                    continue;
                }
                b'S' => {
                    if error.severity.is_empty() {
                        error.severity = text;
                    }
                    continue;
                }
                b'C' => {
                    error.code = text;
                    continue;
                }
                b'M' => {
                    error.message = text;
                    continue;
                }
                b'D' => {
                    error.detail = Some(text);
                    continue;
                }
                b'H' => {
                    error.hint = Some(text);
                    continue;
                }
                b'P' => {
                    error.position = text.parse().ok();
                    continue;
                }
                b'W' => fact("where"),
                b's' => fact("schema"),
                b't' => fact("table"),
                b'c' => fact("column"),
                b'd' => fact("type"),
                b'n' => fact("constraint"),
                _ => None,
            };
            error.extras.extend(extra.map(|name| (name, text)));
        }
        error
    }

    /// Whether the connection ends with it.
    pub(crate) fn is_fatal(&self) -> bool {
        matches!(self.severity.as_str(), "FATAL" | "PANIC")
    }

    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    fn is_of_class(&self, class: &str) -> bool {
        self.code.starts_with(class)
    }

    /// Whether something of the host's is not there yet.
    pub(crate) fn is_missing_table(&self) -> bool {
        self.is(code::UNDEFINED_TABLE) || self.is(code::INVALID_SCHEMA)
    }

    /// In one line.
    pub(crate) fn said(&self) -> String {
        let mut said = format!("{} ({})", self.message, self.code);
        if self.is(code::INVALID_AUTHORIZATION) && self.message.ends_with("no encryption") {
            said.push_str(
                "; the server may take encrypted connections only: set `sslmode=require` in the address",
            );
        }
        for (name, text) in [("detail", &self.detail), ("hint", &self.hint)] {
            if let Some(text) = text {
                said.push_str(&format!("; {name}: {text}"));
            }
        }
        said
    }
}

impl Saying for ServerError {
    fn store_error(&self) -> StoreError {
        match self.code.as_str() {
            code::INSUFFICIENT_PRIVILEGE => StoreError::Rights(self.said()),
            code::LOCK_NOT_AVAILABLE | code::QUERY_CANCELED => StoreError::Busy(self.said()),
            code::CANNOT_CONNECT_NOW | code::TOO_MANY_CONNECTIONS => StoreError::Unreachable(self.said()),
            _ if self.is_fatal() && !self.is_of_class("28") && !self.is(code::UNDEFINED_DATABASE) => {
                StoreError::Unreachable(self.said())
            }
            _ => StoreError::Refused(self.said()),
        }
    }

    fn took_back(&self) -> Option<String> {
        self.is_of_class("40").then(|| self.said())
    }

    /// A deadlock, a serialization failure, a server that starts.
    fn is_transient(&self) -> bool {
        self.is_of_class("40")
            || self.is(code::LOCK_NOT_AVAILABLE)
            || self.is(code::CANNOT_CONNECT_NOW)
            || self.is_of_class("53")
    }
}

/// As an error of a statement of a change's.
pub(crate) fn sql_error(failure: Failure, statement: &str) -> SqlError {
    let error = match failure {
        Failure::Lost(why) => return SqlError::ConnectionLost(why),
        Failure::Refused(why) | Failure::Version(why) => return SqlError::Denied(why),
        Failure::Server(error, _) => *error,
    };
    if error.is(code::SYNTAX_ERROR) && error.message.starts_with("cannot insert multiple commands") {
        return SqlError::Denied(
            "the text holds more than one statement, and one call runs one: use `run-script` for several"
                .to_owned(),
        );
    }
    if error.is(code::PROTOCOL_VIOLATION) {
        return SqlError::Conversion(error.message.replace("bind message supplies", "the call gives"));
    }
    let transient = error.is_transient();
    let hint = match error.hint {
        None if error.is(code::ACTIVE_TRANSACTION) => {
            Some("set `transactional: false`, and let it stand alone".to_owned())
        }
        hint => hint,
    };
    SqlError::Refused(DatabaseError {
        code: error.code,
        message: error.message,
        detail: error.detail,
        hint,
        position: error.position.and_then(|position| bytes_before(statement, position)),
        extras: error.extras,
        transient,
    })
}

/// A place counted in characters from 1, counted in bytes from 0.
fn bytes_before(text: &str, position: usize) -> Option<u32> {
    let characters = position.checked_sub(1)?;
    let bytes = text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at);
    u32::try_from(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::bytes_before;

    #[test]
    fn a_place_in_characters_is_one_in_bytes() {
        assert_eq!(bytes_before("SELECT x", 8), Some(7));
        assert_eq!(bytes_before("SELECT 'ä', x", 13), Some(13));
        assert_eq!(bytes_before("SELECT", 99), Some(6));
        assert_eq!(bytes_before("SELECT", 0), None);
    }
}
