//! SIGTERM and SIGINT: the running change is stopped cleanly, and its state recorded.

use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper_tests::{MARKED, Project, Running, SHARED, component};

const ID: &str = "test-guest-cases-transactional-0000000001";

pub(crate) fn signal(running: &Running, name: &str) {
    let status = Command::new("kill").args(["-s", name, &running.id().to_string()]).status().unwrap();
    assert!(status.success());
}

/// A run whose guest is at work: its lease is held, and a moment has passed since.
fn running(project: &Project, settings: &str) -> Running {
    let running = project.start(&format!("apply --format json {settings}"));
    let since = Instant::now();
    while project.json("status").at("/stages/0/changes/0/state") != "started" {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    std::thread::sleep(Duration::from_millis(300));
    running
}

#[test]
fn a_change_that_is_told_to_stop_is_rolled_back_and_recorded() {
    for (configuration, name, code) in [(SHARED, "TERM", 143), (MARKED, "INT", 130)] {
        let project = Project::new(configuration);
        project.write("changes/_0001__Guest.wasm", component("cases"));
        project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
        let running = running(&project, "--set case=wait-for-cancel");
        signal(&running, name);
        let outcome = running.wait().exits(code);
        assert_eq!(
            (outcome.of(ID, "outcome"), outcome.of("b", "outcome")),
            ("rolled-back".into(), "not-reached".into())
        );
        assert_eq!(project.history(ID), ["started", "failed", "rolled-back"]);
        assert!(project.tables().is_empty());
        assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
        project.json("apply --set case=normal").exits(0);
    }
}

/// The rollback of a change that failed on its own goes on when the run is told to stop, but not for longer than a grace.
#[test]
fn a_rollback_that_is_slow_is_stopped_when_its_grace_is_over() {
    let project = Project::new(MARKED);
    project.configure("limits: { grace: 1s }");
    let slow =
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
    let body =
        format!("-- apply\nCREATE TABLE t (x);\nINSERT INTO nowhere VALUES (1);\n-- rollback\n{slow};\n");
    project.direct_sql("changes/_0001__A", "a", &body);
    let running = project.start("apply --format json");
    let since = Instant::now();
    while !project.has("target.db") || project.tables().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(500));
    let since = Instant::now();
    signal(&running, "TERM");
    let outcome = running.wait().exits(4);
    assert!(since.elapsed() < Duration::from_secs(30), "it was not stopped:\n{outcome}");
    assert_eq!(outcome.of("a", "outcome"), "rollback-failed");
    assert_eq!(project.history("a"), ["started", "failed", "rollback-failed"]);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

#[test]
fn a_second_signal_ends_it_at_once_which_equals_a_crash() {
    let project = Project::new(MARKED);
    project.configure(crate::LOCK);
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = running(&project, "--set case=sleep --set milliseconds=600000");
    signal(&running, "TERM");
    std::thread::sleep(Duration::from_millis(200));
    signal(&running, "TERM");
    let outcome = running.wait().exits(143);
    assert_eq!(outcome.error(), "interrupted", "one document, whatever happens");
    project.json("apply --set case=normal").exits(0);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_baseline_waits_for_the_run_that_is_at_it_and_counts_what_that_leaves() {
    let project = Project::new(SHARED);
    project.configure(crate::LOCK);
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = running(&project, "--set case=sleep --set milliseconds=1500");
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    let outcome = project.json("baseline --reason x").exits(0);
    running.wait().exits(0);
    assert_eq!(outcome.at("/entries").as_array().unwrap().len(), 1, "{outcome}");
    assert_eq!(
        (project.history(ID), project.history("b")),
        (vec!["started".into(), "applied".into()], vec!["baselined".into()])
    );
}
