//! An undo that is killed, or told to stop, at every point: what it took back is known, and going on needs a person
//! only outside of a transaction.

use sandpiper_tests::{MARKED, Project, SHARED};

use crate::crash::{Signal, disturbed, each, points, run};
use crate::recover::assert_free;
use crate::scene::Scene;

const UNDO: &str = "undo a";

/// How the change `a` is written: two rows, which its rollback takes away one by one.
pub(crate) fn change(keys: &str) -> String {
    format!(
        "-- sandpiper: id=a author=tests target-system=target {keys}\n\
         -- apply\nINSERT INTO log VALUES ('a', 1);\nINSERT INTO log VALUES ('a', 2);\n\
         -- rollback\nDELETE FROM log WHERE part = 2;\nDELETE FROM log WHERE part = 1;\n"
    )
}

/// A scene in which the change is applied.
fn applied(configuration: &str, keys: &str) -> Scene {
    let project = Project::new(configuration);
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    project.write("changes/_0001__A.sql", change(keys));
    project.applied();
    project.into()
}

fn parts(scene: &Scene) -> Vec<String> {
    scene.look("SELECT part FROM log ORDER BY part")
}

fn state(project: &Project) -> String {
    let audit = project.json("audit list").exits(0).at("/entries");
    let newest = audit.as_array().unwrap().iter().find(|entry| entry["change_id"] == "a").unwrap();
    newest["state"].as_str().unwrap().to_owned()
}

/// A person looks at what is there, where one has to.
fn looked_at(project: &Scene) -> bool {
    if project.json("issue list").exits(0).at("/issues/0").is_null() {
        return false;
    }
    let said = if parts(project) == ["1", "2"] {
        "--applied"
    } else {
        project.execute("DELETE FROM log");
        "--rolled-back"
    };
    project.run(&format!("issue resolve a {said} --reason seen")).exits(0);
    true
}

/// The undo is gone on with, and the change is applied again.
fn ends_well(project: &Scene) {
    let again = project.json(UNDO);
    // It was recorded already, and undoing what is not applied is a mistake.
    assert!([0, 2].contains(&again.code), "the second time:\n{again}");
    assert!(parts(project).is_empty(), "{again}");
    project.applied();
    assert_eq!(parts(project), ["1", "2"]);
    assert_eq!(state(project), "applied");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_free(project);
}

fn killed_everywhere(what: &str, applied: &(dyn Fn() -> Scene + Sync), may_need_person: bool) {
    let (points, outcome) = points(&applied(), UNDO);
    outcome.exits(0);
    assert!(points.len() > 20, "{points:?}");
    killed_at(what, applied, &points, may_need_person);
}

/// An undo that is killed at these points, in a new scene each time.
pub(crate) fn killed_at(
    what: &str,
    applied: &(dyn Fn() -> Scene + Sync),
    points: &[String],
    may_need_person: bool,
) {
    let mut asked = std::sync::atomic::AtomicUsize::new(0);
    each(what, points, |point| {
        let project = applied();
        run(&project, UNDO, point, Signal::Kill).exits(-9);
        let next = project.run(UNDO);
        if next.code == 4 {
            assert!(looked_at(&project), "it ends with 4, and there is no issue:\n{next}");
            asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        } else {
            assert!([0, 2].contains(&next.code), "the next one:\n{next}");
        }
        ends_well(&project);
    });
    assert_eq!(*asked.get_mut() > 0, may_need_person);
}

#[test]
fn a_transactional_undo_killed_anywhere_needs_no_person() {
    killed_everywhere("undo, shared", &|| applied(SHARED, ""), false);
    killed_everywhere("undo, marked", &|| applied(MARKED, ""), false);
}

#[test]
fn a_direct_undo_killed_anywhere_asks_a_person_what_is_there() {
    killed_everywhere("undo, direct", &|| applied(MARKED, "transactional=false"), true);
}

/// An undo that is told to stop at each point of it.
fn terminated_everywhere(what: &str, applied: &(dyn Fn() -> Scene + Sync)) {
    terminated_at(what, applied, &all(applied));
}

/// The points of an undo in a scene.
pub(crate) fn all(applied: &(dyn Fn() -> Scene + Sync)) -> Vec<String> {
    points(&applied(), UNDO).0
}

/// An undo that is told to stop at these points.
pub(crate) fn terminated_at(what: &str, applied: &(dyn Fn() -> Scene + Sync), points: &[String]) {
    each(what, points, |point| {
        let (project, outcome) = disturbed(applied, UNDO, point, Signal::Terminate);
        assert!([-15, 143, 4].contains(&outcome.code), "told to stop:\n{outcome}");
        assert_ne!(state(&project), "undoing", "its end is not recorded:\n{outcome}");
        assert_free(&project);
        looked_at(&project);
        ends_well(&project);
    });
}

#[test]
fn an_undo_that_is_told_to_stop_anywhere_stops_in_good_order() {
    for (configuration, keys) in [(SHARED, ""), (MARKED, ""), (MARKED, "transactional=false")] {
        terminated_everywhere(&format!("undo {configuration} {keys}"), &|| applied(configuration, keys));
    }
}
