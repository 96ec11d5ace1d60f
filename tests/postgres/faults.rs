//! Processes that are killed, and processes that start at once: what must never be untrue afterwards.

use std::time::{Duration, Instant};

use sandpiper_tests::scenes::Log;

use crate::Place;

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

fn with_log(place: &Place, scene: impl FnOnce(Log<'_>)) {
    scene(Log {
        project: &place.project,
        rows: &|| place.database.rows("SELECT change, part FROM log ORDER BY at"),
        add: &|number| change(place, number),
        // The one that makes the table.
        others: 1,
    });
}

#[track_caller]
fn exactly_once(place: &Place, last: usize) {
    with_log(place, |log| log.exactly_once(last));
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
    with_log(&begun(mode), |log| log.survives(KILLS));
}

#[test]
fn eight_processes_on_an_empty_database_apply_every_change_once() {
    for mode in ["shared", "marked"] {
        with_log(&begun(mode), |log| log.is_shared_by_eight(4));
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
