//! The real binary, ended at every point of a run that it passes: before and after each effect.
//!
//! A run is made once to see which points there are; so whatever is new in a run is covered as soon as it is there.

use crate::crash::{Signal, disturbed, each, points, run};
use crate::recover::{assert_free, recover};
use crate::scene::Scene;
use crate::stories::{COMPONENTS, FAILING, SMALL, Story, TRANSACTIONAL, WITHOUT_TRANSACTION};
use sandpiper_tests::{Project, binary, binary_with_crash_points, copy_folder};

#[test]
fn the_binary_for_people_has_no_crash_points() {
    let has_them = |binary: &std::path::Path| {
        let bytes = std::fs::read(binary).unwrap();
        bytes.windows(18).any(|window| window == b"SANDPIPER_CRASH_AT")
    };
    assert!(has_them(binary_with_crash_points()));
    assert!(!has_them(binary()));
}

/// The points of an undisturbed run.
pub(crate) fn all(story: &Story) -> Vec<String> {
    let (points, outcome) = points(&(story.project)(), story.line);
    outcome.exits(story.code);
    assert!(points.len() > 30, "only {} points: {points:?}", points.len());
    points
}

fn killed_everywhere(stories: &[Story]) {
    for story in stories {
        killed_at(story, &all(story));
    }
}

pub(crate) fn killed_at(story: &Story, points: &[String]) {
    each(story.name, points, |point| {
        let (project, outcome) = disturbed(&story.project, story.line, point, Signal::Kill);
        outcome.exits(-9);
        recover(story, &project);
    });
}

#[test]
fn a_transactional_change_killed_anywhere_needs_no_person() {
    killed_everywhere(TRANSACTIONAL);
}

#[test]
fn a_direct_change_killed_anywhere_needs_a_person_only_where_the_table_says_so() {
    killed_everywhere(WITHOUT_TRANSACTION);
}

#[test]
fn a_component_killed_anywhere_is_applied_once() {
    killed_everywhere(COMPONENTS);
}

#[test]
fn a_failing_change_killed_anywhere_leaves_nothing_behind() {
    killed_everywhere(FAILING);
}

/// Whether something that outlives the process may have just been done.
fn is_durable(point: &&String) -> bool {
    point.starts_with("after sqlite commit") || point.starts_with("after sqlite statement")
}

#[test]
fn a_recovery_that_is_killed_itself_is_put_right_too() {
    for story in SMALL {
        let firsts = all(story);
        let firsts: Vec<&String> = firsts.iter().filter(is_durable).collect();
        each(story.name, &firsts, |first| {
            let killed = (story.project)();
            run(&killed, story.line, first, Signal::Kill).exits(-9);
            let again = || {
                let copy = Project::empty();
                copy_folder(killed.folder(), copy.folder());
                Scene::from(copy)
            };
            let (seconds, _) = points(&again(), story.line);
            for second in seconds.iter().filter(is_durable) {
                let project = again();
                run(&project, story.line, second, Signal::Kill).exits(-9);
                let told = std::panic::AssertUnwindSafe(|| recover(story, &project));
                if let Err(panic) = std::panic::catch_unwind(told) {
                    eprintln!("then {second:?}");
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }
}

/// A command by which a person says something of the change `a`, which is then recorded once.
fn killed_command(project: fn() -> Project, line: &str, states: &[&str]) {
    let (points, outcome) = points(&project(), line);
    outcome.exits(0);
    assert!(points.len() > 5, "{points:?}");
    each(line, &points, |point| {
        let project = project();
        run(&project, line, point, Signal::Kill).exits(-9);
        let mut states = states.to_vec();
        let is_said_better = line.contains("--resume") && project.history("a") == states;
        // What was recorded already need not be said again; that a change may go on can be said better.
        let again = project.run(line);
        assert!([0, 2].contains(&again.code), "the second time:\n{again}");
        states.extend(is_said_better.then_some("marked-resumable"));
        assert_eq!(project.history("a"), states, "{again}");
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    });
}

/// A change that needs a person.
fn failed() -> Project {
    let project = Project::marked();
    let body = "CREATE TABLE t (id INTEGER);\nINSERT INTO nowhere VALUES (1);";
    project.direct_sql("changes/_0001__A", "a", body);
    project.json("apply").exits(4);
    project
}

fn pending() -> Project {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project
}

fn modified() -> Project {
    let project = pending();
    project.applied();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER, name TEXT);");
    project
}

#[test]
fn what_a_person_says_is_recorded_once_wherever_the_command_is_killed() {
    let applied = ["started", "failed", "marked-applied"];
    killed_command(failed, "issue resolve a --applied --reason seen", &applied);
    let resumed = ["started", "failed", "marked-resumable"];
    killed_command(failed, "issue resolve a --resume --after 1 --reason seen", &resumed);
    killed_command(pending, "baseline --reason seen", &["baselined"]);
    killed_command(modified, "accept a --reason seen", &["started", "applied", "applied"]);
}

/// A run that is told to stop at any point ends in good order: with the code of that signal, the end of each attempt
/// recorded, its lock given back, and nothing in doubt.
fn terminated_everywhere(story: &Story) {
    terminated_at(story, &all(story));
}

/// The same at these points.
pub(crate) fn terminated_at(story: &Story, points: &[String]) {
    each(story.name, points, |point| {
        let (project, outcome) = disturbed(&story.project, story.line, point, Signal::Terminate);
        let entries = project.json("audit list").exits(0).at("/entries");
        for entry in entries.as_array().unwrap() {
            assert_ne!(entry["state"], "started", "its end is not recorded: {entry:#}\n{outcome}");
        }
        // Before the first lock there is nothing to put in order.
        let locks = project.json("lock status").exits(0).at("/locks");
        let is_early = locks.as_array().unwrap().iter().all(|lock| lock["token"].is_null());
        let issue = project.json("issue list").exits(0).at("/issues/0");
        let expected = match (is_early, issue.is_null()) {
            (true, _) => -15,
            (false, true) => 143,
            // Stopped between two statements: what is done of it is known exactly.
            (false, false) => 4,
        };
        assert_eq!(outcome.code, expected, "told to stop:\n{outcome}");
        assert_eq!(issue["doubtful_step"], serde_json::Value::Null);
        assert_free(&project);
        recover(story, &project);
    });
}

#[test]
fn a_transactional_run_that_is_told_to_stop_anywhere_stops_in_good_order() {
    let [shared, marked, _, stages, atomic, _] = TRANSACTIONAL else { panic!("six stories") };
    [shared, marked, stages, atomic].into_iter().for_each(terminated_everywhere);
}

#[test]
fn a_direct_change_that_is_told_to_stop_anywhere_leaves_nothing_in_doubt() {
    terminated_everywhere(&WITHOUT_TRANSACTION[0]);
    terminated_everywhere(&COMPONENTS[2]);
}
