//! Processes that are killed, and processes that start at once: what must never be untrue afterwards.

use std::time::{Duration, Instant};

use sandpiper_tests::scenes::Log;
use sandpiper_tests::{Loss, MariaDb, Project, Proxy};

use crate::{Place, configuration};

/// How many kills each mode gets.
const KILLS: usize = 10;

const LOG: &str = "CREATE TABLE log (`change` VARCHAR(20), part INT, at INT AUTO_INCREMENT PRIMARY KEY)";

fn change(place: &Place, number: usize) {
    let rows = format!(
        "INSERT INTO log (`change`, part) VALUES ('c{number}', 1);\nINSERT INTO log (`change`, part) VALUES ('c{number}', 2);"
    );
    place.project.sql(&format!("changes/_{number:04}__C{number}"), &format!("c{number}"), &rows);
}

fn begun(mode: &str) -> Place {
    let place = Place::new(mode);
    place.database.rows(LOG);
    place
}

fn with_log(place: &Place, scene: impl FnOnce(Log<'_>)) {
    scene(Log {
        project: &place.project,
        rows: &|| place.database.rows("SELECT `change`, part FROM log ORDER BY at"),
        add: &|number| change(place, number),
        others: 0,
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

/// Waits until a statement runs that only a test would send.
fn while_asleep(place: &Place, text: &str) {
    let asleep = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE info = '{text}' AND db = DATABASE()"
    );
    let since = Instant::now();
    while place.database.rows(&asleep) != ["1"] {
        assert!(since.elapsed() < Duration::from_secs(60));
    }
}

#[test]
fn a_connection_that_is_cut_during_a_change_leaves_nothing_of_it() {
    for mode in ["shared", "marked"] {
        let place = begun(mode);
        place.project.sql(
            "changes/_0001__C1",
            "c1",
            "INSERT INTO log (`change`, part) VALUES ('c1', 1);\nSELECT SLEEP(30);",
        );
        let running = place.project.start("apply --format json");
        while_asleep(&place, "SELECT SLEEP(30)");
        place.database.cut_connections();
        let failed = running.wait().exits(1);
        assert_eq!(failed.of("c1", "outcome"), "rolled-back", "{failed}");
        assert_eq!(place.database.rows("SELECT count(*) FROM log"), ["0"]);
        change(&place, 1);
        place.project.applied();
        exactly_once(&place, 1);
    }
}

#[test]
fn a_server_that_restarts_during_a_change_leaves_nothing_of_it() {
    let server = MariaDb::start(&[], |_| ());
    server.rows("mysql", "CREATE DATABASE app");
    server.rows("app", LOG);
    let url = format!("mysql://root:{}@127.0.0.1:{}/app", server.password(), server.port());
    for (stage, store) in [("shared", "store: target\n"), ("marked", "")] {
        server.rows("app", "DELETE FROM log");
        let project = Project::new(&configuration(store, &url));
        let id = format!("of-{stage}");
        project.sql("changes/_0001__C", &id, "INSERT INTO log (part) VALUES (1);\nSELECT SLEEP(20);");
        let running = project.start("apply --format json");
        let since = Instant::now();
        while server.rows(
            "app",
            "SELECT count(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(20)'",
        ) != ["1"]
        {
            assert!(since.elapsed() < Duration::from_secs(60));
        }
        server.crash();
        assert_ne!(running.wait().code, 0);
        assert_eq!(server.rows("app", "SELECT count(*) FROM log"), ["0"]);
        project.sql("changes/_0001__C", &id, "INSERT INTO log (part) VALUES (1);");
        project.applied();
        assert_eq!(server.rows("app", "SELECT count(*) FROM log"), ["1"]);
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    }
}

#[test]
fn a_commit_whose_answer_is_lost_is_settled_by_the_marker() {
    for (loss, arrived) in [(Loss::Answer, true), (Loss::Request, false)] {
        let place = begun("marked");
        let proxy = Proxy::start(MariaDb::shared().port(), loss);
        let around = format!("{}?ssl-mode=disabled", place.database.url_at(proxy.port()));
        let direct = place.project.read("sandpiper.yaml");
        // The fence of a later look commits too, and is lost like everything else on this way.
        place.project.write("sandpiper.yaml", direct.replace(&place.database.url(), &around));
        change(&place, 1);
        let lost = place.project.json("apply");
        assert_ne!(lost.code, 0, "{lost}");
        assert_eq!(place.database.rows("SELECT count(*) FROM log"), [if arrived { "2" } else { "0" }]);
        place.project.write("sandpiper.yaml", direct);
        let settled = place.project.applied();
        let outcome = if arrived { "recovered" } else { "applied" };
        assert_eq!(settled.of("c1", "outcome"), outcome, "{settled}");
        exactly_once(&place, 1);
    }
}

#[test]
fn a_run_that_is_told_to_stop_ends_its_statement_on_the_server() {
    for mode in ["shared", "marked"] {
        let place = begun(mode);
        place.project.configure("limits: { grace: 1s }");
        place.project.sql("changes/_0001__C1", "c1", "INSERT INTO log (part) VALUES (1);\nSELECT SLEEP(40);");
        let running = place.project.start("apply --format json");
        while_asleep(&place, "SELECT SLEEP(40)");
        let told = std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status();
        assert!(told.unwrap().success());
        let stopped = running.wait().exits(143);
        assert_eq!(stopped.of("c1", "outcome"), "rolled-back", "{stopped}");
        let asleep = "SELECT count(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(40)' AND db = DATABASE()";
        assert_eq!(place.database.rows(asleep), ["0"]);
        assert_eq!(place.database.rows("SELECT count(*) FROM log"), ["0"]);
        assert_eq!(place.project.json("lock status").exits(0).at("/locks/0/held"), false);
    }
}

#[test]
fn a_host_that_was_frozen_past_its_lease_commits_nothing() {
    for mode in ["shared", "marked"] {
        let place = begun(mode);
        place.project.sql("changes/_0001__C1", "c1", "INSERT INTO log (`change`, part) VALUES ('c1', 1);\nSELECT SLEEP(4);\nINSERT INTO log (`change`, part) VALUES ('c1', 2);");
        let running = place.project.start("apply --format json");
        while_asleep(&place, "SELECT SLEEP(4)");
        let signal = |name: &str| {
            let id = running.id().to_string();
            assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
        };
        signal("-STOP");
        std::thread::sleep(Duration::from_secs(5));
        // What it left open ends on the server by itself.
        place.project.applied();
        exactly_once(&place, 1);
        signal("-CONT");
        let woken = running.wait();
        assert_ne!(woken.code, 0, "{woken}");
        exactly_once(&place, 1);
    }
}

#[test]
fn a_store_that_refuses_an_entry_is_told_and_nothing_is_applied() {
    let place = begun("shared");
    change(&place, 1);
    place.project.applied();
    place.database.rows("CREATE TRIGGER refuses BEFORE INSERT ON sandpiper_entry FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'full'");
    change(&place, 2);
    let refused = place.project.json("apply").exits(7);
    assert_eq!(refused.error(), "store::refused");
    assert_eq!(place.database.rows("SELECT count(*) FROM log"), ["2"]);
    place.database.rows("DROP TRIGGER refuses");
    place.project.applied();
    exactly_once(&place, 2);
}
