//! Tenants through the binary: lists, files and queries, one run over all of them, several hosts at once.

mod hosts;
mod lists;
mod mariadb;
mod queries;
mod records;
mod runs;
mod served;
mod stopped;

use sandpiper_tests::{Outcome, Project, rows};

/// A project whose tenants each have a database of their own, which is their store too; `tenants` is the value of that
/// key.
fn of(tenants: &str) -> Project {
    let project = Project::new(&format!(
        "service: tests\nstore: target\ntenants: {tenants}\nvariables: {{ kind: small }}\n\
         target-systems: {{ target: {{ kind: sqlite, path: 'db/${{var:tenant}}.db' }} }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n"
    ));
    project.write("db/README", "");
    project
}

/// The same with one change, which leaves the tenant's name.
fn with_a_change(tenants: &str) -> Project {
    let project = of(tenants);
    project.sql(
        "changes/_0001__Create",
        "create",
        "CREATE TABLE names (x); INSERT INTO names VALUES ('${var:tenant}');",
    );
    project
}

/// Does something to an SQLite file, which is made if it is not there.
fn execute(project: &Project, file: &str, statements: &str) {
    let connection = rusqlite::Connection::open(project.path(file)).unwrap();
    connection.execute_batch(statements).unwrap();
}

/// What the change left for a tenant.
fn names(project: &Project, tenant: &str) -> Vec<String> {
    let file = project.path(&format!("db/{tenant}.db"));
    if file.exists() { rows(&file, "SELECT x FROM names") } else { Vec::new() }
}

/// A field of each tenant of a document, with its name: `acme complete`.
fn each(outcome: &Outcome, field: &str) -> Vec<String> {
    let tenants = outcome.at("/tenants");
    let tenants = tenants.as_array().unwrap_or_else(|| panic!("no tenants in\n{outcome}"));
    let told = |tenant: &serde_json::Value| {
        let value = tenant.pointer(field).cloned().unwrap_or_default();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        format!("{} {value}", tenant["name"].as_str().unwrap())
    };
    tenants.iter().map(told).collect()
}
