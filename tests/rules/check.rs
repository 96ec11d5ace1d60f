//! `--check` and plans: a document that is not `ok` says why, and a plan ends as `apply` would.

use sandpiper_tests::Project;

#[test]
fn what_is_not_ok_says_why() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (n INTEGER);");
    for line in ["status --check", "plan --check"] {
        let outcome = project.json(line).exits(3);
        assert_eq!((outcome.at("/ok"), outcome.error()), (false.into(), "plan::pending".to_owned()));
        assert!(project.run(&format!("{line} -q")).exits(3).stderr.contains("1 change is pending"));
    }
    assert!(project.json("plan").exits(0).at("/error").is_null());
    project.direct_sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE a (n INTEGER);\nINSERT INTO nowhere VALUES (1);",
    );
    project.json("apply").exits(4);
    for line in ["status --check", "plan --check"] {
        let outcome = project.json(line).exits(4);
        assert_eq!(outcome.error(), "plan::blocked");
        assert!(outcome.text("/error/message").contains("`a`"), "{outcome}");
    }
}

#[test]
fn drift_is_named() {
    let project = Project::shared();
    let body = "-- apply\nCREATE TABLE a (n INTEGER);\n-- verify\nSELECT count(*) = 1 FROM sqlite_master WHERE name = 'a';";
    project.sql("changes/_0001__A", "a", body);
    project.applied();
    sandpiper_tests::open(&project.path("target.db")).execute_batch("DROP TABLE a").unwrap();
    let outcome = project.json("status --verify --check").exits(6);
    assert_eq!((outcome.at("/ok"), outcome.error()), (false.into(), "plan::drift".to_owned()));
    assert!(project.run("status --verify --check -q").exits(6).stderr.contains("`a`"));
}

fn two_stages() -> Project {
    let project = Project::new(
        "\
service: tests
store: target
target-systems:
  target: { kind: sqlite, path: target.db }
pipeline:
  stages:
    - { name: schema, location: schema }
    - { name: data, location: data, after: [schema] }
",
    );
    project.sql("schema/_0001__A", "a", "CREATE TABLE a (n INTEGER);");
    project.sql("data/_0001__B", "b", "INSERT INTO a VALUES (1);");
    project
}

#[test]
fn a_plan_of_what_cannot_start_ends_as_apply_does() {
    let project = two_stages();
    for selection in ["--stage data", "--only b"] {
        for command in ["plan", "apply --dry-run", "plan --check", "apply"] {
            let outcome = project.json(&format!("{command} {selection}")).exits(2);
            assert_eq!(outcome.error(), "usage", "{outcome}");
            assert!(outcome.text("/error/message").contains("stage `schema`"), "{outcome}");
        }
    }
    project.json("plan --to b").exits(0);
}

#[test]
fn what_a_stage_did_not_reach_says_why() {
    let project = two_stages();
    project.json("apply --to a").exits(0);
    project.write("sandpiper.yaml", project.read("sandpiper.yaml").replace("store: target\n", ""));
    project.write(
        "sandpiper.yaml",
        project.read("sandpiper.yaml").replace("path: target.db", "path: nowhere/target.db"),
    );
    let outcome = project.json("apply").exits(7);
    let reason = outcome.of("a", "reason");
    assert!(reason.starts_with("its stage did not get that far"), "{outcome}");
}

#[test]
fn a_plan_counts_what_takes_no_part_and_what_runs_again_apart() {
    let project = two_stages();
    project.write(
        "data/_0002__X.yaml",
        "id: x\nauthor: tests\ntarget-system: target\ntemplate: sql\nwhen: environment == 'prod'\napply: SELECT 1;\n",
    );
    project.applied();
    let told =
        |project: &Project| project.run("plan").exits(0).stdout.lines().last().unwrap_or_default().to_owned();
    assert_eq!(told(&project), "nothing to do: 2 applied, 1 left out");
    project.write(
        "data/_0003__Y.yaml",
        "id: y\nauthor: tests\ntarget-system: target\ntemplate: sql\ncadence: always\napply: SELECT 1;\n",
    );
    project.applied();
    assert_eq!(told(&project), "1 to apply again, 2 applied, 1 left out");
}

#[test]
fn an_empty_operator_is_none() {
    let project = two_stages();
    project.json("apply --operator \"\"").exits(0);
    let operator = project.json("audit show a").exits(0).text("/entry/operator");
    assert!(operator.contains('@'), "{operator}");
}
