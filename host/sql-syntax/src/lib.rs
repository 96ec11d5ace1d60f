//! Finds the statements of a SQL text and says what kind each is, without understanding more of it.
//!
//! Everything here is pure, works in time linear in its input, never panics and never changes a byte: results are
//! slices of what was given, with offsets in bytes. `docs/changes.md` tells the rules.
//!
//! ```
//! use sandpiper_sql_syntax::{Dialect, TransactionUse, classify, split};
//!
//! let text = "-- two statements\nCREATE TABLE a (note TEXT DEFAULT ';');\r\nBEGIN;";
//! let statements = split(text, Dialect::Sqlite).unwrap();
//! assert_eq!(statements[0].text, "CREATE TABLE a (note TEXT DEFAULT ';')");
//! assert_eq!(classify(statements[1].text, Dialect::Sqlite).transaction, TransactionUse::Begins);
//! ```

mod classify;
mod compound;
mod header;
mod internal;
mod lexer;
mod psql;
mod sections;
mod session;
mod split;

pub use classify::{Class, TransactionUse, classify};
pub use header::{Header, HeaderError, HeaderField, find_header, parse_header};
pub use internal::names_internal_object;
pub use sections::{Section, SectionError, Sections, sections};
pub use session::{Lock, SessionUse, asks_session, session_use, writes_rows};
pub use split::{SplitError, Statement, split};

/// Whose SQL a text is: what quotes, what comments and which bodies hold a `;` of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
    /// Standard quotes and comments only; no compound bodies.
    Generic,
}

impl Dialect {
    /// The dialect of a target system's `kind` (`sqlite`, `postgres`, `mysql`, `mariadb`); any other is
    /// [`Dialect::Generic`].
    #[must_use]
    pub fn from_kind(kind: &str) -> Self {
        match kind {
            "sqlite" => Self::Sqlite,
            "postgres" => Self::Postgres,
            "mysql" | "mariadb" => Self::Mysql,
            _ => Self::Generic,
        }
    }
}
