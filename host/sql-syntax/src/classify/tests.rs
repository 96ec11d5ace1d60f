//! The rules of classification.

use super::*;

fn transaction(statement: &str, dialect: Dialect) -> TransactionUse {
    classify(statement, dialect).transaction
}

fn all_are(expected: TransactionUse, dialect: Dialect, statements: &[&str]) {
    for statement in statements {
        assert_eq!(transaction(statement, dialect), expected, "{statement}");
        let commented = format!("/* BEGIN */ -- VACUUM\n{}", statement.to_lowercase());
        assert_eq!(transaction(&commented, dialect), expected, "{commented}");
    }
}

#[test]
fn every_dialect_begins_and_ends_transactions_alike() {
    for dialect in [Dialect::Sqlite, Dialect::Postgres, Dialect::Mysql, Dialect::Generic] {
        all_are(
            TransactionUse::Begins,
            dialect,
            &["BEGIN", "BEGIN TRANSACTION", "START TRANSACTION READ ONLY"],
        );
        all_are(TransactionUse::Ends, dialect, &["COMMIT", "ROLLBACK", "ROLLBACK WORK", "END TRANSACTION"]);
        all_are(TransactionUse::Ends, dialect, &["ABORT", "PREPARE TRANSACTION 'x'"]);
        let savepoints = ["SAVEPOINT a", "RELEASE a", "ROLLBACK TO a", "ROLLBACK TRANSACTION TO SAVEPOINT a"];
        all_are(TransactionUse::Savepoint, dialect, &savepoints);
        all_are(TransactionUse::Controls, dialect, &["SET TRANSACTION READ ONLY", "COMMIT PREPARED 'x'"]);
    }
}

#[test]
fn sqlite_cannot_vacuum_attach_or_set_its_journal_inside() {
    all_are(
        TransactionUse::Outside,
        Dialect::Sqlite,
        &[
            "VACUUM",
            "VACUUM INTO 'x'",
            "ATTACH 'x' AS y",
            "DETACH y",
            "PRAGMA journal_mode = WAL",
            "PRAGMA main.journal_mode(WAL)",
            "PRAGMA \"synchronous\"=OFF",
            "PRAGMA locking_mode=EXCLUSIVE",
        ],
    );
    all_are(
        TransactionUse::Inside,
        Dialect::Sqlite,
        &[
            "PRAGMA journal_mode",
            "PRAGMA foreign_keys = OFF",
            "CREATE TABLE vacuum_log (a)",
            "SELECT 'VACUUM'",
            "EXPLAIN VACUUM",
        ],
    );
}

#[test]
fn postgres_cannot_do_some_things_inside() {
    all_are(
        TransactionUse::Outside,
        Dialect::Postgres,
        &[
            "VACUUM (FULL) a",
            "CREATE INDEX CONCURRENTLY a ON b (c)",
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS a ON b (c)",
            "DROP INDEX CONCURRENTLY a",
            "REINDEX TABLE CONCURRENTLY a",
            "REINDEX (CONCURRENTLY, VERBOSE) TABLE a",
            "REINDEX (VERBOSE) DATABASE a",
            "ALTER TABLE a DETACH PARTITION b CONCURRENTLY",
            "CREATE DATABASE a",
            "DROP TABLESPACE a",
            "ALTER SYSTEM SET a = 1",
            "CREATE SUBSCRIPTION a CONNECTION '' PUBLICATION b",
            "ALTER TYPE a ADD VALUE 'b'",
        ],
    );
    all_are(
        TransactionUse::Inside,
        Dialect::Postgres,
        &[
            "REFRESH MATERIALIZED VIEW CONCURRENTLY a",
            "CREATE INDEX a ON b (c)",
            "CREATE INDEX \"concurrently\" ON b (c)",
            "ALTER TABLE a DETACH PARTITION b",
            "ALTER TYPE a ADD ATTRIBUTE b int",
            "REINDEX TABLE a",
            "CREATE TABLE concurrently_made (a int)",
            "DO $$ BEGIN COMMIT; END $$",
        ],
    );
}

