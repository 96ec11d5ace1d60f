//! `undo`: what is taken back, in which order, and what the next `apply` makes of it.

use sandpiper_tests::{Outcome, Project};

/// A change that makes a table of its own, and takes it back.
fn table(project: &Project, path: &str, id: &str) {
    let body = format!("-- apply\nCREATE TABLE {id} (n INTEGER);\n-- rollback\nDROP TABLE {id};");
    project.sql(path, id, &body);
}

/// `a`, `b` and `c`, applied in the one stage.
fn three(project: Project) -> Project {
    for (number, id) in (1..).zip(["a", "b", "c"]) {
        table(&project, &format!("changes/_000{number}__{}", id.to_uppercase()), id);
    }
    project.applied();
    project
}

/// The ids of the changes of a document, in its order.
fn ids(outcome: &Outcome) -> Vec<String> {
    let stages = outcome.at("/stages");
    let changes = stages.as_array().unwrap().iter().flat_map(|stage| stage["changes"].as_array().unwrap());
    changes.map(|change| change["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_last_change_is_taken_back_and_applied_again() {
    for (project, mode) in [(Project::shared(), "shared"), (Project::marked(), "marked")] {
        let project = three(project);
        let outcome = project.json("undo c").exits(0);
        assert_eq!(
            (outcome.of("c", "outcome"), outcome.of("c", "state")),
            ("undone".into(), "undone".into())
        );
        assert_eq!((outcome.of("c", "mode"), outcome.stage("main")), (mode.into(), "complete".into()));
        assert_eq!((outcome.at("/counts/undone"), outcome.at("/counts/failed")), (1.into(), 0.into()));
        assert_eq!(outcome.of("c", "reason"), "it is applied");
        assert!(outcome.at("/counts").get("not_reached").is_none(), "{outcome}");
        assert_eq!(project.tables(), ["a", "b"]);
        assert_eq!(project.history("c"), ["started", "applied", "undoing", "undone"]);
        let plan = project.json("plan").exits(0);
        assert_eq!((plan.of("c", "action"), plan.at("/pending")), ("apply".into(), 1.into()));
        project.json("undo c").exits(2);
        assert_eq!(project.applied().of("c", "outcome"), "applied");
        assert_eq!(project.tables(), ["a", "b", "c"]);
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    }
}

#[test]
fn outside_of_a_transaction_too() {
    let project = Project::marked();
    let body = "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;";
    project.direct_sql("changes/_0001__A", "a", body);
    project.applied();
    assert_eq!(project.json("undo a").exits(0).of("a", "mode"), "direct");
    assert!(project.tables().is_empty());
    project.applied();
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn the_mode_follows_from_the_rollback() {
    let project = Project::shared();
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;\nVACUUM;",
    );
    assert_eq!(project.applied().of("a", "mode"), "shared");
    assert_eq!(project.json("undo a --dry-run").exits(0).of("a", "mode"), "direct");
    assert_eq!(project.json("undo a").exits(0).of("a", "mode"), "direct");
    assert!(project.tables().is_empty());
}

#[test]
fn the_last_n_are_taken_back_newest_first_and_more_than_there_are_is_all() {
    let project = three(Project::shared());
    let outcome = project.json("undo --last 2").exits(0);
    assert_eq!((ids(&outcome), outcome.at("/counts/undone")), (vec!["c".into(), "b".into()], 2.into()));
    assert_eq!(project.tables(), ["a"]);
    assert_eq!(project.json("undo --last 99").exits(0).at("/counts/undone"), 1);
    assert!(project.tables().is_empty());
    let outcome = project.json("undo --last 1").exits(0);
    assert_eq!((outcome.at("/counts/undone"), outcome.at("/stages")), (0.into(), serde_json::json!([])));
}

#[test]
fn a_change_below_later_ones_is_refused_unless_only_it_is_meant() {
    let project = three(Project::shared());
    let outcome = project.json("undo a").exits(2);
    assert!(outcome.text("/error/message").contains("`c`"), "{outcome}");
    assert_eq!(project.tables(), ["a", "b", "c"]);
    assert_eq!(project.json("undo a --only").exits(0).at("/counts/undone"), 1);
    assert_eq!(project.tables(), ["b", "c"]);
    assert_eq!(project.applied().counts(), [1, 2, 0, 0, 0], "it is out of order, and applied again");
}

#[test]
fn what_is_not_applied_or_not_known_is_refused() {
    let project = Project::shared();
    project.json("undo a").exits(2);
    assert!(!project.has("target.db"), "a refused undo makes no store");
    let project = three(project);
    table(&project, "changes/_0004__D", "d");
    for line in
        ["undo d", "undo nothing", "undo --to d", "undo", "undo a --last 1", "undo --last 0", "undo --last x"]
    {
        project.json(line).exits(2);
    }
    assert_eq!(project.tables(), ["a", "b", "c"]);
}

#[test]
fn what_lies_below_a_change_without_rollback_is_told_a_way_that_works() {
    let project = Project::shared();
    table(&project, "changes/_0001__A", "a");
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (n INTEGER);");
    table(&project, "changes/_0003__C", "c");
    project.applied();
    let refused = project.json("undo a").exits(2);
    assert!(refused.text("/error/message").contains("`b` has no `rollback`"), "{refused}");
    let help = refused.text("/error/help");
    assert!(
        help.contains("`sandpiper undo a --only`") && !help.contains("then `sandpiper undo a`"),
        "{help}"
    );
    let refused = project.json("undo --to a").exits(2);
    assert_eq!(refused.error(), "change::no-rollback");
    assert!(refused.text("/error/problems/0/help").contains("`sandpiper undo c --only`"), "{refused}");
    project.json("undo c --only").exits(0);
    project.json("undo a --only").exits(0);
    assert_eq!(project.tables(), ["b"]);
}

#[test]
fn a_dry_run_shows_it_and_does_nothing() {
    let project = three(Project::marked());
    let before = project.json("audit list --history").exits(0).at("/entries");
    let outcome = project.json("undo --last 2 --dry-run").exits(0);
    assert_eq!((ids(&outcome), outcome.at("/pending")), (vec!["c".into(), "b".into()], 2.into()));
    assert_eq!((outcome.of("c", "action"), outcome.of("c", "mode")), ("undo".into(), "marked".into()));
    project.json("undo a --dry-run").exits(2);
    assert_eq!(project.json("audit list --history").exits(0).at("/entries"), before);
    assert_eq!(project.tables(), ["a", "b", "c"]);
}

const TWO_STAGES: &str = "\
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

fn stages() -> Project {
    let project = Project::new(TWO_STAGES);
    table(&project, "schema/_0001__A", "a");
    table(&project, "schema/_0002__B", "b");
    table(&project, "other/_0001__O", "o");
    project.sql(
        "data/_0001__X",
        "x",
        "-- apply\nINSERT INTO b VALUES (1);\n-- rollback\nDELETE FROM b WHERE n = 1;",
    );
    project.applied();
    project
}

#[test]
fn what_came_after_a_change_goes_with_the_dependent_stages_first() {
    let project = stages();
    let outcome = project.json("undo --to a").exits(0);
    assert_eq!(ids(&outcome), ["x", "b"]);
    assert_eq!(project.tables(), ["a", "o"], "neither the change itself nor an independent stage");
    assert_eq!(project.json("undo --to a").exits(0).at("/counts/undone"), 0);
}

#[test]
fn changes_of_later_stages_that_stay_are_a_warning() {
    let project = stages();
    let outcome = project.json("undo b").exits(0);
    let told = outcome.text("/warnings/0/message");
    assert!(told.starts_with("`x` stays applied, a change of stages after"), "{outcome}");
    assert_eq!(outcome.at("/warnings").as_array().unwrap().len(), 1);
    assert_eq!(project.json("undo o").exits(0).at("/warnings"), serde_json::json!([]));
}

#[test]
fn one_stage_alone_may_be_meant() {
    let project = stages();
    assert_eq!(ids(&project.json("undo --last 9 --stage data").exits(0)), ["x"]);
    project.json("undo a --stage data").exits(2);
    project.json("undo o --stage other").exits(0);
    assert_eq!(project.tables(), ["a", "b"]);
}

#[test]
fn a_failed_undo_leaves_the_stages_before_it_and_goes_on_with_others() {
    let project = stages();
    sandpiper_tests::open(&project.path("target.db"))
        .execute_batch("CREATE TRIGGER keep BEFORE DELETE ON b BEGIN SELECT raise(ABORT, 'kept'); END")
        .unwrap();
    let outcome = project.json("undo --last 9").exits(1);
    assert_eq!((outcome.of("x", "outcome"), outcome.stage("data")), ("undo-failed".into(), "failed".into()));
    assert_eq!(
        (outcome.of("b", "outcome"), outcome.stage("schema")),
        ("not-reached".into(), "not-reached".into())
    );
    assert_eq!((outcome.of("o", "outcome"), outcome.error()), ("undone".into(), "change::failed".into()));
    assert_eq!(project.tables(), ["a", "b"]);
    assert_eq!(project.rows("SELECT n FROM b"), ["1"], "it was rolled back");
    let status = project.json("status --check").exits(3);
    assert_eq!((status.of("x", "state"), status.at("/issues")), ("undo-failed".into(), 0.into()));
    assert_eq!(project.applied().of("x", "outcome"), "already-applied", "it is still applied");
    sandpiper_tests::open(&project.path("target.db")).execute_batch("DROP TRIGGER keep").unwrap();
    project.json("undo x").exits(0);
    assert!(project.rows("SELECT n FROM b").is_empty());
}

#[test]
fn a_change_without_rollback_is_a_problem_before_anything_runs() {
    let project = three(Project::shared());
    project.sql("changes/_0004__D", "d", "CREATE TABLE d (n INTEGER);");
    let yaml = "id: e\nauthor: t\ntarget-system: target\nsteps:\n  - { apply: \"CREATE TABLE e (n INTEGER)\", rollback: \"DROP TABLE e\" }\n  - { apply: \"INSERT INTO e VALUES (1)\" }\n";
    project.write("changes/_0005__E.yaml", yaml);
    project.applied();
    for line in ["undo e", "undo --last 5", "undo --to a", "undo d --only --dry-run"] {
        assert_eq!(project.json(line).exits(2).error(), "change::no-rollback", "{line}");
    }
    assert_eq!(project.tables(), ["a", "b", "c", "d", "e"]);
}

#[test]
fn an_empty_rollback_does_nothing_and_counts_as_done() {
    let project = Project::shared();
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\n-- nothing to do\n",
    );
    project.applied();
    project.json("undo a").exits(0);
    assert_eq!((project.state("a"), project.tables()), ("undone".into(), vec!["a".to_owned()]));
}

#[test]
fn people_read_what_was_taken_back() {
    let project = three(Project::shared());
    let outcome = project.run("undo --last 1").exits(0);
    assert!(outcome.stdout.contains("C") && outcome.stdout.contains("undone"), "{outcome}");
    let refused = project.run("undo a").exits(2);
    assert!(refused.stderr.contains("--only"), "{refused}");
}
