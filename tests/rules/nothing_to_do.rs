//! Looking changes nothing, and neither does a second run.

use sandpiper_tests::{Project, Tree};

const LOOKS: [&str; 11] = [
    "status",
    "plan",
    "validate",
    "apply --dry-run",
    "issue list",
    "issue show",
    "audit list",
    "audit list --history",
    "audit verify",
    "lock status",
    "plan --to a",
];

#[test]
fn without_a_store_looking_shows_nothing_applied_and_makes_nothing() {
    for project in [Project::shared(), Project::marked()] {
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
        let before = project.tree();
        for line in LOOKS {
            project.run(line).exits(0);
            project.json(line).exits(0);
        }
        assert_eq!(before.differences(&project.tree()), [""; 0]);
        let status = project.json("status").exits(0);
        assert_eq!((status.at("/pending"), status.at("/issues")), (1.into(), 0.into()));
        assert!(status.change("a")["state"].is_null(), "{status}");
        assert_eq!(project.json("audit list").at("/entries"), serde_json::json!([]));
        assert_eq!(project.json("issue list").at("/issues"), serde_json::json!([]));
        let verify = project.json("audit verify");
        assert_eq!((verify.at("/valid"), verify.at("/entries")), (true.into(), 0.into()));
        project.json("status --check").exits(3);
    }
}

#[test]
fn without_a_store_nothing_can_be_resolved() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let before = project.tree();
    project.json("issue resolve a --applied --reason x").exits(2);
    assert_eq!(project.json("audit show a").exits(0).at("/history"), serde_json::json!([]));
    assert_eq!(before.differences(&project.tree()), [""; 0]);
}

/// What a second run may leave behind: SQLite's own `-shm`, and an empty `-wal`.
fn unwanted(before: &Tree, project: &Project) -> Vec<String> {
    let empty = |path: &str| std::fs::metadata(project.path(path)).is_ok_and(|it| it.len() == 0);
    let differences = before.differences(&project.tree());
    differences
        .into_iter()
        .filter(|line| {
            let path = line.get(2..).unwrap();
            !(path.ends_with("-shm") || path.ends_with("-wal") && (line.starts_with('-') || empty(path)))
        })
        .collect()
}

#[test]
fn a_second_run_writes_nothing() {
    for project in [Project::shared(), Project::marked()] {
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
        project.direct_sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
        project.applied();
        project.applied();
        let before = project.tree();
        for line in ["apply", "apply --to a", "apply --only b", "apply --format json"] {
            project.run(line).exits(0);
            assert_eq!(unwanted(&before, &project), [""; 0], "{line}");
        }
        for line in LOOKS {
            project.run(line).exits(0);
            assert_eq!(unwanted(&before, &project), [""; 0], "{line}");
        }
    }
}

#[test]
fn a_second_run_takes_no_lock() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let before = project.json("lock status").exits(0).at("/locks/0/token");
    assert!(before.is_u64(), "a token was given out: {before}");
    project.applied();
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/token"), before);
}

#[test]
fn a_finished_run_leaves_its_lock_free() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("changes/_0002__B", "b", "INSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(1);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}

#[test]
fn a_run_over_something_to_do_does_it_once() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project.sql("changes/_0002__B", "b", "INSERT INTO a VALUES (1);");
    assert_eq!(project.applied().counts(), [1, 1, 0, 0, 0]);
    project.applied();
    assert_eq!(project.rows("SELECT count(*) FROM a"), ["1"]);
    assert_eq!(project.history("b"), ["started", "applied"]);
}
