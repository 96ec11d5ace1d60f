//! The transaction is a fact: what could end it is refused, and what no rollback takes back is known to stay.

use sandpiper_tests::component;

use crate::Place;

const GUEST: &str = "test-guest-cases-transactional-0000000001";

#[test]
fn a_component_cannot_end_its_transaction() {
    for mode in ["shared", "marked"] {
        let place = Place::with_orders(mode);
        place.project.write("changes/_0001__Guest.wasm", component("cases"));
        place.database.rows("CREATE PROCEDURE p() COMMIT; CREATE TABLE aside (n INT)");
        for sql in [
            "COMMIT",
            "CREATE TABLE t (n INT)",
            "CREATE TEMPORARY TABLE t (n INT)",
            "CALL p()",
            "SET autocommit = 1",
            "PREPARE s FROM 'COMMIT'",
            "EXECUTE IMMEDIATE 'COMMIT'",
            "LOCK TABLES aside WRITE",
            "/*!99999 SELECT 'a */ COMMIT -- ' */",
            "/*! COMMIT */",
            "/*M! CREATE TABLE t (n INT) */",
            "INSERT INTO aside VALUES (1); COMMIT",
            "DELETE FROM sandpiper_marker",
            "SELECT 1 INTO OUTFILE '/tmp/never'",
        ] {
            let script = sql.replace('"', "\\\"");
            for case in ["execute", "script"] {
                let outcome =
                    place.project.json(&format!("apply --set case={case} --set \"sql={script}\"")).exits(1);
                assert_eq!(outcome.of(GUEST, "outcome"), "rolled-back", "{mode}: {sql}: {outcome}");
            }
        }
        assert_eq!(place.database.rows("SELECT count(*) FROM aside"), ["0"]);
        place.project.json("apply --set case=execute --set \"sql=INSERT INTO aside VALUES (1)\"").exits(0);
        assert_eq!(place.database.rows("SELECT count(*) FROM aside"), ["1"]);
    }
}

#[test]
fn a_table_without_transactions_fails_the_change_which_then_needs_a_person() {
    for engine in ["MyISAM", "MEMORY"] {
        for mode in ["shared", "marked"] {
            let Place { project, database } = Place::with_orders(mode);
            database.rows(&format!("CREATE TABLE plain (n INT) ENGINE = {engine}"));
            project.sql(
                "changes/_0001__Plain",
                "plain",
                "INSERT INTO orders VALUES (2, 'two');\nINSERT INTO plain VALUES (1);\nINSERT INTO orders VALUES (3, 'three');",
            );
            let failed = project.json("apply").exits(4);
            assert_eq!(failed.of("plain", "outcome"), "failed");
            let recorded = project.json("audit show plain").exits(0);
            assert_eq!(
                (recorded.text("/entry/state"), recorded.text("/entry/mode")),
                ("failed".into(), "direct".into())
            );
            let error = failed.change("plain")["error"].clone();
            assert_eq!(
                (&error["code"], &error["effect"]),
                (&"change::transaction-ended".into(), &"unknown".into())
            );
            assert!(error["message"].as_str().unwrap().contains("no rollback takes back"), "{error}");
            assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"], "{mode}");
            assert_eq!(project.json("apply").exits(4).of("plain", "outcome"), "blocked");
        }
    }
}

#[test]
fn a_table_without_transactions_is_seen_through_triggers_and_functions() {
    let Place { project, database } = Place::with_orders("marked");
    database.rows(
        "CREATE TABLE plain (n INT) ENGINE = MyISAM;
         CREATE TRIGGER t AFTER UPDATE ON orders FOR EACH ROW INSERT INTO plain VALUES (NEW.id)",
    );
    project.sql("changes/_0001__Through", "through", "UPDATE orders SET note = 'x';");
    assert_eq!(project.json("apply").exits(4).of("through", "outcome"), "failed");
    assert_eq!(database.rows("SELECT note FROM orders"), ["one"]);
}

#[test]
fn what_a_failed_statement_left_in_such_a_table_is_known_too() {
    let Place { project, database } = Place::with_orders("shared");
    database.rows("CREATE TABLE plain (n INT PRIMARY KEY) ENGINE = MyISAM; INSERT INTO plain VALUES (2)");
    project.sql("changes/_0001__Twice", "twice", "INSERT INTO plain VALUES (1), (2);");
    let failed = project.json("apply").exits(4);
    assert_eq!(failed.of("twice", "outcome"), "failed");
    let error = failed.change("twice")["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("Duplicate entry") && message.contains("no rollback takes back"), "{error}");
    assert_eq!(error["line"], 2, "{error}");
    assert_eq!(database.rows("SELECT n FROM plain ORDER BY n"), ["1", "2"]);
}

#[test]
fn a_table_of_aria_is_refused_and_what_was_not_written_to_it_is_gone() {
    let Place { project, database } = Place::with_orders("shared");
    database.rows("CREATE TABLE plain (n INT) ENGINE = Aria; INSERT INTO plain VALUES (7)");
    project.sql("changes/_0001__Read", "read", "INSERT INTO orders SELECT n, 'seven' FROM plain;");
    let failed = project.json("apply").exits(1);
    assert_eq!(failed.of("read", "outcome"), "rolled-back", "{failed}");
    assert!(failed.change("read")["error"]["message"].as_str().unwrap().contains("Aria"), "{failed}");
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["1"]);
    project.sql("changes/_0001__Read", "read", "INSERT INTO plain VALUES (8);");
    assert_eq!(project.json("apply").exits(4).of("read", "outcome"), "failed");
    assert_eq!(database.rows("SELECT n FROM plain"), ["7", "8"]);
}

#[test]
fn after_a_deadlock_nothing_more_is_done_and_nothing_is_left() {
    let Place { project, database } = Place::with_orders("marked");
    database.rows("INSERT INTO orders VALUES (2, 'two')");
    project.sql(
        "changes/_0001__A",
        "a",
        "UPDATE orders SET note = 'a' WHERE id = 1;\nSELECT SLEEP(3);\nUPDATE orders SET note = 'a' WHERE id = 2;\nINSERT INTO orders VALUES (3, 'three');",
    );
    let running = project.start("apply --format json");
    let since = std::time::Instant::now();
    let asleep = "SELECT count(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(3)' AND db = DATABASE()";
    while database.rows(asleep) != ["1"] {
        assert!(since.elapsed() < std::time::Duration::from_secs(60));
    }
    // The one of the two that has written more is kept.
    database.rows(
        "BEGIN; UPDATE orders SET note = 'other' WHERE id = 2; INSERT INTO orders SELECT seq, 'x' FROM seq_10_to_99;
         UPDATE orders SET note = 'other' WHERE id = 1; COMMIT",
    );
    let failed = running.wait().exits(1);
    assert_eq!(failed.of("a", "outcome"), "rolled-back", "{failed}");
    assert!(failed.change("a")["error"]["message"].as_str().unwrap().contains("1213"), "{failed}");
    assert_eq!(database.rows("SELECT note FROM orders WHERE id < 10 ORDER BY id"), ["other", "other"]);
    project.applied();
    assert_eq!(database.rows("SELECT note FROM orders WHERE id < 10 ORDER BY id"), ["a", "a", "three"]);
}
