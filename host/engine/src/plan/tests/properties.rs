//! What holds of every plan, whatever the stages and their histories.

use proptest::prelude::*;

use super::*;

/// What differs between the changes of a stage.
type Parts = Vec<(Cadence, Recovery)>;

/// One to three stages, each after some of those before it, of up to five changes.
fn any_stages() -> impl Strategy<Value = Vec<Stage>> {
    let cadence =
        prop_oneof![4 => Just(Cadence::Once), 1 => Just(Cadence::OnChange), 1 => Just(Cadence::Always)];
    let recovery = prop_oneof![Just(Recovery::ManualIntervention), Just(Recovery::AlwaysRetry)];
    let stage_of = (prop::collection::vec((cadence, recovery), 0..5), any::<[bool; 3]>());
    prop::collection::vec(stage_of, 1..4).prop_map(|stages| {
        let named = |(number, (changes, after)): (usize, (Parts, [bool; 3]))| Stage {
            name: format!("stage{number}").into(),
            after: (0..number)
                .filter(|before| after[*before])
                .map(|it| format!("stage{it}").into())
                .collect(),
            policies: Policies::default(),
            excluded: None,
            changes: (1..)
                .zip(changes)
                .map(|(order, (cadence, recovery))| Change {
                    cadence,
                    recovery,
                    ..change(&format!("c{number}-{order}"), order)
                })
                .collect(),
        };
        stages.into_iter().enumerate().map(named).collect()
    })
}

/// What may have happened to a change: nothing, or one of these after it was once applied, or not.
fn any_past() -> impl Strategy<Value = (bool, Option<(State, Mode)>, bool)> {
    let mode = prop_oneof![Just(Mode::Shared), Just(Mode::Marked), Just(Mode::Direct)];
    (
        any::<bool>(),
        prop::option::of((prop::sample::select(&State::ALL[..]), mode)),
        prop::bool::weighted(0.2),
    )
}

/// Stages with a history of every change.
fn any_project() -> impl Strategy<Value = (Vec<Stage>, History)> {
    any_stages().prop_flat_map(|stages| {
        let count = stages.iter().map(|stage| stage.changes.len()).sum::<usize>();
        prop::collection::vec(any_past(), count).prop_map(move |pasts| {
            let (mut stages, mut history, mut pasts) =
                (stages.clone(), History::default(), pasts.into_iter());
            for stage in &mut stages {
                for change in &mut stage.changes {
                    let (was_applied, newest, is_edited) = pasts.next().unwrap();
                    let only_applied_are_undone =
                        matches!(newest, Some((State::Undoing | State::UndoFailed, _)));
                    if was_applied || only_applied_are_undone {
                        history.applied(stage.name.as_str(), change);
                    }
                    if let Some((state, mode)) = newest {
                        history.add(stage.name.as_str(), change, state, mode);
                    }
                    if is_edited {
                        *change = edited(change);
                    }
                }
            }
            (stages, history)
        })
    })
}

fn runs(action: Action) -> bool {
    matches!(action, Action::Apply | Action::Resume)
}

fn looks(action: Action) -> bool {
    matches!(action, Action::LookForMarker | Action::AskVerify(_))
}

/// Carries out what a plan says, in order: each change that is reached is applied or looked at, and found as it is not
/// applied, until every stage is complete or held. Gives what was applied, and whether it came to an end.
fn carry_out(stages: &[Stage], history: &mut History, answers: &mut Answers) -> (Vec<ChangeId>, bool) {
    let mut ran = Vec::new();
    for _ in 0..100 {
        let plan = plan_with(stages, history, answers);
        let next = plan.stages.iter().find_map(|stage| {
            let done =
                |planned: &&Planned| !ran.contains(&planned.change.id) && planned.action != Action::Skip;
            let first = stage.changes.iter().find(done)?;
            let complete = |name: &StageName| {
                let before = plan.stages.iter().find(|it| it.name == *name);
                before.is_some_and(|it| {
                    it.changes.iter().all(|it| it.action == Action::Skip || ran.contains(&it.change.id))
                })
            };
            (first.action != Action::NotReached
                && first.action != Action::Blocked
                && stage.after.iter().all(complete))
            .then(|| (stage.name.clone(), first.clone()))
        });
        let Some((stage, next)) = next else {
            return (ran, true);
        };
        if looks(next.action) {
            answers.insert(next.newest().unwrap(), Settled::Apply);
        } else {
            history.applied(stage.as_str(), &next.change);
            ran.push(next.change.id);
        }
    }
    (ran, false)
}

