//! Transactions that a `direct` change begins and ends itself, beside a store in the same file and in another.

use sandpiper_tests::{MARKED, Project, SHARED};

/// Nobody waits long for a file here: a host that waits for its own change fails at once.
const IMPATIENT: &str = "lock: { wait: 1s }";

fn project(configuration: &str, body: &str) -> Project {
    let project = Project::new(configuration);
    project.configure(IMPATIENT);
    project.direct_sql("changes/_0001__A", "a", body);
    project
}

#[test]
fn a_savepoint_outside_of_a_transaction_begins_one_that_its_release_ends() {
    let body = "SAVEPOINT one;\nCREATE TABLE t (id INTEGER);\nSAVEPOINT two;\nINSERT INTO t VALUES (1);\n\
                RELEASE two;\nINSERT INTO t VALUES (2);\nRELEASE one;\nINSERT INTO t VALUES (3);";
    for configuration in [SHARED, MARKED] {
        let project = project(configuration, body);
        project.applied();
        assert_eq!(project.rows("SELECT id FROM t"), ["1", "2", "3"]);
    }
}

#[test]
fn what_is_left_open_is_rolled_back_and_is_not_finished() {
    for begin in ["BEGIN", "SAVEPOINT s"] {
        for configuration in [SHARED, MARKED] {
            let left_open = format!("CREATE TABLE t (id INTEGER);\n{begin};\nINSERT INTO t VALUES (1);");
            let project = project(configuration, &left_open);
            let outcome = project.json("apply").exits(4);
            let error = outcome.at("/error");
            assert_eq!((&error["code"], &error["effect"]), (&"change::failed".into(), &"unknown".into()));
            assert!(error["message"].as_str().unwrap().contains("left a transaction open"), "{outcome}");
            assert_eq!(error["line"], 3, "where it begins: {outcome}");
            assert_eq!(project.history("a"), ["started", "failed"]);
            assert_eq!(project.rows("SELECT count(*) FROM t"), ["0"]);
            let issue = project.json("issue show a").exits(0).at("/issues/0");
            assert_eq!((&issue["last_step"], &issue["doubtful_step"]), (&1.into(), &serde_json::Value::Null));
            let end = if begin == "BEGIN" { "COMMIT" } else { "RELEASE s" };
            project.direct_sql("changes/_0001__A", "a", &format!("{left_open}\n{end};"));
            project.run("issue resolve a --resume --reason mended").exits(0);
            project.applied();
            assert_eq!(project.rows("SELECT id FROM t"), ["1"], "it goes on after what was finished");
        }
    }
}

#[test]
fn a_step_that_leaves_a_transaction_open_fails_and_the_steps_before_it_are_taken_back() {
    for configuration in [SHARED, MARKED] {
        let project = Project::new(configuration);
        project.configure(IMPATIENT);
        let steps = "id: a\nauthor: t\ntarget-system: target\ntemplate: sql\ntransactional: false\nsteps:\n\
                     \x20 - { apply: CREATE TABLE one (x), rollback: DROP TABLE one }\n\
                     \x20 - { apply: \"BEGIN; CREATE TABLE two (x)\", rollback: DROP TABLE two }\n";
        project.write("changes/_0001__A.yaml", steps);
        let outcome = project.json("apply").exits(1);
        assert_eq!(outcome.of("a", "outcome"), "rolled-back", "{outcome}");
        assert!(project.tables().is_empty());
    }
}

#[test]
fn a_rollback_that_fails_inside_of_a_transaction_of_its_own_does_not_keep_the_others_from_being_taken_back() {
    for configuration in [SHARED, MARKED] {
        let project = Project::new(configuration);
        project.configure(IMPATIENT);
        let steps = "id: a\nauthor: t\ntarget-system: target\ntemplate: sql\ntransactional: false\nsteps:\n\
                     \x20 - { apply: CREATE TABLE one (x), rollback: DROP TABLE one }\n\
                     \x20 - { apply: CREATE TABLE two (x), rollback: \"BEGIN; DROP TABLE two; DROP TABLE nowhere\" }\n\
                     \x20 - { apply: SELECT * FROM nowhere, rollback: SELECT 1 }\n";
        project.write("changes/_0001__A.yaml", steps);
        let outcome = project.json("apply").exits(4);
        assert_eq!(outcome.of("a", "outcome"), "rollback-failed", "{outcome}");
        assert_eq!(project.tables(), ["two"]);
        let issue = project.json("issue show a").exits(0);
        assert_eq!(issue.at("/issues/0/last_step"), 2, "{issue}");
    }
}

#[test]
fn what_only_the_host_sees_go_wrong_is_told_with_the_line_of_its_statement() {
    let project = Project::new(SHARED);
    let twice = "CREATE TABLE t (id INTEGER PRIMARY KEY);\nINSERT INTO t VALUES (1);\n-- INSERT OR ROLLBACK\n\
                 INSERT OR ROLLBACK INTO t VALUES (1);\nSELECT 1;";
    project.sql("changes/_0001__A", "a", twice);
    let outcome = project.json("apply");
    assert_eq!(
        (outcome.error().as_str(), outcome.at("/error/line")),
        ("change::transaction-ended", 5.into())
    );
    let project = Project::new(SHARED);
    project.configure("limits: { deadline: 1s }");
    let endless = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c;";
    project.sql("changes/_0001__A", "a", &format!("CREATE TABLE t (id INTEGER);\n{endless}\nSELECT 1;"));
    let outcome = project.json("apply").exits(1);
    assert_eq!((outcome.error().as_str(), outcome.at("/error/line")), ("change::deadline", 3.into()));
}
