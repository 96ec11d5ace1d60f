//! What is selected, in which order, and what stands in the way.

use super::*;
use crate::change::Recovery;
use crate::digest::Digest;
use crate::entry::tests::record;
use crate::entry::{Entry, Mode, Token};
use crate::plan::tests::{change, stage};
use crate::recovery::Unverified;

/// The states that entries leave: change, stage, state, mode, one entry after the other.
fn states(entries: &[(&str, &str, State, Mode)]) -> States {
    let mut states = States::new();
    for (sequence, (id, stage, state, mode)) in (1..).zip(entries) {
        let mut record = record(id, *state);
        (record.stage, record.mode) = ((*stage).into(), Some(*mode));
        let (entry, _) = Entry::link(record, Sequence(sequence), Token(1), Digest::ZERO).unwrap();
        let id = entry.record.change_id.clone();
        let after = ChangeState::after(states.get(&id), &entry).unwrap();
        states.insert(id, after);
    }
    states
}

fn applied(changes: &[(&str, &str)]) -> States {
    let entries: Vec<_> =
        changes.iter().map(|(id, stage)| (*id, *stage, State::Applied, Mode::Shared)).collect();
    states(&entries)
}

fn id(text: &str) -> ChangeId {
    ChangeId::new(text).unwrap()
}

fn select(what: What) -> Selection {
    Selection { what, stage: None, only: false }
}

/// Two stages, the second after the first.
fn stages() -> Vec<Stage> {
    vec![
        stage("schema", &[], &[change("a", 1), change("b", 2), change("c", 3)]),
        stage("data", &["schema"], &[change("x", 1), change("y", 2)]),
    ]
}

fn undone(stages: &[Stage], states: &States, what: What) -> Vec<String> {
    let plan = plan(stages, states, &Answers::new(), &select(what)).unwrap();
    assert!(plan.changes.iter().all(|it| it.action == Action::Undo && it.is_selected));
    plan.changes.iter().map(|it| it.change_id.to_string()).collect()
}

fn refused(states: &States, what: What) -> SelectionError {
    plan(&stages(), states, &Answers::new(), &select(what)).unwrap_err()
}

const IN_TURN: [(&str, &str); 5] =
    [("a", "schema"), ("b", "schema"), ("x", "data"), ("c", "schema"), ("y", "data")];

#[test]
fn the_last_are_taken_back_newest_first() {
    let stages = [stage("one", &[], &[change("a", 1), change("c", 2)]), stage("two", &[], &[change("b", 1)])];
    let states = applied(&[("a", "one"), ("b", "two"), ("c", "one")]);
    assert_eq!(undone(&stages, &states, What::Last(2)), ["c", "b"]);
    assert_eq!(undone(&stages, &states, What::Last(9)), ["c", "b", "a"]);
    assert_eq!(undone(&stages, &states, What::Last(0)), [""; 0]);
}

#[test]
fn dependent_stages_come_first() {
    assert_eq!(undone(&stages(), &applied(&IN_TURN), What::Last(5)), ["y", "x", "c", "b", "a"]);
    let data_first = [("x", "data"), ("a", "schema"), ("b", "schema")];
    assert_eq!(undone(&stages(), &applied(&data_first), What::Last(3)), ["x", "b", "a"]);
}

#[test]
fn all_that_was_applied_after_a_change_in_its_stage_and_those_after_it() {
    let states = applied(&IN_TURN);
    assert_eq!(undone(&stages(), &states, What::After(id("a"))), ["y", "x", "c", "b"]);
    assert_eq!(undone(&stages(), &states, What::After(id("b"))), ["y", "x", "c"]);
    assert_eq!(undone(&stages(), &states, What::After(id("x"))), ["y"]);
    assert_eq!(undone(&stages(), &states, What::After(id("y"))), [""; 0]);
}

