//! What holds a stage, and the stages after it.

use super::*;

/// A history in which `id` failed outside of a transaction.
fn failed(stage: &str, change: &Change) -> History {
    let mut history = History::default();
    history.add(stage, change, State::Started, Mode::Direct).add(stage, change, State::Failed, Mode::Direct);
    history
}

fn held<'a>(plan: &'a Plan, stage: &str) -> Option<&'a str> {
    plan.stages.iter().find(|it| it.name.as_str() == stage).unwrap().held.as_deref()
}

#[test]
fn a_stage_with_a_change_that_needs_a_person_is_blocked_as_a_whole() {
    let (a, b, c) = (change("a", 1), change("b", 2), change("c", 3));
    let plan = plan_all(&[stage("schema", &[], &[a, b.clone(), c])], &failed("schema", &b));
    assert_eq!(actions(&plan, "schema"), [Action::NotReached, Action::Blocked, Action::NotReached]);
    assert!(plan.stages[0].is_blocked() && !plan.has_work());
    assert_eq!(plan.pending(), 3, "what is not reached is pending all the same");
    assert_eq!(planned(&plan, "a").reason, "`b` needs a person first");
}

#[test]
fn a_blocked_stage_does_not_stop_the_others() {
    let (a, b) = (change("a", 1), change("b", 1));
    let plan =
        plan_all(&[stage("one", &[], std::slice::from_ref(&a)), stage("two", &[], &[b])], &failed("one", &a));
    assert_eq!(actions(&plan, "two"), [Action::Apply]);
    assert_eq!(held(&plan, "two"), None);
}

#[test]
fn stages_after_a_blocked_one_are_not_reached_also_through_others() {
    let (a, b, c) = (change("a", 1), change("b", 1), change("c", 1));
    let stages = [
        stage("three", &["two"], &[c]),
        stage("two", &["one"], &[b]),
        stage("one", &[], std::slice::from_ref(&a)),
    ];
    let plan = plan_all(&stages, &failed("one", &a));
    assert_eq!(actions(&plan, "two"), [Action::NotReached]);
    assert_eq!(actions(&plan, "three"), [Action::NotReached]);
    assert!(held(&plan, "two").unwrap().contains("`one`"));
    assert!(held(&plan, "three").unwrap().contains("`two`"));
}

#[test]
fn a_stage_after_one_with_work_may_still_be_reached() {
    let (a, b) = (change("a", 1), change("b", 1));
    let plan = plan_all(&[stage("one", &[], &[a]), stage("two", &["one"], &[b])], &History::default());
    assert_eq!(actions(&plan, "two"), [Action::Apply]);
    assert_eq!(held(&plan, "two"), None);
}

#[test]
fn what_is_looked_at_first_waits_too_when_its_stage_is_blocked() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = failed("schema", &b);
    history.add("schema", &a, State::Started, Mode::Marked);
    let plan = plan_all(&[stage("schema", &[], &[a, b])], &history);
    assert_eq!(actions(&plan, "schema"), [Action::NotReached, Action::Blocked]);
}
