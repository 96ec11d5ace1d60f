//! Files as Flamingock's users have them load unchanged.

use sandpiper_tests::Project;

const CHANGE: &str = "\
id: create-users-table
order: \"0001\"
author: platform-team
transactional: true
template: sql-template
targetSystem:
  id: target
recovery:
  strategy: ALWAYS_RETRY
apply: |
  CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
  CREATE TABLE roles (id INTEGER PRIMARY KEY);
rollback: DROP TABLE users;
";

#[test]
fn a_yaml_change_loads_as_it_is() {
    let project = Project::shared();
    project.write("changes/_0001__CreateUsersTable.yaml", CHANGE.replace("order: \"0001\"\n", ""));
    let outcome = project.applied();
    assert_eq!(outcome.of("create-users-table", "author"), "platform-team");
    assert_eq!(project.tables(), ["roles", "users"]);
    assert_eq!(
        project.json("audit show create-users-table").exits(0).text("/entry/recovery"),
        "always-retry"
    );
}

#[test]
fn camel_case_keys_and_a_plain_target_system_load_too() {
    let project = Project::shared();
    let text = "id: b\nauthor: t\ntargetSystem: target\ntemplate: sql-template\nconfiguration:\n  splitStatements: true\n\
                apply: CREATE TABLE b (id INTEGER); CREATE TABLE c (id INTEGER);\n";
    project.write("changes/_0001__B.yaml", text);
    project.applied();
    assert_eq!(project.tables(), ["b", "c"]);
}

#[test]
fn the_short_configuration_with_a_dotted_location_works() {
    let project = Project::empty();
    project.write(
        "sandpiper.yaml",
        "service: tests\ntarget-systems: { target: { kind: sqlite, path: target.db } }\n\
         pipeline:\n  stages:\n    - name: legacy\n      location: com.example.changes\n      description: as it was\n",
    );
    project.write(
        "src/main/resources/com/example/changes/_0001__B.yaml",
        CHANGE.replace("order: \"0001\"\n", ""),
    );
    project.applied();
    assert_eq!(project.tables(), ["roles", "users"]);
}

#[test]
fn steps_are_applied_in_order() {
    let project = Project::shared();
    let text = "id: s\nauthor: t\ntarget-system: { id: target }\ntemplate: sql-template\nsteps:\n\
                \x20 - apply: CREATE TABLE s (id INTEGER)\n    rollback: DROP TABLE s\n\
                \x20 - apply: INSERT INTO s VALUES (1)\n    rollback: DELETE FROM s\n";
    project.write("changes/_0001__S.yaml", text);
    project.applied();
    assert_eq!(project.rows("SELECT id FROM s"), ["1"]);
}
