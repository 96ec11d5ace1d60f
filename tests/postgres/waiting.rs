//! `--wait`: a server that starts late is waited for; one that says no is not.

use std::time::Duration;

use sandpiper_tests::{Postgres, Project};

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
