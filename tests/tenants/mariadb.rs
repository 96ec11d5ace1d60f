//! Tenants that each have a database on one server of MariaDB, with one store or one each.

use sandpiper_tests::{MariaDb, MariaDbDatabase, Project};

use crate::each;

/// Databases `PREFIX_acme` and `PREFIX_globex` beside one of their own, and a project that applies to them.
fn with_databases(tenants: &str, store: &str) -> (Project, MariaDbDatabase<'static>) {
    let control = MariaDb::shared().database();
    let name = &control.name;
    control.rows(&format!(
        "CREATE DATABASE {name}_acme; CREATE DATABASE {name}_globex; CREATE TABLE tenants (name VARCHAR(50));
         INSERT INTO tenants VALUES ('globex'), ('acme')"
    ));
    let url = control.url();
    let project = Project::new(&format!(
        "service: tests\nstore: {store}\ntenants: {tenants}\n\
         target-systems:\n  control: {{ kind: mysql, url: \"{url}\" }}\n  \
         target: {{ kind: mysql, url: \"{}\" }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n",
        url.replace(name.as_str(), &format!("{name}_${{var:tenant}}"))
    ));
    project.sql("changes/_0001__Create", "create", "CREATE TABLE names (x VARCHAR(50));");
    project.sql("changes/_0002__Fill", "fill", "INSERT INTO names VALUES ('${var:tenant}');");
    (project, control)
}

fn names(control: &MariaDbDatabase<'_>, tenant: &str) -> Vec<String> {
    control.rows(&format!("SELECT x FROM {}_{tenant}.names", control.name))
}

#[test]
fn a_list_of_tenants_has_a_database_and_a_store_each() {
    let (project, control) = with_databases("[acme, globex]", "target");
    let applied = project.applied();
    assert_eq!(each(&applied, "/counts/applied"), ["acme 2", "globex 2"]);
    assert_eq!(each(&applied, "/stages/0/changes/1/mode"), ["acme shared", "globex shared"]);
    for tenant in ["acme", "globex"] {
        assert_eq!(names(&control, tenant), [tenant]);
        assert_eq!(project.json(&format!("audit verify --tenant {tenant}")).exits(0).at("/valid"), true);
    }
    assert_eq!(project.applied().at("/counts/applied"), 0);
}

#[test]
fn a_query_yields_tenants_that_share_a_store() {
    let query = "{ query: SELECT name FROM tenants ORDER BY name, target-system: control }";
    let (project, control) = with_databases(query, "control");
    let applied = project.applied();
    assert_eq!(each(&applied, "/counts/applied"), ["acme 2", "globex 2"]);
    assert_eq!(each(&applied, "/stages/0/changes/1/mode"), ["acme marked", "globex marked"]);
    control
        .rows(&format!("CREATE DATABASE {0}_initech; INSERT INTO tenants VALUES ('initech')", control.name));
    assert_eq!(each(&project.applied(), "/counts/applied"), ["acme 0", "globex 0", "initech 2"]);
    assert_eq!(names(&control, "initech"), ["initech"]);
    // A tenant without its database does not stop the others.
    control.rows("INSERT INTO tenants VALUES ('a-new-one')");
    let left = project.json("apply").exits(7);
    assert_eq!(left.error(), "target::refused");
    assert_eq!(each(&left, "/outcome")[1..], ["acme complete", "globex complete", "initech complete"]);
}
