//! Which exit code counts when several apply: before anything runs 2, 7, 6; afterwards 70, 4, 130/143, 7, 5, 1.

use sandpiper_tests::Project;

/// Two stages on two files; the store is a third.
const TWO: &str = "\
service: tests
target-systems:
  target: { kind: sqlite, path: target.db }
  other: { kind: sqlite, path: other.db }
pipeline:
  stages:
    - { name: main, location: changes }
    - { name: second, location: second }
";

fn modified(configuration: &str) -> Project {
    let project = Project::new(configuration);
    project.write("second/README.md", "");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project
}

#[test]
fn files_stand_before_integrity() {
    let project = modified(sandpiper_tests::MARKED);
    project.write("changes/0002_B.sql", "SELECT 1;");
    project.json("apply").exits(2);
}

#[test]
fn files_stand_before_the_store() {
    let project =
        Project::new(&format!("store: sqlite:sandpiper.yaml/audit.db\n{}", sandpiper_tests::MARKED));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    assert_eq!(project.json("apply").exits(7).error(), "store::unreachable");
    project.write("changes/0002_B.sql", "SELECT 1;");
    project.json("apply").exits(2);
}

#[test]
fn a_person_stands_before_a_failure() {
    let project = Project::new(TWO);
    project.write(
        "second/_0001__B.sql",
        "-- sandpiper: id=b author=t target-system=other\nINSERT INTO nowhere VALUES (1);\n",
    );
    project.direct_sql("changes/_0001__A", "a", "INSERT INTO nowhere VALUES (1);");
    let outcome = project.json("apply").exits(4);
    assert_eq!(outcome.counts(), [0, 0, 2, 0, 0]);
    assert_eq!(project.json("apply").exits(4).counts(), [0, 0, 1, 0, 1]);
}

#[test]
fn a_modified_change_stops_everything_before_it_begins() {
    let project = modified(TWO);
    project.write(
        "second/_0001__B.sql",
        "-- sandpiper: id=b author=t target-system=other\nCREATE TABLE b (id INTEGER);\n",
    );
    let outcome = project.json("apply").exits(6);
    assert_eq!(outcome.error(), "plan::modified");
    assert!(!project.has("other.db"), "another stage ran");
}

#[test]
fn status_puts_a_person_before_integrity_and_integrity_before_pending() {
    let project = Project::new(TWO);
    project.write("second/README.md", "");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project.write(
        "second/_0001__B.sql",
        "-- sandpiper: id=b author=t target-system=other\nCREATE TABLE b (id INTEGER);\n",
    );
    project.json("status --check").exits(6);
    project.json("plan --check").exits(6);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.json("status --check").exits(3);
    let failing = "-- sandpiper: id=b author=t target-system=other transactional=false\nINSERT INTO nowhere VALUES (1);\n";
    project.write("second/_0001__B.sql", failing);
    project.json("apply").exits(4);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project.json("status --check").exits(4);
    project.json("plan --check").exits(4);
}
