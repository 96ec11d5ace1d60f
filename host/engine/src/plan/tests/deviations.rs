//! Modified, missing and out of order, under each policy.

use super::*;

/// The deviations of a plan under one policy for all kinds.
fn deviations(mut stages: Vec<Stage>, history: &History, reaction: Reaction) -> Vec<Deviation> {
    let policies = Policies { on_modified: reaction, on_missing: reaction, on_out_of_order: reaction };
    for stage in &mut stages {
        stage.policies = policies;
    }
    plan(&stages, policies, &history.states, &Answers::new(), &Selection::default()).unwrap().deviations
}

/// Each deviation as its code and change.
fn found(stages: &[Stage], history: &History) -> Vec<(&'static str, String)> {
    let deviations = deviations(stages.to_vec(), history, Reaction::Warn);
    deviations.into_iter().map(|it| (it.kind.code(), it.change_id.to_string())).collect()
}

fn one(code: &'static str, id: &str) -> Vec<(&'static str, String)> {
    vec![(code, id.to_owned())]
}

#[test]
fn an_edited_change_is_modified() {
    let a = change("a", 1);
    let mut history = History::default();
    history.applied("schema", &a);
    let stages = [stage("schema", &[], &[edited(&a)])];
    assert_eq!(found(&stages, &history), one("plan::modified", "a"));
    let rebuilt = [stage("schema", &[], &[Change { digest: Digest::of(b"built again"), ..a }])];
    assert_eq!(found(&rebuilt, &history), []);
}

#[test]
fn an_accepted_edit_is_modified_no_more_and_the_file_as_it_ran_is() {
    let a = change("a", 1);
    let mut history = History::default();
    history.applied("schema", &a).add("schema", &edited(&a), State::Applied, Mode::Shared);
    assert_eq!(found(&[stage("schema", &[], &[edited(&a)])], &history), []);
    let stages = [stage("schema", &[], &[a])];
    assert_eq!(found(&stages, &history), one("plan::modified", "a"));
    assert_eq!(
        planned(&plan_all(&stages, &history), "a").state.as_ref().unwrap().applied.as_ref().unwrap().sequence,
        Sequence(2)
    );
}

#[test]
fn a_move_that_was_noted_is_where_the_change_is() {
    let (a, b) = (change("a", 1), change("b", 3));
    let mut history = History::default();
    history.applied("schema", &a);
    let moved = Change { order: "0005".parse().unwrap(), ..a };
    history.note("schema", &moved).applied("schema", &b);
    assert_eq!(found(&[stage("schema", &[], &[b, moved])], &history), [], "`b` came after it had moved");
}

#[test]
fn an_edited_change_that_runs_again_is_no_deviation() {
    for cadence in [Cadence::OnChange, Cadence::Always] {
        let a = Change { cadence, ..change("a", 1) };
        let mut history = History::default();
        history.applied("schema", &a);
        assert_eq!(found(&[stage("schema", &[], &[edited(&a)])], &history), []);
    }
}

#[test]
fn an_applied_change_without_file_is_missing() {
    let (a, b, c) = (change("a", 1), change("b", 2), change("c", 3));
    let mut history = History::default();
    history.applied("schema", &b).applied("schema", &a);
    history.applied("schema", &c).add("schema", &c, State::Undone, Mode::Shared);
    let stages = [stage("schema", &[], &[])];
    let expected = vec![("plan::missing", "a".to_owned()), ("plan::missing", "b".to_owned())];
    assert_eq!(found(&stages, &history), expected, "by order; what was undone is not missed");
    assert_eq!(plan_all(&stages, &history).missing.len(), 2);
}

#[test]
fn a_change_that_moved_to_another_stage_is_not_missing() {
    let a = change("a", 1);
    let mut history = History::default();
    history.applied("schema", &a);
    assert_eq!(found(&[stage("schema", &[], &[]), stage("data", &[], &[a])], &history), []);
}

#[test]
fn the_pipelines_policy_counts_for_what_was_applied_in_a_stage_that_is_gone() {
    let a = change("a", 1);
    let mut history = History::default();
    history.applied("gone", &a);
    let strict = Policies { on_missing: Reaction::Fail, ..Policies::default() };
    let plan = plan(&[], strict, &history.states, &Answers::new(), &Selection::default()).unwrap();
    assert_eq!(plan.refusals().count(), 1);
}

