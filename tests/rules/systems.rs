//! Target systems and stores that cannot be reached, and which of our own failures that is.

use sandpiper_tests::Project;

#[test]
fn the_folder_of_a_store_is_made_and_that_of_a_target_is_not() {
    let project = Project::new(
        "service: tests\nstore: sqlite:deep/er/audit.db\ntarget-systems:\n  target: { kind: sqlite, path: target.db }\n\
         pipeline: { stages: [{ name: main, location: changes }] }\n",
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    assert!(project.has("deep/er/audit.db"));
}

#[test]
fn a_store_that_is_no_database_is_left_alone() {
    let project = Project::marked();
    project.write(
        ".sandpiper/audit.db",
        "this is no database, and it is long enough to be looked at as one. ".repeat(20),
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let before = project.tree();
    for line in ["apply", "status", "plan", "audit list"] {
        let outcome = project.json(line);
        assert!(
            [6, 7].contains(&outcome.code) && outcome.text("/error/message").contains("not a database"),
            "{outcome}"
        );
    }
    assert_eq!(before.differences(&project.tree()), [""; 0]);
}

#[test]
fn a_target_that_is_no_database_is_left_alone() {
    let project = Project::marked();
    project
        .write("target.db", "this is no database, and it is long enough to be looked at as one. ".repeat(20));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let outcome = project.json("apply").exits(7);
    assert!(outcome.error().starts_with("target::"), "{outcome}");
    assert!(project.read("target.db").starts_with("this is no database"));
}

#[test]
fn a_store_that_refuses_a_write_is_7_and_runs_nothing() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let store = sandpiper_tests::open(&project.path(".sandpiper/audit.db"));
    let tables = sandpiper_tests::rows(
        &project.path(".sandpiper/audit.db"),
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'sandpiper%entr%'",
    );
    let [table] = tables.as_slice() else { panic!("one table of entries: {tables:?}") };
    let refuse = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no more history'); END"
    );
    store.execute_batch(&refuse).unwrap();
    drop(store);
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    let outcome = project.json("apply").exits(7);
    assert!(outcome.error().starts_with("store::"), "{outcome}");
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn a_target_that_no_pending_change_needs_is_not_asked() {
    let project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: target.db }\n  gone: { kind: sqlite, path: no/where.db }\n\
         pipeline: { stages: [{ name: main, location: changes }] }\n",
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
}
