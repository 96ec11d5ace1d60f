//! Files that are no longer as they were when they were applied: renamed, edited, gone, or late.

use sandpiper_tests::Project;

fn applied_two() -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id INTEGER);");
    project.applied();
    project
}

fn policy(project: &Project, text: &str) {
    project.configure(&format!("policy: {{ {text} }}"));
}

#[test]
fn a_file_may_be_renamed_within_its_stage() {
    let project = applied_two();
    project.rename("changes/_0003__C.sql", "changes/_0002__CreateC.sql");
    let outcome = project.applied();
    assert_eq!(
        (outcome.counts(), outcome.of("c", "outcome")),
        ([0, 2, 0, 0, 0], "already-applied".to_owned())
    );
    let status = project.json("status").exits(0);
    assert_eq!((status.of("c", "name"), status.of("c", "order")), ("CreateC".to_owned(), "0002".to_owned()));
    project.json("status --check").exits(0);
}

#[test]
fn an_edited_change_stops_the_run_by_default() {
    let project = applied_two();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project.sql("changes/_0004__D", "d", "CREATE TABLE d (id INTEGER);");
    let outcome = project.json("apply").exits(6);
    assert_eq!(outcome.error(), "plan::modified");
    assert!(outcome.text("/error/message").contains("`a`"), "{outcome}");
    assert_eq!(project.tables(), ["a", "c"]);
    assert_eq!(project.json("plan").exits(0).at("/pending"), 1);
}

#[test]
fn every_edited_change_is_told_at_once() {
    let project = applied_two();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id TEXT);");
    let outcome = project.json("apply").exits(6);
    assert!(outcome.stdout.contains("`a`") && outcome.stdout.contains("`c`"), "{outcome}");
}

#[test]
fn an_edited_change_may_be_warned_of_or_ignored() {
    for (text, warned) in [("on-modified: warn", true), ("on-modified: ignore", false)] {
        let project = applied_two();
        policy(&project, text);
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
        project.sql("changes/_0004__D", "d", "CREATE TABLE d (id INTEGER);");
        let outcome = project.run("apply").exits(0);
        let said = outcome.stdout.contains("plan::modified") || outcome.stderr.contains("plan::modified");
        assert_eq!(said, warned, "{outcome}");
        assert_eq!(project.tables(), ["a", "c", "d"]);
    }
}

#[test]
fn other_line_endings_and_a_last_newline_are_no_edit() {
    let project = Project::shared();
    let text = "-- sandpiper: id=a author=t target-system=target\nCREATE TABLE a (\n  id INTEGER\n);\n";
    project.write("changes/_0001__A.sql", text);
    let yaml = "id: b\nauthor: t\ntarget-system: target\napply: |\n  CREATE TABLE b (\n    id INTEGER);\n";
    project.write("changes/_0002__B.yaml", yaml);
    project.applied();
    project.write("changes/_0001__A.sql", text.replace('\n', "\r\n"));
    project.write("changes/_0002__B.yaml", yaml.trim_end());
    let status = project.json("status --check").exits(0);
    assert_eq!(
        (&status.change("a")["modified"], &status.change("b")["modified"]),
        (&false.into(), &false.into())
    );
    assert_eq!(project.applied().counts(), [0, 2, 0, 0, 0]);
    project.write("changes/_0001__A.sql", text.replace("id INTEGER", "id  INTEGER"));
    project.json("apply").exits(6);
}

#[test]
fn a_missing_change_is_warned_of_by_default() {
    let project = applied_two();
    project.remove("changes/_0001__A.sql");
    let outcome = project.run("apply").exits(0);
    assert!(outcome.stdout.contains("`a`") || outcome.stderr.contains("`a`"), "it is not said\n{outcome}");
    let status = project.json("status").exits(0);
    assert_eq!(
        (&status.change("a")["missing"], status.of("a", "state")),
        (&true.into(), "applied".to_owned())
    );
}

#[test]
fn a_missing_change_may_stop_the_run_or_be_ignored() {
    let project = applied_two();
    project.remove("changes/_0001__A.sql");
    let before = project.read("sandpiper.yaml");
    policy(&project, "on-missing: fail");
    assert_eq!(project.json("apply").exits(6).error(), "plan::missing");
    project.write("sandpiper.yaml", before);
    policy(&project, "on-missing: ignore");
    let outcome = project.run("apply").exits(0);
    assert!(!outcome.stderr.contains("`a`") && !outcome.stdout.contains("`a`"), "{outcome}");
}

#[test]
fn a_late_change_is_applied_and_told_by_default() {
    let project = applied_two();
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    let outcome = project.run("apply").exits(0);
    assert!(
        outcome.stderr.contains("plan::out-of-order") || outcome.stdout.contains("plan::out-of-order"),
        "{outcome}"
    );
    assert_eq!(project.tables(), ["a", "b", "c"]);
}

#[test]
fn a_late_change_may_stop_the_run_or_pass_unsaid() {
    let project = applied_two();
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    let before = project.read("sandpiper.yaml");
    policy(&project, "on-out-of-order: fail");
    assert_eq!(project.json("apply").exits(6).error(), "plan::out-of-order");
    assert_eq!(project.tables(), ["a", "c"]);
    project.write("sandpiper.yaml", before);
    policy(&project, "on-out-of-order: ignore");
    let outcome = project.run("apply").exits(0);
    assert!(!outcome.stderr.contains("out-of-order"), "{outcome}");
    assert_eq!(project.tables(), ["a", "b", "c"]);
}

#[test]
fn a_stage_may_have_a_policy_of_its_own() {
    let project = applied_two();
    let stage = "location: changes, policy: { on-modified: ignore } }";
    project.write("sandpiper.yaml", sandpiper_tests::SHARED.replace("location: changes }", stage));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id TEXT);");
    project.json("apply").exits(0);
}

#[test]
fn an_applied_change_that_moved_to_another_stage_does_not_run_again() {
    let project = applied_two();
    project.configure("    - { name: second, location: second }");
    project.write("second/README.md", "");
    project.rename("changes/_0003__C.sql", "second/_0001__C.sql");
    let outcome = project.json("apply");
    assert_ne!(outcome.code, 70, "{outcome}");
    assert_eq!(project.history("c").iter().filter(|state| *state == "applied").count(), 1);
}
