//! What is said when a database cannot be had, and that no password is ever in it.

use sandpiper_tests::scenes::{is_a_problem, is_told};
use sandpiper_tests::{Postgres, Project};

use crate::configuration;

const WRONG: &str = "wrong-horse-battery";

fn secrets() -> [&'static str; 2] {
    [WRONG, Postgres::shared().password()]
}

#[track_caller]
fn told(url: &str, is_store: bool, code: &str, words: &[&str]) {
    let project = Project::new(&configuration(if is_store { "store: target\n" } else { "" }, url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
    is_told(&project, is_store, code, words, &secrets());
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
    for (url, word) in [
        ("postgres://a:correct-horse-battery@h:port/x", "port"),
        ("postgres://a:correct-horse-battery@h/x?sslmode=maybe", "sslmode"),
        ("postgres://a:correct-horse-battery@h/x?pool=3", "`pool`"),
    ] {
        let project = Project::new(&configuration("", url));
        is_a_problem(&project, word, &secrets());
    }
}