#[test]
fn mysql_runs_only_what_cannot_commit_inside() {
    all_are(
        TransactionUse::Inside,
        Dialect::Mysql,
        &[
            "SELECT 1",
            "(SELECT 1) UNION (SELECT 2)",
            "INSERT INTO a VALUES (1)",
            "UPDATE a SET b = 1",
            "DELETE FROM a",
            "REPLACE INTO a VALUES (1)",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES ROW(1)",
            "/*!50003 SELECT */ /*!99999 INSERT */ SELECT 1",
            "INSERT /*! IGNORE */ INTO a VALUES ('*/')",
            "SELECT outfile, a INTO @b FROM c",
        ],
    );
    all_are(
        TransactionUse::Outside,
        Dialect::Mysql,
        &[
            "CREATE TABLE a (b INT)",
            "CALL a()",
            "PREPARE a FROM 'COMMIT'",
            "SET NAMES utf8",
            "ANALYZE TABLE a",
            "BEGIN NOT ATOMIC COMMIT; END",
            "/*!40101 SET NAMES utf8 */",
            "SELECT a FROM b INTO OUTFILE 'c'",
            "SELECT a INTO /* x */ DUMPFILE 'c' FROM b",
            "LOAD DATA INFILE 'a' INTO TABLE b",
            "HANDLER a OPEN",
            "CREATE TEMPORARY TABLE a (b INT)",
            "SET STATEMENT max_statement_time = 1 FOR COMMIT",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "TRUNCATE a",
            "FLUSH TABLES",
            "GRANT SELECT ON a TO b",
        ],
    );
    all_are(
        TransactionUse::Controls,
        Dialect::Mysql,
        &[
            "SET autocommit = 0",
            "SET @a = 1, @@session.autocommit = 1",
            "SET SESSION TRANSACTION READ ONLY",
            "LOCK TABLES a WRITE",
            "UNLOCK TABLES",
            "XA START 'x'",
            "/*!40101 SET autocommit=0 */",
        ],
    );
}

#[test]
fn a_version_comment_cannot_hide_what_another_server_would_run() {
    for statement in [
        "/*!99999 SELECT 1 */ COMMIT",
        "/*!50003 COMMIT */ SELECT 1",
        "/*M! DROP TABLE a */",
        "/*!99999 SAVEPOINT a */ COMMIT",
        "/*! SELECT 1; COMMIT */",
        "/*!99999 SELECT 'a */ COMMIT -- ' */",
        "/*!99999 SELECT \"a */ COMMIT -- \" */",
        "/*!99999 SELECT # */ COMMIT --\n */",
        "/*! /*! COMMIT */",
        "DELETE /*!99999 'a*/ FROM b -- '*/",
    ] {
        assert!(!transaction(statement, Dialect::Mysql).fits_in_transaction(), "{statement}");
    }
}

#[test]
fn queries_read_only_unless_a_part_of_them_writes() {
    for (statement, dialect) in [
        ("SELECT replace(a, 'b', 'c'), t.update FROM t", Dialect::Postgres),
        ("WITH a AS (SELECT 'DELETE') SELECT * FROM a", Dialect::Postgres),
        ("VALUES (1)", Dialect::Sqlite),
        ("EXPLAIN DELETE FROM a", Dialect::Postgres),
        ("EXPLAIN ANALYZE SELECT 1", Dialect::Postgres),
        ("SHOW TABLES", Dialect::Mysql),
        ("PRAGMA table_info(a)", Dialect::Sqlite),
        ("PRAGMA user_version", Dialect::Sqlite),
    ] {
        assert!(classify(statement, dialect).reads_only, "{statement}");
    }
    for (statement, dialect) in [
        ("SELECT * INTO b FROM a", Dialect::Postgres),
        ("SELECT * FROM a FOR UPDATE", Dialect::Postgres),
        ("WITH a AS (DELETE FROM b RETURNING *) SELECT * FROM a", Dialect::Postgres),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", Dialect::Sqlite),
        ("EXPLAIN (ANALYZE) DELETE FROM a", Dialect::Postgres),
        ("PRAGMA user_version = 1", Dialect::Sqlite),
        ("PRAGMA optimize", Dialect::Sqlite),
        ("INSERT INTO a VALUES (1)", Dialect::Sqlite),
        ("", Dialect::Sqlite),
    ] {
        assert!(!classify(statement, dialect).reads_only, "{statement}");
    }
}

#[test]
fn ddl_defines_or_drops() {
    for statement in ["CREATE TABLE a (b)", "drop view a", "/* x */ ALTER TABLE a ADD b", "TRUNCATE a"] {
        assert!(classify(statement, Dialect::Postgres).ddl, "{statement}");
    }
    for statement in ["SELECT 'CREATE'", "INSERT INTO a VALUES (1)", "EXPLAIN CREATE TABLE a (b)"] {
        assert!(!classify(statement, Dialect::Postgres).ddl, "{statement}");
    }
}
