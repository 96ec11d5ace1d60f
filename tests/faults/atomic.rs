//! Atomic stages whose process is killed, stopped, or robbed of its lock: all or none is there.

use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper_tests::{MARKED, Project, Running, SHARED, component};

use crate::{LOCK, change, exactly_once};

const ID: &str = "test-guest-cases-transactional-0000000001";

fn atomic(configuration: &str) -> Project {
    let configuration = configuration.replace("location: changes }", "location: changes, atomic: true }");
    let project = Project::new(&configuration);
    project.configure(LOCK);
    project
}

/// A stage whose second change is a guest that takes its time, and is at it.
fn running(configuration: &str) -> (Project, Running) {
    let project = atomic(configuration);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (x);");
    project.write("changes/_0002__Guest.wasm", component("cases"));
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (x);");
    let running = project.start("apply --format json --set case=wait-for-cancel");
    let since = Instant::now();
    while project.json("status").at("/stages/0/changes/2/state") != "started" {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    std::thread::sleep(Duration::from_millis(500));
    (project, running)
}

#[test]
fn a_signal_lets_nothing_of_the_stage_be_committed() {
    for configuration in [SHARED, MARKED] {
        let (project, running) = running(configuration);
        let sent = Command::new("kill").args(["-s", "TERM", &running.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let outcome = running.wait().exits(143);
        assert!(project.tables().is_empty(), "{outcome}");
        assert_eq!(["a", ID, "c"].map(|id| outcome.of(id, "state")), ["rolled-back"; 3]);
        assert_eq!(project.history("c"), ["started", "rolled-back"]);
        assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
        project.json("apply --set case=normal").exits(0);
    }
}

#[test]
fn a_killed_run_leaves_nothing_and_the_next_one_applies_all() {
    for configuration in [SHARED, MARKED] {
        let (project, running) = running(configuration);
        running.kill();
        assert_eq!(["a", ID, "c"].map(|id| project.state(id)), ["started"; 3]);
        let outcome = project.json("apply --set case=normal").exits(0);
        assert_eq!(outcome.counts(), [3, 0, 0, 0, 0], "{outcome}");
    }
}

#[test]
fn a_lost_lock_lets_nothing_of_the_stage_be_committed() {
    let (project, running) = running(MARKED);
    project.json("lock release --reason \"it is taken away\"").exits(0);
    let outcome = running.wait().exits(5);
    assert!(project.tables().is_empty(), "{outcome}");
    assert_eq!(outcome.error(), "lock::lost", "{outcome}");
    project.json("apply --set case=normal").exits(0);
}

/// So many kills a mode, at moments spread over the length of a run.
const KILLS: u32 = 12;

#[test]
fn wherever_it_is_killed_all_or_none_is_there() {
    for configuration in [SHARED, MARKED] {
        let project = atomic(configuration);
        project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
        let since = Instant::now();
        project.applied();
        let usual = since.elapsed();
        let mut last = 0;
        for kill in 0..KILLS {
            (last + 1..=last + 4).for_each(|number| change(&project, number));
            last += 4;
            let running = project.start("apply");
            std::thread::sleep(usual * kill / KILLS);
            running.kill();
            let there = project.rows("SELECT count(DISTINCT change) FROM log");
            assert!(there == [(last - 4).to_string()] || there == [last.to_string()], "{there:?} of {last}");
            project.applied();
            exactly_once(&project, last);
        }
    }
}
