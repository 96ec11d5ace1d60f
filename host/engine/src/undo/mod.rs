//! Undo: which applied changes are taken back, and in which order.
//!
//! [`plan`] is made twice in a run, as the plan of `apply` is: from the states alone, and again under the leases. What
//! was left in doubt is looked at first, and then it is planned again with the answers. [`attempt`] is the state
//! machine of taking one change back.

pub mod attempt;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::change::{Cadence, Change, ChangeId};
use crate::entry::{Mode, Sequence, State};
use crate::plan::{Answers, Stage};
use crate::recovery::{self, Decision, Settled};
use crate::scope::{StageName, SystemName};
use crate::state::{ChangeState, States};

/// What is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// This change.
    Change(ChangeId),
    /// So many changes: those that were applied last, in whatever stage.
    Last(usize),
    /// All that was applied after this change, in its stage and in the stages after it.
    After(ChangeId),
    /// Those of these that are applied.
    These(BTreeSet<ChangeId>),
}

/// Which changes an undo is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// What is to be taken back.
    pub what: What,
    /// In this stage alone.
    pub stage: Option<StageName>,
    /// Also where changes of the same stage that were applied later stay.
    pub only: bool,
}

/// A selection that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionError {
    /// No change has this id, and none ever had.
    UnknownChange(ChangeId),
    /// There is nothing of it to take back.
    NotApplied(ChangeId),
    /// It is not in the one stage that was named.
    OtherStage {
        /// The change.
        change: ChangeId,
        /// Where it is.
        stage: StageName,
    },
    /// A change of its stage was applied later, and would stay.
    BelowLater {
        /// The change that was selected.
        change: ChangeId,
        /// The one that was applied last.
        later: ChangeId,
    },
}

/// What is done with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Take it back.
    Undo,
    /// Find out first what became of its last attempt, as the recovery table says.
    Settle(Decision),
    /// A person has to look at it first, and nothing of its stage runs before.
    Blocked,
}

/// A change with what is done with it.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its identity.
    pub change_id: ChangeId,
    /// The stage that it stands in; where it has no file any more, the one that was recorded.
    pub stage: StageName,
    /// What the audit says of it.
    pub state: ChangeState,
    /// What is done with it.
    pub action: Action,
    /// Why, for people.
    pub reason: Cow<'static, str>,
    /// Whether it is to be taken back; else it only stands in the way of others of its stage.
    pub is_selected: bool,
}

/// The changes that are taken back, in this order, and those of their stages that have to be looked at before.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Newest first, those of dependent stages before the others.
    pub changes: Vec<Planned>,
    /// Stages of theirs, and systems, where an attempt in `shared` mode has no end: its commit may still be on its way,
    /// so that the system is fenced, and then it is planned again.
    pub open: BTreeSet<(StageName, SystemName)>,
    /// Applied changes of stages after those of what is taken back, which stay. What they did may stand on it.
    pub above: Vec<ChangeId>,
    /// For each stage those that are after it, also through others.
    dependents: BTreeMap<StageName, BTreeSet<StageName>>,
}

impl Planned {
    /// The entry of the application that is taken back.
    pub fn application(&self) -> Sequence {
        since(&self.state)
    }
}

impl Plan {
    /// Whether a stage keeps its changes where those of another one are still there: the other is the same, or after it.
    pub fn waits_for(&self, stage: &StageName, other: &StageName) -> bool {
        stage == other || self.dependents.get(stage).is_some_and(|after| after.contains(other))
    }
}

/// Makes the plan.
///
/// # Errors
///
/// When the selection names what is not applied, or what lies below changes that would stay.
pub fn plan(
    stages: &[Stage],
    states: &States,
    answers: &Answers,
    selection: &Selection,
) -> Result<Plan, SelectionError> {
    let looked_at = LookedAt::new(stages, states, answers);
    let selected = looked_at.selected(selection)?;
    if !selection.only {
        looked_at.refuse_later(&selected, &selection.what)?;
    }
    let involved: BTreeSet<&StageName> = selected.iter().map(|it| &it.stage).collect();
    let changes = looked_at.standing.iter().filter(|it| involved.contains(&it.stage)).filter_map(|it| {
        let is_selected = selected.iter().any(|other| other.state.change_id == it.state.change_id);
        let (action, reason) = it.action(is_selected, &selection.what)?;
        Some(Planned {
            change_id: it.state.change_id.clone(),
            stage: it.stage.clone(),
            state: it.state.clone(),
            action,
            reason,
            is_selected,
        })
    });
    let is_open = |it: &&Tried<'_>| {
        it.state.mode == Mode::Shared && matches!(it.state.state, State::Started | State::Undoing)
    };
    let open = looked_at.standing.iter().filter(is_open).filter(|it| involved.contains(&it.stage));
    let open = open.map(|it| (it.stage.clone(), it.state.target_system.clone())).collect();
    let changes = changes.collect();
    let above = looked_at.above(&selected);
    let dependents = looked_at.dependents;
    Ok(Plan { changes: in_order(changes, &dependents), open, above, dependents })
}

