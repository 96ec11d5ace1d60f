//! What is done with one change, by its history, its cadence and what a look at the target system gave.

use super::*;

/// The plan of a stage of one change with this history.
fn plan_one(change: &Change, states: &[(State, Mode)], answer: Option<Settled>) -> Planned {
    let mut history = History::default();
    for (state, mode) in states {
        history.add("schema", change, *state, *mode);
    }
    plan_file(change, &history, answer)
}

fn plan_file(change: &Change, history: &History, answer: Option<Settled>) -> Planned {
    let newest = history.states.get(&change.id).map(|state| state.sequence);
    let answers = newest.zip(answer).into_iter().collect();
    let stages = [stage("schema", &[], std::slice::from_ref(change))];
    planned(&plan_with(&stages, history, &answers), change.id.as_str()).clone()
}

#[test]
fn the_reason_says_why_a_change_is_applied() {
    let a = change("a", 1);
    let reason = |state, mode| {
        let planned = plan_one(&a, &[(State::Started, mode), (state, mode)], None);
        assert_eq!(planned.action, Action::Apply, "{state}");
        assert!(planned.pending, "{state}");
        planned.reason
    };
    assert_eq!(plan_one(&a, &[], None).reason, "not applied yet");
    assert!(reason(State::Undone, Mode::Shared).contains("undone"));
    assert!(reason(State::RolledBack, Mode::Direct).contains("failed and was rolled back"));
    assert!(reason(State::MarkedRolledBack, Mode::Direct).contains("a person"));
    assert!(reason(State::Started, Mode::Shared).contains("nothing of it was committed"));
    assert!(reason(State::Failed, Mode::Marked).contains("applying again is safe"));
    assert!(reason(State::MarkedResumable, Mode::Shared).contains("starts anew"));
}

#[test]
fn the_reason_says_why_a_change_is_left_alone() {
    let a = change("a", 1);
    let reason = |state, mode| {
        let planned = plan_one(&a, &[(State::Applied, mode), (state, mode)], None);
        assert_eq!(planned.action, Action::Skip, "{state}");
        assert!(!planned.pending, "{state}");
        planned.reason
    };
    assert_eq!(reason(State::Applied, Mode::Direct), "applied already");
    assert!(reason(State::MarkedApplied, Mode::Direct).contains("a person"));
    assert!(reason(State::Baselined, Mode::Direct).contains("before Sandpiper"));
    assert!(reason(State::Undoing, Mode::Shared).contains("still applied"));
    assert!(reason(State::UndoFailed, Mode::Marked).contains("still applied"));
}

#[test]
fn the_reason_says_what_a_person_has_to_look_at() {
    let a = change("a", 1);
    let reason = |state| {
        let planned = plan_one(&a, &[(State::Applied, Mode::Direct), (state, Mode::Direct)], None);
        assert_eq!(planned.action, Action::Blocked, "{state}");
        assert!(planned.pending, "{state}");
        planned.reason
    };
    assert!(reason(State::Failed).contains("failed outside of a transaction"));
    assert!(reason(State::RollbackFailed).contains("rollback failed"));
    assert!(reason(State::UndoFailed).contains("undo failed"));
}

#[test]
fn what_was_left_in_doubt_is_looked_at_first() {
    let a = change("a", 1);
    let marked = plan_one(&a, &[(State::Started, Mode::Marked)], None);
    assert_eq!(marked.action, Action::LookForMarker);
    let direct = plan_one(&a, &[(State::Started, Mode::Direct)], None);
    assert_eq!(direct.action, Action::AskVerify(Unverified::Blocked));
    let retry = Change { recovery: Recovery::AlwaysRetry, ..a };
    let direct = plan_one(&retry, &[(State::Started, Mode::Direct)], None);
    assert_eq!(direct.action, Action::AskVerify(Unverified::Apply));
    let resumed = plan_one(&retry, &[(State::MarkedResumable, Mode::Direct)], None);
    assert_eq!(resumed.action, Action::Resume);
}

#[test]
fn the_stricter_of_the_recorded_strategy_and_todays_counts() {
    let manual = change("a", 1);
    let retry = Change { recovery: Recovery::AlwaysRetry, ..manual.clone() };
    for (recorded, today) in [(&manual, &retry), (&retry, &manual)] {
        let mut history = History::default();
        history.add("schema", recorded, State::Failed, Mode::Direct);
        assert_eq!(plan_file(today, &history, None).action, Action::Blocked);
    }
}

#[test]
fn an_answer_settles_a_change_that_was_left_in_doubt() {
    let a = change("a", 1);
    let settled = |answer| plan_one(&a, &[(State::Started, Mode::Marked)], Some(answer));
    assert_eq!(settled(Settled::RecordApplied).action, Action::Skip);
    assert_eq!(settled(Settled::Apply).action, Action::Apply);
    assert_eq!(settled(Settled::RecordUndone).action, Action::Apply);
    assert_eq!(settled(Settled::StillApplied).action, Action::Skip);
    assert_eq!(settled(Settled::Blocked).action, Action::Blocked);
}

