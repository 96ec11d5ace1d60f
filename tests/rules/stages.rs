//! Stages: order inside, `after` between, and what a failure stops and what not.

use sandpiper_tests::Project;

const STAGES: &str = "\
service: tests
store: target
target-systems:
  target: { kind: sqlite, path: target.db }
pipeline:
  stages:
    - { name: late, location: late, after: [early] }
    - { name: early, location: early }
    - { name: alone, location: alone }
    - { name: last, location: last, after: [late, alone] }
";

fn project() -> Project {
    let project = Project::new(STAGES);
    project.sql("early/_0001__E", "e", "CREATE TABLE e (id INTEGER PRIMARY KEY);");
    project.sql("late/_0001__L", "l", "INSERT INTO e VALUES (1);");
    project.sql("alone/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("last/_0001__Z", "z", "INSERT INTO a SELECT id FROM e;");
    project
}

#[test]
fn a_stage_starts_when_those_it_is_after_are_complete() {
    let project = project();
    let outcome = project.applied();
    assert_eq!(outcome.counts(), [4, 0, 0, 0, 0]);
    assert_eq!(project.rows("SELECT id FROM a"), ["1"]);
    let names: Vec<_> =
        outcome.at("/stages").as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["late", "early", "alone", "last"], "the order of the configuration");
}

#[test]
fn a_failed_stage_stops_those_after_it_and_no_other() {
    let project = project();
    project.sql("early/_0001__E", "e", "INSERT INTO nowhere VALUES (1);");
    let outcome = project.json("apply").exits(1);
    let stages = ["early", "late", "alone", "last"].map(|name| outcome.stage(name));
    assert_eq!(stages, ["failed", "not-reached", "complete", "not-reached"]);
    assert_eq!(outcome.counts(), [1, 0, 1, 2, 0]);
    assert_eq!(outcome.of("l", "outcome"), "not-reached");
    assert_eq!(project.state("l"), "");
    assert_eq!(project.state("e"), "rolled-back");
}

#[test]
fn a_stage_stops_at_the_first_change_that_is_not_applied() {
    let project = project();
    project.sql("early/_0002__F", "f", "INSERT INTO nowhere VALUES (1);");
    project.sql("early/_0003__G", "g", "CREATE TABLE g (id INTEGER);");
    let outcome = project.json("apply").exits(1);
    assert_eq!(
        ["e", "f", "g"].map(|id| outcome.of(id, "outcome")),
        ["applied", "rolled-back", "not-reached"]
    );
    assert_eq!(project.tables(), ["a", "e"]);
}

#[test]
fn a_blocked_stage_runs_nothing_of_it_and_stops_those_after_it() {
    let project = project();
    project.direct_sql(
        "early/_0001__E",
        "e",
        "CREATE TABLE e (id INTEGER PRIMARY KEY); INSERT INTO nowhere VALUES (1);",
    );
    project.json("apply").exits(4);
    project.sql("early/_0000__First", "first", "CREATE TABLE first (id INTEGER);");
    let outcome = project.json("apply").exits(4);
    assert_eq!(
        (outcome.stage("early"), outcome.stage("late")),
        ("blocked".to_owned(), "not-reached".to_owned())
    );
    assert_eq!(
        (outcome.of("e", "outcome"), outcome.of("first", "outcome")),
        ("blocked".to_owned(), "not-reached".to_owned())
    );
    assert!(!project.tables().contains(&"first".to_owned()));
}

#[test]
fn orders_are_compared_as_text() {
    let project = Project::shared();
    project.sql("changes/_0002a__C", "c", "INSERT INTO t VALUES ('c');");
    project.sql("changes/_0002__B", "b", "INSERT INTO t VALUES ('b');");
    project.sql("changes/_0010__D", "d", "INSERT INTO t VALUES ('d');");
    project.sql("changes/_0001__A", "a", "CREATE TABLE t (name TEXT);");
    project.applied();
    assert_eq!(project.rows("SELECT name FROM t ORDER BY rowid"), ["b", "c", "d"]);
}

#[test]
fn to_takes_the_stages_with_it_that_its_stage_is_after() {
    let project = project();
    project.sql("early/_0002__F", "f", "CREATE TABLE f (id INTEGER);");
    project.sql("late/_0002__M", "m", "INSERT INTO e VALUES (2);");
    let outcome = project.json("apply --to l").exits(0);
    assert_eq!(outcome.counts()[0], 3, "{outcome}");
    assert_eq!(project.tables(), ["e", "f"]);
    assert_eq!(project.rows("SELECT id FROM e"), ["1"]);
}

#[test]
fn only_with_earlier_pending_changes_is_a_problem() {
    let project = project();
    project.sql("early/_0002__F", "f", "CREATE TABLE f (id INTEGER);");
    project.json("apply --only f").exits(2);
    assert!(!project.has("target.db"));
    assert_eq!(project.json("apply --only e").exits(0).counts()[0], 1);
    assert_eq!(project.json("apply --only f").exits(0).counts()[0], 1);
    assert_eq!(project.tables(), ["e", "f"]);
}

#[test]
fn an_id_that_is_none_is_2() {
    let project = project();
    for line in ["apply --to nothing", "apply --only nothing", "plan --to nothing", "apply --stage nothing"] {
        let outcome = project.json(line).exits(2);
        assert!(outcome.text("/error/message").contains("`nothing`"), "{outcome}");
    }
    assert!(!project.has("target.db"));
}

#[test]
fn one_stage_alone_can_be_chosen() {
    let project = project();
    project.json("apply --stage alone").exits(0);
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn cycles_and_unknown_stages_are_problems() {
    let circle = STAGES.replace("location: early }", "location: early, after: [late] }");
    let project = Project::new(&circle);
    for folder in ["early", "late", "alone", "last"] {
        project.write(&format!("{folder}/README.md"), "");
    }
    assert!(project.json("validate").exits(2).codes().contains(&"plan::cycle".to_owned()));
    project.write("sandpiper.yaml", STAGES.replace("[early]", "[erly]"));
    let outcome = project.json("validate").exits(2);
    assert!(outcome.stdout.contains("`erly`") && outcome.stdout.contains("`early`"), "{outcome}");
}

#[test]
fn stages_on_different_files_run_under_locks_of_their_own() {
    let project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: target.db }\n  other: { kind: sqlite, path: other.db }\n\
         pipeline:\n  stages:\n    - { name: main, location: changes }\n    - { name: second, location: second }\n",
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.write(
        "second/_0001__B.sql",
        "-- sandpiper: id=b author=t target-system=other\nCREATE TABLE b (id INTEGER);\n",
    );
    assert_eq!(project.applied().counts(), [2, 0, 0, 0, 0]);
    let locks = project.json("lock status").exits(0);
    let stages: Vec<_> =
        locks.at("/locks").as_array().unwrap().iter().map(|it| it["stage"].clone()).collect();
    assert_eq!(stages, ["main", "second"]);
}
