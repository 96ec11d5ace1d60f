//! `kill -9` in the middle of an undo: what is there and what the audit says agree, and the next `undo` or `apply` needs
//! no person in a transaction.

use std::time::{Duration, Instant};

use sandpiper_tests::{MARKED, Project, SHARED, component};

use crate::kills::Random;
use crate::project;

/// Changes of a project; each adds two rows of its own, and takes them back.
const CHANGES: usize = 8;

fn changes(mode: &str) -> Project {
    let project = project(mode);
    for number in 1..=CHANGES {
        let rows = format!(
            "-- apply\nINSERT INTO log VALUES ('c{number}', 1);\nINSERT INTO log VALUES ('c{number}', 2);\n\
             -- rollback\nDELETE FROM log WHERE change = 'c{number}' AND part = 2;\n\
             DELETE FROM log WHERE change = 'c{number}' AND part = 1;"
        );
        project.sql(&format!("changes/_{number:04}__C{number}"), &format!("c{number}"), &rows);
    }
    project.applied();
    project
}

/// Sees that exactly the first changes are there, as the audit says, and gives how many.
#[track_caller]
fn agreed(project: &Project) -> usize {
    let there = project.rows("SELECT change, part FROM log ORDER BY rowid").len();
    assert_eq!(there % 2, 0, "a change is there in part");
    let plan = project.json("plan").exits(0);
    let applied = (1..=CHANGES).filter(|number| plan.of(&format!("c{number}"), "action") == "skip").count();
    assert_eq!(applied, there / 2, "the audit says something else: {plan}");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(project.json("status").exits(0).at("/issues"), 0);
    applied
}

#[test]
fn a_killed_undo_in_shared_mode_needs_no_person() {
    killed("shared");
}

#[test]
fn a_killed_undo_in_marked_mode_needs_no_person() {
    killed("marked");
}

fn killed(mode: &str) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let kills = number("SANDPIPER_KILLS").unwrap_or(60) / 4;
    let seed = number("SANDPIPER_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("SANDPIPER_SEED={seed}");
    let mut random = Random(seed * 1_000 + 1);
    let project = changes(mode);
    let since = Instant::now();
    project.json("undo --to log").exits(0);
    let mut usual = since.elapsed();
    project.applied();
    let (mut killed, mut rounds) = (0, 0);
    while killed < kills {
        rounds += 1;
        assert!(rounds < 10 * kills, "the runs end before they are killed");
        let mut running = project.start("undo --to log");
        std::thread::sleep(random.below(usual));
        if running.has_ended() {
            running.wait().exits(0);
            // The first one was slower than the others are: the next signal comes earlier.
            usual = usual * 3 / 4;
        } else {
            running.kill();
            killed += 1;
        }
        // Whoever comes next goes on taking back, or applies what is missing.
        if random.next().is_multiple_of(2) {
            project.json("undo --to log").exits(0);
            assert_eq!(agreed(&project), 0);
        }
        project.applied();
        assert_eq!(agreed(&project), CHANGES);
    }
}

const VERIFY: &str = "test-guest-cases-verify-000000000000000001";

/// A project whose component was killed in the middle of its rollback, outside of a transaction.
fn killed_outside(name: &str) -> Project {
    let project = Project::new(MARKED);
    project.configure(crate::LOCK);
    project.write("changes/_0001__Guest.wasm", component(name));
    project.json("apply --set case=nothing").exits(0);
    let running = project.start("undo --last 1 --set rollback=sleep --set milliseconds=60000");
    let since = Instant::now();
    while project.tables().is_empty() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.kill();
    project
}

#[test]
fn outside_of_a_transaction_verify_is_asked() {
    for (verdict, line, code, outcome, states) in [
        ("applied", "undo --last 1", 0, "undone", &["applied", "undoing", "undone"][..]),
        ("not-applied", "undo --last 1", 0, "recovered", &["undone"]),
        ("unknown", "undo --last 1", 4, "blocked", &[]),
        ("applied", "apply", 0, "recovered", &["applied"]),
        ("not-applied", "apply", 0, "applied", &["undone", "started", "applied"]),
        ("unknown", "apply", 4, "blocked", &[]),
    ] {
        let project = killed_outside("verify");
        assert_eq!(project.state(VERIFY), "undoing");
        let ended = project
            .json(&format!("{line} --set case=nothing --set rollback=nothing --set verdict={verdict}"));
        let ended = ended.exits(code);
        assert_eq!(ended.of(VERIFY, "outcome"), outcome, "{verdict} {line}");
        let history = [&["started", "applied", "undoing"], states].concat();
        assert_eq!(project.history(VERIFY), history, "{verdict} {line}");
    }
}

#[test]
fn outside_of_a_transaction_without_verify_a_person_is_needed() {
    let project = killed_outside("direct");
    project.json("undo --last 1").exits(4);
    project.json("apply").exits(4);
    assert_eq!(project.json("issue list").exits(0).text("/issues/0/state"), "undoing");
    let id = project.json("issue list").exits(0).text("/issues/0/change_id");
    project.json(&format!("issue resolve {id} --resume --reason x")).exits(2);
    project.json(&format!("issue resolve {id} --applied --reason \"it is there\"")).exits(0);
    project.json(&format!("undo {id} --set rollback=drop")).exits(0);
    assert!(project.tables().is_empty());
}

#[test]
fn an_undo_that_is_told_to_stop_is_rolled_back_and_recorded() {
    for configuration in [SHARED, MARKED] {
        let project = Project::new(configuration);
        project.write("changes/_0001__Guest.wasm", component("cases"));
        project.json("apply --set case=nothing").exits(0);
        let running = project.start("undo --last 1 --format json --set rollback=wait-for-cancel");
        let since = Instant::now();
        while project.json("status").at("/stages/0/changes/0/state") != "undoing" {
            assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
        }
        std::thread::sleep(Duration::from_millis(300));
        let killed =
            std::process::Command::new("kill").args(["-s", "TERM", &running.id().to_string()]).status();
        assert!(killed.unwrap().success());
        let outcome = running.wait().exits(143);
        assert_eq!(outcome.text("/stages/0/changes/0/outcome"), "undo-failed");
        assert_eq!(outcome.text("/stages/0/changes/0/state"), "undo-failed");
        assert!(project.tables().is_empty());
        assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
        project.json("undo --last 1 --set rollback=nothing").exits(0);
    }
}
