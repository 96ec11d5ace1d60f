//! What is done with one change, looked at alone, and why.

use std::borrow::Cow;

use super::{Action, Answers, Planned};
use crate::change::{Cadence, Change};
use crate::entry::State;
use crate::recovery::{self, Decision, Settled};
use crate::state::{ChangeState, States};

/// What is done with one change, looked at alone.
pub(super) fn judge(change: &Change, states: &States, answers: &Answers) -> Planned {
    let state = states.get(&change.id);
    let applied = state.and_then(|state| state.applied.as_ref());
    let differs = applied.is_some_and(|applied| applied.digest != change.digest);
    let modified =
        applied.is_some_and(|applied| applied.meaning != change.meaning && applied.digest != change.digest);
    let recovery = state.map_or(change.recovery, |state| state.recovery.stricter(change.recovery));
    let decision = recovery::decide(state.map(|state| (state.state, state.mode)), recovery);
    let answer = state.and_then(|state| answers.get(&state.sequence));
    let may_go_on =
        state.is_some_and(|state| recovery::may_go_on((state.state, state.mode), recovery, answer.copied()));
    // An undo that committed nothing leaves the change as applied as it was.
    let decision = match (decision, answer) {
        (Decision::LookForMarker, Some(Settled::StillApplied)) => Decision::Skip,
        (decision, _) => decision,
    };
    let (action, reason) = match (decision, answer) {
        (Decision::Skip, _) => again(change, state, modified),
        (Decision::LookForMarker | Decision::AskVerify { .. }, Some(answer)) => settled(*answer),
        (Decision::Apply, Some(Settled::GoOn)) if may_go_on => settled(Settled::GoOn),
        (Decision::Apply | Decision::Resume, Some(Settled::Edited)) if may_go_on => settled(Settled::Edited),
        (decision, _) => unsettled(decision, state),
    };
    // What was left in doubt is settled all the same; only then it is left out.
    let (action, reason) = match (&change.excluded, action) {
        (Some(why), Action::Apply | Action::Resume) => (Action::Exclude, why.clone()),
        _ => (action, reason),
    };
    let runs_anyway = decision == Decision::Skip && change.cadence == Cadence::Always;
    let pending = !matches!(action, Action::Skip | Action::Exclude) && !runs_anyway;
    Planned {
        change: change.clone(),
        action,
        reason,
        state: state.cloned(),
        pending,
        modified,
        rebuilt: differs && !modified,
        needs_person: action == Action::Blocked,
    }
}

/// An applied change runs again only where its cadence says so.
fn again(change: &Change, state: Option<&ChangeState>, modified: bool) -> (Action, Cow<'static, str>) {
    match change.cadence {
        Cadence::Always => (Action::Apply, "its cadence is `always`".into()),
        Cadence::OnChange if modified => {
            (Action::Apply, "it was modified since it was applied, and its cadence is `on-change`".into())
        }
        Cadence::Once | Cadence::OnChange => {
            let why = match state.map(|state| state.state) {
                Some(State::MarkedApplied) => "a person marked it as applied",
                Some(State::Baselined) => "it was there before Sandpiper",
                Some(State::Undoing) => {
                    "an undo was interrupted before anything was committed: still applied"
                }
                Some(State::UndoFailed) => "its undo failed and was rolled back: still applied",
                _ => "applied already",
            };
            (Action::Skip, why.into())
        }
    }
}

fn settled(answer: Settled) -> (Action, Cow<'static, str>) {
    match answer {
        Settled::RecordApplied => (Action::Skip, "an earlier attempt had applied it".into()),
        Settled::StillApplied => {
            (Action::Skip, "an interrupted undo had not committed: still applied".into())
        }
        Settled::Apply => (
            Action::Apply,
            "an earlier attempt was interrupted and did not finish: it is applied again".into(),
        ),
        Settled::ApplyAgain => {
            (Action::Apply, "an earlier attempt was interrupted, and applying again is safe".into())
        }
        Settled::GoOn => (
            Action::Resume,
            "an earlier attempt did not finish, and it may go on: it does after what is finished".into(),
        ),
        Settled::Edited => {
            (Action::Blocked, "it would go on after what is finished of it, but that was edited since".into())
        }
        Settled::RecordUndone => (Action::Apply, "an interrupted undo had taken it back".into()),
        Settled::Blocked => (
            Action::Blocked,
            "an earlier attempt was interrupted, and the change cannot tell whether it is applied".into(),
        ),
    }
}

fn unsettled(decision: Decision, state: Option<&ChangeState>) -> (Action, Cow<'static, str>) {
    let newest = state.map(|state| state.state);
    let reason = match (decision, newest) {
        (_, None) => "not applied yet",
        (Decision::Apply, Some(State::Undone)) => "it was undone",
        (Decision::Apply, Some(State::MarkedRolledBack)) => "a person marked it as rolled back",
        (Decision::Apply, Some(State::RolledBack)) => "an earlier attempt failed and was rolled back",
        (Decision::Apply, Some(State::Started)) => {
            "an earlier attempt was interrupted, and nothing of it was committed"
        }
        (Decision::Apply, Some(State::MarkedResumable)) => {
            "a person allowed it to go on; in a transaction it starts anew"
        }
        (Decision::Apply, Some(_)) => "an earlier attempt failed, and applying again is safe",
        (Decision::LookForMarker, _) => {
            "an earlier attempt was interrupted: its marker tells whether it was committed"
        }
        (Decision::AskVerify { .. }, _) => {
            "an earlier attempt was interrupted outside of a transaction: `verify` is asked"
        }
        (Decision::Resume, _) => "a person allowed it to go on after its last finished step",
        (Decision::Blocked, Some(State::Failed)) => {
            "it failed outside of a transaction, and its effect may remain"
        }
        (Decision::Blocked, Some(State::RollbackFailed)) => "its rollback failed, and its effect may remain",
        (Decision::Blocked, _) => "its undo failed outside of a transaction",
        (Decision::Skip, _) => "applied already",
    };
    let action = match decision {
        Decision::Apply => Action::Apply,
        Decision::Skip => Action::Skip,
        Decision::LookForMarker => Action::LookForMarker,
        Decision::AskVerify { otherwise } => Action::AskVerify(otherwise),
        Decision::Resume => Action::Resume,
        Decision::Blocked => Action::Blocked,
    };
    (action, reason.into())
}
