//! What an undo runs: the bytes that were applied, whatever became of the file since.

use sandpiper_tests::{Project, component_with_id};

fn body(table: &str) -> String {
    format!("-- apply\nCREATE TABLE {table} (n INTEGER);\n-- rollback\nDROP TABLE {table};")
}

fn applied(configuration: &str) -> Project {
    let project = Project::marked();
    project.configure(configuration);
    project.sql("changes/_0001__A", "a", &body("a"));
    project.applied();
    project
}

#[test]
fn the_file_may_be_gone() {
    let project = applied("");
    project.sql("changes/_0002__B", "b", &body("b"));
    let yaml = "id: c\nauthor: t\ntarget-system: target\nsteps:\n  - { apply: \"CREATE TABLE c (n INTEGER)\", rollback: \"DROP TABLE c\" }\n  - { apply: \"INSERT INTO c VALUES (1)\", rollback: \"DELETE FROM c\" }\n";
    project.write("changes/_0003__C.yaml", yaml);
    project.applied();
    project.remove("changes/_0002__B.sql").remove("changes/_0003__C.yaml");
    let outcome = project.json("undo --last 2").exits(0);
    assert_eq!((outcome.of("c", "name"), outcome.of("b", "outcome")), ("C".into(), "undone".into()));
    assert_eq!(project.tables(), ["a"]);
    assert_eq!(project.json("status").exits(0).at("/stages/0/changes").as_array().unwrap().len(), 1);
}

#[test]
fn an_edited_file_is_not_what_runs() {
    let project = applied("");
    project.sql("changes/_0001__A", "a", &body("a").replace("DROP TABLE a", "DROP TABLE other"));
    project.json("undo a").exits(0);
    assert!(project.tables().is_empty());
    project.sql("changes/_0001__A", "a", &body("a"));
    project.applied();
    project.sql("changes/_0001__A", "a", "-- apply\nSELECT 1;\n-- rollback\nALTER TABLE a RENAME TO kept;");
    project.json("undo a --working-copy").exits(0);
    assert_eq!(project.tables(), ["kept"], "unless that is asked for");
}

#[test]
fn a_renamed_file_and_a_release_without_the_stage_are_no_matter() {
    let project = applied("");
    project.rename("changes/_0001__A.sql", "changes/_0009__CreateA.sql");
    assert_eq!(project.json("undo a").exits(0).of("a", "order"), "0009");
    project.applied();
    let other = project
        .read("sandpiper.yaml")
        .replace("name: main, location: changes", "name: later, location: later");
    project.write("later/README.md", "").write("sandpiper.yaml", other);
    let outcome = project.json("undo --last 1").exits(0);
    assert_eq!((outcome.stage("main"), project.tables().len()), ("complete".into(), 0));
}

#[test]
fn without_the_artifact_only_the_same_bytes_will_do() {
    let project = applied("keep-artifacts: false");
    project.json("undo a").exits(0);
    project.applied();
    let before = project.read("changes/_0001__A.sql");
    project.sql("changes/_0001__A", "a", &body("a").replace("DROP TABLE a;", "DROP TABLE a; SELECT 1;"));
    let outcome = project.json("undo a").exits(2);
    assert_eq!(outcome.error(), "audit::no-artifact");
    assert!(outcome.text("/error/help").contains("--working-copy"), "{outcome}");
    project.remove("changes/_0001__A.sql");
    let outcome = project.json("undo a").exits(2);
    assert_eq!(outcome.error(), "audit::no-artifact");
    assert!(outcome.text("/error/help").contains("--working-copy"), "{outcome}");
    assert_eq!(project.json("undo a --working-copy").exits(2).error(), "audit::no-artifact");
    assert_eq!(project.tables(), ["a"]);
    project.write("changes/_0001__A.sql", before);
    project.json("undo a").exits(0);
    assert!(project.tables().is_empty());
}

#[test]
fn a_change_that_a_person_marked_as_applied_is_taken_back() {
    let project = Project::marked();
    let half = "-- apply\nCREATE TABLE a (n INTEGER);\nINSERT INTO nowhere VALUES (1);\n";
    project.direct_sql("changes/_0001__A", "a", half);
    project.json("apply").exits(4);
    project.json("issue resolve a --applied --reason seen").exits(0);
    assert_eq!(project.json("undo a").exits(2).error(), "change::no-rollback");
    project.direct_sql("changes/_0001__A", "a", &format!("{half}-- rollback\nDROP TABLE a;"));
    project.json("undo a --working-copy").exits(0);
    assert!(project.tables().is_empty());
    assert_eq!(project.history("a"), ["started", "failed", "marked-applied", "undoing", "undone"]);
}

#[test]
fn a_component_is_taken_back_by_the_bytes_that_ran() {
    let project = Project::shared();
    let (id, bytes) = component_with_id("cases", "kept");
    project.write("changes/_0001__Guest.wasm", bytes);
    project.json("apply --set case=normal").exits(0);
    assert_eq!(project.tables(), ["guest_rows"]);
    project.remove("changes/_0001__Guest.wasm");
    let outcome = project.json(&format!("undo {id}")).exits(0);
    assert_eq!(
        (outcome.of(&id, "name"), outcome.of(&id, "author")),
        ("Guest".into(), "sandpiper-tests".into())
    );
    assert!(project.tables().is_empty());
}

#[test]
fn the_target_system_must_be_there_still() {
    let project = applied("");
    project.remove("changes/_0001__A.sql");
    let text = project.read("sandpiper.yaml").replace("target: { kind", "renamed: { kind");
    project.write("sandpiper.yaml", text);
    let outcome = project.json("undo a").exits(2);
    assert_eq!(outcome.error(), "change::unknown-target");
}
