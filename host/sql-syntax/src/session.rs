//! Says which statements leave something in the session that ran them, so that what goes on in another session can have
//! it too.

mod locks;

use crate::Dialect;
use crate::classify::Words;
use crate::lexer::Token;

/// A lock that ends with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lock<'a> {
    /// MySQL's on tables: there is one at a time, and each that is taken takes the place of the one before.
    Tables,
    /// One of a name or a number, as it is written. It may be held several times.
    Named(&'a str),
}

/// What a statement leaves in its session, beside what it does to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionUse<'a> {
    /// Nothing that a later statement could depend on.
    Nothing,
    /// A setting: run again in another session, the statement leaves the same there, and does nothing else.
    Setting,
    /// Something that another session cannot have by the same statement: a temporary table, a value that was computed.
    Bound,
    /// A transaction begins, whose end decides about settings in it.
    Begins,
    /// A transaction is taken back, and the settings that were made in it.
    TakesBack,
    /// A lock is taken that lasts until it is given back, whatever becomes of a transaction.
    Takes {
        /// Which.
        lock: Lock<'a>,
        /// Whether the same statement, run again in another session, takes the same lock there, or fails.
        can_again: bool,
    },
    /// A lock is given back, once.
    Gives(Lock<'a>),
    /// All locks of a name or a number are given back.
    GivesAll,
}

/// Whether a statement asks what the statements before it in the same session did: which number a row was given, say.
#[must_use]
pub fn asks_session(statement: &str, dialect: Dialect) -> bool {
    const ASKING: [&str; 9] = [
        "last_insert_id",
        "last_insert_rowid",
        "row_count",
        "found_rows",
        "changes",
        "total_changes",
        "lastval",
        "currval",
        "identity",
    ];
    let words = Words::new(statement, dialect);
    let followed = words.all().zip(words.all().skip(1).map(Some).chain([None]));
    let asks = |(token, next): (Token<'_>, Option<Token<'_>>)| {
        let is_called = next.is_some_and(|next| next.is_symbol("("));
        ASKING.iter().any(|word| token.is(word)) && (is_called || token.is("identity"))
    };
    words.first_is(&[
        "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "SELECT", "SET", "MERGE", "CALL", "VALUES",
    ]) && followed.into_iter().any(asks)
}

