//! `apply --events`: what happens, as lines of JSON.

use sandpiper_tests::Project;
use serde_json::Value;

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn names(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["event"].as_str().unwrap_or_default()).collect()
}

#[test]
fn every_line_is_an_event_of_the_run_in_its_order() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("changes/_0002__B", "b", "INSERT INTO nowhere VALUES (1);");
    let outcome = project.json("apply --events events.jsonl").exits(1);
    let lines = lines(&project.read("events.jsonl"));
    let expected = [
        "run-started",
        "locking",
        "stage-started",
        "change-started",
        "change-finished",
        "change-started",
        "change-finished",
        "stage-finished",
        "run-finished",
    ];
    assert_eq!(names(&lines), expected);
    for line in &lines {
        assert_eq!((&line["version"], &line["run_id"]), (&1.into(), &outcome.at("/run_id")), "{line}");
    }
    assert_eq!(lines[4]["change"]["id"], "a");
    assert_eq!(lines[6]["change"]["outcome"], "rolled-back");
    let last = &lines[8];
    assert_eq!((&last["exit_code"], &last["counts"]), (&1.into(), &outcome.at("/counts")));
    assert_eq!(last["error"]["code"], "change::failed");
}

#[test]
fn a_file_grows_and_is_never_written_over() {
    let project = Project::shared();
    project.run("apply --events events.jsonl").exits(0);
    project.run("apply --events events.jsonl").exits(0);
    let text = project.read("events.jsonl");
    assert_eq!(names(&lines(&text)).iter().filter(|name| **name == "run-finished").count(), 2);
}

#[test]
fn on_standard_output_there_are_only_lines_of_json() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let outcome = project.run("apply --events -").exits(0);
    assert_eq!(names(&lines(&outcome.stdout)).last(), Some(&"run-finished"));
    assert!(outcome.stderr.contains("1 applied"), "{outcome}");
    let outcome = project.json("apply --events -").exits(0);
    assert_eq!(lines(&outcome.stdout).last().unwrap()["command"], "apply", "the document is the last line");
}

#[test]
fn events_that_cannot_be_written_are_told_before_anything_is_done() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    assert_eq!(project.json("apply --events no/such/folder.jsonl").exits(2).error(), "usage");
    assert!(!project.has("target.db"));
    project.run("apply --events /dev/full").exits(0);
    assert_eq!(project.tables(), ["a"]);
}