#[test]
fn a_pending_change_before_an_applied_one_is_out_of_order() {
    let (a, b, c) = (change("a", 1), change("b", 2), change("c", 3));
    let mut history = History::default();
    history.applied("schema", &b);
    let stages = [stage("schema", &[], &[a, b, c])];
    assert_eq!(found(&stages, &history), one("plan::out-of-order", "a"));
    let message = deviations(stages.to_vec(), &history, Reaction::Warn).remove(0).message;
    assert!(message.contains("`a` is pending") && message.contains("`b`"), "{message}");
    assert_eq!(actions(&plan_all(&stages, &history), "schema"), [Action::Apply, Action::Skip, Action::Apply]);
}

#[test]
fn an_undone_change_before_applied_ones_is_out_of_order() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &b).add("schema", &a, State::Undone, Mode::Shared);
    assert_eq!(found(&[stage("schema", &[], &[a, b])], &history), one("plan::out-of-order", "a"));
}

#[test]
fn an_applied_change_that_moved_past_an_applied_one_is_out_of_order() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &b);
    let moved = Change { order: "0003".parse().unwrap(), ..a.clone() };
    let stages = [stage("schema", &[], &[b.clone(), moved])];
    assert_eq!(found(&stages, &history), one("plan::out-of-order", "a"));
    let message = deviations(stages.to_vec(), &history, Reaction::Warn).remove(0).message;
    assert!(message.contains("`a` is applied, and was moved past `b`"), "{message}");
}

#[test]
fn a_change_may_be_renumbered_while_it_passes_nothing_that_is_applied() {
    let (a, b, c) = (change("a", 1), change("b", 5), change("c", 9));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &b);
    let moved = Change { order: "0007".parse().unwrap(), ..b.clone() };
    assert_eq!(found(&[stage("schema", &[], &[a.clone(), moved, c.clone()])], &history), []);
    let past_pending = Change { order: "0010".parse().unwrap(), ..b };
    let stages = [stage("schema", &[], &[a, c, past_pending])];
    assert_eq!(found(&stages, &history), one("plan::out-of-order", "c"), "what is pending would run late");
}

#[test]
fn what_is_applied_again_is_not_out_of_order() {
    let (a, b) = (Change { cadence: Cadence::OnChange, ..change("a", 1) }, change("b", 2));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &b);
    let a = edited(&a);
    assert_eq!(found(&[stage("schema", &[], &[a.clone(), b.clone()])], &history), []);
    history.add("schema", &a, State::Started, Mode::Shared).add(
        "schema",
        &a,
        State::RolledBack,
        Mode::Shared,
    );
    assert_eq!(found(&[stage("schema", &[], &[a, b])], &history), [], "nor when that failed");
}

#[test]
fn a_policy_refuses_warns_ignores_or_undoes() {
    let (a, b, c, d) = (change("a", 1), change("b", 2), change("c", 3), change("d", 4));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &c).applied("schema", &d);
    let stages = vec![stage("schema", &[], &[edited(&a), b, c])];
    for reaction in [Reaction::Fail, Reaction::Warn, Reaction::Undo] {
        let found = deviations(stages.clone(), &history, reaction);
        let kinds: Vec<_> = found.iter().map(|it| it.kind).collect();
        assert_eq!(kinds, [DeviationKind::Modified, DeviationKind::OutOfOrder, DeviationKind::Missing]);
        assert!(found.iter().all(|it| it.reaction == reaction && it.stage.as_str() == "schema"));
    }
    assert_eq!(deviations(stages, &history, Reaction::Ignore), []);
}

#[test]
fn by_default_only_what_is_modified_refuses_the_run() {
    let (a, b, c, d) = (change("a", 1), change("b", 2), change("c", 3), change("d", 4));
    let mut history = History::default();
    history.applied("schema", &a).applied("schema", &c).applied("schema", &d);
    let plan = plan_all(&[stage("schema", &[], &[edited(&a), b, c])], &history);
    let refusals: Vec<_> = plan.refusals().map(|it| it.kind).collect();
    assert_eq!((refusals, plan.deviations.len()), (vec![DeviationKind::Modified], 3));
}
