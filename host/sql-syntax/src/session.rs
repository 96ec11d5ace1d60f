//! Says which statements leave something in the session that ran them, so that what goes on in another session can have
//! it too.

use crate::Dialect;
use crate::classify::Words;

/// What a statement leaves in its session, beside what it does to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionUse {
    /// Nothing that a later statement could depend on.
    Nothing,
    /// A setting: run again in another session, the statement leaves the same there, and does nothing else.
    Setting,
    /// Something that another session cannot have by the same statement: a temporary table, a value that was computed.
    Bound,
}

/// What one statement, as [`split`](crate::split) gives it, leaves in its session.
#[must_use]
pub fn session_use(statement: &str, dialect: Dialect) -> SessionUse {
    let words = Words::new(statement, dialect);
    let is_temporary = words.is_one_of(1, &["TEMP", "TEMPORARY"])
        || words.begin(&["CREATE", "OR", "REPLACE"]) && words.is_one_of(3, &["TEMP", "TEMPORARY"])
        || words.is_one_of(1, &["LOCAL", "GLOBAL"]) && words.is_one_of(2, &["TEMP", "TEMPORARY"]);
    if words.is(0, "CREATE") && is_temporary {
        return SessionUse::Bound;
    }
    match dialect {
        Dialect::Sqlite => sqlite(&words),
        Dialect::Postgres => postgres(&words),
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

fn sqlite(words: &Words<'_>) -> SessionUse {
    match words.is(0, "PRAGMA") && !KEPT_BY_THE_FILE.iter().any(|name| words.contain(name)) {
        true => SessionUse::Setting,
        false => SessionUse::Nothing,
    }
}

fn postgres(words: &Words<'_>) -> SessionUse {
    let is_of_the_transaction = words.is_one_of(1, &["LOCAL", "TRANSACTION", "CONSTRAINTS"]);
    if words.first_is(&["SET", "RESET"]) && !is_of_the_transaction
        || words.first_is(&["DISCARD", "PREPARE", "DEALLOCATE", "LOAD"]) && !words.is(1, "TRANSACTION")
        || words.is(0, "SELECT") && SETTERS.iter().any(|function| words.contain(function))
    {
        return SessionUse::Setting;
    }
    let selects_into = ["TEMP", "TEMPORARY"].iter().any(|kind| words.contain_pair("INTO", kind));
    match words.is(0, "DECLARE") || words.first_is(&["SELECT", "WITH"]) && selects_into {
        true => SessionUse::Bound,
        false => SessionUse::Nothing,
    }
}

/// Functions that set something, or lock something until the session ends.
const SETTERS: [&str; 5] = [
    "set_config",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
];

fn mysql(words: &Words<'_>, statement: &str) -> SessionUse {
    let is_of_the_server = words.is_one_of(1, &["GLOBAL", "PERSIST", "PERSIST_ONLY", "PASSWORD", "DEFAULT"]);
    let has_variable = has_variable(words);
    match () {
        () if words.first_is(&["USE", "PREPARE", "DEALLOCATE"]) => SessionUse::Setting,
        // What a function or a query gave then, it need not give again.
        () if words.is(0, "SET") && has_variable && (statement.contains('(') || words.contain("SELECT")) => {
            SessionUse::Bound
        }
        () if words.is(0, "SET") && !is_of_the_server => SessionUse::Setting,
        () if has_variable && (statement.contains(":=") || words.contain("INTO")) => SessionUse::Bound,
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
    fn all_are(expected: SessionUse, dialect: Dialect, statements: &[&str]) {
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
                "SELECT pg_advisory_lock(1)",
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
            ],
        );
        all_are(SessionUse::Bound, Dialect::Sqlite, &["CREATE TEMP TABLE t (n)"]);
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
        let elsewhere = ["SET GLOBAL x = 1", "GRANT SELECT ON t TO a@b", "INSERT INTO t SELECT @@server_id"];
        all_are(SessionUse::Nothing, Dialect::Mysql, &elsewhere);
        all_are(
            SessionUse::Nothing,
            Dialect::Sqlite,
            &["PRAGMA user_version = 7", "PRAGMA journal_mode = WAL"],
        );
    }
}
