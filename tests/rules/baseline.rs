//! `baseline`: what was there before Sandpiper counts as applied, and how that is taken back.

use sandpiper_tests::{Project, open};

/// A database that somebody else made up to the second of three changes.
fn grown(project: Project) -> Project {
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (id INTEGER);\n-- rollback\nDROP TABLE a;",
    );
    project.sql(
        "changes/_0002__B",
        "b",
        "-- apply\nCREATE TABLE b (id INTEGER);\n-- rollback\nDROP TABLE b;",
    );
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id INTEGER);");
    project.write("target.db", "");
    open(&project.path("target.db")).execute_batch("CREATE TABLE a (id); CREATE TABLE b (id)").unwrap();
    project
}

/// Two stages of which the second is after the first, and a third.
const STAGES: &str = "\
service: tests
store: target
target-systems:
  target: { kind: sqlite, path: target.db }
pipeline:
  stages:
    - { name: schema, location: schema }
    - { name: data, location: data, after: [schema] }
    - { name: other, location: other }
";

fn staged() -> Project {
    let project = Project::new(STAGES);
    for (stage, id) in [("schema", "s1"), ("schema", "s2"), ("data", "d1"), ("data", "d2"), ("other", "o1")] {
        let number = id.get(1..).unwrap();
        project.sql(
            &format!("{stage}/_000{number}__{}", id.to_uppercase()),
            id,
            &format!("CREATE TABLE {id} (id);"),
        );
    }
    project
}

fn ids(entries: &serde_json::Value) -> Vec<String> {
    let entries = entries.as_array().unwrap();
    entries.iter().map(|entry| entry["change_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_baselined_counts_as_applied_and_does_not_run() {
    for project in [grown(Project::shared()), grown(Project::marked())] {
        let outcome =
            project.json("baseline --to b --reason \"the database is older\" --operator ann").exits(0);
        assert_eq!(ids(&outcome.at("/entries")), ["a", "b"]);
        for (field, value) in
            [("state", "baselined"), ("reason", "the database is older"), ("operator", "ann")]
        {
            assert_eq!(outcome.text(&format!("/entries/0/{field}")), value, "{outcome}");
        }
        assert!(outcome.at("/entries/0/template_digest").is_string(), "{outcome}");
        assert_eq!(project.tables(), ["a", "b"]);
        let outcome = project.applied();
        assert_eq!(
            (outcome.counts(), outcome.of("a", "outcome")),
            ([1, 2, 0, 0, 0], "already-applied".into())
        );
        assert_eq!(project.tables(), ["a", "b", "c"]);
        assert_eq!(project.history("a"), ["baselined"]);
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
        assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
    }
}

#[test]
fn without_a_change_all_that_is_pending_is_baselined_and_a_second_time_nothing() {
    let project = grown(Project::marked());
    assert_eq!(ids(&project.json("baseline --reason x").exits(0).at("/entries")), ["a", "b", "c"]);
    project.json("status --check").exits(0);
    let token = project.json("lock status").at("/locks/0/token");
    let again = project.json("baseline --reason x").exits(0);
    assert_eq!(again.at("/entries"), serde_json::json!([]));
    assert_eq!(project.json("lock status").at("/locks/0/token"), token, "it takes no lock");
    assert_eq!(project.tables(), ["a", "b"]);
}

#[test]
fn up_to_a_change_means_also_the_stages_that_its_stage_is_after() {
    let project = staged();
    assert_eq!(ids(&project.json("baseline --to d1 --reason x").exits(0).at("/entries")), ["s1", "s2", "d1"]);
    let project = staged();
    assert_eq!(ids(&project.json("baseline --stage data --reason x").exits(0).at("/entries")), ["d1", "d2"]);
    assert_eq!(project.json("status").exits(0).at("/pending"), 3);
}

#[test]
fn a_baseline_needs_a_reason_and_a_change_that_there_is() {
    let project = grown(Project::marked());
    let before = project.tree();
    for line in
        ["baseline", "baseline --reason \" \"", "baseline --to x --reason x", "baseline --stage x --reason x"]
    {
        project.json(line).exits(2);
    }
    project.sql("changes/_0004__AddStatus", "add-status", "SELECT 1;");
    let outcome = project.json("baseline --to add-staus --reason x").exits(2);
    assert!(outcome.text("/error/help").contains("`add-status`"), "{outcome}");
    project.remove("changes/_0004__AddStatus.sql");
    assert_eq!(before.differences(&project.tree()), [""; 0]);
}

#[test]
fn a_change_that_its_condition_leaves_out_is_not_baselined() {
    let project = Project::marked();
    project.write(
        "changes/_0001__A.sql",
        "-- sandpiper: id=a author=t target-system=target when=\"environment == other\"\nSELECT 1;\n",
    );
    project.sql("changes/_0002__B", "b", "SELECT 1;");
    assert_eq!(ids(&project.json("baseline --reason x").exits(0).at("/entries")), ["b"]);
}

#[test]
fn a_change_in_doubt_is_settled_before_a_baseline() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", "CREATE TABLE a (id);\nINSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(4);
    let outcome = project.json("baseline --reason x").exits(2);
    assert!(outcome.text("/error/message").contains("`a`"), "{outcome}");
    assert_eq!(project.history("a"), ["started", "failed"]);
}

#[test]
fn a_failed_change_that_was_rolled_back_may_be_baselined() {
    let project = Project::shared();
    project.write("target.db", "");
    open(&project.path("target.db")).execute_batch("CREATE TABLE a (id)").unwrap();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id);");
    project.json("apply").exits(1);
    project.json("baseline --to a --reason \"it is there\"").exits(0);
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
    assert_eq!(project.history("a"), ["started", "failed", "rolled-back", "baselined"]);
}

#[test]
fn a_baseline_that_was_wrong_is_taken_back_by_a_person() {
    let project = grown(Project::shared());
    project.json("baseline --reason x").exits(0);
    for line in ["issue resolve c --applied --reason x", "issue resolve c --resume --reason x"] {
        project.json(line).exits(2);
    }
    let outcome = project.json("issue resolve c --rolled-back --reason \"was not there\"").exits(0);
    assert_eq!(outcome.text("/entries/0/state"), "marked-rolled-back");
    assert_eq!(project.applied().counts(), [1, 2, 0, 0, 0]);
    assert_eq!(project.tables(), ["a", "b", "c"]);
    assert_eq!(project.history("c"), ["baselined", "marked-rolled-back", "started", "applied"]);
    project.json("issue resolve c --rolled-back --reason x").exits(2);
}

#[test]
fn what_a_person_marked_as_applied_may_be_taken_back_too() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", "CREATE TABLE a (id);\nINSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(4);
    project.json("issue resolve a --applied --reason x").exits(0);
    project.json("issue resolve a --applied --reason x").exits(2);
    project.json("issue resolve a --rolled-back --reason \"not at all\"").exits(0);
    assert_eq!(project.json("status").exits(0).at("/pending"), 1);
}

#[test]
fn an_edit_of_a_baselined_change_is_an_edit() {
    let project = grown(Project::shared());
    project.json("baseline --reason x").exits(0);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    assert_eq!(project.json("apply").exits(6).error(), "plan::modified");
    project.json("accept a --reason \"as it was\"").exits(0);
    assert_eq!(project.applied().counts(), [0, 3, 0, 0, 0]);
    assert_eq!(project.history("a"), ["baselined", "baselined"]);
}
