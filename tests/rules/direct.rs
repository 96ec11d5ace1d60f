//! Outside of a transaction: what remains after a failure, what `rollback` does, and when a person is needed.

use sandpiper_tests::Project;

const HALF: &str = "CREATE TABLE t (id INTEGER);\nINSERT INTO t VALUES (1);\nINSERT INTO nowhere VALUES (2);\nINSERT INTO t VALUES (3);";

#[test]
fn a_failure_without_rollback_stays_and_blocks() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", HALF);
    let outcome = project.json("apply").exits(4);
    assert_eq!((outcome.of("a", "outcome"), outcome.of("a", "state")), ("failed".into(), "failed".into()));
    assert_eq!(project.rows("SELECT id FROM t"), ["1"], "calls take effect one by one");
    project.json("apply").exits(4);
    assert_eq!(project.rows("SELECT id FROM t"), ["1"], "a blocked change ran");
    assert_eq!(project.history("a"), ["started", "failed"]);
}

#[test]
fn a_rollback_that_succeeds_lets_the_next_run_try_again() {
    let project = Project::marked();
    let body = format!("-- apply\n{HALF}\n-- rollback\nDROP TABLE t;");
    project.direct_sql("changes/_0001__A", "a", &body);
    let outcome = project.json("apply").exits(1);
    assert_eq!(outcome.of("a", "outcome"), "rolled-back");
    assert!(project.tables().is_empty());
    assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
    project.direct_sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE t (id INTEGER);\n-- rollback\nDROP TABLE t;",
    );
    project.applied();
    assert_eq!(project.tables(), ["t"]);
}

#[test]
fn a_rollback_that_fails_needs_a_person() {
    let project = Project::marked();
    project.direct_sql(
        "changes/_0001__A",
        "a",
        &format!("-- apply\n{HALF}\n-- rollback\nDROP TABLE nowhere;"),
    );
    let outcome = project.json("apply").exits(4);
    assert_eq!((outcome.of("a", "outcome"), outcome.counts()), ("rollback-failed".into(), [0, 0, 1, 0, 0]));
    assert_eq!(project.history("a"), ["started", "failed", "rollback-failed"]);
    assert_eq!(project.json("issue list").exits(0).text("/issues/0/state"), "rollback-failed");
    project.json("apply").exits(4);
}

#[test]
fn always_retry_needs_no_person() {
    let project = Project::marked();
    let header =
        "-- sandpiper: id=a author=t target-system=target transactional=false recovery=always-retry\n";
    let body = "CREATE TABLE IF NOT EXISTS t (id INTEGER);\nINSERT INTO later VALUES (1);\n";
    project.write("changes/_0001__A.sql", format!("{header}{body}"));
    project.json("apply").exits(1);
    project.json("apply").exits(1);
    let connection = sandpiper_tests::open(&project.path("target.db"));
    connection.execute_batch("CREATE TABLE later (id INTEGER)").unwrap();
    drop(connection);
    project.applied();
    assert_eq!(project.rows("SELECT id FROM later"), ["1"]);
}

#[test]
fn an_issue_names_the_step_that_was_finished_last() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", HALF);
    project.json("apply").exits(4);
    let issue = project.json("issue show a").exits(0).at("/issues/0");
    assert_eq!(
        (&issue["change_id"], &issue["stage"], &issue["state"]),
        (&"a".into(), &"main".into(), &"failed".into())
    );
    assert_eq!(
        (&issue["mode"], &issue["attempt"], &issue["last_step"]),
        (&"direct".into(), &1.into(), &2.into())
    );
    assert!(issue["help"].as_str().is_some_and(|help| help.contains("issue resolve a")), "{issue}");
    assert!(issue["error"]["message"].as_str().is_some_and(|message| message.contains("nowhere")), "{issue}");
    assert!(issue["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{issue}");
}

#[test]
fn a_transaction_left_open_is_rolled_back_and_fails_the_attempt() {
    let project = Project::marked();
    project.direct_sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE t (id INTEGER);\nBEGIN;\nINSERT INTO t VALUES (1);",
    );
    let outcome = project.json("apply");
    assert!([1, 2, 4].contains(&outcome.code), "{outcome}");
    assert!(
        !project.has("target.db")
            || project.tables().is_empty()
            || project.rows("SELECT id FROM t").is_empty()
    );
}

#[test]
fn a_file_with_a_transaction_of_its_own_is_applied_also_where_the_store_is_in_the_target() {
    let project = Project::new(sandpiper_tests::SHARED);
    project.sql("changes/_0001__A", "a", "CREATE TABLE t (id INTEGER);");
    let rebuilt = "PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE t_new (id INTEGER NOT NULL);
INSERT INTO t_new VALUES (1);
DROP TABLE t;
ALTER TABLE t_new RENAME TO t;
COMMIT;
BEGIN;
INSERT INTO t VALUES (2);
ROLLBACK;
PRAGMA foreign_keys = ON;";
    project.sql("changes/_0002__B", "b", rebuilt);
    let outcome = project.applied();
    let change = outcome.at("/stages/0/changes/1");
    assert_eq!((&change["mode"], &change["outcome"]), (&"direct".into(), &"applied".into()), "{outcome}");
    assert_eq!(project.rows("SELECT id FROM t"), ["1"]);
    project.json("audit verify").exits(0);
}

#[test]
fn what_a_transaction_of_the_files_own_committed_is_not_sent_again() {
    let project = Project::new(sandpiper_tests::SHARED);
    let text = "CREATE TABLE t (id INTEGER);
BEGIN;
INSERT INTO t VALUES (1);
COMMIT;
INSERT INTO later VALUES (1);";
    project.sql("changes/_0001__A", "a", &format!("-- note\n{text}"));
    project.json("apply");
    assert_eq!(project.rows("SELECT id FROM t"), ["1"]);
    let step = "SELECT finished, doubtful IS NULL FROM sandpiper_step";
    assert_eq!(project.rows(step), ["4|1"]);
}
