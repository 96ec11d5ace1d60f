//! What a baseline counts as applied.

use super::*;

/// The ids of a baseline, and those that are settled first.
fn ids(stages: &[Stage], history: &History, selection: &Selection) -> (Vec<String>, Vec<String>) {
    let Baseline { changes, doubtful } = baseline(stages, &history.states, selection).unwrap();
    let changes = changes.iter().map(|it| it.change.id.to_string()).collect();
    (changes, doubtful.iter().map(ChangeId::to_string).collect())
}

#[test]
fn all_that_is_pending_is_counted_as_applied() {
    let (a, b, c, d) = (change("a", 1), change("b", 2), change("c", 3), change("d", 4));
    let mut history = History::default();
    history.applied("s", &a).applied("s", &b).add("s", &b, State::Undone, Mode::Shared);
    let left_out = Change { excluded: Some("its condition does not hold".into()), ..d };
    let stages = [stage("s", &[], &[a, b, c, left_out])];
    let (changes, doubtful) = ids(&stages, &history, &Selection::default());
    assert_eq!((changes, doubtful), (vec!["b".to_owned(), "c".to_owned()], vec![]));
}

#[test]
fn up_to_a_change_means_also_the_stages_that_its_stage_is_after() {
    let stages = [
        stage("schema", &[], &[change("a", 1), change("b", 2)]),
        stage("data", &["schema"], &[change("c", 1), change("d", 2)]),
        stage("other", &[], &[change("e", 1)]),
    ];
    let history = History::default();
    let to = |id| Selection { to: ChangeId::new(id).ok(), ..Selection::default() };
    assert_eq!(ids(&stages, &history, &to("c")).0, ["a", "b", "c"]);
    assert_eq!(ids(&stages, &history, &to("a")).0, ["a"]);
    let only_data = Selection { stage: Some("data".into()), ..to("c") };
    assert_eq!(ids(&stages, &history, &only_data).0, ["c"]);
    assert!(baseline(&stages, &history.states, &to("x")).is_err());
}

#[test]
fn a_change_in_doubt_is_settled_first() {
    let (a, b) = (change("a", 1), change("b", 2));
    let mut history = History::default();
    history.add("s", &a, State::Started, Mode::Marked).add("s", &b, State::Failed, Mode::Direct);
    let (changes, doubtful) = ids(&[stage("s", &[], &[a, b])], &history, &Selection::default());
    assert_eq!((changes.len(), doubtful), (0, vec!["a".to_owned(), "b".to_owned()]));
}
