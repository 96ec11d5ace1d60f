//! What is said when a database cannot be had, and that no password is ever in it.

use sandpiper_tests::{Outcome, Postgres, Project};

use crate::configuration;

const WRONG: &str = "wrong-horse-battery";

#[track_caller]
fn told(url: &str, is_store: bool, code: &str, words: &[&str]) {
    let project = Project::new(&configuration(if is_store { "store: target\n" } else { "" }, url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
    let outcome = project.json("apply").exits(7);
    let error = outcome.at("/error");
    assert_eq!(error["code"], format!("{}::{code}", if is_store { "store" } else { "target" }), "{outcome}");
    let message = error["message"].as_str().unwrap();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    for line in ["apply -vv", "status", "plan", "lock status"] {
        silent(&project.run(line));
    }
    silent(&outcome);
    for file in project.tree().paths().into_iter().filter(|path| path.contains(".db")) {
        let bytes = std::fs::read(project.path(file)).unwrap_or_default();
        for secret in [WRONG, Postgres::shared().password()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "in `{file}`");
        }
    }
}

#[track_caller]
fn silent(outcome: &Outcome) {
    for secret in [WRONG, Postgres::shared().password()] {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{outcome}");
    }
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let database = Postgres::shared().database();
    let url = database.url().replace(Postgres::shared().password(), WRONG);
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["password authentication failed", "28P01"]);
    }
}

#[test]
fn an_unknown_host_and_a_port_where_nobody_listens_are_told() {
    let password = Postgres::shared().password();
    for is_store in [false, true] {
        let url = format!("postgres://postgres:{password}@no-such-host.invalid/x");
        told(&url, is_store, "unreachable", &["no-such-host.invalid:5432/x"]);
        let url = format!("postgres://postgres:{password}@127.0.0.1:1/x");
        told(&url, is_store, "unreachable", &["127.0.0.1:1/x", "refused"]);
    }
}

#[test]
fn a_missing_database_is_told() {
    let database = Postgres::shared().database();
    let url = database.url().replace(&database.name, "not_there");
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["database \"not_there\" does not exist"]);
    }
}

#[test]
fn missing_rights_are_told_with_the_grants_that_give_them() {
    let database = Postgres::shared().database();
    let account = format!("weak_{}", database.name);
    database.rows(&format!("CREATE ROLE {account} LOGIN PASSWORD '{WRONG}'"));
    let url = database.url().replace("postgres:correct-horse-battery", &format!("{account}:{WRONG}"));
    assert!(url.contains(&account));
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{account}\"", database.name);
    for is_store in [false, true] {
        told(&url, is_store, "rights", &[&grant]);
    }
    database.rows(&grant);
    database.rows(&format!("GRANT CREATE ON SCHEMA public TO {account}"));
    let project = Project::new(&configuration("store: target\n", &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
    project.applied();
    database.rows(&format!("DROP OWNED BY {account} CASCADE; DROP ROLE {account}"));
}

#[test]
fn a_server_that_does_not_encrypt_is_told_where_encryption_is_asked_for() {
    let database = Postgres::shared().database();
    let url = format!("{}?sslmode=require", database.url());
    for is_store in [false, true] {
        told(&url, is_store, "refused", &["does not encrypt"]);
    }
}

#[test]
fn a_wrong_address_is_a_problem_at_its_line() {
    for (url, words) in [
        ("postgres://a:correct-horse-battery@h:port/x", "port"),
        ("postgres://a:correct-horse-battery@h/x?sslmode=maybe", "sslmode"),
        ("postgres://a:correct-horse-battery@h/x?pool=3", "`pool`"),
    ] {
        let project = Project::new(&configuration("", url));
        let outcome = project.json("validate").exits(2);
        let problem = outcome.at("/problems/0");
        assert!(problem["message"].as_str().unwrap().contains(words), "{outcome}");
        assert_eq!(problem["line"], 3, "{outcome}");
        silent(&outcome);
    }
}
