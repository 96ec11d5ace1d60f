//! Compound bodies are one statement, whatever stands in them.

use crate::{Dialect, split};

/// Each text is one statement, alone, before and after another, and in lower case.
fn are_one(dialect: Dialect, texts: &[&str]) {
    for text in texts {
        for text in [text.to_string(), text.to_lowercase()] {
            let script = format!("FIRST;{text};\nLAST");
            let found: Vec<&str> =
                split(&script, dialect).unwrap().into_iter().map(|found| found.text).collect();
            assert_eq!(found, ["FIRST", text.as_str(), "LAST"], "{dialect:?}");
            assert_eq!(split(&text, dialect).unwrap()[0].text, text);
        }
    }
}

/// Each text is as many statements as it has semicolons, and the last.
fn are_plain(dialect: Dialect, texts: &[&str]) {
    for text in texts {
        let expected: Vec<&str> = text.split(';').map(str::trim).collect();
        let found: Vec<&str> = split(text, dialect).unwrap().into_iter().map(|found| found.text).collect();
        assert_eq!(found, expected, "{dialect:?}");
    }
}

#[test]
fn a_trigger_of_sqlite_is_one_statement() {
    are_one(
        Dialect::Sqlite,
        &[
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
            "CREATE TEMP TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END",
            "CREATE TEMPORARY /* x; */ TRIGGER IF NOT EXISTS t INSTEAD OF UPDATE ON a BEGIN SELECT 1; END",
            "EXPLAIN CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
            "EXPLAIN QUERY PLAN CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END",
            "CREATE TRIGGER t AFTER INSERT ON a WHEN CASE new.b WHEN 1 THEN 1 ELSE 0 END BEGIN \
         UPDATE a SET b = CASE WHEN c THEN 1 ELSE 2 END; SELECT CASE 1 WHEN 1 THEN 2 END; END",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; -- END;\n /* END; */ SELECT 'END;'; END",
            "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET \"end\" = 1, [begin] = 2; END",
            "CREATE TRIGGER \"begin\" AFTER INSERT ON \"end\" BEGIN SELECT 1; END",
        ],
    );
}

#[test]
fn words_of_triggers_elsewhere_open_nothing_in_sqlite() {
    are_plain(
        Dialect::Sqlite,
        &[
            "CREATE TABLE trigger_log (begin, end); A",
            "DROP TRIGGER t; A",
            "SELECT 'CREATE TRIGGER t BEGIN'; A",
            "CREATE TABLE t (\"trigger\" TEXT); A",
            "EXPLAIN SELECT 1; A",
        ],
    );
}

#[test]
fn an_atomic_body_of_postgres_is_one_statement() {
    are_one(
        Dialect::Postgres,
        &[
            "CREATE FUNCTION f() RETURNS int LANGUAGE SQL BEGIN ATOMIC SELECT 1; SELECT 2; END",
            "CREATE OR REPLACE PROCEDURE p() BEGIN ATOMIC INSERT INTO a VALUES (CASE WHEN b THEN 1 END); END",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC; SELECT CASE a WHEN 1 THEN CASE 2 WHEN 2 THEN 3 END END; END",
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1 AS end, t.case FROM t; SELECT 2; END",
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$",
            "CREATE FUNCTION f() RETURNS int AS 'BEGIN RETURN 1; END;' LANGUAGE plpgsql",
            "DO $do$ BEGIN IF true THEN RAISE NOTICE ';'; END IF; END $do$",
            "CREATE RULE r AS ON INSERT TO a DO ALSO (INSERT INTO b VALUES ((1)); DELETE FROM c)",
        ],
    );
}

#[test]
fn words_of_bodies_elsewhere_open_nothing_in_postgres() {
    are_plain(
        Dialect::Postgres,
        &[
            "BEGIN; SELECT CASE WHEN a THEN b END; END",
            "CREATE TABLE begin (atomic int); A",
            "CREATE FUNCTION f(begin int) RETURNS int RETURN 1; A",
            "CREATE FUNCTION f() RETURNS int RETURN CASE WHEN a THEN 1 END; A",
            "SELECT (1; A",
        ],
    );
}

#[test]
fn a_stored_program_of_mysql_is_one_statement_without_a_delimiter() {
    are_one(
        Dialect::Mysql,
        &[
            "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END",
            "CREATE DEFINER=`root`@`localhost` PROCEDURE p(IN a INT, OUT b VARCHAR(10)) COMMENT 'x;' BEGIN SELECT 1; END",
            "CREATE DEFINER = trigger@localhost FUNCTION IF NOT EXISTS f(a INT) RETURNS VARCHAR(9) CHARACTER SET utf8 \
         DETERMINISTIC READS SQL DATA BEGIN DECLARE x INT DEFAULT 0; SET x = IF(a, 1, 2); RETURN x; END",
            "CREATE FUNCTION f() RETURNS SET('a','b') DETERMINISTIC BEGIN RETURN 'a'; END",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW FOLLOWS other BEGIN SET NEW.b = 1; END",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW IF NEW.b IS NULL THEN SET NEW.b = 1; END IF",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY STARTS '2024-01-01' DO BEGIN DELETE FROM a; DELETE FROM b; END",
            "ALTER DEFINER=CURRENT_USER() EVENT e DO BEGIN DELETE FROM a; END",
            "BEGIN NOT ATOMIC DECLARE a INT; SELECT 1; END",
        ],
    );
}

