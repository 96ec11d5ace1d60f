//! `on-missing: undo` with `apply --allow-undo`: an older release takes back what it does not have.

use sandpiper_tests::Project;

fn table(project: &Project, path: &str, id: &str) {
    let body = format!("-- apply\nCREATE TABLE {id} (n INTEGER);\n-- rollback\nDROP TABLE {id};");
    project.sql(path, id, &body);
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
policy: { on-missing: undo }
";

/// The new release is applied, then the files are those of the one before, with one that is new.
fn older_release() -> Project {
    let project = Project::new(TWO_STAGES);
    table(&project, "schema/_0001__A", "a");
    table(&project, "schema/_0002__B", "b");
    project.sql(
        "data/_0001__X",
        "x",
        "-- apply\nINSERT INTO b VALUES (1);\n-- rollback\nDELETE FROM b WHERE n = 1;",
    );
    project.applied();
    project.remove("schema/_0002__B.sql").remove("data/_0001__X.sql");
    table(&project, "schema/_0003__C", "c");
    project
}

#[test]
fn what_the_release_does_not_have_is_taken_back_before_anything_is_applied() {
    let project = older_release();
    let plan = project.json("apply --dry-run --allow-undo").exits(0);
    assert_eq!((plan.of("b", "action"), plan.of("x", "action")), ("undo".into(), "undo".into()));
    assert_eq!((plan.of("c", "action"), plan.at("/pending")), ("apply".into(), 3.into()));
    assert_eq!(project.json("plan --allow-undo").exits(0).of("b", "action"), "undo");
    let outcome = project.json("apply --allow-undo").exits(0);
    assert_eq!((outcome.of("b", "outcome"), outcome.of("x", "outcome")), ("undone".into(), "undone".into()));
    assert_eq!((outcome.of("c", "outcome"), outcome.at("/counts/undone")), ("applied".into(), 2.into()));
    assert_eq!((outcome.stage("schema"), outcome.stage("data")), ("complete".into(), "complete".into()));
    assert!(!outcome.stdout.contains("plan::missing"), "what is taken back is not warned of: {outcome}");
    assert_eq!(project.tables(), ["a", "c"]);
    let again = project.json("apply --allow-undo").exits(0);
    assert_eq!((again.counts(), again.at("/counts/undone")), ([0, 2, 0, 0, 0], 0.into()));
}

#[test]
fn without_the_flag_it_is_only_warned_of() {
    let project = older_release();
    let outcome = project.json("apply").exits(0);
    assert!(outcome.stdout.contains("plan::missing"), "{outcome}");
    assert_eq!(project.tables(), ["a", "b", "c"]);
    assert_eq!((project.state("b"), project.state("x")), ("applied".into(), "applied".into()));
}

#[test]
fn the_flag_alone_takes_nothing_back() {
    let project = older_release();
    let text = project.read("sandpiper.yaml").replace("policy: { on-missing: undo }", "");
    project.write("sandpiper.yaml", text);
    project.json("apply --allow-undo").exits(0);
    assert_eq!(project.tables(), ["a", "b", "c"]);
}

#[test]
fn a_stage_may_say_so_alone() {
    let project = older_release();
    let text = project.read("sandpiper.yaml").replace("policy: { on-missing: undo }", "");
    let text = text.replace("after: [schema] }", "after: [schema], policy: { on-missing: undo } }");
    project.write("sandpiper.yaml", text);
    let outcome = project.json("apply --allow-undo").exits(0);
    assert_eq!(outcome.of("x", "outcome"), "undone");
    assert_eq!(project.tables(), ["a", "b", "c"]);
    assert!(project.rows("SELECT n FROM b").is_empty());
}

#[test]
fn a_stage_whose_missing_change_stays_is_not_applied() {
    let project = older_release();
    sandpiper_tests::open(&project.path("target.db"))
        .execute_batch("CREATE TRIGGER keep BEFORE DELETE ON b BEGIN SELECT raise(ABORT, 'kept'); END")
        .unwrap();
    let outcome = project.json("apply --allow-undo").exits(1);
    assert_eq!(
        (outcome.of("x", "outcome"), outcome.of("b", "outcome")),
        ("undo-failed".into(), "not-reached".into())
    );
    assert_eq!((outcome.of("c", "outcome"), outcome.stage("data")), ("not-reached".into(), "failed".into()));
    assert_eq!(project.tables(), ["a", "b"]);
}

#[test]
fn a_missing_change_without_rollback_is_a_problem_before_anything_runs() {
    let project = Project::shared();
    project.configure("policy: { on-missing: undo }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (n INTEGER);");
    project.applied();
    project.remove("changes/_0001__A.sql");
    table(&project, "changes/_0002__B", "b");
    assert_eq!(project.json("apply --allow-undo").exits(2).error(), "change::no-rollback");
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn what_a_later_change_may_build_on_is_not_taken_back_from_below() {
    let project = Project::shared();
    project.configure("policy: { on-missing: undo }");
    table(&project, "changes/_0001__A", "a");
    project.sql(
        "changes/_0002__B",
        "b",
        "-- apply\nCREATE VIEW b AS SELECT n FROM a;\n-- rollback\nDROP VIEW b;",
    );
    project.applied();
    project.remove("changes/_0001__A.sql");
    for line in ["apply --allow-undo", "apply --dry-run --allow-undo"] {
        let outcome = project.json(line).exits(2);
        assert_eq!(outcome.error(), "usage");
        assert!(outcome.text("/error/message").contains("`b`"), "{outcome}");
    }
    assert_eq!((project.tables(), project.state("a")), (vec!["a".to_owned()], "applied".to_owned()));
    assert!(project.run("apply").exits(0).stderr.contains("--allow-undo"));
    project.json("undo b").exits(0);
    project.remove("changes/_0002__B.sql");
    assert_eq!(project.json("apply --allow-undo").exits(0).of("a", "outcome"), "undone");
}

#[test]
fn what_is_applied_again_and_again_is_not_in_the_way() {
    let project = Project::shared();
    project.configure("policy: { on-missing: undo }");
    table(&project, "changes/_0001__A", "a");
    project.write(
        "changes/_0002__V.yaml",
        "id: v\nauthor: tests\ntarget-system: target\ntemplate: sql\ncadence: always\napply: SELECT 1;\n",
    );
    project.applied();
    project.remove("changes/_0001__A.sql");
    assert_eq!(project.json("apply --allow-undo").exits(0).of("a", "outcome"), "undone");
}

#[test]
fn what_waits_for_a_missing_change_that_stays_says_so() {
    let project = older_release();
    sandpiper_tests::open(&project.path("target.db"))
        .execute_batch("CREATE TRIGGER keep BEFORE DELETE ON b BEGIN SELECT raise(ABORT, 'kept'); END")
        .unwrap();
    let outcome = project.json("apply --allow-undo").exits(1);
    assert!(outcome.of("c", "reason").contains("could not be taken back"), "{outcome}");
}

#[test]
fn an_allowance_that_no_policy_makes_use_of_is_remarked() {
    let project = Project::shared();
    table(&project, "changes/_0001__A", "a");
    for line in ["plan --allow-undo", "apply --allow-undo", "apply --allow-undo"] {
        let outcome = project.run(line).exits(0);
        assert!(outcome.stderr.contains("`--allow-undo` has no effect"), "{outcome}");
    }
    project.configure("policy: { on-missing: undo }");
    assert!(!project.run("apply --allow-undo").exits(0).stderr.contains("no effect"));
}
