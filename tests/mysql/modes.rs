//! The modes, and what decides between them.

use sandpiper_tests::{MariaDb, Project};

use crate::{Place, configuration};

const MORE: &str = "INSERT INTO orders VALUES (2, 'two');\nUPDATE orders SET note = 'first' WHERE id = 1;";

#[test]
fn a_change_commits_together_with_its_entry() {
    let Place { project, database } = Place::with_orders("shared");
    project.sql("changes/_0001__More", "more", MORE);
    assert_eq!(project.json("plan").exits(0).of("more", "mode"), "shared");
    assert_eq!(database.rows("SHOW TABLES LIKE 'sandpiper%'"), [""; 0], "`plan` makes nothing");
    assert_eq!(project.applied().of("more", "mode"), "shared");
    assert_eq!(database.rows("SELECT note FROM orders ORDER BY id"), ["first", "two"]);
    assert_eq!(project.history("more"), ["started", "applied"]);
    assert_eq!(project.json("audit verify").exits(0).at("/entries"), 2);
    assert_eq!(database.rows("SELECT count(*) FROM sandpiper_marker"), ["0"]);
    assert_eq!(project.applied().of("more", "outcome"), "already-applied");
    assert_eq!(project.json("status --check").exits(0).at("/pending"), 0);
}

#[test]
fn a_change_to_another_database_leaves_a_marker_until_it_is_recorded() {
    let Place { project, database } = Place::with_orders("marked");
    project.sql("changes/_0001__More", "more", MORE);
    project.sql("changes/_0002__Again", "again", "DELETE FROM orders WHERE id = 2;");
    let applied = project.applied();
    assert_eq!((applied.of("more", "mode"), applied.of("again", "mode")), ("marked".into(), "marked".into()));
    assert_eq!(database.rows("SELECT note FROM orders"), ["first"]);
    assert_eq!(database.rows("SELECT count(*) FROM sandpiper_fence"), ["1"]);
    assert_eq!(database.rows("SHOW TABLES LIKE 'sandpiper_entry'"), [""; 0]);
    assert!(database.rows("SELECT count(*) FROM sandpiper_marker")[0].parse::<u32>().unwrap() <= 1);
}

#[test]
fn a_store_in_one_database_keeps_the_audit_of_another() {
    let (store, target) = (MariaDb::shared().database(), MariaDb::shared().database());
    target.rows("CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20))");
    let project = Project::new(&configuration(&format!("store: \"{}\"\n", store.url()), &target.url()));
    project.sql("changes/_0001__More", "more", "INSERT INTO orders VALUES (2, 'two');");
    assert_eq!(project.applied().of("more", "mode"), "marked");
    assert_eq!(store.rows("SELECT count(*) FROM sandpiper_entry"), ["2"]);
    assert_eq!(target.rows("SHOW TABLES LIKE 'sandpiper_entry'"), [""; 0]);
    // The same database, by its address instead of its name; `mariadb` is `mysql`.
    let at = configuration(&format!("store: \"{}\"\n", target.url()), &target.url());
    let project = Project::new(&at.replace("kind: mysql", "kind: mariadb"));
    project.sql("changes/_0001__Again", "again", "INSERT INTO orders VALUES (3, 'three');");
    assert_eq!(project.applied().of("again", "mode"), "shared");
}

#[test]
fn what_commits_by_itself_is_direct_by_itself_and_the_plan_says_why() {
    let Place { project, database } = Place::with_orders("shared");
    let changes = [
        ("table", "CREATE TABLE t (n INT);\nINSERT INTO t VALUES (1);"),
        ("alter", "ALTER TABLE t ADD COLUMN m INT;"),
        ("truncate", "TRUNCATE t;"),
        ("comment", "/*!40101 SET NAMES utf8mb4 */;\n/*!50003 CREATE VIEW v AS SELECT 1 */;"),
        ("own", "START TRANSACTION;\nINSERT INTO t VALUES (1, 2);\nCOMMIT;"),
        ("switch", "SET autocommit = 0;\nINSERT INTO t VALUES (3, 4);\nCOMMIT;"),
        ("lock", "LOCK TABLES t WRITE;\nINSERT INTO t VALUES (5, 6);\nUNLOCK TABLES;"),
        ("call", "CREATE PROCEDURE p() INSERT INTO t VALUES (7, 8);\nCALL p();"),
        ("analyze", "ANALYZE TABLE t;"),
    ];
    for (number, (id, body)) in changes.iter().enumerate() {
        project.sql(&format!("changes/_{number:04}__C"), id, body);
    }
    project.sql("changes/_0100__Plain", "plain", "REPLACE INTO orders VALUES (1, 'again');");
    let planned = project.json("plan").exits(0);
    let applied = project.applied();
    for (id, _) in changes {
        let reason = planned.of(id, "reason");
        assert!(reason.contains("cannot run inside a transaction: what defines"), "{id}: {reason}");
        assert_eq!(
            (planned.of(id, "mode"), applied.of(id, "mode")),
            ("direct".into(), "direct".into()),
            "{id}"
        );
    }
    assert_eq!(applied.of("plain", "mode"), "shared");
    assert_eq!(database.rows("SELECT n, m FROM t ORDER BY n"), ["1|2", "3|4", "5|6", "7|8"]);
}

