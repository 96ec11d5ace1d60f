//! Processes that are killed, and processes that start at once: what must never be untrue afterwards.

use std::time::{Duration, Instant};

use crate::Place;

/// Changes that are added before each kill.
const ADDED: usize = 3;
/// How many kills each mode gets.
const KILLS: usize = 12;

fn change(place: &Place, number: usize) {
    let rows = format!("INSERT INTO log VALUES ('c{number}', 1);\nINSERT INTO log VALUES ('c{number}', 2);");
    place.project.sql(&format!("changes/_{number:04}__C{number}"), &format!("c{number}"), &rows);
}

fn begun(mode: &str) -> Place {
    let place = Place::new(mode);
    let table = "CREATE TABLE log (change text, part int, at int GENERATED ALWAYS AS IDENTITY);";
    place.project.sql("changes/_0000__Log", "log", table);
    place
}

#[track_caller]
fn exactly_once(place: &Place, last: usize) {
    let expected: Vec<String> =
        (1..=last).flat_map(|number| [format!("c{number}|1"), format!("c{number}|2")]).collect();
    assert_eq!(place.database.rows("SELECT change, part FROM log ORDER BY at"), expected);
    let audit = place.project.json("audit list --history").exits(0);
    let entries = audit.at("/entries");
    let applied = entries.as_array().unwrap().iter().filter(|entry| entry["state"] == "applied").count();
    assert_eq!(applied, last + 1, "one `applied` entry each");
    assert_eq!(place.project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(place.project.json("status --check").exits(0).at("/issues"), 0);
}

#[test]
fn a_killed_run_in_shared_mode_needs_no_person() {
    killed("shared");
}

#[test]
fn a_killed_run_in_marked_mode_needs_no_person() {
    killed("marked");
}

fn killed(mode: &str) {
    let place = begun(mode);
    // The first run compiles; how long one takes is measured with the second.
    place.project.applied();
    let mut last = ADDED;
    (1..=last).for_each(|number| change(&place, number));
    let since = Instant::now();
    place.project.applied();
    let usual = since.elapsed();
    exactly_once(&place, last);
    for kill in 0..KILLS {
        for _ in 0..ADDED {
            last += 1;
            change(&place, last);
        }
        let running = place.project.start("apply --format json");
        std::thread::sleep(usual * u32::try_from(kill + 1).unwrap() / u32::try_from(KILLS).unwrap());
        drop(running.kill());
        place.project.applied();
        exactly_once(&place, last);
    }
}

#[test]
fn eight_processes_on_an_empty_database_apply_every_change_once() {
    for mode in ["shared", "marked"] {
        let place = begun(mode);
        (1..=4).for_each(|number| change(&place, number));
        let running: Vec<_> = (0..8).map(|_| place.project.start("apply --format json")).collect();
        let applied: u64 = running.into_iter().map(|running| running.wait().exits(0).counts()[0]).sum();
        assert_eq!(applied, 5, "each is reported by the one that applied it");
        exactly_once(&place, 4);
        assert_eq!(place.project.json("lock status").exits(0).at("/locks/0/held"), false);
    }
}

#[test]
fn a_connection_that_is_cut_during_a_change_leaves_nothing_of_it() {
    let place = begun("shared");
    place.project.applied();
    place.project.sql("changes/_0001__C1", "c1", "INSERT INTO log VALUES ('c1', 1);\nSELECT pg_sleep(30);");
    let running = place.project.start("apply --format json");
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)' AND state = 'active' \
                  AND datname = current_database()";
    let since = Instant::now();
    while place.database.rows(asleep) != ["1"] {
        assert!(since.elapsed() < Duration::from_secs(60));
    }
    place.database.cut_connections();
    let failed = running.wait().exits(1);
    assert_eq!(failed.of("c1", "outcome"), "rolled-back");
    assert_eq!(place.database.rows("SELECT count(*) FROM log"), ["0"]);
    place.project.sql("changes/_0001__C1", "c1", "INSERT INTO log VALUES ('c1', 1), ('c1', 2);");
    place.project.applied();
    exactly_once(&place, 1);
}
