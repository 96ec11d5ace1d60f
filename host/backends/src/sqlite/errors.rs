//! What SQLite says, turned into the errors of a store, of a target system and of the capability `sql`.

use rusqlite::{Error, ErrorCode, ffi};
use sandpiper_engine::store::StoreError;
use sandpiper_runtime::sql::{DatabaseError, SqlError};
use sandpiper_runtime::target::TargetError;

/// Puts what SQLite says into the words of a store or of a target system.
pub(crate) trait Explain<T> {
    /// As an error of the audit store.
    fn in_store(self) -> Result<T, StoreError>;
    /// As an error of a target system.
    fn in_target(self) -> Result<T, TargetError>;
}

impl<T> Explain<T> for Result<T, Error> {
    fn in_store(self) -> Result<T, StoreError> {
        self.map_err(|error| store_error(&error))
    }

    fn in_target(self) -> Result<T, TargetError> {
        self.map_err(|error| target_error(&error))
    }
}

/// What SQLite calls the kind of an error; none where the driver itself refused.
pub(crate) fn code(error: &Error) -> Option<ErrorCode> {
    failure(error).map(|failure| failure.code)
}

/// Whether somebody else holds the file.
pub(crate) fn is_busy(error: &Error) -> bool {
    matches!(code(error), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
}

pub(crate) fn store_error(error: &Error) -> StoreError {
    let text = message(error);
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Busy(format!("another process is writing to its file ({text})"))
        }
        Some(ErrorCode::CannotOpen) => StoreError::Unreachable(text),
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => StoreError::Rights(text),
        Some(ErrorCode::NotADatabase) => StoreError::Unreachable(text),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged(text),
        _ => StoreError::Refused(text),
    }
}

pub(crate) fn target_error(error: &Error) -> TargetError {
    let text = message(error);
    match code(error) {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            TargetError::Busy(format!("another process is writing to its file ({text})"))
        }
        Some(ErrorCode::CannotOpen) => TargetError::Unreachable(text),
        Some(
            ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::AuthorizationForStatementDenied,
        ) => TargetError::Rights(text),
        _ => TargetError::Refused(text),
    }
}

/// As a refused statement. `before` is how many bytes of the caller's text stand before the part that SQLite saw.
pub(crate) fn sql_error(error: Error, script: &str) -> SqlError {
    match &error {
        Error::InvalidParameterCount(given, expected) => {
            return SqlError::Conversion(format!(
                "the statement has {expected} parameters, and {given} were given"
            ));
        }
        Error::ToSqlConversionFailure(_) | Error::NulError(_) => {
            return SqlError::Conversion(error.to_string());
        }
        _ => {}
    }
    let Some(failure) = failure(&error) else {
        return SqlError::Conversion(error.to_string());
    };
    if failure.code == ErrorCode::OperationInterrupted {
        return SqlError::Interrupted;
    }
    let position = match &error {
        // SQLite saw the end of the script, beginning at the statement that it refused.
        Error::SqlInputError { sql, offset, .. } => {
            usize::try_from(*offset).ok().map(|offset| script.len().saturating_sub(sql.len()) + offset)
        }
        _ => None,
    };
    let message = message(&error);
    SqlError::Refused(DatabaseError {
        code: code_name(failure.extended_code),
        extras: extras(&message),
        message,
        detail: None,
        hint: None,
        position: position.and_then(|position| u32::try_from(position).ok()),
        transient: matches!(failure.code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked),
    })
}

/// The message alone, without the statement that the driver appends.
pub(crate) fn message(error: &Error) -> String {
    match error {
        Error::SqlInputError { msg, .. } => msg.clone(),
        Error::SqliteFailure(failure, None) => ffi::code_to_str(failure.extended_code).to_lowercase(),
        other => other.to_string(),
    }
}

fn failure(error: &Error) -> Option<&ffi::Error> {
    match error {
        Error::SqliteFailure(failure, _) | Error::SqlInputError { error: failure, .. } => Some(failure),
        _ => None,
    }
}

/// The name of an extended result code, as SQLite's manual writes it; that of its primary code where it has none here.
fn code_name(extended: i32) -> String {
    let name = |wanted: i32| NAMES.iter().find(|(code, _)| *code == wanted).map(|(_, name)| *name);
    match name(extended).or_else(|| name(extended & 0xff)) {
        Some(name) => name.to_owned(),
        None => format!("SQLITE_{extended}"),
    }
}

