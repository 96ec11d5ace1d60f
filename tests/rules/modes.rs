//! How a change is done: `shared`, `marked` and `direct`, and what the audit records of it.

use sandpiper_tests::{Project, rows};

const GOOD: &str = "CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1);";
const BAD: &str = "CREATE TABLE t (id INTEGER); INSERT INTO nowhere VALUES (1);";

fn mode_of(project: &Project, id: &str) -> String {
    project.json(&format!("audit show {id}")).exits(0).text("/entry/mode")
}

#[test]
fn a_change_to_the_store_itself_is_shared() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", GOOD);
    assert_eq!(project.json("plan").exits(0).of("a", "mode"), "shared");
    assert_eq!(project.applied().of("a", "mode"), "shared");
    assert_eq!(mode_of(&project, "a"), "shared");
    assert_eq!(project.history("a"), ["started", "applied"]);
    let left = project.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sandpiper\\_%' ESCAPE '\\'",
    );
    assert_eq!(left, ["t"], "every table of the store begins with `sandpiper_`");
}

#[test]
fn a_store_that_is_the_same_file_by_its_address_is_shared_too() {
    let project =
        Project::new(&sandpiper_tests::SHARED.replace("store: target", "store: sqlite:./target.db"));
    project.sql("changes/_0001__A", "a", GOOD);
    assert_eq!(project.applied().of("a", "mode"), "shared");
}

#[test]
fn a_change_to_another_database_is_marked() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", GOOD);
    assert_eq!(project.applied().of("a", "mode"), "marked");
    assert_eq!(mode_of(&project, "a"), "marked");
    assert!(project.has(".sandpiper/audit.db"), "the default store");
    assert_eq!(project.rows("SELECT count(*) FROM sandpiper_fence"), ["1"]);
    assert_eq!(project.tables(), ["t"]);
}

#[test]
fn a_change_that_is_not_transactional_is_direct() {
    for project in [Project::shared(), Project::marked()] {
        project.direct_sql("changes/_0001__A", "a", GOOD);
        assert_eq!(project.applied().of("a", "mode"), "direct");
        assert_eq!(mode_of(&project, "a"), "direct");
    }
}

#[test]
fn in_a_transaction_a_failure_leaves_nothing_and_rollback_is_not_called() {
    for project in [Project::shared(), Project::marked()] {
        project.sql(
            "changes/_0001__A",
            "a",
            &format!("-- apply\n{BAD}\n-- rollback\nCREATE TABLE rollback_was_here (id INTEGER);"),
        );
        let outcome = project.json("apply").exits(1);
        assert_eq!(
            (outcome.of("a", "outcome"), outcome.of("a", "/error/effect")),
            ("rolled-back".into(), "none".into())
        );
        assert!(project.tables().is_empty(), "{:?}", project.tables());
        assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
        project.sql("changes/_0001__A", "a", GOOD);
        project.applied();
        assert_eq!(project.rows("SELECT id FROM t"), ["1"]);
        assert_eq!(project.json("audit show a").at("/entry/attempt"), 2);
    }
}

#[test]
fn a_file_with_statements_that_no_transaction_takes_is_direct_when_nothing_is_said() {
    for body in ["VACUUM;", "BEGIN; CREATE TABLE t (id INTEGER); COMMIT;"] {
        let project = Project::marked();
        project.sql("changes/_0001__A", "a", body);
        let plan = project.json("plan").exits(0);
        assert_eq!(plan.of("a", "mode"), "direct", "{plan}");
        assert_eq!(project.applied().of("a", "mode"), "direct", "{body}");
    }
}

#[test]
fn transactional_true_where_it_cannot_be_is_a_problem() {
    let project = Project::marked();
    let header = "-- sandpiper: id=a author=t target-system=target transactional=true\n";
    project.write("changes/_0001__A.sql", format!("{header}VACUUM;\n"));
    project.json("apply").exits(2);
    assert!(!project.has("target.db") && !project.has(".sandpiper/audit.db"));
}

#[test]
fn statements_that_end_the_transaction_are_refused_in_it() {
    for project in [Project::shared(), Project::marked()] {
        let header = "-- sandpiper: id=a author=t target-system=target transactional=true\n";
        project.write(
            "changes/_0001__A.sql",
            format!("{header}CREATE TABLE t (id INTEGER);\nCOMMIT;\nCREATE TABLE u (id INTEGER);\n"),
        );
        let outcome = project.json("apply");
        assert!([1, 2].contains(&outcome.code), "{outcome}");
        let made = project.has("target.db") && !project.tables().is_empty();
        assert!(!made, "something was committed\n{outcome}");
    }
}

