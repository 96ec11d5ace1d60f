//! `cadence`: when a change that is applied runs again.

use sandpiper_tests::{Project, component};

/// A change with keys of its own: `values` are inserted into `runs`.
fn change(project: &Project, file: &str, id: &str, keys: &str, statement: &str) {
    project.write(
        &format!("changes/{file}.sql"),
        format!("-- sandpiper: id={id} author=t target-system=target {keys}\n{statement}\n"),
    );
}

fn project(keys: &str) -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE runs (what TEXT NOT NULL);");
    change(&project, "_0002__B", "b", keys, "INSERT INTO runs VALUES ('one');");
    project.sql("changes/_0003__C", "c", "SELECT 1;");
    project.applied();
    project
}

fn runs(project: &Project) -> Vec<String> {
    project.rows("SELECT what FROM runs ORDER BY rowid")
}

#[test]
fn on_change_runs_again_when_it_was_edited() {
    let project = project("cadence=on-change");
    assert_eq!(project.applied().counts(), [0, 3, 0, 0, 0]);
    change(&project, "_0002__B", "b", "cadence=on-change", "INSERT INTO runs VALUES ('two');");
    let status = project.json("status --check").exits(3);
    assert_eq!((status.at("/pending"), &status.change("b")["modified"]), (1.into(), &true.into()));
    let plan = project.json("plan --check").exits(3);
    assert_eq!(plan.of("b", "action"), "apply");
    assert_eq!(project.applied().counts(), [1, 2, 0, 0, 0]);
    assert_eq!(runs(&project), ["one", "two"]);
    assert_eq!(project.applied().counts(), [0, 3, 0, 0, 0]);
    assert_eq!(project.history("b"), ["started", "applied", "started", "applied"]);
    project.json("status --check").exits(0);
}

#[test]
fn other_line_endings_are_no_reason_to_run_again() {
    let project = project("cadence=on-change");
    let text = project.read("changes/_0002__B.sql");
    project.write("changes/_0002__B.sql", text.replace('\n', "\r\n"));
    assert_eq!(project.applied().counts(), [0, 3, 0, 0, 0]);
}

#[test]
fn an_accepted_edit_of_an_on_change_change_does_not_run() {
    let project = project("cadence=on-change");
    change(&project, "_0002__B", "b", "cadence=on-change", "INSERT INTO runs VALUES ('two');");
    project.json("accept b --reason \"by hand\"").exits(0);
    assert_eq!(project.applied().counts(), [0, 3, 0, 0, 0]);
    assert_eq!(runs(&project), ["one"]);
}

#[test]
fn always_runs_on_each_run_and_is_never_pending() {
    let project = project("cadence=always");
    for line in ["status --check", "plan --check"] {
        assert_eq!(project.json(line).exits(0).at("/pending"), 0);
    }
    assert_eq!(project.applied().counts(), [1, 2, 0, 0, 0]);
    change(&project, "_0002__B", "b", "cadence=always", "INSERT INTO runs VALUES ('two');");
    project.json("status --check").exits(0);
    assert_eq!(project.applied().counts(), [1, 2, 0, 0, 0]);
    assert_eq!(runs(&project), ["one", "one", "two"]);
    assert_eq!(project.json("apply --only c").exits(0).counts(), [0, 3, 0, 0, 0], "it was not selected");
    assert_eq!(runs(&project).len(), 3);
}

#[test]
fn when_applying_again_fails_the_earlier_application_counts_and_the_stage_stops() {
    for cadence in ["cadence=on-change", "cadence=always"] {
        let project = project(cadence);
        let before = project.json("status").exits(0).of("b", "applied_at");
        change(&project, "_0002__B", "b", cadence, "INSERT INTO runs VALUES (NULL);");
        project.sql("changes/_0004__D", "d", "SELECT 1;");
        let outcome = project.json("apply").exits(1);
        assert_eq!(
            (outcome.counts(), outcome.of("b", "outcome")),
            ([0, 2, 1, 1, 0], "rolled-back".to_owned())
        );
        assert_eq!(outcome.of("d", "outcome"), "not-reached");
        let status = project.json("status --check").exits(3);
        assert_eq!(
            (status.of("b", "state"), status.of("b", "applied_at")),
            ("rolled-back".to_owned(), before)
        );
        assert!(!status.stdout.contains("out-of-order"), "`c` is after it, and applied\n{status}");
        // It is missed like any applied change.
        project.remove("changes/_0002__B.sql");
        assert_eq!(project.json("status").exits(0).change("b")["missing"], true);
        change(&project, "_0002__B", "b", cadence, "INSERT INTO runs VALUES ('two');");
        project.applied();
        assert_eq!(runs(&project), ["one", "two"]);
    }
}

#[test]
fn a_failed_attempt_outside_of_a_transaction_that_a_person_took_back_leaves_the_earlier_application() {
    let project = project("cadence=on-change");
    let keys = "cadence=on-change transactional=false";
    change(
        &project,
        "_0002__B",
        "b",
        keys,
        "INSERT INTO runs VALUES ('two');\nINSERT INTO runs VALUES (NULL);",
    );
    project.json("apply").exits(4);
    project.json("issue resolve b --rolled-back --reason \"took `two` away\"").exits(0);
    let status = project.json("status").exits(0);
    assert!(status.change("b")["applied_at"].is_string(), "{status}");
    assert!(!status.stdout.contains("out-of-order"), "{status}");
}

#[test]
fn once_is_the_default_and_an_edit_of_it_stops_the_run() {
    let project = project("cadence=once");
    change(&project, "_0002__B", "b", "", "INSERT INTO runs VALUES ('two');");
    project.json("apply").exits(6);
}

#[test]
fn yaml_and_components_have_a_cadence_too() {
    let project = Project::shared();
    let yaml = |more: &str| {
        format!(
            "id: a\nauthor: t\ntarget-system: target\ncadence: ON_CHANGE\napply: |\n  CREATE TABLE IF NOT EXISTS a (id);{more}\n"
        )
    };
    project.write("changes/_0001__A.yaml", yaml(""));
    project.write("changes/_0002__Guest.wasm", component("describe_options"));
    project.json("validate");
    project.remove("changes/_0002__Guest.wasm");
    project.applied();
    project.write("changes/_0001__A.yaml", yaml(" SELECT 2;"));
    assert_eq!(project.applied().counts(), [1, 0, 0, 0, 0]);
    project.write("changes/_0001__A.yaml", yaml("").replace("ON_CHANGE", "on-chang"));
    let outcome = project.json("validate").exits(2);
    assert!(outcome.stdout.contains("on-change"), "{outcome}");
}