proptest! {
    #[test]
    fn carrying_out_a_plan_ends_with_nothing_pending_but_what_is_held((stages, mut history) in any_project()) {
        let mut answers = Answers::new();
        let before = plan_all(&stages, &history);
        let (ran, ended) = carry_out(&stages, &mut history, &mut answers);
        prop_assert!(ended);
        let after = plan_with(&stages, &history, &answers);
        for (before, after) in before.stages.iter().zip(&after.stages) {
            let ran_here: Vec<_> = after.changes.iter().filter(|it| ran.contains(&it.change.id)).collect();
            prop_assert!(ran_here.windows(2).all(|pair| pair[0].change.order < pair[1].change.order));
            if before.held.is_some() {
                prop_assert!(ran_here.is_empty(), "a held stage ran");
            } else {
                prop_assert!(after.changes.iter().all(|it| !it.pending), "a stage was not completed: {:?}", after);
            }
        }
    }

    #[test]
    fn nothing_of_a_held_stage_runs_or_is_looked_at((stages, history) in any_project()) {
        for stage in plan_all(&stages, &history).stages {
            prop_assert_eq!(stage.held.is_some(), stage.changes.iter().any(|it| it.action == Action::Blocked)
                || stage.held.as_ref().is_some_and(|why| why.contains("after")));
            if stage.held.is_some() {
                prop_assert!(!stage.has_work());
                prop_assert!(!stage.changes.iter().any(|it| runs(it.action) || looks(it.action)));
            }
        }
    }

    #[test]
    fn a_stage_after_a_held_one_is_held((stages, history) in any_project()) {
        let plan = plan_all(&stages, &history);
        for stage in &plan.stages {
            let held_before = plan.stages.iter().filter(|it| stage.after.contains(&it.name)).any(|it| it.held.is_some());
            prop_assert!(!held_before || stage.held.is_some());
        }
    }

    #[test]
    fn an_applied_once_change_never_runs((stages, history) in any_project()) {
        for planned in plan_all(&stages, &history).stages.iter().flat_map(|stage| &stage.changes) {
            let newest = planned.state.as_ref().map(|state| state.state);
            let is_applied = matches!(newest, Some(State::Applied | State::MarkedApplied | State::Baselined));
            if is_applied && planned.change.cadence == Cadence::Once {
                prop_assert_eq!(planned.action, Action::Skip);
            }
        }
    }

    #[test]
    fn what_is_skipped_is_not_pending_and_what_is_not_reached_is((stages, history) in any_project()) {
        let plan = plan_all(&stages, &history);
        for planned in plan.stages.iter().flat_map(|stage| &stage.changes) {
            let counts = [State::Applied, State::MarkedApplied, State::Baselined, State::Undoing, State::UndoFailed];
            let applied_always = planned.change.cadence == Cadence::Always
                && planned.state.as_ref().is_some_and(|state| counts.contains(&state.state));
            match planned.action {
                Action::Skip => prop_assert!(!planned.pending),
                _ if applied_always => {}
                _ => prop_assert!(planned.pending, "{:?}", planned),
            }
        }
        prop_assert!(plan.pending() == 0 || plan.has_work() || plan.stages.iter().any(|stage| stage.held.is_some()));
    }

    #[test]
    fn a_selection_never_makes_more_run(
        (stages, history) in any_project(),
        pick in any::<prop::sample::Index>(),
        up_to in any::<bool>(),
    ) {
        let ids: Vec<ChangeId> = stages.iter().flat_map(|it| &it.changes).map(|it| it.id.clone()).collect();
        prop_assume!(!ids.is_empty());
        let id = ids[pick.index(ids.len())].clone();
        let selection = if up_to {
            Selection { to: Some(id.clone()), ..Selection::default() }
        } else {
            Selection { only: Some(id.clone()), ..Selection::default() }
        };
        let all = plan_all(&stages, &history);
        let Ok(selected) = plan_selected(&stages, &history, &selection) else { return Ok(()) };
        for (all, selected) in all.stages.iter().zip(&selected.stages) {
            for (all, selected) in all.changes.iter().zip(&selected.changes) {
                prop_assert!(!runs(selected.action) || runs(all.action));
                prop_assert!(!selected.pending || all.pending);
                prop_assert!(up_to || !runs(selected.action) || selected.change.id == id);
            }
        }
    }
}
