//! Components in an atomic stage, beside changes that are written as data.

use crate::ID;
use sandpiper_tests::{MARKED, Outcome, Project, SHARED, component};

fn project(configuration: &str, before: &str, after: &str) -> Project {
    let configuration = configuration.replace("location: changes }", "location: changes, atomic: true }");
    let project = Project::new(&configuration);
    project.sql("changes/_0001__A", "a", before);
    project.write("changes/_0002__Guest.wasm", component("cases"));
    project.sql("changes/_0003__C", "c", after);
    project
}

fn apply(project: &Project, case: &str) -> Outcome {
    project.json(&format!("apply --set case={case}"))
}

#[test]
fn components_and_data_share_one_transaction() {
    for configuration in [SHARED, MARKED] {
        let project = project(
            configuration,
            "CREATE TABLE a (x);",
            "CREATE TABLE c AS SELECT count(*) AS n FROM guest_rows;",
        );
        assert_eq!(apply(&project, "normal").exits(0).counts(), [3, 0, 0, 0, 0]);
        assert_eq!(project.rows("SELECT n FROM c"), ["2"]);
    }
}

#[test]
fn a_component_that_traps_takes_all_with_it() {
    for configuration in [SHARED, MARKED] {
        let project = project(configuration, "CREATE TABLE a (x);", "CREATE TABLE c (x);");
        let outcome = apply(&project, "trap-after-write").exits(1);
        assert!(project.tables().is_empty(), "{outcome}");
        assert_eq!(outcome.of(ID, "/error/code"), "change::trap");
        assert_eq!(["a", ID, "c"].map(|id| outcome.of(id, "outcome")), ["rolled-back"; 3]);
    }
}

#[test]
fn the_deadline_is_of_each_change_and_nothing_is_committed_after_one_that_is_over() {
    let project = project(MARKED, "CREATE TABLE a (x);", "CREATE TABLE c (x);");
    project.configure("limits: { deadline: 2s }");
    let outcome = apply(&project, "endless").exits(1);
    assert_eq!(outcome.error(), "change::deadline");
    assert!(project.tables().is_empty(), "{outcome}");
    let outcome = project.json("apply --set case=sleep --set milliseconds=1200").exits(0);
    assert_eq!(outcome.counts(), [3, 0, 0, 0, 0]);
}
