//! `--to`, `--only` and `--stage`.

use super::*;

fn to(id: &str) -> Selection {
    Selection { to: Some(ChangeId::new(id).unwrap()), ..Selection::default() }
}

fn only(id: &str) -> Selection {
    Selection { only: Some(ChangeId::new(id).unwrap()), ..Selection::default() }
}

fn in_stage(name: &str) -> Selection {
    Selection { stage: Some(name.into()), ..Selection::default() }
}

/// `base` and `schema`, `data` after `schema`, which is after `base`, and `other` beside them.
fn stages() -> [Stage; 4] {
    [
        stage("data", &["schema"], &[change("d1", 1), change("d2", 2)]),
        stage("other", &[], &[change("o1", 1)]),
        stage("schema", &["base"], &[change("s1", 1), change("s2", 2)]),
        stage("base", &[], &[change("b1", 1)]),
    ]
}

#[test]
fn to_takes_what_is_before_and_every_stage_that_its_stage_is_after() {
    let plan = plan_selected(&stages(), &History::default(), &to("d1")).unwrap();
    assert_eq!(actions(&plan, "base"), [Action::Apply]);
    assert_eq!(actions(&plan, "schema"), [Action::Apply; 2]);
    assert_eq!(actions(&plan, "data"), [Action::Apply, Action::NotReached]);
    assert_eq!(actions(&plan, "other"), [Action::NotReached]);
    assert_eq!(plan.pending(), 4);
    assert_eq!(planned(&plan, "d2").reason, "not selected");
}

#[test]
fn only_takes_one_change_when_nothing_is_pending_before_it() {
    let plan = plan_selected(&stages(), &History::default(), &only("b1")).unwrap();
    assert_eq!(actions(&plan, "base"), [Action::Apply]);
    assert_eq!(plan.pending(), 1);
    let earlier = plan_selected(&stages(), &History::default(), &only("s2")).unwrap_err();
    let [s1, s2] = ["s1", "s2"].map(|id| ChangeId::new(id).unwrap());
    assert_eq!(earlier, SelectionError::EarlierPending { only: s2, earlier: s1 });
}

#[test]
fn only_is_not_hindered_by_what_is_applied_before_it() {
    let (a, b) = (change("a", 1), change("b", 2));
    let always = Change { cadence: Cadence::Always, ..a.clone() };
    let mut history = History::default();
    history.applied("schema", &a);
    for first in [a, always] {
        let stages = [stage("schema", &[], &[first, b.clone()])];
        let plan = plan_selected(&stages, &history, &only("b")).unwrap();
        assert_eq!(planned(&plan, "b").action, Action::Apply);
        assert_eq!(plan.pending(), 1);
    }
}

#[test]
fn only_is_refused_behind_a_change_that_needs_a_person() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = History::default();
    history.add("schema", &a, State::Failed, Mode::Direct);
    let refused = plan_selected(&[stage("schema", &[], &[a, b])], &history, &only("b"));
    assert!(matches!(refused, Err(SelectionError::EarlierPending { .. })));
}

#[test]
fn a_stage_that_is_after_incomplete_ones_is_held_when_it_is_selected_alone() {
    let plan = plan_selected(&stages(), &History::default(), &in_stage("schema")).unwrap();
    assert_eq!(actions(&plan, "schema"), [Action::NotReached; 2]);
    assert!(planned(&plan, "s1").reason.contains("`base`"));
    let mut history = History::default();
    history.applied("base", &change("b1", 1));
    let plan = plan_selected(&stages(), &history, &in_stage("schema")).unwrap();
    assert_eq!(actions(&plan, "schema"), [Action::Apply; 2]);
    assert_eq!(actions(&plan, "data"), [Action::NotReached; 2]);
    assert_eq!(plan.pending(), 2);
}

#[test]
fn a_stage_that_was_completed_holds_nothing_though_an_always_change_of_it_is_not_selected() {
    let always = Change { cadence: Cadence::Always, ..change("a", 1) };
    let mut history = History::default();
    history.applied("one", &always);
    let stages = [stage("one", &[], &[always]), stage("two", &["one"], &[change("b", 1)])];
    let plan = plan_selected(&stages, &history, &in_stage("two")).unwrap();
    assert_eq!(actions(&plan, "two"), [Action::Apply]);
    assert_eq!(actions(&plan, "one"), [Action::Skip], "it is applied, and was not selected");
}

#[test]
fn a_change_that_needs_a_person_blocks_its_stage_also_when_it_is_not_selected() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = History::default();
    history.add("schema", &b, State::Started, Mode::Direct).add("schema", &b, State::Failed, Mode::Direct);
    let plan = plan_selected(&[stage("schema", &[], &[a, b])], &history, &to("a")).unwrap();
    assert_eq!(actions(&plan, "schema"), [Action::NotReached, Action::Blocked]);
    assert!(!planned(&plan, "b").pending, "it was not selected");
}

#[test]
fn a_change_that_needs_a_person_in_a_stage_that_is_not_selected_is_not_this_runs_matter() {
    let (a, b) = (change("a", 1), change("b", 1));
    let mut history = History::default();
    history.add("one", &a, State::Started, Mode::Direct).add("one", &a, State::Failed, Mode::Direct);
    let stages = [stage("one", &[], &[a]), stage("two", &[], &[b])];
    let plan = plan_selected(&stages, &history, &in_stage("two")).unwrap();
    assert!(!plan.stages[0].is_blocked());
    assert_eq!(actions(&plan, "two"), [Action::Apply]);
}

#[test]
fn what_is_not_there_cannot_be_selected() {
    let unknown = ChangeId::new("x").unwrap();
    let error = |selection: Selection| plan_selected(&stages(), &History::default(), &selection).unwrap_err();
    assert_eq!(error(to("x")), SelectionError::UnknownChange(unknown.clone()));
    assert_eq!(error(only("x")), SelectionError::UnknownChange(unknown));
    assert_eq!(error(in_stage("x")), SelectionError::UnknownStage("x".into()));
}

#[test]
fn several_selections_take_what_all_of_them_take() {
    let both = Selection { stage: Some("base".into()), ..to("s2") };
    let plan = plan_selected(&stages(), &History::default(), &both).unwrap();
    assert_eq!((actions(&plan, "base"), plan.pending()), (vec![Action::Apply], 1));
}
