//! Files that were moved or renamed after they were applied: allowed while nothing passes another, and noted.

use sandpiper_tests::Project;

fn applied_two() -> Project {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id INTEGER);");
    project.applied();
    project
}

/// The last note about a change.
fn note(project: &Project, id: &str) -> String {
    let shown = project.json(&format!("audit show {id}")).exits(0);
    let history = shown.at("/history");
    let notes: Vec<_> = history.as_array().unwrap().iter().filter(|it| it["state"].is_null()).collect();
    notes.last().and_then(|it| it["reason"].as_str()).unwrap_or_default().to_owned()
}

#[test]
fn a_renamed_file_is_noted_once_by_a_run_that_does_something() {
    let project = applied_two();
    project.rename("changes/_0003__C.sql", "changes/_0002__CreateC.sql");
    let token = project.json("lock status").at("/locks/0/token");
    project.applied();
    assert_eq!(
        project.json("lock status").at("/locks/0/token"),
        token,
        "with nothing to do it takes no lock"
    );
    assert_eq!(project.history("c"), ["started", "applied"]);
    for number in 4..6 {
        project.sql(&format!("changes/_000{number}__D"), &format!("d{number}"), "SELECT 1;");
        project.applied();
        assert_eq!(project.history("c"), ["started", "applied", "null"]);
    }
    let said = note(&project, "c");
    assert!(said.contains("`_0003__C`") && said.contains("`_0002__CreateC`"), "{said}");
    assert_eq!(
        (project.state("c"), project.history("a")),
        ("applied".to_owned(), vec!["started".into(), "applied".into()])
    );
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_new_name_alone_is_noted_too_and_shown_when_the_file_is_gone() {
    let project = applied_two();
    project.rename("changes/_0003__C.sql", "changes/_0003__CreateC.sql");
    project.sql("changes/_0004__D", "d", "SELECT 1;");
    project.applied();
    assert!(note(&project, "c").contains("`_0003__CreateC`"));
    project.remove("changes/_0003__CreateC.sql");
    let status = project.json("status").exits(0);
    assert_eq!(
        (status.of("c", "name"), &status.change("c")["missing"]),
        ("CreateC".to_owned(), &true.into())
    );
}

#[test]
fn applied_changes_that_changed_places_are_out_of_order() {
    let project = applied_two();
    project.rename("changes/_0001__A.sql", "changes/_0004__A.sql");
    let outcome = project.json("apply").exits(0);
    assert!(
        outcome.stdout.contains("plan::out-of-order") && outcome.stdout.contains("moved past `c`"),
        "{outcome}"
    );
    project.configure("policy: { on-out-of-order: fail }");
    assert_eq!(project.json("apply").exits(6).error(), "plan::out-of-order");
    project.json("status --check").exits(6);
}

#[test]
fn a_file_that_moved_past_a_pending_one_makes_that_late() {
    let project = applied_two();
    project.rename("changes/_0003__C.sql", "changes/_0005__C.sql");
    project.sql("changes/_0004__D", "d", "CREATE TABLE d (id INTEGER);");
    let outcome = project.applied();
    assert!(outcome.stdout.contains("`d` is pending, but `c`"), "{outcome}");
    assert!(note(&project, "c").contains("`_0005__C`"));
    // What was noted is where it is: `d` did not move past it.
    let outcome = project.json("status").exits(0);
    assert!(!outcome.stdout.contains("plan::out-of-order"), "{outcome}");
}

#[test]
fn a_file_that_moved_to_another_stage_is_noted_once() {
    let stages = "    - { name: main, location: changes }\n    - { name: other, location: other }\n";
    let project =
        Project::new(&sandpiper_tests::MARKED.replace("    - { name: main, location: changes }\n", stages));
    project.sql("other/_0001__B", "b", "CREATE TABLE b (id INTEGER);");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project.rename("changes/_0001__A.sql", "other/_0002__A.sql");
    for number in 3..5 {
        project.sql(&format!("other/_000{number}__C"), &format!("c{number}"), "SELECT 1;");
        project.applied();
        assert_eq!(project.history("a"), ["started", "applied", "null"]);
    }
    let said = note(&project, "a");
    assert!(said.contains("`_0001__A` in stage `main`") && said.contains("`_0002__A` in `other`"), "{said}");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}
