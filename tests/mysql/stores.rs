//! The audit in MariaDB, the changes elsewhere: in a SQLite file, whose attempts are `marked`.

use std::time::{Duration, Instant};

use sandpiper_tests::{MariaDb, MariaDbDatabase, Project, Running};

use crate::LOCK;

struct Place {
    project: Project,
    store: MariaDbDatabase<'static>,
}

fn place() -> Place {
    let store = MariaDb::shared().database();
    let project = Project::new(&configuration(&store.url()));
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    Place { project, store }
}

fn configuration(store: &str) -> String {
    format!(
        "service: tests\nstore: \"{store}\"\ntarget-systems:\n  target: {{ kind: sqlite, path: target.db }}\n\
         pipeline:\n  stages:\n    - {{ name: main, location: changes }}\n{LOCK}\n"
    )
}

fn change(project: &Project, number: usize) {
    let rows = format!("INSERT INTO log VALUES ('c{number}', 1);\nINSERT INTO log VALUES ('c{number}', 2);");
    project.sql(&format!("changes/_{number:04}__C{number}"), &format!("c{number}"), &rows);
}

#[track_caller]
fn exactly_once(project: &Project, last: usize) {
    let expected: Vec<String> =
        (1..=last).flat_map(|number| [format!("c{number}|1"), format!("c{number}|2")]).collect();
    assert_eq!(project.rows("SELECT change, part FROM log ORDER BY rowid"), expected);
    let audit = project.json("audit list --history").exits(0);
    let entries = audit.at("/entries");
    let applied = entries.as_array().unwrap().iter().filter(|entry| entry["state"] == "applied").count();
    assert_eq!(applied, last + 1, "one `applied` entry each");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(project.json("status --check").exits(0).at("/issues"), 0);
}

#[test]
fn a_run_with_nothing_to_do_writes_nothing_and_takes_no_lock() {
    let place = place();
    change(&place.project, 1);
    place.project.applied();
    exactly_once(&place.project, 1);
    let written = "SELECT sequence, hex(hash) FROM sandpiper_chain; SELECT token FROM sandpiper_lease";
    let before = place.store.rows(written);
    assert_eq!(place.project.applied().counts()[0], 0);
    assert_eq!(place.store.rows(written), before);
    assert!(!place.project.has(".sandpiper/audit.db"));
}

#[test]
fn looking_at_an_empty_database_makes_nothing_in_it() {
    let place = place();
    for line in ["plan", "status", "lock status", "audit list", "audit verify"] {
        place.project.json(line).exits(0);
    }
    assert_eq!(place.store.rows("SHOW TABLES"), [""; 0]);
}

#[test]
fn processes_on_an_empty_database_apply_every_change_once() {
    for count in [2, 8, 8] {
        let place = place();
        (1..=4).for_each(|number| change(&place.project, number));
        let running: Vec<_> = (0..count).map(|_| place.project.start("apply --format json")).collect();
        let applied: u64 = running.into_iter().map(|running| running.wait().exits(0).counts()[0]).sum();
        assert_eq!(applied, 5, "each is reported by the one that applied it");
        exactly_once(&place.project, 4);
        assert_eq!(place.project.json("lock status").exits(0).at("/locks/0/held"), false);
    }
}

#[test]
fn a_killed_run_needs_no_person() {
    let Place { project, store: _store } = place();
    project.applied();
    let mut last = 0;
    for kill in 0..8 {
        for _ in 0..3 {
            last += 1;
            change(&project, last);
        }
        let running = project.start("apply --format json");
        std::thread::sleep(Duration::from_millis(20 * kill));
        drop(running.kill());
        project.applied();
        exactly_once(&project, last);
    }
}

const SLOW: &str = "INSERT INTO log VALUES ('c1', 1);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n;";

/// A run that is at a statement without an end.
fn at_work(project: &Project) -> Running {
    let running = project.start("apply --format json");
    let since = Instant::now();
    while project.json("audit show c1").code != 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    std::thread::sleep(Duration::from_millis(200));
    running
}

fn signal(running: &Running, name: &str) {
    let id = running.id().to_string();
    assert!(std::process::Command::new("kill").args([name, &id]).status().unwrap().success());
}

#[test]
fn a_host_that_was_frozen_past_its_lease_writes_nothing_more() {
    let Place { project, store: _store } = place();
    project.applied();
    project.sql("changes/_0001__C1", "c1", SLOW);
    let running = at_work(&project);
    signal(&running, "-STOP");
    std::thread::sleep(Duration::from_millis(2500));
    project.json("lock release --stage main --reason frozen").exits(0);
    let before = project.json("audit list --history").exits(0).at("/entries");
    signal(&running, "-CONT");
    running.wait().exits(5);
    assert_eq!(project.json("audit list --history").exits(0).at("/entries"), before);
    project.remove("changes/_0001__C1.sql");
    change(&project, 1);
    project.applied();
    exactly_once(&project, 1);
}

