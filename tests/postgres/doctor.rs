//! `doctor` on a server: what an account may and may not do, and whether changes could reach the audit.

use sandpiper_tests::{Outcome, Postgres, PostgresDatabase, Project};
use serde_json::Value;

use crate::{Place, configuration};

const PASSWORD: &str = "wrong-horse-battery";

#[track_caller]
fn check(outcome: &Outcome, name: &str) -> Value {
    let checks = outcome.at("/checks");
    let found = checks.as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("no check `{name}` in\n{outcome}"))
}

#[track_caller]
fn failed(outcome: &Outcome, name: &str, message: &str, help: &str) {
    let check = check(outcome, name);
    assert_eq!(check["ok"], false, "{outcome}");
    for (field, words) in [("message", message), ("help", help)] {
        assert!(check[field].as_str().unwrap().contains(words), "`{words}` is not in {field} of {check}");
    }
}

/// An account, and the address of the database for it.
fn account(database: &PostgresDatabase<'_>) -> (String, String) {
    let name = format!("doctor_{}", database.name);
    database.rows(&format!("CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'"));
    let url = database.url().replace("postgres:correct-horse-battery", &format!("{name}:{PASSWORD}"));
    (name, url)
}

#[test]
fn a_sound_place_is_found_sound_and_nothing_is_made() {
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::new(mode);
        project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
        let outcome = project.json("doctor").exits(0);
        assert_eq!(database.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'sandpiper'"), ["0"]);
        for aspect in ["reachable", "version", "rights", "clock", "tables", "audit"] {
            check(&outcome, &format!("target.target.{aspect}"));
        }
        project.applied();
        let outcome = project.json("doctor").exits(0);
        assert!(
            check(&outcome, "target.target.version")["message"].as_str().unwrap().contains("12 or newer")
        );
        assert!(!format!("{outcome}").contains(Postgres::shared().password()));
        if mode == "shared" {
            for aspect in ["reachable", "version", "rights", "clock", "schema", "chain", "locks"] {
                assert_eq!(check(&outcome, &format!("store.{aspect}"))["ok"], true);
            }
        }
    }
}

#[test]
fn a_server_that_cannot_be_reached_keeps_the_rest_from_being_looked_at() {
    let project = Project::new(&configuration("store: target\n", "postgres://postgres:x@127.0.0.1:1/x"));
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "store.reachable", "127.0.0.1:1/x", "check `store`");
    failed(&outcome, "target.target.reachable", "refused", "check its address");
    for name in ["store.rights", "store.chain", "store.locks", "issues", "target.target.audit"] {
        let check = check(&outcome, name);
        assert_eq!((check["ok"].clone(), check["health"].clone()), (false.into(), "unknown".into()));
    }
}

#[test]
fn a_wrong_password_is_told_without_it() {
    let database = Postgres::shared().database();
    let url = database.url().replace(Postgres::shared().password(), PASSWORD);
    let project = Project::new(&configuration("", &url));
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "target.target.reachable", "password authentication failed", "");
    let human = project.run("doctor").exits(7);
    assert!(!format!("{outcome}{human}").contains(PASSWORD));
}

#[test]
fn an_account_that_may_not_make_the_schema_is_told_what_to_grant() {
    let database = Postgres::shared().database();
    let (account, url) = account(&database);
    let project = Project::new(&configuration("store: target\n", &url));
    let outcome = project.json("doctor").exits(7);
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{account}\"", database.name);
    for name in ["store.rights", "target.target.rights"] {
        failed(&outcome, name, "may not make or use", &grant);
    }
    database.rows(&grant);
    project.json("doctor").exits(0);
    database.rows(&format!("DROP OWNED BY {account} CASCADE; DROP ROLE {account}"));
}

#[test]
fn an_account_of_changes_that_may_write_the_audit_is_found() {
    let database = Postgres::shared().database();
    let (account, url) = account(&database);
    let store = format!("store: \"{}\"\n", database.url());
    let project = Project::new(&configuration(&store, &url));
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
    database.rows(&format!(
        "CREATE SCHEMA sandpiper; GRANT USAGE, CREATE ON SCHEMA sandpiper TO {account};
         GRANT CREATE ON SCHEMA public TO {account}"
    ));
    project.applied();
    assert_eq!(project.applied().of("t", "outcome"), "already-applied");
    let well = project.json("doctor").exits(0);
    assert!(check(&well, "target.target.audit")["message"].as_str().unwrap().contains("may not write to it"));
    database.rows(&format!(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA sandpiper TO {account}"
    ));
    let outcome = project.json("doctor").exits(7);
    failed(
        &outcome,
        "target.target.audit",
        "may write to the audit",
        "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON",
    );
    // What it says mends it.
    let help = check(&outcome, "target.target.audit")["help"].as_str().unwrap().to_owned();
    database.rows(help.split('`').nth(1).unwrap());
    project.json("doctor").exits(0);
    database.rows(&format!("DROP OWNED BY {account} CASCADE; DROP ROLE {account}"));
}

#[test]
fn tables_that_are_another_ones_and_a_broken_chain_are_found() {
    let Place { project, database } = Place::new("shared");
    database.rows("CREATE SCHEMA sandpiper; CREATE TABLE sandpiper.sandpiper_fence (store text)");
    failed(
        &project.json("doctor").exits(7),
        "target.target.tables",
        "`sandpiper.sandpiper_fence` has no column `service`",
        "rename",
    );
    database.rows("DROP TABLE sandpiper.sandpiper_fence");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);");
    project.applied();
    database.rows("UPDATE sandpiper.sandpiper_chain SET sequence = 3");
    failed(&project.json("doctor").exits(7), "store.chain", "broken at entry 3", "audit verify");
}
