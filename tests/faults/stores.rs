//! Stores and disks that refuse a write in the middle of a run: what was not recorded is found out by the next one.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sandpiper_tests::{Outcome, Project, Running, binary, environment, open};

use crate::crash::each;
use crate::recover::{ends_well, recover};
use crate::scene::Scene;
use crate::stories::{Story, TRANSACTIONAL, WITHOUT_TRANSACTION};

fn story(name: &str) -> &'static Story {
    let all = TRANSACTIONAL.iter().chain(WITHOUT_TRANSACTION);
    all.into_iter().find(|story| story.name == name).expect("there is such a story")
}

/// A project whose store exists, and refuses to record that the change `a` ended so.
fn refusing(story: &Story, state: &str) -> Scene {
    let project = (story.project)();
    project.run("apply --to log").exits(0);
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON sandpiper_entry
         WHEN new.body LIKE '%\"change_id\":\"a\"%' AND new.body LIKE '%\"state\":\"{state}\"%'
         BEGIN SELECT RAISE(ABORT, 'no more history'); END"
    );
    in_store(&project, &refuse);
    project
}

fn in_store(project: &Project, script: &str) {
    let apart = project.path(".sandpiper/audit.db");
    let store = if apart.exists() { apart } else { project.path("target.db") };
    open(&store).execute_batch(script).unwrap();
}

/// A run whose `state` is refused, and what the next ones make of it.
#[track_caller]
fn refused(name: &str, state: &str) -> (&'static Story, Scene, Outcome) {
    let story = story(name);
    let project = refusing(story, state);
    let outcome = project.json("apply").exits(7);
    assert!(outcome.codes().iter().any(|code| code.starts_with("store::")), "{outcome}");
    (story, project, outcome)
}

#[test]
fn where_started_is_refused_nothing_runs() {
    for name in ["sql, shared", "sql, marked", "sql, direct"] {
        let (story, project, outcome) = refused(name, "started");
        assert!(story.parts_of(&project).is_empty(), "{outcome}");
        in_store(&project, "DROP TRIGGER refuse");
        recover(story, &project);
    }
}

#[test]
fn in_shared_mode_a_refused_entry_takes_the_change_back() {
    let (story, project, outcome) = refused("sql, shared", "applied");
    assert!(story.parts_of(&project).is_empty(), "{outcome}");
    assert_eq!(outcome.of("a", "outcome"), "rolled-back");
    in_store(&project, "DROP TRIGGER refuse");
    recover(story, &project);
}

#[test]
fn in_marked_mode_the_marker_tells_the_next_run_what_could_not_be_recorded() {
    let (story, project, outcome) = refused("sql, marked", "applied");
    assert_eq!(story.parts_of(&project).len(), 2, "{outcome}");
    in_store(&project, "DROP TRIGGER refuse");
    let next = project.json("apply").exits(0);
    assert_eq!(next.of("a", "outcome"), "recovered");
    ends_well(story, &project);
}

#[test]
fn in_direct_mode_a_person_says_what_could_not_be_recorded() {
    let (story, project, outcome) = refused("sql, direct", "applied");
    assert_eq!(story.parts_of(&project).len(), 2, "{outcome}");
    in_store(&project, "DROP TRIGGER refuse");
    let issue = project.json("apply").exits(4);
    assert_eq!(issue.of("a", "outcome"), "blocked");
    recover(story, &project);
}

/// Runs the binary where no file may become longer than so many kilobytes.
fn run_on_small_disk(project: &Project, line: &str, kilobytes: u64) -> Outcome {
    let mut command = Command::new("sh");
    // Ignored, the signal is an error of the write instead, as a full disk is.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kilobytes);
    command.args(["-c", &script]).arg(binary()).args(sandpiper_tests::words(line));
    command.current_dir(project.folder()).env_clear().envs(environment());
    Running::spawn(command).wait()
}

/// The same stories with a megabyte and a half in each row, so that a file has to grow for it.
fn heavy(story: &Story) -> Scene {
    let project = (story.project)();
    let header = "-- sandpiper: id=log author=tests target-system=target\n";
    let body = "CREATE TABLE log (change TEXT, part INTEGER, ballast BLOB DEFAULT (zeroblob(1500000)));\n";
    project.write("changes/_0000__Log.sql", format!("{header}{body}"));
    for file in ["changes/_0001__A.sql", "changes/_0002__B.sql"] {
        project.write(file, project.read(file).replace("INTO log VALUES", "INTO log (change, part) VALUES"));
    }
    project
}

#[test]
fn a_disk_that_is_full_at_any_moment_leaves_nothing_half_done() {
    for name in ["sql, shared", "sql, marked", "sql, direct"] {
        let story = story(name);
        let mut refused = AtomicU32::new(0);
        // Less would not hold what the sandbox itself needs.
        let sizes: Vec<u64> = (1_500..8_500).step_by(250).collect();
        each(name, &sizes, |kilobytes| {
            let project = heavy(story);
            let outcome = run_on_small_disk(&project, story.line, *kilobytes);
            assert!([0, 1, 4, 7].contains(&outcome.code), "on a full disk:\n{outcome}");
            refused.fetch_add(u32::from(outcome.code != 0), Ordering::Relaxed);
            recover(story, &project);
        });
        assert!(*refused.get_mut() > 5, "the disk was hardly ever full");
    }
}

#[test]
fn a_store_that_may_not_be_written_is_told_before_anything_runs() {
    for name in ["sql, shared", "sql, marked"] {
        let story = story(name);
        let project = (story.project)();
        project.run("apply --to log").exits(0);
        let apart = project.path(".sandpiper/audit.db");
        let (store, folder) = if apart.exists() {
            (apart, project.path(".sandpiper"))
        } else {
            (project.path("target.db"), project.folder().to_owned())
        };
        let permit = |path: &std::path::Path, mode: u32| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        permit(&store, 0o444);
        permit(&folder, 0o555);
        let outcome = run_without_rights(&project, story.line);
        permit(&folder, 0o755);
        permit(&store, 0o644);
        assert_eq!(outcome.code, 7, "{outcome}");
        assert!(story.parts_of(&project).is_empty(), "{outcome}");
        recover(story, &project);
    }
}

/// Runs the binary as somebody whom permissions bind, as they do not bind root.
fn run_without_rights(project: &Project, line: &str) -> Outcome {
    let mut command = Command::new("setpriv");
    command.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(binary());
    command.args(sandpiper_tests::words(line)).current_dir(project.folder());
    command.env_clear().envs(environment());
    Running::spawn(command).wait()
}
