//! Names as long as the tables of a store in MariaDB take them, and longer ones.

use sandpiper_tests::{MariaDb, Project};

use crate::LOCK;

/// A project whose names have so many characters, each of four bytes, and a change with the longest id.
fn project(store: &str, length: usize) -> Project {
    let name = "𝄞".repeat(length);
    let project = Project::new(&format!(
        "service: {name}\nenvironment: {name}\nstore: target\n\
         target-systems:\n  target: {{ kind: mysql, url: \"{store}\" }}\n\
         pipeline:\n  stages:\n    - {{ name: {name}, location: changes }}\n{LOCK}\n"
    ));
    project.sql("changes/_0001__T", &id(), "INSERT INTO made VALUES (1);");
    project
}

fn id() -> String {
    "𝄞".repeat(255)
}

#[test]
fn the_longest_names_and_ids_are_held() {
    let store = MariaDb::shared().database();
    store.rows("CREATE TABLE made (n int)");
    let project = project(&store.url(), 190);
    assert_eq!(project.applied().counts()[0], 1);
    assert_eq!(project.state(&id()), "applied");
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_longer_name_is_a_problem_before_anything_is_done() {
    let store = MariaDb::shared().database();
    let project = project(&store.url(), 191);
    for (line, problems) in
        [("validate", "/problems"), ("plan", "/error/problems"), ("apply", "/error/problems")]
    {
        let outcome = project.json(line).exits(2);
        let problems = outcome.at(problems);
        let lines: Vec<_> =
            problems.as_array().unwrap().iter().map(|it| it["line"].as_u64().unwrap()).collect();
        assert_eq!(lines, [1, 2, 8], "{outcome}");
    }
    assert_eq!(store.rows("SHOW TABLES"), [""; 0]);
}
