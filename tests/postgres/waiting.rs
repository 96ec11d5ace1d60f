//! `--wait`: a server that starts late is waited for; one that says no is not.

use std::time::Duration;

use sandpiper_tests::{Postgres, Project, Starting};

use crate::configuration;

#[test]
fn a_server_that_starts_later_is_waited_for_as_store_and_as_target() {
    let server = Postgres::start(&["fsync=off"], "", |_| ());
    let database = server.database();
    for store in ["store: target\n", ""] {
        let project = Project::new(&configuration(store, &database.url()));
        project.sql("changes/_0001__T", "t", "CREATE TABLE IF NOT EXISTS t (n int);");
        server.stop();
        let mut running = project.start("apply --wait 60s");
        std::thread::sleep(Duration::from_secs(2));
        assert!(!running.has_ended());
        server.begin();
        let outcome = running.wait().exits(0);
        let what = if store.is_empty() { "`target`" } else { "the audit store" };
        for words in [format!("more for {what}: "), format!("{what} is up after")] {
            assert!(outcome.stderr.contains(&words), "`{words}` is not in\n{outcome}");
        }
        assert!(!outcome.stderr.contains(server.password()), "{outcome}");
        assert_eq!(project.state("t"), "applied");
    }
}

/// What a server says with 57P03.
const SAYINGS: [&str; 2] = ["the database system is starting up", "the database system is shutting down"];

/// For each saying, and for the store and the target: a project whose server may say it.
fn where_it_may_be_said(test: impl Fn(&Starting, &Project, &str, bool)) {
    for said in SAYINGS {
        for is_store in [false, true] {
            let database = Postgres::shared().database();
            let server = Starting::start(Postgres::shared().port(), said);
            let store = if is_store { "store: target\n" } else { "" };
            let project = Project::new(&configuration(store, &database.url_at(server.port())));
            project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
            test(&server, &project, said, is_store);
            assert_eq!(database.rows("SELECT count(*) FROM t"), ["0"]);
        }
    }
}

#[test]
fn a_server_that_says_that_it_starts_or_stops_is_waited_for() {
    where_it_may_be_said(|server, project, said, is_store| {
        server.refuse(3);
        let outcome = project.json("apply --wait 60s").exits(0);
        assert_eq!((server.left(), outcome.counts()[0]), (0, 1));
        let what = if is_store { "the audit store" } else { "`target`" };
        for words in [&format!("{said} (57P03)"), &format!("{what} is up after")] {
            assert!(outcome.stderr.contains(words), "`{words}` is not in\n{outcome}");
        }
        assert_eq!(project.state("t"), "applied");
    });
}

#[test]
fn a_server_that_starts_or_stops_is_unreachable_and_its_change_has_not_failed() {
    where_it_may_be_said(|server, project, said, is_store| {
        server.refuse(usize::MAX);
        let outcome = project.json("apply").exits(7);
        let what = if is_store { "store" } else { "target" };
        assert_eq!(outcome.error(), format!("{what}::unreachable"), "{outcome}");
        assert!(outcome.text("/error/message").contains(&format!("{said} (57P03)")), "{outcome}");
        server.refuse(0);
        let history = project.json("audit list --history").exits(0);
        assert!(!history.stdout.contains("\"failed\""), "{history}");
        assert_eq!(project.applied().counts()[0], 1);
    });
}

#[test]
fn what_did_not_come_up_is_named_with_its_last_answer() {
    for (store, what, code) in [
        ("", "`target`", "target::unreachable"),
        ("store: target\n", "the audit store", "store::unreachable"),
    ] {
        let project = Project::new(&configuration(store, "postgres://postgres:secret-horse@127.0.0.1:1/x"));
        project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
        let outcome = project.json("apply --wait 1s").exits(7);
        assert_eq!(outcome.error(), code);
        let message = outcome.text("/error/message");
        for words in [&format!("{what} did not come up within 1 s"), "`127.0.0.1:1/x`", "refused"] {
            assert!(message.contains(words), "`{words}` is not in: {message}");
        }
        assert!(!format!("{outcome}").contains("secret-horse"));
    }
}

#[test]
fn a_wrong_password_a_missing_database_and_missing_rights_end_it_at_once() {
    let database = Postgres::shared().database();
    let account = format!("waiting_{}", database.name);
    database.rows(&format!("CREATE ROLE {account} LOGIN PASSWORD 'wrong-horse-battery'"));
    let weak =
        database.url().replace("postgres:correct-horse-battery", &format!("{account}:wrong-horse-battery"));
    for (url, words, kind) in [
        (
            database.url().replace(Postgres::shared().password(), "wrong"),
            "password authentication failed",
            "refused",
        ),
        (database.url().replace(&database.name, "not_there"), "does not exist", "refused"),
        (weak, "GRANT CREATE ON DATABASE", "rights"),
    ] {
        let project = Project::new(&configuration("", &url));
        project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
        let outcome = project.json("apply --wait 100s").exits(7);
        assert_eq!(outcome.error(), format!("target::{kind}"));
        assert!(outcome.text("/error/message").contains(words), "{outcome}");
        assert!(!outcome.stderr.contains("waiting"), "{outcome}");
        assert!(!project.has(".sandpiper"), "nothing is done");
    }
    database.rows(&format!("DROP ROLE {account}"));
}