/// Whether a statement writes rows, so that what a later one asks of its session is about it.
#[must_use]
pub fn writes_rows(statement: &str, dialect: Dialect) -> bool {
    Words::new(statement, dialect).first_is(&["INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "CALL"])
}

/// Whether what is made stands in the schema of what is temporary, by its name.
fn is_in_temporary_schema(words: &Words<'_>) -> bool {
    let mut pairs = words.all().zip(words.all().skip(1));
    pairs.any(|(schema, dot)| (schema.is("temp") || schema.is("pg_temp")) && dot.is_symbol("."))
}

/// What one statement, as [`split`](crate::split) gives it, leaves in its session.
#[must_use]
pub fn session_use(statement: &str, dialect: Dialect) -> SessionUse<'_> {
    let words = Words::new(statement, dialect);
    let is_temporary = words.is_one_of(1, &["TEMP", "TEMPORARY"])
        || words.begin(&["CREATE", "OR", "REPLACE"]) && words.is_one_of(3, &["TEMP", "TEMPORARY"])
        || words.is_one_of(1, &["LOCAL", "GLOBAL"]) && words.is_one_of(2, &["TEMP", "TEMPORARY"]);
    if words.is(0, "CREATE") && (is_temporary || is_in_temporary_schema(&words)) {
        return SessionUse::Bound;
    }
    if let Some(of_locks) = locks::session_locks(&words, statement, dialect) {
        return of_locks;
    }
    match dialect {
        Dialect::Sqlite => sqlite(&words),
        Dialect::Postgres => postgres(&words, statement),
        Dialect::Mysql => mysql(&words, statement),
        Dialect::Generic => SessionUse::Nothing,
    }
}

/// Pragmas that the file keeps: once they are set, every session has them.
const KEPT_BY_THE_FILE: [&str; 8] = [
    "application_id",
    "auto_vacuum",
    "encoding",
    "journal_mode",
    "page_size",
    "schema_version",
    "user_version",
    "wal_checkpoint",
];

fn sqlite(words: &Words<'_>) -> SessionUse<'static> {
    match words.is(0, "PRAGMA") && !KEPT_BY_THE_FILE.iter().any(|name| words.contain(name)) {
        true => SessionUse::Setting,
        false => SessionUse::Nothing,
    }
}

fn postgres(words: &Words<'_>, statement: &str) -> SessionUse<'static> {
    let is_of_the_transaction = words.is_one_of(1, &["LOCAL", "TRANSACTION", "CONSTRAINTS"]);
    let sets = words.first_is(&["SELECT", "WITH", "VALUES"]) && words.contain("set_config");
    // One call alone, with nothing computed for it.
    let is_plain = || words.is(0, "SELECT") && words.all().filter(|token| token.is_symbol("(")).count() == 1;
    let selects_into = ["TEMP", "TEMPORARY"].iter().any(|kind| words.contain_pair("INTO", kind));
    match () {
        () if words.first_is(&["SET", "RESET"]) && !is_of_the_transaction => SessionUse::Setting,
        () if words.first_is(&["DISCARD", "PREPARE", "DEALLOCATE", "LOAD", "LISTEN", "UNLISTEN"])
            && !words.is(1, "TRANSACTION") =>
        {
            SessionUse::Setting
        }
        () if sets && is_plain() => SessionUse::Setting,
        () if sets || words.is(0, "DECLARE") => SessionUse::Bound,
        () if words.first_is(&["SELECT", "WITH"]) && selects_into => SessionUse::Bound,
        // What its block does is text to us.
        () if words.is(0, "DO")
            && ["set_config", "search_path", "temp", "advisory_lock"]
                .iter()
                .any(|word| holds(statement, word)) =>
        {
            SessionUse::Bound
        }
        () if words.is(0, "BEGIN") || words.begin(&["START", "TRANSACTION"]) => SessionUse::Begins,
        () if words.is(0, "ROLLBACK") && words.contain("TO") => SessionUse::Bound,
        () if words.first_is(&["ROLLBACK", "ABORT"]) && !words.is(1, "PREPARED") => SessionUse::TakesBack,
        () => SessionUse::Nothing,
    }
}

/// Whether a word stands anywhere in a text, in letters of any case.
fn holds(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(word)
}

/// Of MySQL: what is another value each time that it is asked for.
const COMPUTED: [&str; 16] = [
    "SELECT",
    "identity",
    "last_insert_id",
    "insert_id",
    "timestamp",
    "rand_seed1",
    "rand_seed2",
    "warning_count",
    "error_count",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "UTC_TIMESTAMP",
    "UTC_DATE",
];

fn mysql(words: &Words<'_>, statement: &str) -> SessionUse<'static> {
    let is_of_the_server = words.is_one_of(1, &["GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "DEFAULT"]);
    let has_variable = has_variable(words);
    let is_computed = || statement.contains('(') || COMPUTED.iter().any(|word| words.contain(word));
    let selects_into = || {
        let mut pairs = words.all().zip(words.all().skip(1));
        pairs.any(|(into, name)| into.is("INTO") && name.is_symbol("@"))
    };
    match () {
        () if words.first_is(&["USE", "PREPARE", "DEALLOCATE"]) => SessionUse::Setting,
        // For one statement, which is done.
        () if words.begin(&["SET", "STATEMENT"]) => SessionUse::Nothing,
        // What a function or a query gave then, it need not give again.
        () if words.is(0, "SET") && has_variable && is_computed() => SessionUse::Bound,
        () if words.is(0, "SET") && !is_of_the_server => SessionUse::Setting,
        // A procedure may have set what it was given.
        () if has_variable && (statement.contains(":=") || words.is(0, "CALL") || selects_into()) => {
            SessionUse::Bound
        }
        () => SessionUse::Nothing,
    }
}

/// Whether a variable of a user's own, `@name`, stands anywhere: the server's have two `@`.
fn has_variable(words: &Words<'_>) -> bool {
    let mut run = 0;
    for token in words.all() {
        match token.is_symbol("@") {
            true => run += 1,
            false if run == 1 => return true,
            false => run = 0,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn all_are(expected: SessionUse<'_>, dialect: Dialect, statements: &[&str]) {
        for statement in statements {
            assert_eq!(session_use(statement, dialect), expected, "{statement}");
            let commented = format!("/* SET x */ -- USE y\n{}", statement.to_lowercase());
            assert_eq!(session_use(&commented, dialect), expected, "{commented}");
        }
    }

    #[test]
    fn settings_of_a_session_can_be_made_again() {
        all_are(
            SessionUse::Setting,
            Dialect::Postgres,
            &[
                "SET search_path = app",
                "SET SESSION statement_timeout TO 0",
                "SET ROLE owner",
                "RESET ALL",
                "SELECT pg_catalog.set_config('search_path', '', false)",
                "LISTEN jobs",
                "UNLISTEN *",
                "PREPARE p AS SELECT 1",
            ],
        );
        all_are(
            SessionUse::Setting,
            Dialect::Mysql,
            &[
                "SET NAMES utf8mb4",
                "SET SESSION sql_mode = ''",
                "SET sql_mode = REPLACE(@@sql_mode, 'ONLY_FULL_GROUP_BY', '')",
                "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */",
                "SET @saved_cs_client = @@character_set_client",
                "USE `app`",
            ],
        );
        all_are(
            SessionUse::Setting,
            Dialect::Sqlite,
            &["PRAGMA foreign_keys = OFF", "PRAGMA main.cache_size(9)"],
        );
    }

    #[test]
    fn what_only_one_session_has_is_bound_to_it() {
        all_are(
            SessionUse::Bound,
            Dialect::Postgres,
            &[
                "CREATE TEMP TABLE t (n int)",
                "CREATE LOCAL TEMPORARY TABLE t (n int)",
                "CREATE OR REPLACE TEMP VIEW v AS SELECT 1",
                "SELECT 1 INTO TEMP t",
                "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                "CREATE TABLE pg_temp.t (n int)",
                "SELECT set_config('app.batch', nextval('s')::text, false)",
                "WITH x AS (SELECT 1) SELECT set_config('a.b', 'c', false) FROM x",
                "DO $$ BEGIN PERFORM set_config('search_path', 'trial', false); END $$",
                "ROLLBACK TO SAVEPOINT s",
            ],
        );
        all_are(
            SessionUse::Bound,
            Dialect::Mysql,
            &[
                "CREATE TEMPORARY TABLE t (n int)",
                "SET @id = LAST_INSERT_ID()",
                "SET @id := (SELECT max(id) FROM t)",
                "SELECT max(id) INTO @id FROM t",
                "SELECT @row := @row + 1 FROM t",
                "SET @second = @@identity",
                "SET @now = CURRENT_TIMESTAMP",
                "CALL make(@id)",
            ],
        );
        all_are(
            SessionUse::Bound,
            Dialect::Sqlite,
            &["CREATE TEMP TABLE t (n)", "CREATE TABLE temp.t AS SELECT 1"],
        );
    }

    #[test]
    fn the_end_of_a_transaction_decides_about_settings_in_it() {
        all_are(SessionUse::Begins, Dialect::Postgres, &["BEGIN", "START TRANSACTION READ WRITE"]);
        all_are(SessionUse::TakesBack, Dialect::Postgres, &["ROLLBACK", "ABORT"]);
    }

    #[test]
    fn what_asks_the_session_is_known() {
        for (statement, dialect) in [
            ("INSERT INTO child SELECT last_insert_rowid(), 1", Dialect::Sqlite),
            ("INSERT INTO child VALUES (LAST_INSERT_ID())", Dialect::Mysql),
            ("INSERT INTO child VALUES (@@identity)", Dialect::Mysql),
            ("INSERT INTO child VALUES (currval('s'))", Dialect::Postgres),
        ] {
            assert!(asks_session(statement, dialect), "{statement}");
            assert!(writes_rows(statement, dialect), "{statement}");
        }
        assert!(!asks_session("SELECT changes FROM t", Dialect::Sqlite));
        assert!(!asks_session("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY)", Dialect::Postgres));
        assert!(!writes_rows("CREATE TABLE t (n int)", Dialect::Sqlite));
    }

    #[test]
    fn the_rest_leaves_nothing_in_the_session() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Generic] {
            let statements =
                ["CREATE TABLE t (n int)", "INSERT INTO t SELECT 1", "UPDATE t SET n = 1", "COMMIT"];
            all_are(SessionUse::Nothing, dialect, &statements);
        }
        let of_transactions =
            ["SET LOCAL search_path = app", "SET CONSTRAINTS ALL DEFERRED", "SET TRANSACTION READ ONLY"];
        all_are(SessionUse::Nothing, Dialect::Postgres, &of_transactions);
        let elsewhere = [
            "SET STATEMENT max_statement_time=1 FOR UPDATE t SET n = 1",
            "INSERT INTO t VALUES (@x)",
            "SET GLOBAL x = 1",
            "GRANT SELECT ON t TO a@b",
            "INSERT INTO t SELECT @@server_id",
        ];
        all_are(SessionUse::Nothing, Dialect::Mysql, &elsewhere);
        all_are(
            SessionUse::Nothing,
            Dialect::Sqlite,
            &["PRAGMA user_version = 7", "PRAGMA journal_mode = WAL"],
        );
    }
}
