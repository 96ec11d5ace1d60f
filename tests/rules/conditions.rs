//! `when`: where a stage or a change takes part at all.

use sandpiper_tests::{Project, SHARED};

fn conditional(project: &Project, file: &str, id: &str, when: &str) {
    project.write(
        &format!("changes/{file}.sql"),
        format!(
            "-- sandpiper: id={id} author=t target-system=target when=\"{when}\"\nCREATE TABLE {id} (id);\n"
        ),
    );
}

#[test]
fn a_change_whose_condition_does_not_hold_is_skipped_and_not_pending() {
    let project = Project::shared();
    conditional(&project, "_0001__A", "a", "environment == production");
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id);");
    let plan = project.json("plan").exits(0);
    assert_eq!((plan.at("/pending"), plan.of("a", "action")), (1.into(), "skip".into()));
    let outcome = project.applied();
    assert_eq!((outcome.counts(), outcome.of("a", "outcome")), ([1, 1, 0, 0, 0], "skipped".into()));
    assert_eq!(outcome.stage("main"), "complete");
    let status = project.json("status --check").exits(0);
    assert!(status.change("a")["state"].is_null() && status.change("a")["excluded"] == true, "{status}");
    assert!(project.run("status").exits(0).stdout.contains("left out"));
    assert_eq!(project.tables(), ["b"]);
    let elsewhere = project.json("plan --environment production").exits(0);
    assert_eq!(elsewhere.of("a", "action"), "apply");
}

#[test]
fn every_form_of_condition_is_read() {
    let project = Project::shared();
    project.configure("variables: { region: eu, size: large, off: \"false\" }");
    for (when, holds) in [
        ("region == eu", true),
        ("region = us", false),
        ("region != us", true),
        ("region in [us, eu]", true),
        ("region in (us)", false),
        ("region not in [us, ap]", true),
        ("not region == us", true),
        ("region == eu and size == small", false),
        ("region == us or size == large", true),
        ("(region == us or size == large) and not off", true),
        ("not (region == eu and size == large)", false),
        ("environment in ['default', 'x y']", true),
        ("tenant", false),
        ("tenant != acme", true),
    ] {
        conditional(&project, "_0001__A", "a", when);
        let action = project.json("plan").exits(0).of("a", "action");
        assert_eq!(action == "apply", holds, "{when}");
    }
    project.remove("changes/_0001__A.sql");
    for (when, holds) in [("{ region: [us, eu] }", true), ("{ region: eu, size: small }", false)] {
        let text = format!("id: a\nauthor: t\ntarget-system: target\nwhen: {when}\napply: SELECT 1\n");
        project.write("changes/_0001__A.yaml", text);
        assert_eq!(project.json("plan").exits(0).of("a", "action") == "apply", holds, "{when}");
    }
}

#[test]
fn a_condition_sees_the_variables_of_the_command_line() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    conditional(&project, "_0001__A", "a", "region == us");
    assert_eq!(project.json("apply --set region=us").exits(0).counts(), [1, 0, 0, 0, 0]);
    // What is applied is skipped because it is applied, wherever it takes part.
    assert_eq!(project.applied().of("a", "outcome"), "already-applied");
}

#[test]
fn an_unknown_name_or_a_bad_condition_is_a_problem_with_its_place() {
    let project = Project::shared();
    project.configure("variables: { region: eu }");
    conditional(&project, "_0001__A", "a", "regoin == eu");
    let outcome = project.json("validate").exits(2);
    assert!(outcome.codes().contains(&"config::unset-variable".to_owned()), "{outcome}");
    assert!(outcome.stdout.contains("did you mean `region`?"), "{outcome}");
    assert_eq!(outcome.at("/problems/0/line"), 1);
    for when in ["region ==", "region eu", "(region == eu", "region in eu", "region == eu and"] {
        conditional(&project, "_0001__A", "a", when);
        project.json("apply").exits(2);
    }
    project.remove("changes/_0001__A.sql");
    let stage = "location: changes, when: enviroment == x }";
    project.write("sandpiper.yaml", SHARED.replace("location: changes }", stage));
    assert!(project.json("apply").exits(2).stdout.contains("did you mean `environment`?"));
}

#[test]
fn a_stage_that_is_left_out_is_skipped_and_complete_for_those_after_it() {
    let project = Project::shared();
    let stages = "location: changes, when: environment == production }\n    - { name: after, location: after, after: [main] }";
    project.write("sandpiper.yaml", SHARED.replace("location: changes }", stages));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id);");
    project.sql("after/_0001__B", "b", "CREATE TABLE b (id);");
    let outcome = project.applied();
    assert_eq!((outcome.stage("main"), outcome.stage("after")), ("skipped".into(), "complete".into()));
    assert_eq!((outcome.of("a", "outcome"), outcome.counts()), ("skipped".into(), [1, 1, 0, 0, 0]));
    assert_eq!(project.history("a"), ["null"], "it is noted by the run that did something");
    project.json("status --check").exits(0);
}

#[test]
fn what_is_left_out_is_noted_once_by_a_run_that_does_something() {
    let project = Project::shared();
    conditional(&project, "_0001__A", "a", "environment == production");
    assert_eq!(project.applied().counts(), [0, 1, 0, 0, 0]);
    assert!(!project.has("target.db"), "a run with nothing to do writes nothing");
    for number in 2..4 {
        project.sql(&format!("changes/_000{number}__B"), &format!("b{number}"), "SELECT 1;");
        project.applied();
        let shown = project.json("audit show a").exits(0);
        assert_eq!((shown.at("/entry"), shown.at("/history/0/state")), (().into(), ().into()));
        assert_eq!(shown.at("/history").as_array().unwrap().len(), 1, "{shown}");
        assert!(shown.text("/history/0/reason").contains("left out"), "{shown}");
    }
    assert!(project.run("audit show a").exits(0).stdout.contains("note"));
    let list = project.json("audit list").exits(0);
    assert!(!list.stdout.contains("left out"), "a note is never newest\n{list}");
    let before = project.json("lock status").at("/locks/0/token");
    project.applied();
    assert_eq!(project.json("lock status").at("/locks/0/token"), before, "it takes no lock");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    conditional(&project, "_0001__A", "a", "environment == default");
    project.applied();
    assert_eq!(project.history("a"), ["null", "started", "applied"]);
}
