//! Tenants that a database names: what it answers is not trusted.

use sandpiper_tests::{Project, open};

use crate::{each, execute};

/// A project whose tenants are those of the table `tenants` in `control.db`.
fn asking(query: &str) -> Project {
    let project = Project::new(&format!(
        "service: tests\nstore: target\ntenants: {{ query: \"{query}\", target-system: control }}\n\
         target-systems:\n  target: {{ kind: sqlite, path: 'db/${{var:tenant}}.db' }}\n  \
         control: {{ kind: sqlite, path: control.db }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n"
    ));
    project.write("db/README", "");
    project.sql("changes/_0001__Create", "create", "CREATE TABLE names (x);");
    execute(&project, "control.db", "CREATE TABLE tenants (name TEXT, size INTEGER)");
    project
}

fn add(project: &Project, name: &str) {
    open(&project.path("control.db")).execute("INSERT INTO tenants VALUES (?1, 1)", [name]).unwrap();
}

#[test]
fn a_query_yields_the_tenants_and_new_ones_are_caught_up_with() {
    let project = asking("SELECT name FROM tenants ORDER BY name");
    let none = project.json("apply").exits(0);
    assert!(none.text("/warnings/0/message").contains("no tenants"), "{none}");
    add(&project, "globex");
    assert_eq!(each(&project.applied(), "/counts/applied"), ["globex 1"]);
    add(&project, "acme");
    assert_eq!(each(&project.applied(), "/counts/applied"), ["acme 1", "globex 0"]);
    project.json("apply --tenant acme").exits(0);
    let refused = project.json("apply --tenant acm").exits(2);
    assert!(refused.text("/error/help").contains("`acme`"), "{refused}");
}

#[test]
fn names_that_could_mean_something_else_in_an_address_stop_everything() {
    let bad = ["../../etc/x", "a b", "", "a;b", "a'--", ".", "-rf", "a\nb", "a\u{202e}b", &"x".repeat(200)];
    for name in bad {
        let project = asking("SELECT name FROM tenants ORDER BY rowid");
        add(&project, "acme");
        add(&project, name);
        let refused = project.json("apply").exits(2);
        assert!(refused.text("/error/message").contains("row 2 of the query"), "{refused}");
        assert!(!project.has("db/acme.db"), "nothing was begun for {name:?}");
        assert_eq!(project.json("apply --tenant ../x").exits(2).error(), "usage");
    }
}

#[test]
fn a_query_that_does_not_fit_is_told_with_its_place() {
    let told = |query: &str| {
        let project = asking(query);
        add(&project, "acme");
        add(&project, "acme");
        let refused = project.json("apply").exits(2);
        assert_eq!(
            (refused.text("/error/file"), refused.error()),
            ("sandpiper.yaml".into(), "config::syntax".into())
        );
        refused.text("/error/message")
    };
    assert!(told("SELECT name FROM tenants").contains("was there already"));
    assert!(told("SELECT name, size FROM tenants").contains("2 columns"));
    assert!(told("SELECT NULL").contains("holds no text"));
    assert!(told("SELECT name FROM nowhere").contains("no such table"));
    assert!(told("DELETE FROM tenants RETURNING name").contains("`control` does not yield the tenants"));
}

#[test]
fn a_database_of_tenants_that_cannot_be_reached_is_7() {
    let project = asking("SELECT name FROM tenants");
    let text = project.read("sandpiper.yaml").replace("path: control.db", "path: nowhere/control.db");
    project.write("sandpiper.yaml", text);
    assert_eq!(project.json("apply").exits(7).error(), "target::unreachable");
}

#[test]
fn the_database_that_is_asked_is_there_before_the_tenants() {
    let project = asking("SELECT name FROM tenants");
    let text = project.read("sandpiper.yaml").replace("path: control.db", "path: '${var:tenant}.db'");
    project.write("sandpiper.yaml", text);
    let refused = project.json("validate").exits(2);
    assert!(refused.stdout.contains("holds what only a tenant has"), "{refused}");
}
