//! Says from its keywords what a statement does to a transaction and whether it writes.

mod mysql;
mod postgres;
mod sqlite;

use crate::Dialect;
use crate::lexer::{Kind, Lexer, Token};

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What it has to do with transactions.
    pub transaction: TransactionUse,
    /// It surely reads only. False when in doubt; a function that it calls may still write.
    pub reads_only: bool,
    /// It defines, changes or drops an object, or rights on one.
    pub ddl: bool,
}

/// What a statement has to do with transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionUse {
    /// It runs inside and outside of a transaction, and leaves it standing.
    Inside,
    /// It sets, releases or rolls back to a savepoint.
    Savepoint,
    /// It begins a transaction.
    Begins,
    /// It ends a transaction.
    Ends,
    /// It steers transactions in another way (`SET TRANSACTION`, `XA`, `LOCK TABLES`, `SET autocommit`).
    Controls,
    /// It cannot run inside a transaction, or ends it silently (MySQL: all but the few that cannot).
    Outside,
}

impl TransactionUse {
    /// Whether the statement may run in a transaction that the host began and will end.
    #[must_use]
    pub fn fits_in_transaction(self) -> bool {
        matches!(self, Self::Inside | Self::Savepoint)
    }
}

/// The class of one statement, as [`split`](crate::split) gives it.
#[must_use]
pub fn classify(statement: &str, dialect: Dialect) -> Class {
    let words = Words::new(statement, dialect);
    let control =
        if dialect == Dialect::Mysql && mysql::is_ambiguous(statement) { None } else { control(&words) };
    let transaction = control.unwrap_or_else(|| match dialect {
        Dialect::Sqlite => sqlite::transaction(&words),
        Dialect::Postgres => postgres::transaction(&words),
        Dialect::Mysql => mysql::transaction(statement),
        Dialect::Generic => TransactionUse::Inside,
    });
    Class { transaction, reads_only: reads_only(&words, dialect), ddl: words.first_is(&DDL) }
}

const DDL: [&str; 11] = [
    "CREATE", "ALTER", "DROP", "TRUNCATE", "RENAME", "COMMENT", "GRANT", "REVOKE", "REINDEX", "REASSIGN",
    "IMPORT",
];

/// A statement's tokens, without blanks and comments, read as far as somebody asks.
pub(crate) struct Words<'a> {
    lexer: Lexer<'a>,
    /// The first tokens: enough for all rules that look at fixed places.
    first: Vec<Token<'a>>,
}

/// How many tokens the rules look at by their place.
const FIRST: usize = 8;

impl<'a> Words<'a> {
    pub(crate) fn new(statement: &'a str, dialect: Dialect) -> Self {
        let lexer = Lexer::new(statement, dialect);
        let words = Self { lexer, first: Vec::new() };
        let first = words.all().take(FIRST).collect();
        Self { first, ..words }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Token<'a>> + use<'a> {
        let speaking = |token: &Token<'_>| !token.is_silent() && token.kind != Kind::ExecutableComment;
        // A query may stand in parentheses.
        self.lexer.clone().filter(speaking).skip_while(|token| token.is_symbol("("))
    }

    pub(crate) fn is(&self, place: usize, keyword: &str) -> bool {
        self.first.get(place).is_some_and(|token| token.is(keyword))
    }

    pub(crate) fn is_one_of(&self, place: usize, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(place, keyword))
    }

    pub(crate) fn first_is(&self, keywords: &[&str]) -> bool {
        self.is_one_of(0, keywords)
    }

    /// Whether the statement begins with these keywords.
    pub(crate) fn begin(&self, keywords: &[&str]) -> bool {
        keywords.iter().enumerate().all(|(place, keyword)| self.is(place, keyword))
    }

    /// Whether `keyword` stands anywhere, quoted names and strings apart.
    pub(crate) fn contain(&self, keyword: &str) -> bool {
        self.all().any(|token| token.is(keyword))
    }

    /// Whether the two keywords stand anywhere, one after the other.
    pub(crate) fn contain_pair(&self, first: &str, second: &str) -> bool {
        self.all().zip(self.all().skip(1)).any(|(one, other)| one.is(first) && other.is(second))
    }
}

/// What all dialects say to begin, end and steer a transaction.
fn control(words: &Words<'_>) -> Option<TransactionUse> {
    let keyword = words.first.first().filter(|token| token.kind == Kind::Word)?.text.to_ascii_uppercase();
    Some(match keyword.as_str() {
        "BEGIN" if words.is(1, "NOT") => TransactionUse::Outside,
        "BEGIN" => TransactionUse::Begins,
        "START" if words.is(1, "TRANSACTION") => TransactionUse::Begins,
        "COMMIT" | "ROLLBACK" if words.is(1, "PREPARED") => TransactionUse::Controls,
        "ROLLBACK" if words.is(1, "TO") => TransactionUse::Savepoint,
        "ROLLBACK" if words.is_one_of(1, &["WORK", "TRANSACTION"]) && words.is(2, "TO") => {
            TransactionUse::Savepoint
        }
        "COMMIT" | "ROLLBACK" | "END" | "ABORT" => TransactionUse::Ends,
        "PREPARE" if words.is(1, "TRANSACTION") => TransactionUse::Ends,
        "SAVEPOINT" | "RELEASE" => TransactionUse::Savepoint,
        "SET" if words.is_one_of(1, &["TRANSACTION", "AUTOCOMMIT"]) => TransactionUse::Controls,
        "SET" if words.is_one_of(1, &["SESSION", "GLOBAL", "LOCAL"]) && words.is(2, "TRANSACTION") => {
            TransactionUse::Controls
        }
        "SET" if words.begin(&["SET", "SESSION", "CHARACTERISTICS"]) => TransactionUse::Controls,
        _ => return None,
    })
}

fn reads_only(words: &Words<'_>, dialect: Dialect) -> bool {
    if words.first_is(&["VALUES", "SHOW", "DESCRIBE", "DESC"]) {
        return true;
    }
    if words.is(0, "PRAGMA") && dialect == Dialect::Sqlite {
        return sqlite::pragma_reads(words);
    }
    // PostgreSQL and MySQL run what `EXPLAIN ANALYZE` explains; SQLite never does.
    if words.is(0, "EXPLAIN") && (dialect == Dialect::Sqlite || !words.contain("ANALYZE")) {
        return true;
    }
    words.first_is(&["SELECT", "WITH", "TABLE", "EXPLAIN"]) && query_reads(words)
}

/// Whether a query has neither `INTO`, nor a lock on rows, nor a part that writes. A function of such a name is none.
fn query_reads(words: &Words<'_>) -> bool {
    const WRITES: [&str; 13] = [
        "INTO", "INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "SHARE", "CREATE", "CALL", "EXECUTE",
        "REFRESH", "TRUNCATE", "DECLARE",
    ];
    let mut tokens = words.all().peekable();
    let mut names = false;
    while let Some(token) = tokens.next() {
        let is_function = tokens.peek().is_some_and(|next| next.is_symbol("("));
        if !names && !is_function && WRITES.iter().any(|word| token.is(word)) {
            return false;
        }
        if matches!(token.kind, Kind::Unterminated(_) | Kind::Semicolon) {
            return false;
        }
        names = token.is_symbol(".") || token.is("AS");
    }
    true
}

#[cfg(test)]
mod tests;