#[test]
fn an_answer_does_not_override_what_the_audit_knows() {
    let a = change("a", 1);
    let with = |state, mode, answer| plan_one(&a, &[(state, mode)], Some(answer)).action;
    assert_eq!(with(State::Applied, Mode::Marked, Settled::Apply), Action::Skip);
    assert_eq!(with(State::Failed, Mode::Direct, Settled::Apply), Action::Blocked);
    assert_eq!(with(State::RolledBack, Mode::Marked, Settled::RecordApplied), Action::Apply);
}

#[test]
fn a_change_that_may_go_on_does_after_what_is_finished_and_needs_a_person_once_that_was_edited() {
    let retry = Change { recovery: Recovery::AlwaysRetry, ..change("a", 1) };
    let with = |state, mode, answer| plan_one(&retry, &[(state, mode)], answer).action;
    for state in [State::Failed, State::RollbackFailed] {
        assert_eq!(with(state, Mode::Direct, None), Action::Apply, "nothing of it is finished");
        assert_eq!(with(state, Mode::Direct, Some(Settled::GoOn)), Action::Resume);
        assert_eq!(with(state, Mode::Direct, Some(Settled::Edited)), Action::Blocked);
    }
    assert_eq!(with(State::MarkedResumable, Mode::Direct, None), Action::Resume);
    assert_eq!(with(State::MarkedResumable, Mode::Direct, Some(Settled::Edited)), Action::Blocked);
    assert_eq!(with(State::Started, Mode::Direct, Some(Settled::ApplyAgain)), Action::Apply);
    assert_eq!(with(State::Started, Mode::Direct, Some(Settled::GoOn)), Action::Resume);
    assert_eq!(with(State::Started, Mode::Direct, Some(Settled::Apply)), Action::Apply);
    for state in [State::Undone, State::RolledBack, State::MarkedRolledBack] {
        for answer in [Settled::GoOn, Settled::Edited] {
            assert_eq!(with(state, Mode::Direct, Some(answer)), Action::Apply, "nothing of it is left");
        }
    }
}

#[test]
fn an_answer_about_an_earlier_entry_does_not_count() {
    let a = change("a", 1);
    let mut history = History::default();
    history.add("schema", &a, State::Started, Mode::Marked);
    let answers = Answers::from([(Sequence(1), Settled::Apply)]);
    let stages = [stage("schema", &[], std::slice::from_ref(&a))];
    assert_eq!(actions(&plan_with(&stages, &history, &answers), "schema"), [Action::Apply]);
    history.add("schema", &a, State::Started, Mode::Marked);
    assert_eq!(actions(&plan_with(&stages, &history, &answers), "schema"), [Action::LookForMarker]);
}

#[test]
fn an_edit_is_modified_and_a_new_build_of_the_same_sources_is_rebuilt() {
    let a = change("a", 1);
    let mut history = History::default();
    history.applied("schema", &a);
    let modified = plan_file(&edited(&a), &history, None);
    assert_eq!((modified.modified, modified.rebuilt, modified.action), (true, false, Action::Skip));
    let rebuilt = plan_file(&Change { digest: Digest::of(b"built again"), ..a.clone() }, &history, None);
    assert_eq!((rebuilt.modified, rebuilt.rebuilt, rebuilt.action), (false, true, Action::Skip));
    let same = plan_file(&a, &history, None);
    assert_eq!((same.modified, same.rebuilt), (false, false));
}

#[test]
fn an_edit_of_a_change_that_was_never_applied_is_no_modification() {
    let a = change("a", 1);
    let mut history = History::default();
    history.add("schema", &a, State::Started, Mode::Shared).add(
        "schema",
        &a,
        State::RolledBack,
        Mode::Shared,
    );
    let planned = plan_file(&edited(&a), &history, None);
    assert_eq!((planned.modified, planned.rebuilt), (false, false));
}

#[test]
fn an_on_change_change_is_applied_again_when_it_was_modified() {
    let a = Change { cadence: Cadence::OnChange, ..change("a", 1) };
    let mut history = History::default();
    history.applied("schema", &a);
    assert_eq!(plan_file(&a, &history, None).action, Action::Skip);
    let rebuilt = Change { digest: Digest::of(b"built again"), ..a.clone() };
    assert_eq!(plan_file(&rebuilt, &history, None).action, Action::Skip);
    let again = plan_file(&edited(&a), &history, None);
    assert_eq!((again.action, again.pending), (Action::Apply, true));
    assert!(again.reason.contains("modified") && again.reason.contains("on-change"), "{}", again.reason);
}

#[test]
fn an_on_change_change_that_failed_is_tried_again_and_its_earlier_application_still_counts() {
    let a = Change { cadence: Cadence::OnChange, ..change("a", 1) };
    let mut history = History::default();
    history.applied("schema", &a);
    let a = edited(&a);
    history.add("schema", &a, State::Started, Mode::Shared).add(
        "schema",
        &a,
        State::RolledBack,
        Mode::Shared,
    );
    let planned = plan_file(&a, &history, None);
    assert_eq!((planned.action, planned.pending, planned.modified), (Action::Apply, true, true));
    assert_eq!(planned.state.unwrap().applied.unwrap().sequence, Sequence(2));
}

