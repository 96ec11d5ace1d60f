//! Variables: of the configuration and of the command line, in configuration and payloads.

use sandpiper_tests::Project;

#[test]
fn variables_are_replaced_in_payloads_and_other_text_stays() {
    let project = Project::shared();
    project.configure("variables: { region: eu, kind: large }");
    let values = "('${var:region}-${var:kind}'), ('${HOME} ${x} $${var:region} $1')";
    project.sql("changes/_0001__A", "a", &format!("CREATE TABLE a (v TEXT); INSERT INTO a VALUES {values};"));
    project.write(
        "changes/_0002__B.yaml",
        "id: b\nauthor: t\ntarget-system: target\napply: INSERT INTO a VALUES ('yaml ${var:region}')\n",
    );
    project.applied();
    assert_eq!(project.rows("SELECT v FROM a"), ["eu-large", "${HOME} ${x} ${var:region} $1", "yaml eu"]);
}

#[test]
fn the_command_line_stands_above_the_configuration() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE a (v TEXT); INSERT INTO a VALUES ('${var:region}${var:more}');",
    );
    project.json("apply --set region=us --set more==x").exits(0);
    assert_eq!(project.rows("SELECT v FROM a"), ["us=x"]);
}

#[test]
fn the_digest_is_of_the_raw_file() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a_${var:region} (v TEXT);");
    project.applied();
    project.json("apply --set region=us").exits(0);
    project.json("status --check --set region=us").exits(0);
    assert_eq!(project.tables(), ["a_eu"]);
}

#[test]
fn an_unknown_variable_is_a_problem_with_its_place() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (v TEXT);\nINSERT INTO a VALUES ('${var:regoin}');");
    let outcome = project.json("apply").exits(2);
    assert!(outcome.codes().contains(&"config::unset-variable".to_owned()), "{outcome}");
    let validated = project.json("validate").exits(2);
    let problem = validated.at("/problems/0");
    assert!(problem["message"].as_str().unwrap().contains("regoin"), "{problem}");
    assert_eq!(
        (problem["file"].as_str(), problem["line"].as_u64()),
        (Some("changes/_0001__A.sql"), Some(3)),
        "{problem}"
    );
}

#[test]
fn the_environment_is_part_of_the_scope() {
    let project = Project::marked();
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE IF NOT EXISTS a (id INTEGER); INSERT INTO a VALUES (1);",
    );
    project.applied();
    assert_eq!(project.json("apply --environment test").exits(0).counts(), [1, 0, 0, 0, 0]);
    assert_eq!(project.json("status --environment test").exits(0).of("a", "state"), "applied");
    assert_eq!(project.json("status --environment other").exits(0).of("a", "state"), "");
    assert_eq!(project.json("audit list --environment test").exits(0).text("/entries/0/environment"), "test");
    assert_eq!(project.json("audit list").exits(0).text("/entries/0/environment"), "default");
    assert_eq!(project.rows("SELECT count(*) FROM a"), ["2"]);
}

#[test]
fn a_variable_that_nothing_names_is_refused() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (v TEXT);");
    for line in ["apply", "plan", "status", "validate", "audit list"] {
        let refused = project.json(&format!("{line} --set regoin=us")).exits(2);
        assert_eq!(refused.error(), "usage", "{refused}");
        assert!(refused.text("/error/help").contains("`region`"), "{refused}");
    }
    let reserved = project.json("apply --set environment=test").exits(2);
    assert!(reserved.text("/error/help").contains("--environment"), "{reserved}");
    assert!(!project.has("target.db"));
    project.json("apply --set region=us").exits(0);
}