#[test]
fn blocks_of_mysql_close_with_their_own_end() {
    are_one(
        Dialect::Mysql,
        &[
            "CREATE PROCEDURE p() BEGIN IF a THEN SELECT 1; ELSEIF b THEN SELECT 2; ELSE SELECT 3; END IF; SELECT 4; END",
            "CREATE PROCEDURE p() BEGIN CASE a WHEN 1 THEN SELECT 1; ELSE BEGIN END; END CASE; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN SET @a = CASE WHEN b THEN IF(c, 1, 2) ELSE IF(d, 3, 4) END; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN IF CASE WHEN a THEN b END THEN SELECT IF(a, b, c); END IF; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN l: LOOP LEAVE l; END LOOP l; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN l:REPEAT SET a = REPEAT('x', 2); UNTIL a END REPEAT l; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN REPEAT SELECT 1; UNTIL CASE WHEN a THEN 1 END END REPEAT; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN WHILE a DO IF b THEN SELECT 1; END IF; END WHILE; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN FOR i IN 1..10 DO SELECT i; END FOR; SELECT 2; END",
            "CREATE PROCEDURE p() main: BEGIN BEGIN SELECT 1; END; LEAVE main; END main",
            "CREATE FUNCTION f() RETURNS INT main: BEGIN RETURN 1; END main",
            "CREATE PROCEDURE p() WHILE a DO SELECT 1; END WHILE",
        ],
    );
}

#[test]
fn handlers_of_mysql_take_a_statement() {
    are_one(
        Dialect::Mysql,
        &[
            "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; END; SELECT 1; END",
            "CREATE PROCEDURE p() BEGIN DECLARE CONTINUE HANDLER FOR NOT FOUND SET d = IF(a, 1, 2); SELECT 1; END",
            "CREATE PROCEDURE p() BEGIN DECLARE EXIT HANDLER FOR SQLSTATE VALUE '23000', 1062, SQLWARNING \
         IF a THEN SELECT 1; END IF; SELECT 2; END",
            "CREATE PROCEDURE p() BEGIN DECLARE c CURSOR FOR SELECT IF(a, b, c) FROM t; OPEN c; END",
        ],
    );
}

#[test]
fn names_of_mysql_that_look_like_keywords_open_and_close_nothing() {
    are_one(
        Dialect::Mysql,
        &[
            "CREATE PROCEDURE p() BEGIN SELECT t.begin, t.end, `case`, @end FROM t; SELECT begin, end FROM t; END",
            "CREATE PROCEDURE p() BEGIN DROP TABLE IF EXISTS a; CREATE TABLE IF NOT EXISTS a (b INT); END",
            "CREATE PROCEDURE p() BEGIN SELECT 'END;'; -- END;\n /* END; */ SELECT 1; # END;\n END",
            "CREATE PROCEDURE p() BEGIN START TRANSACTION; INSERT INTO a VALUES (1); COMMIT; END",
            "CREATE PROCEDURE p() BEGIN XA BEGIN 'x'; SELECT 1; END",
        ],
    );
}

#[test]
fn bodies_of_one_statement_end_with_it_in_mysql() {
    are_plain(
        Dialect::Mysql,
        &[
            "CREATE PROCEDURE p() SELECT IF(a, b, c); A",
            "CREATE PROCEDURE p() DROP TABLE IF EXISTS a; A",
            "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN CASE WHEN a THEN IF(b, 1, 2) END; A",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW SET NEW.b = IF(NEW.c, 1, 2); A",
            "CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM a; A",
            "CREATE FUNCTION f RETURNS INTEGER SONAME 'f.so'; A",
        ],
    );
}

#[test]
fn other_statements_of_mysql_open_nothing() {
    are_plain(
        Dialect::Mysql,
        &[
            "CREATE TABLE IF NOT EXISTS a (begin INT, end INT); A",
            "CREATE DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW v AS SELECT CASE WHEN a THEN b END; A",
            "DROP PROCEDURE IF EXISTS p; A",
            "BEGIN WORK; INSERT INTO a VALUES (1); COMMIT",
            "SELECT 'CREATE PROCEDURE p() BEGIN'; A",
            "ALTER TABLE a ADD b INT; A",
        ],
    );
}

#[test]
fn a_dump_of_mysql_holds_its_triggers_in_comments() {
    are_one(
        Dialect::Mysql,
        &["/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER `t` \
                               BEFORE INSERT ON `a` FOR EACH ROW BEGIN SET NEW.b = 1; END */"],
    );
}