#[test]
fn an_applied_always_change_runs_and_is_not_pending() {
    let a = Change { cadence: Cadence::Always, ..change("a", 1) };
    let never = plan_one(&a, &[], None);
    assert_eq!((never.action, never.pending), (Action::Apply, true));
    let applied = plan_one(&a, &[(State::Applied, Mode::Shared)], None);
    assert_eq!((applied.action, applied.pending), (Action::Apply, false));
    assert!(applied.reason.contains("always"), "{}", applied.reason);
}

#[test]
fn an_always_change_whose_last_run_went_wrong_is_pending() {
    let a = Change { cadence: Cadence::Always, ..change("a", 1) };
    let with = |state, mode| plan_one(&a, &[(State::Applied, mode), (state, mode)], None);
    for (state, mode) in [
        (State::RolledBack, Mode::Shared),
        (State::Started, Mode::Marked),
        (State::Started, Mode::Direct),
        (State::Failed, Mode::Direct),
    ] {
        assert!(with(state, mode).pending, "{state} {mode}");
    }
}

#[test]
fn an_undo_that_committed_nothing_leaves_the_change_to_its_cadence() {
    let a = Change { cadence: Cadence::Always, ..change("a", 1) };
    let shared = plan_one(&a, &[(State::Applied, Mode::Shared), (State::Undoing, Mode::Shared)], None);
    let marked = [(State::Applied, Mode::Marked), (State::Undoing, Mode::Marked)];
    let marked = plan_one(&a, &marked, Some(Settled::StillApplied));
    assert_eq!((shared.action, shared.pending), (Action::Apply, false));
    assert_eq!((marked.action, marked.pending), (Action::Apply, false));
    let once = change("a", 1);
    let marked = [(State::Applied, Mode::Marked), (State::Undoing, Mode::Marked)];
    assert_eq!(plan_one(&once, &marked, Some(Settled::StillApplied)).action, Action::Skip);
}

#[test]
fn a_plan_is_made_on_the_newest_entry() {
    let a = change("a", 1);
    assert_eq!(plan_one(&a, &[], None).newest(), None);
    let states =
        [(State::Started, Mode::Shared), (State::Failed, Mode::Shared), (State::RolledBack, Mode::Shared)];
    assert_eq!(plan_one(&a, &states, None).newest(), Some(Sequence(3)));
}

#[test]
fn only_what_may_run_over_an_unfinished_attempt_has_leftovers() {
    let manual = change("a", 1);
    let retry = Change { recovery: Recovery::AlwaysRetry, ..manual.clone() };
    for state in [State::Started, State::Failed, State::RollbackFailed] {
        assert!(plan_one(&retry, &[(state, Mode::Direct)], None).may_have_leftovers(), "{state}");
        assert!(!plan_one(&manual, &[(state, Mode::Direct)], None).may_have_leftovers(), "{state}");
        assert!(!plan_one(&retry, &[(state, Mode::Marked)], None).may_have_leftovers(), "{state}");
    }
    assert!(plan_one(&manual, &[(State::MarkedResumable, Mode::Direct)], None).may_have_leftovers());
    assert!(!plan_one(&retry, &[(State::RolledBack, Mode::Direct)], None).may_have_leftovers());
    assert!(!plan_one(&retry, &[], None).may_have_leftovers());
}

#[test]
fn a_change_whose_condition_does_not_hold_is_left_out_and_not_pending() {
    let excluded = Change { excluded: Some("its condition does not hold".into()), ..change("a", 1) };
    let plan = plan_all(&[stage("s", &[], &[excluded, change("b", 2)])], &History::default());
    assert_eq!(actions(&plan, "s"), [Action::Exclude, Action::Apply]);
    assert_eq!(plan.pending(), 1);
    assert_eq!(planned(&plan, "a").reason, "its condition does not hold");
}

#[test]
fn a_left_out_change_is_not_out_of_order_and_holds_no_stage() {
    let (a, b, c) = (change("a", 1), change("b", 2), change("c", 1));
    let mut history = History::default();
    history.applied("s", &b);
    let a = Change { excluded: Some("no".into()), ..a };
    let plan = plan_all(&[stage("s", &[], &[a, b]), stage("t", &["s"], &[c])], &history);
    assert!(plan.deviations.is_empty(), "{:?}", plan.deviations);
    assert_eq!(actions(&plan, "t"), [Action::Apply]);
}

#[test]
fn what_was_left_in_doubt_is_settled_although_its_condition_holds_no_more() {
    let a = Change { excluded: Some("no".into()), ..change("a", 1) };
    let mut history = History::default();
    history.add("s", &a, State::Started, Mode::Marked);
    let stages = [stage("s", &[], &[a])];
    assert_eq!(actions(&plan_all(&stages, &history), "s"), [Action::LookForMarker]);
    let absent = Answers::from([(Sequence(1), Settled::Apply)]);
    assert_eq!(actions(&plan_with(&stages, &history, &absent), "s"), [Action::Exclude]);
}
