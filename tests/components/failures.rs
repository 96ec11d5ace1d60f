//! All ways in which a component does not succeed.

use crate::{ID, apply, case, with};
use sandpiper_tests::Project;

#[track_caller]
fn fails(settings: &str, code: &str) {
    let (project, outcome) = case(settings);
    let outcome = outcome.exits(1);
    assert_eq!(
        (outcome.of(ID, "/error/code"), outcome.of(ID, "outcome")),
        (code.into(), "rolled-back".into()),
        "{outcome}"
    );
    assert_eq!(outcome.error(), code);
    assert_eq!(outcome.of(ID, "/error/effect"), "none", "{outcome}");
    assert!(project.tables().is_empty(), "something is left: {:?}", project.tables());
    let states = project.history(ID);
    assert_eq!(states.last().map(String::as_str), Some("rolled-back"), "{states:?}");
    assert_eq!(project.json("lock status").at("/locks/0/held"), false);
}

#[test]
fn a_component_that_succeeds_is_applied() {
    let (project, outcome) = case("normal");
    assert_eq!(outcome.exits(0).of(ID, "mode"), "shared");
    assert_eq!(project.rows("SELECT count(*) FROM guest_rows"), ["2"]);
    assert_eq!(
        apply(&project, "case=trap").exits(0).counts(),
        [0, 1, 0, 0, 0],
        "an applied change ran again"
    );
}

#[test]
fn an_error_of_its_own_is_its_failure() {
    for settings in
        ["precondition", "failed", "irreversible", "failed-after-write", "precondition-after-write"]
    {
        fails(settings, "change::failed");
    }
}

#[test]
fn an_error_of_the_database_is_its_failure() {
    fails("refused", "change::failed");
    let (_, outcome) = case("refused");
    assert!(outcome.text("/error/message").contains("no_such_table"), "{outcome}");
}

#[test]
fn a_panic_is_a_trap() {
    for settings in
        ["trap", "trap-after-write", "recursion", "forged-handle", "confused-handle", "dropped-lent-handle"]
    {
        fails(settings, "change::trap");
    }
    let (_, outcome) = case("trap");
    assert!(outcome.text("/error/message").contains("the guest panics as the case says"), "{outcome}");
}

#[test]
fn a_guest_that_exits_has_not_succeeded() {
    for settings in ["exit", "exit-success"] {
        fails(settings, "change::trap");
    }
}

#[test]
fn what_is_transient_succeeds_when_its_time_has_come() {
    let project = with(Project::shared(), "cases");
    let first = apply(&project, "case=transient-once");
    if first.code != 0 {
        assert_eq!(first.exits(1).error(), "change::failed");
        apply(&project, "case=transient-once").exits(0);
    }
    assert_eq!(project.rows("SELECT seen FROM guest_seen WHERE name = 'attempt'"), ["2"]);
}

#[test]
fn a_transaction_cannot_be_ended_from_inside() {
    for statement in ["COMMIT", "ROLLBACK", "END", "BEGIN"] {
        let (project, outcome) = case(&format!("execute sql={statement}"));
        assert!([1, 4].contains(&outcome.code), "{outcome}");
        assert!(project.tables().is_empty(), "{outcome}");
    }
}

#[test]
fn a_refused_end_of_the_transaction_changes_nothing_of_it() {
    let (project, outcome) = case("swallow sql=COMMIT");
    if outcome.code == 0 {
        assert!(project.rows("SELECT count(*) FROM guest_rows")[0] != "0", "{outcome}");
    } else {
        assert!(project.tables().is_empty(), "{outcome}");
    }
}

#[test]
fn a_transaction_that_ended_early_fails_the_attempt_whatever_the_guest_says() {
    let (project, outcome) = case("conflict-rollback");
    assert_ne!(outcome.code, 0, "{outcome}");
    let (code, told) = (outcome.of(ID, "/error/code"), outcome.of(ID, "/error/effect"));
    assert_eq!((code.as_str(), told.as_str()), ("change::transaction-ended", "unknown"), "{outcome}");
    let entry = project.json(&format!("audit show {ID}")).exits(0);
    assert_eq!(
        (entry.text("/entry/state"), entry.text("/entry/mode")),
        ("failed".into(), "direct".into()),
        "{entry}"
    );
}

#[test]
fn attach_and_our_own_tables_are_out_of_reach() {
    for statement in
        ["ATTACH 'other.db' AS other", "DELETE FROM sandpiper_entry", "PRAGMA journal_mode = DELETE"]
    {
        let project = with(Project::shared(), "cases");
        let outcome = project.json(&format!("apply --set case=execute --set \"sql={statement}\"")).exits(1);
        assert!(!project.has("other.db"), "{outcome}");
    }
}

#[test]
fn a_change_may_not_open_what_it_does_not_use() {
    fails("open system=target", "change::failed");
    fails("open system=nowhere", "change::failed");
}

#[test]
fn what_is_transient_is_tried_again_within_the_run_where_the_component_says_so() {
    let id = "test-guest-cases-retry-000000000000000001";
    let attempts = |case: &str, code: i32| {
        let project = with(Project::shared(), "retry");
        let outcome = apply(&project, case).exits(code);
        (outcome.change(id)["attempts"].as_u64(), project.history(id).len())
    };
    assert_eq!(attempts("case=transient-once", 0), (Some(2), 5));
    assert_eq!(attempts("case=transient", 1), (Some(3), 9));
    assert_eq!(attempts("case=failed", 1), (Some(1), 3), "it is not transient");
    assert_eq!(attempts("case=trap", 1), (Some(1), 3), "it is not transient");
}
