//! A file that another process does not let go of: whoever waits for it and is told to stop ends soon after its grace.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use sandpiper_tests::{MARKED, Outcome, Project, Running, open};

use crate::signals::signal;

/// Waits for a file as long as nobody would, and has a short grace.
const PATIENT: &str = "lock: { lease: 60s, wait: 600s }\nlimits: { grace: 500ms }";

fn project(body: &str) -> Project {
    let project = Project::new(MARKED);
    project.configure(PATIENT);
    project.sql(
        "changes/_0000__Log",
        "log",
        "-- apply\nCREATE TABLE log (part INTEGER);\n-- rollback\nDROP TABLE log;",
    );
    project.applied();
    project.write("changes/_0001__A.sql", format!("-- sandpiper: id=a author=t target-system=target {body}"));
    project
}

/// Keeps everybody else from writing to a file while it lives.
fn hold(file: &Path) -> Connection {
    let connection = open(file);
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

/// Tells a run to stop that has come to its wait, and lets it end: well before the wait would.
#[track_caller]
fn told(mut running: Running, name: &str) -> Outcome {
    std::thread::sleep(Duration::from_millis(1500));
    assert!(!running.has_ended(), "it does not wait");
    signal(&running, name);
    let since = Instant::now();
    while !running.has_ended() {
        assert!(since.elapsed() < Duration::from_secs(60), "it waits on although it was told to stop");
        std::thread::sleep(Duration::from_millis(50));
    }
    running.wait()
}

#[test]
fn a_run_that_waits_for_its_store_ends_when_it_is_told() {
    for (line, name, code) in [
        ("apply", "TERM", 143),
        ("apply", "INT", 130),
        ("baseline --reason x", "TERM", 143),
        ("undo log", "TERM", 143),
    ] {
        let project = project("\nINSERT INTO log VALUES (1);\n");
        let held = hold(&project.path(".sandpiper/audit.db"));
        let outcome = told(project.start(&format!("{line} --format json")), name).exits(code);
        drop(held);
        assert!(project.rows("SELECT part FROM log").is_empty(), "{outcome}");
        project.applied();
    }
}

#[test]
fn a_run_that_waits_for_its_target_ends_when_it_is_told_and_records_that() {
    for keys in ["", "transactional=false"] {
        let project = project(&format!("{keys}\nINSERT INTO log VALUES (1);\n"));
        let held = hold(&project.path("target.db"));
        let outcome = told(project.start("apply --format json"), "TERM").exits(143);
        assert_eq!(outcome.of("a", "outcome"), "rolled-back", "{outcome}");
        assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
        assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
        drop(held);
        project.applied();
        assert_eq!(project.rows("SELECT part FROM log"), ["1"]);
    }
}
