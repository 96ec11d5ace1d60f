//! The plan: what a run does with each change of each stage, and why.
//!
//! [`plan`] is made twice in a run: once from the states alone, which tells whether there is anything to do, and again
//! under the lease. Where the recovery table wants something looked at first, the run looks, and plans again with the
//! answers.

mod baseline;
mod deviations;
mod hold;
mod judge;
mod select;
#[cfg(test)]
pub(crate) mod tests;
mod without_file;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use baseline::{Baseline, BaselineChange, baseline};
pub use deviations::{Deviation, DeviationKind};
pub use select::{Selection, SelectionError};

use crate::change::{Change, Recovery};
use crate::entry::{Mode, Sequence, State};
use crate::policy::{Policies, Reaction};
use crate::recovery::{Settled, Unverified};
use crate::scope::StageName;
use crate::state::{ChangeState, States};

/// A stage, as the plan needs it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// The stages that must be complete before it starts.
    pub after: Vec<StageName>,
    /// What to do about deviations.
    pub policies: Policies,
    /// Why it does not take part in this run, if its condition does not hold; its changes then say so too.
    pub excluded: Option<String>,
    /// Its changes, in order.
    pub changes: Vec<Change>,
}

/// What a look at the target systems gave for changes that were left in doubt, by the newest entry of each: an answer
/// counts only as long as nothing else is recorded of the change.
pub type Answers = BTreeMap<Sequence, Settled>;

/// What to do with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Apply it.
    Apply,
    /// Leave it alone: it is applied.
    Skip,
    /// Look for the marker of its last attempt first.
    LookForMarker,
    /// Ask its `verify` first.
    AskVerify(Unverified),
    /// Go on after its last finished step.
    Resume,
    /// A person has to look at it first.
    Blocked,
    /// Something before it stops the run, or it was not selected.
    NotReached,
    /// Leave it out: its condition does not hold.
    Exclude,
}

/// A change with what is done with it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The change.
    pub change: Change,
    /// What to do with it.
    pub action: Action,
    /// Why, for people.
    pub reason: Cow<'static, str>,
    /// What the audit says of it.
    pub state: Option<ChangeState>,
    /// Whether it is not applied, and was selected.
    pub pending: bool,
    /// Whether the file differs in meaning from what was applied.
    pub modified: bool,
    /// Whether the bytes differ, but not the meaning.
    pub rebuilt: bool,
    /// Whether a person has to look at it before anything of its stage runs, selected or not.
    pub needs_person: bool,
}

impl Planned {
    /// Whether something of an earlier attempt outside of a transaction may still be there when it is applied: its
    /// author, or a person, said that it may go on over that.
    pub fn may_have_leftovers(&self) -> bool {
        self.state.as_ref().filter(|state| state.mode == Mode::Direct).is_some_and(|state| {
            match state.state {
                State::MarkedResumable => true,
                State::Started | State::Failed | State::RollbackFailed => {
                    // Under the other strategy only a look or a person leads here, who found nothing.
                    state.recovery.stricter(self.change.recovery) == Recovery::AlwaysRetry
                }
                _ => false,
            }
        })
    }

    /// The newest entry that the plan was made on.
    pub fn newest(&self) -> Option<Sequence> {
        self.state.as_ref().map(|state| state.sequence)
    }
}

/// A stage with what is done in it.
#[derive(Debug, Clone)]
pub struct PlannedStage {
    /// Its name.
    pub name: StageName,
    /// The stages that must be complete before it starts.
    pub after: Vec<StageName>,
    /// Its changes, in order.
    pub changes: Vec<Planned>,
    /// Why it does not take part, if its condition does not hold.
    pub excluded: Option<String>,
    /// Why nothing of it may start, if so.
    pub held: Option<String>,
}

impl PlannedStage {
    /// Whether there is anything to do in it.
    pub fn has_work(&self) -> bool {
        self.changes.iter().any(|planned| {
            matches!(
                planned.action,
                Action::Apply | Action::Resume | Action::LookForMarker | Action::AskVerify(_)
            )
        })
    }

    /// Whether a person has to look at it before anything runs.
    pub fn is_blocked(&self) -> bool {
        self.changes.iter().any(|planned| planned.action == Action::Blocked)
    }
}

/// The whole plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Stage by stage, as configured.
    pub stages: Vec<PlannedStage>,
    /// What the policies have an opinion on; those that are ignored are left out.
    pub deviations: Vec<Deviation>,
    /// Applied changes without a file, as the audit knows them.
    pub missing: Vec<ChangeState>,
}

impl Plan {
    /// Whether there is anything to do in any stage.
    pub fn has_work(&self) -> bool {
        self.stages.iter().any(PlannedStage::has_work)
    }

    /// How many selected changes are not applied.
    pub fn pending(&self) -> usize {
        self.stages.iter().flat_map(|stage| &stage.changes).filter(|planned| planned.pending).count()
    }

    /// The deviations that stop the run.
    pub fn refusals(&self) -> impl Iterator<Item = &Deviation> {
        self.deviations.iter().filter(|deviation| deviation.reaction == Reaction::Fail)
    }
}

/// Makes the plan.
///
/// # Errors
///
/// When the selection names what is not there, or cannot be applied alone.
pub fn plan(
    stages: &[Stage],
    default_policies: Policies,
    states: &States,
    answers: &Answers,
    selection: &Selection,
) -> Result<Plan, SelectionError> {
    let selected = select::selected(stages, selection)?;
    let mut planned: Vec<PlannedStage> = stages
        .iter()
        .map(|stage| PlannedStage {
            name: stage.name.clone(),
            after: stage.after.clone(),
            excluded: stage.excluded.clone(),
            changes: stage.changes.iter().map(|change| judge::judge(change, states, answers)).collect(),
            held: None,
        })
        .collect();
    let mut deviations = Vec::new();
    for (stage, planned) in stages.iter().zip(&planned) {
        deviations.extend(deviations::modified(stage, &planned.changes));
        deviations.extend(deviations::out_of_order(stage, &planned.changes));
    }
    let missing = deviations::without_file(stages, states);
    deviations.extend(deviations::missing(stages, default_policies, &missing));
    deviations.retain(|deviation| deviation.reaction != Reaction::Ignore);
    if let Some(only) = &selection.only {
        select::refuse_earlier(&planned, only)?;
    }
    for stage in &mut planned {
        select::leave_out(stage, &selected);
    }
    hold::hold(&mut planned);
    Ok(Plan { stages: planned, deviations, missing })
}