macro_rules! names {
    ($($name:ident),* $(,)?) => { &[$((ffi::$name, stringify!($name))),*] };
}

const NAMES: &[(i32, &str)] = names![
    SQLITE_ERROR,
    SQLITE_INTERNAL,
    SQLITE_PERM,
    SQLITE_ABORT,
    SQLITE_BUSY,
    SQLITE_LOCKED,
    SQLITE_NOMEM,
    SQLITE_READONLY,
    SQLITE_INTERRUPT,
    SQLITE_IOERR,
    SQLITE_CORRUPT,
    SQLITE_NOTFOUND,
    SQLITE_FULL,
    SQLITE_CANTOPEN,
    SQLITE_PROTOCOL,
    SQLITE_SCHEMA,
    SQLITE_TOOBIG,
    SQLITE_CONSTRAINT,
    SQLITE_MISMATCH,
    SQLITE_MISUSE,
    SQLITE_AUTH,
    SQLITE_RANGE,
    SQLITE_NOTADB,
    SQLITE_ABORT_ROLLBACK,
    SQLITE_BUSY_RECOVERY,
    SQLITE_BUSY_SNAPSHOT,
    SQLITE_CONSTRAINT_CHECK,
    SQLITE_CONSTRAINT_COMMITHOOK,
    SQLITE_CONSTRAINT_DATATYPE,
    SQLITE_CONSTRAINT_FOREIGNKEY,
    SQLITE_CONSTRAINT_FUNCTION,
    SQLITE_CONSTRAINT_NOTNULL,
    SQLITE_CONSTRAINT_PINNED,
    SQLITE_CONSTRAINT_PRIMARYKEY,
    SQLITE_CONSTRAINT_ROWID,
    SQLITE_CONSTRAINT_TRIGGER,
    SQLITE_CONSTRAINT_UNIQUE,
    SQLITE_CONSTRAINT_VTAB,
    SQLITE_CORRUPT_VTAB,
    SQLITE_LOCKED_SHAREDCACHE,
    SQLITE_READONLY_DBMOVED,
];

/// The facts that SQLite has only in its messages.
fn extras(message: &str) -> Vec<(String, String)> {
    let fact = |name: &str, value: &str| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned());
    let after = |prefix: &str| message.strip_prefix(prefix).map(str::trim);
    if let Some(what) = after("UNIQUE constraint failed:").or_else(|| after("NOT NULL constraint failed:")) {
        if let Some(index) = what.strip_prefix("index ") {
            return vec![fact("constraint", index)];
        }
        let mut facts = Vec::new();
        for column in what.split(", ") {
            let Some((table, column)) = column.split_once('.') else {
                continue;
            };
            if facts.is_empty() {
                facts.push(fact("table", table));
            }
            facts.push(fact("column", column));
        }
        return facts;
    }
    if let Some(constraint) = after("CHECK constraint failed:") {
        return vec![fact("constraint", constraint)];
    }
    if let Some(table) = after("no such table:") {
        return vec![fact("table", table)];
    }
    if let Some(column) = after("no such column:") {
        return vec![fact("column", column.split(" - ").next().unwrap_or(column))];
    }
    if let Some((table, column)) = after("table ").and_then(|rest| rest.split_once(" has no column named ")) {
        return vec![fact("table", table), fact("column", column)];
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_the_manual() {
        assert_eq!(code_name(ffi::SQLITE_CONSTRAINT_UNIQUE), "SQLITE_CONSTRAINT_UNIQUE");
        assert_eq!(code_name(ffi::SQLITE_IOERR_FSYNC), "SQLITE_IOERR");
    }

    #[test]
    fn the_facts_in_a_message_are_found() {
        let facts = |message: &str| {
            extras(message)
                .into_iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(facts("UNIQUE constraint failed: a.b, a.c"), "table=a column=b column=c");
        assert_eq!(facts("UNIQUE constraint failed: index 'i'"), "constraint=i");
        assert_eq!(facts("NOT NULL constraint failed: a.b"), "table=a column=b");
        assert_eq!(facts("CHECK constraint failed: positive"), "constraint=positive");
        assert_eq!(facts("no such table: main.a"), "table=main.a");
        assert_eq!(facts("table a has no column named b"), "table=a column=b");
        assert_eq!(facts("near \"x\": syntax error"), "");
    }
}
