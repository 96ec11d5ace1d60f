//! Statements that commit by themselves: the real binary, killed at every point of a run that it passes on MariaDB. What has a
//! transaction is killed in `tests/faults`.

use std::process::Command;

use sandpiper_tests::{Outcome, Running, binary_with_crash_points, environment, words};

use crate::Place;

fn run(place: &Place, line: &str, variables: &[(&str, &str)]) -> Outcome {
    let mut command = Command::new(binary_with_crash_points());
    command.args(words(line)).current_dir(place.project.folder()).env_clear().envs(environment());
    command.envs(variables.iter().copied());
    Running::spawn(command).wait()
}

/// Much of the time is spent waiting for the lease of whoever was killed.
const WORKERS: usize = 8;

/// Does the same for each point, several beside each other.
fn each(points: &[String], test: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            let mine = points.iter().skip(worker).step_by(WORKERS);
            let test = &test;
            scope.spawn(move || mine.for_each(|point| test(point)));
        }
    });
}

/// The points that a run passes which nobody disturbs.
fn points(place: &Place, line: &str) -> Vec<String> {
    let list = place.project.path("../points");
    run(place, line, &[("SANDPIPER_CRASH_LIST", list.to_str().unwrap())]).exits(0);
    let points: Vec<String> = std::fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    assert!(points.iter().any(|point| point.contains("mysql")), "{points:?}");
    points
}

fn killed(place: &Place, line: &str, point: &str) {
    run(place, line, &[("SANDPIPER_CRASH_AT", point), ("SANDPIPER_CRASH_SIGNAL", "KILL")]).exits(-9);
}

#[test]
fn a_direct_change_killed_anywhere_is_done_or_in_the_hands_of_a_person() {
    let begun = || {
        let place = Place::new("shared");
        place.project.sql(
            "changes/_0001__T",
            "t",
            "CREATE TABLE t (n INT);\nINSERT INTO t VALUES (1);\nCREATE TABLE u (n INT);",
        );
        place
    };
    each(&points(&begun(), "apply"), |point| {
        let place = begun();
        killed(&place, "apply", point);
        let next = place.project.json("apply");
        if next.code == 4 {
            let issue = place.project.json("issue show t").exits(0);
            let last = issue.at("/issues/0/last_step").as_u64().unwrap_or(0);
            let tables = place.database.rows("SHOW TABLES");
            let is_there = |name: &str| tables.iter().any(|table| table == name);
            // What is recorded as finished is there; at most the one statement after it may be there too.
            assert!(last < 1 || is_there("t"), "{point}: {last}, {tables:?}");
            assert!(last < 3 || is_there("u"), "{point}: {last}, {tables:?}");
            assert!(!is_there("u") || last >= 2, "{point}: {last}, {tables:?}");
        } else {
            assert_eq!(next.code, 0, "{point}: {next}");
            assert_eq!(place.database.rows("SELECT count(*) FROM t, u"), ["0"], "{point}");
            assert_eq!(place.database.rows("SELECT count(*) FROM t"), ["1"], "{point}");
        }
        assert_eq!(place.project.json("audit verify").exits(0).at("/valid"), true, "{point}");
    });
}