/// Whether a change counts as applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Applied,
    NotApplied,
    Doubtful(Decision),
    Blocked,
}

/// A change that was ever tried.
struct Tried<'a> {
    state: &'a ChangeState,
    change: Option<&'a Change>,
    stage: StageName,
    standing: Standing,
}

/// All changes that were ever tried, and how their stages hang together.
struct LookedAt<'a> {
    standing: Vec<Tried<'a>>,
    known: BTreeSet<&'a ChangeId>,
    dependents: BTreeMap<StageName, BTreeSet<StageName>>,
}

impl<'a> LookedAt<'a> {
    fn new(stages: &'a [Stage], states: &'a States, answers: &Answers) -> Self {
        let homes: BTreeMap<&ChangeId, (&StageName, &Change)> = stages
            .iter()
            .flat_map(|stage| stage.changes.iter().map(move |change| (&change.id, (&stage.name, change))))
            .collect();
        let standing = states.values().map(|state| {
            let home = homes.get(&state.change_id);
            let change = home.map(|(_, change)| *change);
            Tried {
                state,
                change,
                stage: home.map_or(&state.stage, |(stage, _)| *stage).clone(),
                standing: standing(state, change, answers.get(&state.sequence)),
            }
        });
        Self {
            standing: standing.collect(),
            known: homes.into_keys().collect(),
            dependents: dependents(stages),
        }
    }

    /// A change that may be taken back.
    fn applied(&self, id: &ChangeId, selection: &Selection) -> Result<&Tried<'a>, SelectionError> {
        let Some(tried) = self.standing.iter().find(|it| it.state.change_id == *id) else {
            return Err(match self.known.contains(id) {
                true => SelectionError::NotApplied(id.clone()),
                false => SelectionError::UnknownChange(id.clone()),
            });
        };
        match (&selection.stage, &selection.what) {
            (Some(stage), What::Change(_)) if *stage != tried.stage => {
                Err(SelectionError::OtherStage { change: id.clone(), stage: tried.stage.clone() })
            }
            _ if tried.standing == Standing::NotApplied
                || (tried.standing == Standing::Blocked && tried.state.applied.is_none()) =>
            {
                Err(SelectionError::NotApplied(id.clone()))
            }
            _ => Ok(tried),
        }
    }

    fn selected(&self, selection: &Selection) -> Result<Vec<&Tried<'a>>, SelectionError> {
        let mut candidates: Vec<&Tried<'a>> = self
            .standing
            .iter()
            .filter(|it| it.may_be_applied())
            .filter(|it| selection.stage.as_ref().is_none_or(|stage| *stage == it.stage))
            .collect();
        candidates.sort_by_key(|it| Reverse(since(it.state)));
        match &selection.what {
            What::Change(id) => return Ok(vec![self.applied(id, selection)?]),
            What::Last(count) => candidates.truncate(*count),
            What::After(id) => {
                let from = self.applied(id, selection)?;
                candidates.retain(|it| {
                    since(it.state) > since(from.state)
                        && (it.stage == from.stage
                            || self
                                .dependents
                                .get(&from.stage)
                                .is_some_and(|after| after.contains(&it.stage)))
                });
            }
            What::These(ids) => candidates.retain(|it| ids.contains(&it.state.change_id)),
        }
        Ok(candidates)
    }

    /// What stays applied in the stages after those of what is taken back.
    fn above(&self, selected: &[&Tried<'_>]) -> Vec<ChangeId> {
        let after: BTreeSet<&StageName> =
            selected.iter().filter_map(|it| self.dependents.get(&it.stage)).flatten().collect();
        let is_selected =
            |it: &&Tried<'_>| selected.iter().any(|other| other.state.change_id == it.state.change_id);
        let stays =
            self.standing.iter().filter(|it| it.standing == Standing::Applied && after.contains(&it.stage));
        stays.filter(|it| !is_selected(it)).map(|it| it.state.change_id.clone()).collect()
    }

    /// What was applied later in the same stage must be taken back first. What is in doubt is settled before that is
    /// asked again. Of what a release has, only what stands on changes that it does not have is in their way: what is
    /// ordered after them, and is not applied again and again.
    fn refuse_later(&self, selected: &[&Tried<'a>], what: &What) -> Result<(), SelectionError> {
        let stands_on = |other: &Tried<'a>, it: &Tried<'a>| {
            let change = other.change.filter(|change| change.cadence == Cadence::Once);
            change.is_some_and(|change| change.order > it.state.order)
        };
        for it in selected {
            let later = self
                .standing
                .iter()
                .filter(|other| other.standing == Standing::Applied && other.stage == it.stage)
                .filter(|other| since(other.state) > since(it.state))
                .filter(|other| !matches!(what, What::These(_)) || stands_on(other, it))
                .filter(|other| selected.iter().all(|it| it.state.change_id != other.state.change_id))
                .max_by_key(|other| since(other.state));
            if let Some(later) = later {
                let (change, later) = (it.state.change_id.clone(), later.state.change_id.clone());
                return Err(SelectionError::BelowLater { change, later });
            }
        }
        Ok(())
    }
}

impl Tried<'_> {
    /// Whether it counts as applied, or that is not known yet.
    fn may_be_applied(&self) -> bool {
        match self.standing {
            Standing::Applied | Standing::Doubtful(_) => true,
            Standing::Blocked => self.state.applied.is_some(),
            Standing::NotApplied => false,
        }
    }

    fn action(&self, is_selected: bool, what: &What) -> Option<(Action, Cow<'static, str>)> {
        Some(match self.standing {
            Standing::Blocked => (Action::Blocked, self.why_blocked().into()),
            Standing::Doubtful(decision) => {
                let reason = match decision {
                    Decision::LookForMarker => {
                        "its last attempt was interrupted: its marker tells whether it was committed"
                    }
                    _ => "its last attempt was interrupted outside of a transaction: `verify` is asked",
                };
                (Action::Settle(decision), reason.into())
            }
            Standing::Applied if is_selected => (Action::Undo, self.why(what).into()),
            Standing::Applied | Standing::NotApplied => return None,
        })
    }

    fn why_blocked(&self) -> &'static str {
        match self.state.state {
            State::Failed => "it failed outside of a transaction, and its effect may remain",
            State::RollbackFailed => "its rollback failed, and its effect may remain",
            State::UndoFailed => "its undo failed outside of a transaction",
            _ => "its last attempt was interrupted, and it cannot tell whether it is applied",
        }
    }

    fn why(&self, what: &What) -> &'static str {
        match self.state.state {
            State::Undoing => "an earlier undo was interrupted, and nothing of it was committed",
            State::UndoFailed => "an earlier undo failed and was rolled back",
            _ if matches!(what, What::These(_)) && self.change.is_none() => "this release has no file for it",
            State::MarkedApplied => "a person marked it as applied",
            State::Baselined => "it was there before Sandpiper",
            _ => "it is applied",
        }
    }
}

