//! Knows which `;` belong to the body of a compound statement, from the tokens of one statement.

mod mysql;
mod postgres;
mod sqlite;

use crate::Dialect;
use crate::lexer::Token;

/// What was seen of one statement.
#[derive(Debug)]
pub(crate) enum Compound {
    Sqlite(sqlite::Trigger),
    Postgres(postgres::Body),
    Mysql(mysql::Program),
    Plain,
}

impl Compound {
    /// At the start of a statement.
    pub(crate) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Sqlite(sqlite::Trigger::default()),
            Dialect::Postgres => Self::Postgres(postgres::Body::default()),
            Dialect::Mysql => Self::Mysql(mysql::Program::default()),
            Dialect::Generic => Self::Plain,
        }
    }

    /// Takes the statement's next token; blanks and comments are not given.
    pub(crate) fn take(&mut self, token: &Token<'_>) {
        match self {
            Self::Sqlite(trigger) => trigger.take(token),
            Self::Postgres(body) => body.take(token),
            Self::Mysql(program) => program.take(token),
            Self::Plain => {}
        }
    }

    /// Whether a `;` here is a part of the statement.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Sqlite(trigger) => trigger.is_open(),
            Self::Postgres(body) => body.is_open(),
            Self::Mysql(program) => program.is_open(),
            Self::Plain => false,
        }
    }

    /// Whether only the delimiter ends it where the script has set one of its own (MySQL).
    pub(crate) fn is_stored_program(&self) -> bool {
        matches!(self, Self::Mysql(program) if program.is_stored_program())
    }
}

#[cfg(test)]
mod tests;