#[test]
fn a_change_below_later_ones_of_its_stage_is_refused_unless_only_it_is_meant() {
    let states = applied(&IN_TURN);
    let below = SelectionError::BelowLater { change: id("a"), later: id("c") };
    assert_eq!(refused(&states, What::Change(id("a"))), below);
    assert_eq!(undone(&stages(), &states, What::Change(id("c"))), ["c"], "another stage's are no matter");
    let only = Selection { only: true, ..select(What::Change(id("a"))) };
    let plan = plan(&stages(), &states, &Answers::new(), &only).unwrap();
    assert_eq!(plan.changes.iter().map(|it| it.change_id.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn what_stays_applied_in_stages_after_it_is_named() {
    let above = |what| {
        let selection = Selection { only: true, ..select(what) };
        let plan = plan(&stages(), &applied(&IN_TURN), &Answers::new(), &selection).unwrap();
        plan.above.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(above(What::Change(id("a"))), ["x", "y"]);
    assert_eq!(above(What::Last(2)), ["x"], "`y` is taken back too");
    assert!(above(What::Change(id("y"))).is_empty());
}

#[test]
fn what_is_unknown_or_not_applied_is_refused() {
    let entries = [
        ("a", "schema", State::Applied, Mode::Shared),
        ("b", "schema", State::RolledBack, Mode::Shared),
        ("c", "schema", State::Undone, Mode::Shared),
    ];
    let states = states(&entries);
    assert_eq!(refused(&states, What::Change(id("z"))), SelectionError::UnknownChange(id("z")));
    for not_applied in ["b", "c", "x"] {
        let expected = SelectionError::NotApplied(id(not_applied));
        assert_eq!(refused(&states, What::Change(id(not_applied))), expected);
        assert_eq!(refused(&states, What::After(id(not_applied))), expected);
    }
    let elsewhere = Selection { stage: Some("data".into()), ..select(What::Change(id("a"))) };
    let expected = SelectionError::OtherStage { change: id("a"), stage: "schema".into() };
    assert_eq!(plan(&stages(), &states, &Answers::new(), &elsewhere).unwrap_err(), expected);
}

#[test]
fn one_stage_alone_may_be_meant() {
    let in_data = Selection { stage: Some("data".into()), ..select(What::Last(1)) };
    let plan = plan(&stages(), &applied(&IN_TURN[..4]), &Answers::new(), &in_data).unwrap();
    assert_eq!(plan.changes.iter().map(|it| it.change_id.as_str()).collect::<Vec<_>>(), ["x"]);
}

#[test]
fn a_change_without_file_is_taken_back_in_the_stage_that_was_recorded() {
    let states = applied(&[("a", "schema"), ("gone", "schema"), ("older", "no-more")]);
    assert_eq!(undone(&stages(), &states, What::Change(id("gone"))), ["gone"]);
    assert_eq!(undone(&stages(), &states, What::Last(1)), ["older"]);
    let these = What::These([id("gone"), id("never")].into());
    assert_eq!(undone(&stages(), &states, these), ["gone"]);
}

#[test]
fn what_the_recovery_table_calls_still_applied_counts_as_applied() {
    for (state, mode) in
        [(State::Undoing, Mode::Shared), (State::UndoFailed, Mode::Shared), (State::UndoFailed, Mode::Marked)]
    {
        let states = states(&[("a", "schema", State::Applied, mode), ("a", "schema", state, mode)]);
        assert_eq!(undone(&stages(), &states, What::Change(id("a"))), ["a"], "{state} {mode}");
        assert_eq!(undone(&stages(), &states, What::Last(1)), ["a"], "{state} {mode}");
    }
}

#[test]
fn an_application_that_failed_later_leaves_the_earlier_one_to_be_taken_back() {
    let again = [State::Applied, State::Started, State::Failed, State::RolledBack];
    let states = states(&again.map(|state| ("a", "schema", state, Mode::Shared)));
    let plan = plan(&stages(), &states, &Answers::new(), &select(What::Change(id("a")))).unwrap();
    assert_eq!(plan.changes[0].application(), Sequence(1));
}

#[test]
fn what_is_in_doubt_is_settled_first_wherever_it_stands_in_the_stage() {
    let entries = [
        ("a", "schema", State::Applied, Mode::Marked),
        ("b", "schema", State::Started, Mode::Marked),
        ("x", "data", State::Started, Mode::Marked),
    ];
    let states = states(&entries);
    let chosen = select(What::Change(id("a")));
    let first = plan(&stages(), &states, &Answers::new(), &chosen).unwrap();
    let told: Vec<_> = first.changes.iter().map(|it| (it.change_id.as_str(), it.action)).collect();
    let look = Action::Settle(Decision::LookForMarker);
    assert_eq!(told, [("b", look), ("a", Action::Undo)], "another stage is no matter");
    let answers = Answers::from([(Sequence(2), Settled::Apply)]);
    assert_eq!(plan(&stages(), &states, &answers, &chosen).unwrap().changes.len(), 1);
    let answers = Answers::from([(Sequence(2), Settled::RecordApplied)]);
    let below = SelectionError::BelowLater { change: id("a"), later: id("b") };
    assert_eq!(plan(&stages(), &states, &answers, &chosen).unwrap_err(), below);
}

#[test]
fn an_open_attempt_in_shared_mode_is_fenced_first() {
    let entries = [
        ("a", "schema", State::Applied, Mode::Shared),
        ("b", "schema", State::Started, Mode::Shared),
        ("c", "schema", State::Started, Mode::Direct),
        ("x", "data", State::Started, Mode::Shared),
    ];
    let plan = plan(&stages(), &states(&entries), &Answers::new(), &select(What::Change(id("a")))).unwrap();
    assert_eq!(plan.open, [("schema".into(), "db".into())].into());
}

#[test]
fn an_interrupted_undo_is_settled_as_the_table_says() {
    let undoing =
        |mode| states(&[("a", "schema", State::Applied, mode), ("a", "schema", State::Undoing, mode)]);
    let chosen = select(What::Last(1));
    let with = |mode, answer: Option<Settled>| {
        let answers = answer.map(|answer| (Sequence(2), answer)).into_iter().collect();
        plan(&stages(), &undoing(mode), &answers, &chosen).unwrap().changes.first().map(|it| it.action)
    };
    assert_eq!(with(Mode::Marked, None), Some(Action::Settle(Decision::LookForMarker)));
    assert_eq!(with(Mode::Marked, Some(Settled::StillApplied)), Some(Action::Undo));
    assert_eq!(with(Mode::Marked, Some(Settled::RecordUndone)), None);
    let ask = Decision::AskVerify { otherwise: Unverified::Blocked };
    assert_eq!(with(Mode::Direct, None), Some(Action::Settle(ask)));
    assert_eq!(with(Mode::Direct, Some(Settled::Blocked)), Some(Action::Blocked));
}

#[test]
fn a_change_that_needs_a_person_blocks_its_stage() {
    let entries = [
        ("a", "schema", State::Applied, Mode::Shared),
        ("b", "schema", State::Failed, Mode::Direct),
        ("x", "data", State::Applied, Mode::Shared),
    ];
    let mut states = states(&entries);
    let actions = |states: &States, what| {
        let plan = plan(&stages(), states, &Answers::new(), &select(what)).unwrap();
        plan.changes.iter().map(|it| (it.change_id.to_string(), it.action)).collect::<Vec<_>>()
    };
    let blocked = [("b".to_owned(), Action::Blocked), ("a".to_owned(), Action::Undo)];
    assert_eq!(actions(&states, What::Change(id("a"))), blocked);
    assert_eq!(actions(&states, What::Change(id("x"))), [("x".to_owned(), Action::Undo)]);
    states.get_mut(&id("b")).unwrap().recovery = Recovery::AlwaysRetry;
    assert_eq!(actions(&states, What::Change(id("a"))).len(), 2, "the file's strategy is the stricter one");
}

#[test]
fn a_stage_waits_for_itself_and_those_after_it() {
    let plan = plan(&stages(), &applied(&IN_TURN), &Answers::new(), &select(What::Last(5))).unwrap();
    let (schema, data) = ("schema".into(), "data".into());
    assert!(plan.waits_for(&schema, &data) && plan.waits_for(&schema, &schema));
    assert!(!plan.waits_for(&data, &schema));
}