#[test]
fn a_change_that_says_transactional_and_commits_by_itself_is_a_problem_before_anything_runs() {
    let Place { project, database } = Place::with_orders("shared");
    project.sql("changes/_0001__More", "more", MORE);
    project.write(
        "changes/_0002__T.sql",
        "-- sandpiper: id=t author=tests target-system=target transactional=true\nINSERT INTO orders VALUES (9, 'x');\nCREATE TABLE t (n INT);\n",
    );
    for line in ["apply", "plan"] {
        let refused = project.json(line).exits(2);
        let problem = refused.at("/error/problems/0");
        assert_eq!(problem["code"], "change::syntax");
        assert!(problem["message"].as_str().unwrap().contains("transactional: true"), "{problem}");
        assert!(problem["file"].as_str().unwrap().ends_with("_0002__T.sql"), "{problem}");
        assert_eq!((&problem["line"], problem["column"].is_u64()), (&1.into(), true), "{problem}");
    }
    assert_eq!(database.rows("SHOW TABLES"), ["orders"]);
}

#[test]
fn a_direct_change_that_fails_needs_a_person_and_goes_on_where_it_was() {
    let Place { project, database } = Place::with_orders("shared");
    let body = "CREATE TABLE t (n INT);\nINSERT INTO orders VALUES (1, 'again');\nINSERT INTO t VALUES (3);";
    project.sql("changes/_0002__More", "more", body);
    let failed = project.json("apply").exits(4);
    assert_eq!(failed.of("more", "outcome"), "failed");
    assert_eq!(project.json("issue show more").exits(0).at("/issues/0/last_step"), 1);
    assert_eq!(project.json("apply").exits(4).of("more", "outcome"), "blocked");
    database.rows("DELETE FROM orders WHERE id = 1");
    project.run("issue resolve more --resume --reason looked").exits(0);
    project.applied();
    assert_eq!(database.rows("SELECT id, note, n FROM orders, t"), ["1|again|3"]);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_change_that_goes_on_finds_what_its_finished_statements_had_set() {
    let Place { project, database } = Place::with_orders("shared");
    let body = "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n\
        CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(9));\nINSERT INTO t VALUES (5, 'five');\n\
        INSERT INTO missing VALUES (1);\nINSERT INTO t VALUES (0, 'zero');\n/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;";
    project.sql("changes/_0002__Dump", "dump recovery=always-retry", body);
    project.run("apply").exits(1);
    database.rows("CREATE TABLE missing (n INT)");
    project.applied();
    assert_eq!(database.rows("SELECT id, name FROM t ORDER BY id"), ["0|zero", "5|five"]);
}

/// Ends each attempt: the table is in another database, which is not there.
const STOPS: &str = "INSERT INTO nowhere.stops VALUES (1)";

/// The change is told to go on after it stopped, without what stopped it.
fn goes_on(project: &Project, body: &str) {
    project.sql("changes/_0001__A", "a transactional=false", body);
    project.json("apply").exits(4);
    project.sql("changes/_0001__A", "a transactional=false", &body.replace(STOPS, "DO 1"));
    project.run("issue resolve a --resume --reason looked").exits(0);
}

#[test]
fn locks_of_tables_are_taken_again_before_a_change_goes_on() {
    let Place { project, database } = Place::with_orders("marked");
    let body =
        format!("LOCK TABLES orders WRITE;\n{STOPS};\nINSERT INTO missing VALUES (1);\nUNLOCK TABLES;");
    database.rows("CREATE TABLE missing (n INT)");
    goes_on(&project, &body);
    // As when it ran at once, for the table is not among those that are locked.
    let failed = project.json("apply").exits(4);
    assert!(failed.text("/error/message").contains("was not locked with LOCK TABLES"), "{failed}");
    assert_eq!(database.rows("SELECT * FROM missing"), [""; 0]);
}

#[test]
fn locks_of_tables_that_were_given_back_are_not_taken_again() {
    for ends in ["UNLOCK TABLES", "START TRANSACTION;\nCOMMIT"] {
        let Place { project, database } = Place::with_orders("marked");
        database.rows("CREATE TABLE missing (n INT)");
        let body = format!("LOCK TABLES orders WRITE;\n{ends};\n{STOPS};\nINSERT INTO missing VALUES (1);");
        goes_on(&project, &body);
        project.applied();
        assert_eq!(database.rows("SELECT * FROM missing"), ["1"]);
    }
}

#[test]
fn a_change_does_not_go_on_without_a_lock_that_went_with_its_session() {
    for (releases, exit) in [("DO 1", 4), ("DO RELEASE_LOCK('other')", 4), ("DO RELEASE_LOCK('l')", 0)] {
        let Place { project, database } = Place::with_orders("marked");
        let body =
            format!("DO GET_LOCK('l', 10);\n{releases};\n{STOPS};\nINSERT INTO orders VALUES (2, 'two');");
        goes_on(&project, &body);
        let outcome = project.json("apply").exits(exit);
        let there = database.rows("SELECT id FROM orders WHERE id = 2");
        match exit {
            0 => assert_eq!(there, ["2"]),
            _ => {
                assert_eq!((outcome.error(), there), ("plan::blocked".into(), vec![]));
                assert!(outcome.text("/error/message").contains("the lock that `DO GET_LOCK"), "{outcome}");
            }
        }
    }
}

#[test]
fn what_cannot_be_set_again_is_told_with_the_next_step() {
    let Place { project, database } = Place::with_orders("marked");
    let away = format!("away_{}", database.name);
    database.rows(&format!("CREATE DATABASE {away}"));
    goes_on(&project, &format!("USE {away};\n{STOPS};\nCREATE TABLE t (n INT);"));
    database.rows(&format!("DROP DATABASE {away}"));
    let outcome = project.json("apply").exits(4);
    assert!(outcome.text("/error/message").contains("cannot be set again"), "{outcome}");
    let help = outcome.text("/error/help");
    for words in
        ["mend what the error names", "`sandpiper issue resolve a --resume --reason ..`", "--after N"]
    {
        assert!(help.contains(words), "{help}");
    }
    // That is the next step.
    database.rows(&format!("CREATE DATABASE {away}"));
    project.run("issue resolve a --resume --reason made").exits(0);
    project.applied();
    assert_eq!(database.rows(&format!("SHOW TABLES FROM {away}")), ["t"]);
    database.rows(&format!("DROP DATABASE {away}"));
}

#[test]
fn a_direct_change_that_leaves_a_transaction_open_fails() {
    let Place { project, database } = Place::with_orders("shared");
    project.sql("changes/_0001__Open", "open", "START TRANSACTION;\nINSERT INTO orders VALUES (2, 'two');");
    let failed = project.json("apply").exits(4);
    assert_eq!(failed.of("open", "outcome"), "failed");
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
}

#[test]
fn changes_of_an_atomic_stage_are_one_transaction() {
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::with_orders(mode);
        let atomic =
            project.read("sandpiper.yaml").replace("location: changes", "location: changes, atomic: true");
        project.write("sandpiper.yaml", atomic);
        project.sql("changes/_0001__A", "a", "INSERT INTO orders VALUES (2, 'two');");
        project.sql("changes/_0002__B", "b", "SAVEPOINT x;\nINSERT INTO orders VALUES (3, 'three');");
        project.sql("changes/_0003__C", "c", "INSERT INTO orders VALUES (1, 'again');");
        let failed = project.json("apply").exits(1);
        assert_eq!(failed.of("a", "outcome"), "rolled-back", "{mode}");
        assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"], "{mode}");
        project.sql("changes/_0003__C", "c", "DELETE FROM orders WHERE id = 1;");
        project.applied();
        assert_eq!(database.rows("SELECT id FROM orders ORDER BY id"), ["2", "3"], "{mode}");
        project.sql("changes/_0004__D", "d", "CREATE TABLE t (n INT);");
        project.json("apply").exits(2);
    }
}

#[test]
fn an_undo_takes_a_change_back_in_its_own_mode() {
    let Place { project, database } = Place::with_orders("marked");
    let rows =
        "-- apply\nINSERT INTO orders VALUES (2, 'two');\n-- rollback\nDELETE FROM orders WHERE id = 2;";
    project.sql("changes/_0001__Rows", "rows", rows);
    project.sql(
        "changes/_0002__Table",
        "table",
        "-- apply\nCREATE TABLE t (n INT);\n-- rollback\nDROP TABLE t;",
    );
    project.applied();
    let undone = project.json("undo --last 2").exits(0);
    assert_eq!((undone.of("rows", "mode"), undone.of("table", "mode")), ("marked".into(), "direct".into()));
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
    assert_eq!(database.rows("SHOW TABLES LIKE 't'"), [""; 0]);
    project.applied();
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["2"]);
}