/// Since which entry a change counts as applied; of one that may be, the entry that leaves that open.
fn since(state: &ChangeState) -> Sequence {
    state.applied.as_ref().map_or(state.sequence, |applied| applied.sequence)
}

fn standing(state: &ChangeState, change: Option<&Change>, answer: Option<&Settled>) -> Standing {
    let recovery = change.map_or(state.recovery, |change| state.recovery.stricter(change.recovery));
    // Also while a later application of it failed, the earlier one counts.
    let as_recorded = if state.applied.is_some() { Standing::Applied } else { Standing::NotApplied };
    match recovery::decide(Some((state.state, state.mode)), recovery) {
        Decision::Apply | Decision::Skip | Decision::Resume => as_recorded,
        Decision::Blocked => Standing::Blocked,
        doubtful @ (Decision::LookForMarker | Decision::AskVerify { .. }) => match answer {
            None => Standing::Doubtful(doubtful),
            Some(Settled::StillApplied | Settled::Apply | Settled::ApplyAgain | Settled::GoOn) => as_recorded,
            Some(Settled::RecordApplied) => Standing::Applied,
            Some(Settled::RecordUndone) => Standing::NotApplied,
            Some(Settled::Blocked | Settled::Edited) => Standing::Blocked,
        },
    }
}

/// For each stage those that are after it, also through others.
fn dependents(stages: &[Stage]) -> BTreeMap<StageName, BTreeSet<StageName>> {
    let mut all: BTreeMap<StageName, BTreeSet<StageName>> = BTreeMap::new();
    for stage in stages {
        let mut open: Vec<&StageName> = stage.after.iter().collect();
        while let Some(before) = open.pop() {
            let is_new = all.entry(before.clone()).or_default().insert(stage.name.clone());
            if is_new && let Some(before) = stages.iter().find(|other| other.name == *before) {
                open.extend(&before.after);
            }
        }
    }
    all
}

/// Newest first, but no change of a stage before those of the stages after it.
fn in_order(
    mut changes: Vec<Planned>,
    dependents: &BTreeMap<StageName, BTreeSet<StageName>>,
) -> Vec<Planned> {
    changes.sort_by_key(|it| Reverse(since(&it.state)));
    let mut ordered = Vec::with_capacity(changes.len());
    while !changes.is_empty() {
        let left: BTreeSet<&StageName> = changes.iter().map(|it| &it.stage).collect();
        let is_free = |stage: &StageName| {
            dependents.get(stage).is_none_or(|after| after.iter().all(|other| !left.contains(other)))
        };
        // Stages that are after each other are a problem of the configuration; there is always a free one.
        let next = changes.iter().position(|it| is_free(&it.stage)).unwrap_or(0);
        ordered.push(changes.remove(next));
    }
    ordered
}
