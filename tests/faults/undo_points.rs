//! An undo that is killed, or told to stop, at every point: what it took back is known, and going on needs a person
//! only outside of a transaction.

use sandpiper_tests::{MARKED, Project, SHARED, open};

use crate::crash::{Signal, each, points, run};
use crate::recover::assert_free;

const UNDO: &str = "undo a";

/// One change that is applied: two rows, which its rollback takes away one by one.
fn applied(configuration: &str, keys: &str) -> Project {
    let project = Project::new(configuration);
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (part INTEGER);");
    let header = format!("-- sandpiper: id=a author=tests target-system=target {keys}\n");
    let body = "-- apply\nINSERT INTO log VALUES (1);\nINSERT INTO log VALUES (2);\n\
                -- rollback\nDELETE FROM log WHERE part = 2;\nDELETE FROM log WHERE part = 1;\n";
    project.write("changes/_0001__A.sql", format!("{header}{body}"));
    project.applied();
    project
}

fn parts(project: &Project) -> Vec<u32> {
    let connection = open(&project.path("target.db"));
    let mut statement = connection.prepare("SELECT part FROM log ORDER BY part").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn state(project: &Project) -> String {
    let audit = project.json("audit list").exits(0).at("/entries");
    let newest = audit.as_array().unwrap().iter().find(|entry| entry["change_id"] == "a").unwrap();
    newest["state"].as_str().unwrap().to_owned()
}

/// A person looks at what is there, where one has to.
fn looked_at(project: &Project) -> bool {
    if project.json("issue list").exits(0).at("/issues/0").is_null() {
        return false;
    }
    let said = match parts(project).as_slice() {
        [1, 2] => "--applied",
        rest => {
            if !rest.is_empty() {
                open(&project.path("target.db")).execute("DELETE FROM log", []).unwrap();
            }
            "--rolled-back"
        }
    };
    project.run(&format!("issue resolve a {said} --reason seen")).exits(0);
    true
}

/// The undo is gone on with, and the change is applied again.
fn ends_well(project: &Project) {
    let again = project.json(UNDO);
    // It was recorded already, and undoing what is not applied is a mistake.
    assert!([0, 2].contains(&again.code), "the second time:\n{again}");
    assert_eq!(parts(project), [] as [u32; 0], "{again}");
    project.applied();
    assert_eq!((parts(project).as_slice(), state(project).as_str()), ([1, 2].as_slice(), "applied"));
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_free(project);
}

fn killed_everywhere(configuration: &str, keys: &str, may_need_person: bool) {
    let (points, outcome) = points(&applied(configuration, keys), UNDO);
    outcome.exits(0);
    assert!(points.len() > 20, "{points:?}");
    let mut asked = std::sync::atomic::AtomicUsize::new(0);
    each(&format!("undo {configuration} {keys}"), &points, |point| {
        let project = applied(configuration, keys);
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
    killed_everywhere(SHARED, "", false);
    killed_everywhere(MARKED, "", false);
}

#[test]
fn a_direct_undo_killed_anywhere_asks_a_person_what_is_there() {
    killed_everywhere(MARKED, "transactional=false", true);
}

#[test]
fn an_undo_that_is_told_to_stop_anywhere_stops_in_good_order() {
    for (configuration, keys) in [(SHARED, ""), (MARKED, ""), (MARKED, "transactional=false")] {
        let (points, _) = points(&applied(configuration, keys), UNDO);
        each(&format!("undo {configuration} {keys}"), &points, |point| {
            let project = applied(configuration, keys);
            let outcome = run(&project, UNDO, point, Signal::Terminate);
            assert!([-15, 143, 4].contains(&outcome.code), "told to stop:\n{outcome}");
            assert_ne!(state(&project), "undoing", "its end is not recorded:\n{outcome}");
            assert_free(&project);
            looked_at(&project);
            ends_well(&project);
        });
    }
}