#[test]
fn conflict_rollback_ends_the_attempt_as_failed_with_unknown_effect() {
    let project = Project::marked();
    project.sql(
        "changes/_0001__T",
        "t",
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);",
    );
    project.applied();
    let body =
        "CREATE TABLE u (id INTEGER);\nINSERT OR ROLLBACK INTO t VALUES (1);\nCREATE TABLE v (id INTEGER);";
    project.sql("changes/_0002__U", "u", body);
    let outcome = project.json("apply");
    assert_ne!(outcome.code, 0, "{outcome}");
    assert!(["failed", "rolled-back"].contains(&outcome.of("u", "outcome").as_str()), "{outcome}");
    assert_eq!(project.tables(), ["t"]);
}

#[test]
fn guests_may_not_name_our_tables() {
    for project in [Project::shared(), Project::marked()] {
        project.sql("changes/_0001__A", "a", "CREATE TABLE t (id INTEGER);");
        project.applied();
        for statement in [
            "DELETE FROM sandpiper_fence;",
            "CREATE TABLE sandpiper_marker (id INTEGER);",
            "CREATE TEMP TABLE sandpiper_marker (id INTEGER);",
            "DROP TABLE sandpiper_fence;",
            "UPDATE sandpiper_state SET state = 'applied';",
        ] {
            project.sql("changes/_0002__B", "b", statement);
            let outcome = project.json("apply");
            assert!([1, 2].contains(&outcome.code), "{statement}\n{outcome}");
        }
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    }
}

#[test]
fn what_a_change_leaves_in_its_session_does_not_reach_the_next() {
    for project in [Project::shared(), Project::marked()] {
        project.sql(
            "changes/_0001__A",
            "a",
            "CREATE TEMP TABLE left_over (id INTEGER); CREATE TABLE t (id INTEGER);",
        );
        project.sql("changes/_0002__B", "b", "INSERT INTO left_over VALUES (1);");
        let outcome = project.json("apply").exits(1);
        assert_eq!(
            (outcome.of("a", "outcome"), outcome.of("b", "outcome")),
            ("applied".into(), "rolled-back".into())
        );
    }
}

#[test]
fn a_table_can_be_rebuilt_below_its_children() {
    let rebuild = "PRAGMA foreign_keys = off;\nCREATE TABLE parents_new (id INTEGER PRIMARY KEY, name TEXT);\n\
                   INSERT INTO parents_new (id) SELECT id FROM parents;\nDROP TABLE parents;\n\
                   ALTER TABLE parents_new RENAME TO parents;\nPRAGMA foreign_keys = on;";
    for project in [Project::shared(), Project::marked()] {
        project.sql(
            "changes/_0001__A",
            "a",
            "CREATE TABLE parents (id INTEGER PRIMARY KEY);\n\
             CREATE TABLE children (parent INTEGER REFERENCES parents (id) ON DELETE CASCADE);\n\
             INSERT INTO parents VALUES (1); INSERT INTO children VALUES (1);",
        );
        project.sql("changes/_0002__B", "b", rebuild);
        project.applied();
        assert_eq!(project.rows("SELECT parent FROM children"), ["1"]);
        assert_ne!(project.json("audit show b").text("/entry/mode"), "direct");
    }
}

#[test]
fn new_violations_of_foreign_keys_fail_the_change_before_the_commit() {
    for project in [Project::shared(), Project::marked()] {
        project.sql(
            "changes/_0001__A",
            "a",
            "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children (parent INTEGER REFERENCES parents (id));",
        );
        project.sql("changes/_0002__B", "b", "INSERT INTO children VALUES (7);");
        let outcome = project.json("apply").exits(1);
        assert_eq!(outcome.of("b", "outcome"), "rolled-back");
        assert_eq!(project.rows("SELECT count(*) FROM children"), ["0"]);
    }
}

#[test]
fn the_store_and_the_target_keep_what_is_theirs() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", GOOD);
    project.applied();
    let tables =
        rows(&project.path(".sandpiper/audit.db"), "SELECT name FROM sqlite_master WHERE type = 'table'");
    assert!(
        tables.iter().all(|name| name.starts_with("sandpiper_") || name.starts_with("sqlite_")),
        "{tables:?}"
    );
}

#[test]
fn a_target_file_keeps_its_journal_mode() {
    for mode in ["delete", "wal"] {
        let project = Project::marked();
        let connection = rusqlite::Connection::open(project.path("target.db")).unwrap();
        connection.query_row(&format!("PRAGMA journal_mode = {mode}"), [], |_| Ok(())).unwrap();
        connection.execute_batch("CREATE TABLE mine (id INTEGER)").unwrap();
        drop(connection);
        project.sql("changes/_0001__A", "a", GOOD);
        project.applied();
        assert_eq!(project.rows("PRAGMA journal_mode"), [mode]);
    }
}
