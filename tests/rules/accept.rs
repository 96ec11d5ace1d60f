//! `accept`: an edit of an applied change is meant, and counts from then on.

use sandpiper_tests::Project;

const BEFORE: &str = "-- apply\nCREATE TABLE a (id INTEGER);\n-- rollback\nDROP TABLE a;";
const AFTER: &str = "-- apply\n-- what it is for\nCREATE TABLE a (id INTEGER);\n-- rollback\nDROP TABLE a;";

fn edited() -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", BEFORE);
    project.applied();
    project.sql("changes/_0001__A", "a", AFTER);
    project
}

#[test]
fn an_accepted_edit_counts_from_then_on() {
    let project = edited();
    let refused = project.json("apply").exits(6);
    assert!(refused.text("/error/help").contains("sandpiper accept a"), "{refused}");
    let outcome = project.json("accept a --reason \"a comment\" --operator ann").exits(0);
    assert_eq!(outcome.at("/entries").as_array().unwrap().len(), 1);
    for (field, value) in [
        ("change_id", "a"),
        ("state", "applied"),
        ("reason", "a comment"),
        ("operator", "ann"),
        ("mode", "shared"),
    ] {
        assert_eq!(outcome.text(&format!("/entries/0/{field}")), value, "{outcome}");
    }
    let status = project.json("status --check").exits(0);
    assert_eq!(outcome.text("/entries/0/digest"), status.of("a", "digest"));
    assert_eq!(status.change("a")["modified"], false);
    assert!(outcome.at("/entries/0/template_digest").is_string(), "{outcome}");
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
    assert_eq!(project.history("a"), ["started", "applied", "applied"]);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

#[test]
fn it_was_applied_when_it_ran_also_after_an_accepted_edit() {
    let project = edited();
    let before = project.json("status").exits(0).of("a", "applied_at");
    project.json("accept a --reason x").exits(0);
    assert_eq!(project.json("status").exits(0).of("a", "applied_at"), before);
}

#[test]
fn an_accepted_edit_is_taken_back_by_putting_the_file_back() {
    let project = edited();
    project.json("accept a --reason x").exits(0);
    project.sql("changes/_0001__A", "a", BEFORE);
    project.json("apply").exits(6);
    project.json("accept a --reason \"no, it was right\"").exits(0);
    project.json("status --check").exits(0);
    assert_eq!(project.history("a"), ["started", "applied", "applied", "applied"]);
}

#[test]
fn only_an_edit_of_an_applied_change_is_accepted() {
    let project = edited();
    project.sql("changes/_0002__AddStatus", "add-status", "SELECT 1;");
    for line in [
        "accept a",
        "accept a --reason \"\"",
        "accept add-status --reason x",
        "accept x --reason x",
        "accept",
    ] {
        project.json(line).exits(2);
    }
    let outcome = project.json("accept add-staus --reason x").exits(2);
    assert!(outcome.text("/error/help").contains("`add-status`"), "{outcome}");
    project.json("accept a --reason x").exits(0);
    project.json("accept a --reason x").exits(2);
    project.remove("changes/_0001__A.sql");
    let outcome = project.json("accept a --reason x").exits(2);
    assert!(outcome.text("/error/message").contains("no file"), "{outcome}");
}

#[test]
fn without_a_store_nothing_can_be_accepted() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", BEFORE);
    let before = project.tree();
    project.json("accept a --reason x").exits(2);
    assert_eq!(before.differences(&project.tree()), [""; 0]);
}

#[test]
fn a_broken_file_is_not_accepted() {
    let project = edited();
    project.sql("changes/_0001__A", "a", "CREATE TABLE ${var:none} (id INTEGER);");
    project.json("accept a --reason x").exits(2);
    assert_eq!(project.history("a"), ["started", "applied"]);
}

#[test]
fn a_file_that_was_moved_and_edited_is_accepted_where_it_was_and_the_move_noted() {
    let project = edited();
    project.rename("changes/_0001__A.sql", "changes/_0002__Renamed.sql");
    let outcome = project.json("accept a --reason x").exits(0);
    assert_eq!(outcome.text("/entries/0/order"), "0001");
    project.sql("changes/_0003__B", "b", "SELECT 1;");
    project.applied();
    assert_eq!(project.history("a"), ["started", "applied", "applied", "null"]);
}

#[test]
fn the_artifact_that_is_shown_is_what_ran() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (n INTEGER);");
    project.applied();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (n INTEGER, other TEXT);");
    project.json("accept a --reason \"it is meant\"").exits(0);
    project.json("audit show a --artifact ran.sql").exits(0);
    assert!(!project.read("ran.sql").contains("other"));
}