#[test]
fn a_run_that_is_told_to_stop_records_it_and_gives_the_lock_back() {
    let Place { project, store: _store } = place();
    project.configure("limits: { grace: 1s }");
    project.applied();
    project.sql("changes/_0001__C1", "c1", SLOW);
    let running = at_work(&project);
    signal(&running, "-TERM");
    let stopped = running.wait().exits(143);
    assert_eq!(stopped.of("c1", "outcome"), "rolled-back", "{stopped}");
    assert_eq!(project.history("c1"), ["started", "failed", "rolled-back"]);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

#[test]
fn what_the_store_refuses_to_record_is_found_out_by_the_next_run() {
    for state in ["started", "applied"] {
        let place = place();
        place.project.applied();
        change(&place.project, 1);
        place.store.rows(&format!(
            "DELIMITER //\nCREATE TRIGGER refuses BEFORE INSERT ON sandpiper_entry FOR EACH ROW \
             IF NEW.body LIKE '%\"state\":\"{state}\"%' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more history'; \
             END IF //"
        ));
        let refused = place.project.json("apply").exits(7);
        assert!(refused.codes().iter().any(|code| code == "store::refused"), "{refused}");
        assert!(refused.stdout.contains("no more history"), "{refused}");
        let rows = if state == "started" { "0" } else { "2" };
        assert_eq!(place.project.rows("SELECT count(*) FROM log"), [rows]);
        place.store.rows("DROP TRIGGER refuses");
        let next = place.project.applied();
        let outcome = if state == "started" { "applied" } else { "recovered" };
        assert_eq!(next.of("c1", "outcome"), outcome);
        exactly_once(&place.project, 1);
    }
}

#[test]
fn a_run_goes_on_when_the_server_of_its_store_restarts() {
    let server = MariaDb::start(&[], |_| ());
    server.rows("mysql", "CREATE DATABASE audit");
    let url = format!("mysql://root:{}@127.0.0.1:{}/audit", server.password(), server.port());
    let project = Project::new(&configuration(&url).replace("lease: 2s", "lease: 30s"));
    project.sql("changes/_0000__Log", "log", "CREATE TABLE log (change TEXT, part INTEGER);");
    (1..=200).for_each(|number| change(&project, number));
    let running = project.start("apply --format json");
    let since = Instant::now();
    while project.json("status").code != 0 || project.json("audit show c5").code != 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    server.crash();
    let outcome = running.wait();
    // It may have ended just before, or found the server away for too long: then the next one completes it.
    assert!([0, 7].contains(&outcome.code), "{outcome}");
    project.json("lock release --stage main --reason restart").exits(0);
    project.applied();
    exactly_once(&project, 200);
}

#[test]
fn a_newer_store_is_refused_in_words() {
    let place = place();
    place.project.applied();
    place.store.rows("UPDATE sandpiper_store SET value = '99' WHERE name = 'schema'");
    for line in ["apply", "status", "audit list"] {
        let refused = place.project.json(line).exits(7);
        assert_eq!(refused.error(), "store::version", "{refused}");
        assert!(refused.text("/error/message").contains("version 99"), "{refused}");
    }
}

#[test]
fn missing_rights_are_told_with_the_grant_that_is_enough() {
    let place = place();
    let (url, name) = (place.store.url(), &place.store.name);
    let account = format!("weak_{name}");
    place.store.rows(&format!("CREATE USER {account}@'127.0.0.%' IDENTIFIED BY 'sesame-and-oil'"));
    let credentials = format!("root:{}", MariaDb::shared().password());
    place.project.write(
        "sandpiper.yaml",
        configuration(&url.replace(&credentials, &format!("{account}:sesame-and-oil"))),
    );
    let mut told = String::new();
    // Without a right to the database nobody is let in; with one to read it, the tables are still to be made.
    for (right, host) in [("USAGE", "%"), ("SELECT", "127.0.0.%")] {
        place.store.rows(&format!("GRANT {right} ON {name}.* TO {account}@'127.0.0.%'"));
        let refused = place.project.json("apply").exits(7);
        assert_eq!(refused.error(), "store::rights", "{refused}");
        told = refused.text("/error/message");
        assert!(told.contains(&format!("'{account}'@'{host}'")), "{told}");
        assert!(!refused.stdout.contains("sesame") && !refused.stderr.contains("sesame"), "{refused}");
    }
    let grant = told.split("GRANT").nth(1).unwrap();
    place.store.rows(&format!("GRANT{grant}"));
    place.project.applied();
    exactly_once(&place.project, 0);
    place.store.rows(&format!("DROP USER {account}@'127.0.0.%'"));
}

#[test]
fn a_host_that_was_killed_while_it_made_the_tables_is_completed_by_the_next() {
    let place = place();
    place.project.applied();
    place.store.rows(
        "DELETE FROM sandpiper_store; DROP TABLE sandpiper_description; DROP TABLE sandpiper_artifact; \
         DELETE FROM sandpiper_entry; DELETE FROM sandpiper_chain; DELETE FROM sandpiper_state",
    );
    place.project.remove("target.db");
    place.project.applied();
    exactly_once(&place.project, 0);
}

#[test]
fn an_artifact_may_be_larger_than_what_the_server_takes_at_once() {
    let server = MariaDb::start(&["--max-allowed-packet=2M"], |_| ());
    server.rows("mysql", "CREATE DATABASE audit");
    let url = format!("mysql://root:{}@127.0.0.1:{}/audit", server.password(), server.port());
    let project = Project::new(&configuration(&url));
    // What is half as long at best when it is compressed.
    let mut number = 1_u64;
    let noise = (0..700_000).map(|_| {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        format!("{:08x}", number >> 32)
    });
    let large = format!("-- {}\nCREATE TABLE t (n INTEGER);", noise.collect::<String>());
    project.sql("changes/_0001__Large", "large", &large);
    project.applied();
    assert_eq!(server.rows("audit", "SELECT sum(length(body)) > 2097152 FROM sandpiper_artifact"), ["1"]);
    project.json("audit show large --artifact kept.sql").exits(0);
    assert!(project.read("kept.sql") == project.read("changes/_0001__Large.sql"));
}
