//! Processes that are killed, and processes that start at once: what must never be untrue afterwards.

mod at_once;
mod atomic;
mod busy;
mod crash;
mod crash_points;
mod frozen;
mod kills;
mod moved;
mod recover;
mod scene;
mod servers;
mod signals;
mod stores;
mod stories;
mod undo_points;
mod undone;

use sandpiper_tests::{MARKED, Project, SHARED};

/// Short times, so that what a killed process held is free again soon.
const LOCK: &str = "lock: { lease: 2s, wait: 30s, retry: 50ms }";

/// A project in one of the two modes that have a transaction.
fn project(mode: &str) -> Project {
    let project = Project::new(if mode == "shared" { SHARED } else { MARKED });
    project.configure(LOCK);
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    project
}

/// Writes the change with this number: it adds two rows of its own.
fn change(project: &Project, number: usize) {
    let rows = format!("INSERT INTO log VALUES ('c{number}', 1);\nINSERT INTO log VALUES ('c{number}', 2);");
    project.sql(&format!("changes/_{number:04}__C{number}"), &format!("c{number}"), &rows);
}

/// Sees that the effects of the changes `1..=last` are there exactly once, in order, and that the audit agrees.
#[track_caller]
fn exactly_once(project: &Project, last: usize) {
    let expected: Vec<String> =
        (1..=last).flat_map(|number| [format!("c{number}|1"), format!("c{number}|2")]).collect();
    assert_eq!(project.rows("SELECT change, part FROM log ORDER BY rowid"), expected);
    let audit = project.json("audit list --history").exits(0);
    let entries = audit.at("/entries");
    let mut applied: Vec<String> = entries
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["state"] == "applied")
        .map(|entry| entry["change_id"].as_str().unwrap().to_owned())
        .collect();
    applied.sort();
    let mut ids: Vec<String> =
        (1..=last).map(|number| format!("c{number}")).chain(["log".to_owned()]).collect();
    ids.sort();
    assert_eq!(applied, ids, "one `applied` entry each");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(project.json("status --check").exits(0).at("/issues"), 0);
}
