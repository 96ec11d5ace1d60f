//! `doctor`: what has to be right, and how to mend what is not.

use std::os::unix::fs::PermissionsExt as _;

use sandpiper_tests::{MARKED, Outcome, Project, rows};
use serde_json::Value;

#[track_caller]
fn check(outcome: &Outcome, name: &str) -> Value {
    let checks = outcome.at("/checks");
    let found = checks.as_array().unwrap().iter().find(|check| check["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("no check `{name}` in\n{outcome}"))
}

/// The check failed, with words in its message, and says how to mend it.
#[track_caller]
fn failed(outcome: &Outcome, name: &str, words: &str) {
    let check = check(outcome, name);
    assert_eq!(check["ok"], false, "{check}");
    let message = check["message"].as_str().unwrap();
    assert!(message.contains(words), "`{words}` is not in: {message}");
    let is_unknown = check["health"] == "unknown";
    assert_eq!(check["help"].is_null(), is_unknown, "{check}");
}

#[test]
fn a_sound_project_is_found_sound_and_nothing_is_made() {
    for project in [Project::shared(), Project::marked()] {
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
        let before = project.tree();
        let outcome = project.json("doctor").exits(0);
        assert_eq!((outcome.at("/ok"), outcome.at("/error")), (true.into(), Value::Null));
        assert_eq!(project.tree().paths(), before.paths());
        project.applied();
        let outcome = project.json("doctor").exits(0);
        for check in outcome.at("/checks").as_array().unwrap() {
            assert_eq!(check["ok"], true, "{check}");
            let fields: Vec<&String> = check.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["name", "ok", "message", "help", "health"]);
        }
        assert!(project.run("doctor").exits(0).stdout.ends_with("checks, all is well\n"));
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_a_check_that_failed() {
    let project =
        Project::new("service: tests\nnonsense: 1\npipeline: { stages: [{ location: changes }] }\n");
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "configuration", "nonsense");
    failed(&outcome, "store", "not looked at: `configuration` failed");
    assert_eq!((outcome.error(), outcome.at("/error/line")), ("config::unknown-key".into(), 2.into()));
    let outcome = Project::empty().json("doctor").exits(7);
    failed(&outcome, "configuration", "there is no `sandpiper.yaml`");
}

#[test]
fn problems_of_changes_are_counted() {
    let project = Project::shared();
    project.write("changes/_1__X.sql", "x").write("changes/_0002__Y.sql", "y");
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "changes", "and 1 more");
    assert_eq!(outcome.at("/error/problems").as_array().map(Vec::len), Some(2), "{outcome}");
    failed(&outcome, "issues", "`changes` failed");
    assert_eq!(check(&outcome, "store.reachable")["ok"], true);
}

#[test]
fn a_file_that_cannot_be_had_keeps_the_rest_from_being_looked_at() {
    let project = Project::new(&MARKED.replace("path: target.db", "path: nowhere/target.db"));
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "target.target.reachable", "does not exist");
    failed(&outcome, "target.target.rights", "not looked at: `reachable` failed");
    assert_eq!(outcome.error(), "target::unreachable");
    for field in ["message", "help"] {
        assert_eq!(outcome.at(&format!("/error/{field}")), check(&outcome, "target.target.reachable")[field]);
    }
    let project = Project::marked();
    project.write("target.db", "x".repeat(4096)).write(".sandpiper/audit.db", "x".repeat(4096));
    let outcome = project.json("doctor").exits(7);
    for name in ["target.target.reachable", "store.reachable"] {
        failed(&outcome, name, "not a database");
    }
    for name in ["store.chain", "store.locks", "issues"] {
        failed(&outcome, name, "not looked at");
    }
    let told = project.run("doctor").exits(7);
    assert!(told.stdout.contains("• store.locks"));
    assert_eq!(told.stderr, "", "it is told once");
    assert!(project.run("doctor --quiet").exits(7).stderr.starts_with("error[store::unreachable]: "));
}

#[test]
fn tables_of_the_hosts_that_are_another_ones_are_found() {
    let project = Project::marked();
    project.write("target.db", "");
    rows(&project.path("target.db"), "CREATE TABLE sandpiper_fence (a, b)");
    failed(
        &project.json("doctor").exits(7),
        "target.target.tables",
        "`sandpiper_fence` has no column `store`",
    );
}

#[test]
fn a_broken_end_of_the_chain_and_a_newer_store_are_found() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let audit = project.path(".sandpiper/audit.db");
    rows(&audit, "UPDATE sandpiper_entry SET body = replace(body, 'tester', 'nobody') WHERE sequence = 2");
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "store.chain", "broken at entry 2");
    assert_eq!(outcome.error(), "audit::broken");
    rows(&audit, "DELETE FROM sandpiper_entry WHERE sequence = 2");
    failed(&project.json("doctor").exits(7), "store.chain", "broken at entry 2");
    rows(&audit, "UPDATE sandpiper_store SET value = '99' WHERE name = 'schema'");
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "store.schema", "version 99");
    assert_eq!(outcome.error(), "store::version");
    failed(&outcome, "store.chain", "not looked at: `schema` failed");
}

#[test]
fn an_older_store_is_told_by_its_own_version() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let told = |version: &str| {
        let outcome = project.json("doctor").exits(0);
        let checks = outcome.json()["checks"].as_array().unwrap().clone();
        let schema = checks.iter().find(|check| check["name"] == "store.schema").unwrap();
        assert_eq!(schema["message"], version, "{outcome}");
    };
    told("version 2");
    let audit = project.path(".sandpiper/audit.db");
    rows(&audit, "UPDATE sandpiper_store SET value = '1' WHERE name = 'schema'");
    told("version 1");
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    project.applied();
    told("version 2");
}

#[test]
fn an_issue_is_a_check_that_failed() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", "CREATE TABLE a (id);\nnonsense;");
    project.json("apply").exits(4);
    let outcome = project.json("doctor").exits(7);
    failed(&outcome, "issues", "`a`");
    assert_eq!(outcome.error(), "plan::blocked");
}

#[test]
fn one_tenant_is_looked_at_and_none_named_is_a_mistake_of_the_command() {
    let project = Project::marked();
    project.configure("tenants: [one, two]");
    let outcome = project.json("doctor").exits(2);
    assert_eq!((outcome.error(), outcome.at("/checks")), ("usage".into(), serde_json::json!([])));
    assert!(outcome.text("/error/help").contains("--tenant NAME"), "{outcome}");
    project.json("doctor --tenant one").exits(0);
    // Where the configuration cannot be read that is a check, of tenants too.
    project.json("doctor --tenant three").exits(7);
}

#[test]
fn an_audit_that_everybody_may_write_to_is_odd_but_nothing_fails() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let everybody = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(project.path(".sandpiper/audit.db"), everybody).unwrap();
    let check = check(&project.json("doctor").exits(0), "store.permissions");
    assert_eq!((check["ok"].clone(), check["health"].clone()), (true.into(), "odd".into()));
    assert!(check["help"].as_str().unwrap().contains("chmod o-w"), "{check}");
}

#[test]
fn a_system_without_a_driver_is_a_check_that_failed() {
    let project = Project::new(&format!("{MARKED}variables: {{}}\n").replace(
        "target-systems:",
        "target-systems:\n  shop: { kind: mysql, url: \"mysql://shop@127.0.0.1:1/shop\" }",
    ));
    let outcome = project.json("doctor").exits(7);
    let names = outcome.at("/checks").to_string();
    assert!(names.contains("target.shop."), "{outcome}");
}
