//! An undo that goes wrong: what is left, what is recorded, and who has to act.

use sandpiper_tests::{Project, component_with_id, open};

const STEPS: &str = "\
id: a
author: t
target-system: target
transactional: false
steps:
  - { apply: \"CREATE TABLE one (n INTEGER)\", rollback: \"DROP TABLE one\" }
  - { apply: \"CREATE TABLE two (n INTEGER)\", rollback: \"DROP TABLE two\" }
  - { apply: \"CREATE TABLE three (n INTEGER)\", rollback: \"DROP TABLE three\" }
";

fn batch(project: &Project, text: &str) {
    open(&project.path("target.db")).execute_batch(text).unwrap();
}

/// A change of three steps, of which the second cannot be taken back.
fn stuck() -> Project {
    let project = Project::marked();
    project.write("changes/_0001__A.yaml", STEPS);
    project.applied();
    batch(&project, "ALTER TABLE two RENAME TO moved");
    project
}

#[test]
fn in_a_transaction_it_is_rolled_back_and_the_change_is_still_applied() {
    for project in [Project::shared(), Project::marked()] {
        let body = "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;\nDROP TABLE nowhere;";
        project.sql("changes/_0001__A", "a", body);
        project.applied();
        let outcome = project.json("undo a").exits(1);
        assert_eq!(
            (outcome.of("a", "outcome"), outcome.of("a", "state")),
            ("undo-failed".into(), "undo-failed".into())
        );
        assert_eq!(outcome.of("a", "/error/effect"), "none");
        assert_eq!((project.tables(), project.state("a")), (vec!["a".to_owned()], "undo-failed".into()));
        assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
        assert!(project.json("issue list").exits(0).at("/issues").as_array().unwrap().is_empty());
        project.json("undo a").exits(1);
        assert_eq!(
            project.history("a"),
            ["started", "applied", "undoing", "undo-failed", "undoing", "undo-failed"]
        );
    }
}

#[test]
fn outside_of_a_transaction_the_other_steps_are_taken_back_and_a_person_is_needed() {
    let project = stuck();
    let outcome = project.json("undo a").exits(4);
    assert_eq!(
        (outcome.of("a", "outcome"), outcome.of("a", "mode")),
        ("undo-failed".into(), "direct".into())
    );
    assert_eq!(project.tables(), ["moved"], "it goes on after a step that fails");
    assert_eq!(project.json("apply").exits(4).of("a", "outcome"), "blocked");
    assert_eq!(project.json("undo a").exits(4).of("a", "outcome"), "blocked");
    let issue = project.json("issue show a").exits(0).at("/issues/0");
    assert_eq!((&issue["state"], &issue["doubtful_step"]), (&"undo-failed".into(), &2.into()), "{issue}");
    assert!(issue["help"].as_str().unwrap().contains("Step 2 is not taken back"), "{issue}");
    project.json("issue resolve a --resume --reason x").exits(2);
    project.json("issue resolve a --resume --after 1 --reason x").exits(2);
    batch(&project, "DROP TABLE moved");
    project.json("issue resolve a --rolled-back --reason \"took the rest back\"").exits(0);
    assert_eq!(project.applied().of("a", "outcome"), "applied");
    assert_eq!(project.tables(), ["one", "three", "two"]);
}

#[test]
fn a_person_may_put_it_back_and_undo_it_again() {
    let project = stuck();
    project.json("undo a").exits(4);
    batch(&project, "ALTER TABLE moved RENAME TO two; CREATE TABLE one (n); CREATE TABLE three (n)");
    project.json("issue resolve a --applied --reason \"put it back\"").exits(0);
    assert_eq!(project.applied().of("a", "outcome"), "already-applied");
    project.json("undo a").exits(0);
    assert!(project.tables().is_empty(), "all of it, not only what was left before");
}

#[test]
fn the_issue_of_an_undo_can_be_settled_without_the_file() {
    let project = stuck();
    project.remove("changes/_0001__A.yaml");
    project.json("undo a").exits(4);
    assert_eq!(project.json("issue list").exits(0).text("/issues/0/change_id"), "a");
    assert_eq!(project.json("status").exits(0).at("/issues"), 1);
    project.json("issue resolve a --rolled-back --reason \"took the rest back\"").exits(0);
    assert!(project.json("issue list").exits(0).at("/issues").as_array().unwrap().is_empty());
}

#[test]
fn a_rollback_of_steps_that_failed_keeps_those_that_are_left() {
    let project = Project::marked();
    let failing = STEPS.replace("rollback: \"DROP TABLE two\"", "rollback: \"DROP TABLE nowhere\"")
        + "  - { apply: \"INSERT INTO nowhere VALUES (1)\", rollback: \"SELECT 1\" }\n";
    project.write("changes/_0001__A.yaml", failing);
    assert_eq!(project.json("apply").exits(4).of("a", "outcome"), "rollback-failed");
    assert_eq!(project.tables(), ["two"]);
    let issue = project.json("issue show a").exits(0).at("/issues/0");
    assert_eq!((&issue["state"], &issue["last_step"]), (&"rollback-failed".into(), &2.into()), "{issue}");
}

#[test]
fn after_a_rollback_that_failed_always_retry_begins_with_what_was_taken_back() {
    let project = Project::marked();
    let text = STEPS
        .replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS")
        .replace("DROP TABLE two", "DROP TABLE nowhere")
        + "  - { apply: \"INSERT INTO later VALUES (1)\", rollback: \"SELECT 1\" }\nrecovery: always-retry\n";
    project.write("changes/_0001__A.yaml", text);
    project.json("apply").exits(1);
    assert_eq!(project.tables(), ["two"]);
    batch(&project, "CREATE TABLE later (n INTEGER)");
    project.applied();
    assert_eq!(project.tables(), ["later", "one", "three", "two"]);
}

#[test]
fn what_cannot_be_taken_back_stays_applied_if_nothing_was_written() {
    for (component, mode) in [("cases", "marked"), ("direct", "direct")] {
        let project = Project::marked();
        let (id, bytes) = component_with_id(component, "kept");
        project.write("changes/_0001__Guest.wasm", bytes);
        project.json("apply --set case=normal").exits(0);
        let outcome = project.json(&format!("undo {id} --set rollback=irreversible")).exits(1);
        assert_eq!(
            (outcome.of(&id, "outcome"), outcome.of(&id, "mode")),
            ("undo-failed".into(), mode.into())
        );
        assert!(outcome.text("/error/message").contains("the old values are gone"), "{outcome}");
        assert_eq!(project.state(&id), "applied");
        assert_eq!(project.json("apply").exits(0).of(&id, "outcome"), "already-applied");
        project.json(&format!("undo {id}")).exits(0);
        assert!(project.tables().is_empty());
    }
}

#[test]
fn a_trap_is_a_failure_of_the_undo() {
    for (component, code) in [("cases", 1), ("direct", 4)] {
        let project = Project::marked();
        let (id, bytes) = component_with_id(component, "kept");
        project.write("changes/_0001__Guest.wasm", bytes);
        project.json("apply --set case=normal").exits(0);
        let outcome = project.json(&format!("undo {id} --set rollback=trap")).exits(code);
        assert_eq!((outcome.error(), project.state(&id)), ("change::trap".into(), "undo-failed".into()));
    }
}

#[test]
fn a_stage_with_a_change_that_needs_a_person_is_not_taken_back() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;");
    project.direct_sql(
        "changes/_0002__B",
        "b",
        "CREATE TABLE b (n INTEGER);\nINSERT INTO nowhere VALUES (1);",
    );
    project.json("apply").exits(4);
    let outcome = project.json("undo a").exits(4);
    assert_eq!(
        (outcome.of("a", "outcome"), outcome.of("b", "outcome")),
        ("not-reached".into(), "blocked".into())
    );
    assert_eq!(
        (outcome.stage("main"), project.tables()),
        ("blocked".into(), vec!["a".to_owned(), "b".to_owned()])
    );
}

#[test]
fn no_secret_is_told_by_a_failed_undo() {
    let mut project = Project::marked();
    project.set_variable("TARGET_FILE", "target-of-secret-name.db");
    let text = project.read("sandpiper.yaml").replace("path: target.db", "path: \"${env:TARGET_FILE}\"");
    project.write("sandpiper.yaml", text);
    let body = "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nSELECT raise_target-of-secret-name.db;";
    project.sql("changes/_0001__A", "a", body);
    project.applied();
    let outcome = project.json("undo a").exits(1);
    let shown = project.json("audit show a").exits(0);
    assert!(
        !outcome.stdout.contains("of-secret-name") && !shown.stdout.contains("of-secret-name"),
        "{shown}"
    );
}
