//! What is applied and differs from what is there: modified, missing, out of order.

use std::collections::BTreeSet;

use super::{Action, Planned, Stage};
use crate::change::{Cadence, Change, ChangeId};
use crate::policy::{Policies, Reaction};
use crate::scope::StageName;
use crate::state::{ChangeState, States};

/// A kind of deviation between what is applied and what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviationKind {
    /// Applied, and edited since.
    Modified,
    /// Applied, and there no more.
    Missing,
    /// Pending, and ordered before an applied one of its stage; or applied, and now ordered differently.
    OutOfOrder,
}

impl DeviationKind {
    /// The code of the problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::Modified => "plan::modified",
            Self::Missing => "plan::missing",
            Self::OutOfOrder => "plan::out-of-order",
        }
    }
}

/// A deviation that a policy has an opinion on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// What kind.
    pub kind: DeviationKind,
    /// Of which change.
    pub change_id: ChangeId,
    /// In which stage.
    pub stage: StageName,
    /// What the policy says.
    pub reaction: Reaction,
    /// For people.
    pub message: String,
}

/// The applied changes that were edited, other than those that run again because of it.
pub(super) fn modified<'a>(stage: &'a Stage, changes: &'a [Planned]) -> impl Iterator<Item = Deviation> + 'a {
    changes.iter().filter(|planned| planned.modified && planned.change.cadence == Cadence::Once).map(
        |planned| Deviation {
            kind: DeviationKind::Modified,
            change_id: planned.change.id.clone(),
            stage: stage.name.clone(),
            reaction: stage.policies.on_modified,
            message: format!("change `{}` was modified since it was applied", planned.change.id),
        },
    )
}

/// Pending changes before applied ones, and applied ones whose files were put in another order.
pub(super) fn out_of_order<'a>(
    stage: &'a Stage,
    changes: &'a [Planned],
) -> impl Iterator<Item = Deviation> + 'a {
    let is_applied = |planned: &Planned| planned.state.as_ref().is_some_and(|state| state.applied.is_some());
    let last_applied = changes.iter().rposition(is_applied);
    let here: Vec<(&ChangeState, &Change)> = changes
        .iter()
        .filter_map(|planned| Some((planned.state.as_ref()?, &planned.change)))
        .filter(|(state, _)| state.applied.is_some() && state.stage == stage.name)
        .collect();
    let swapped = move |planned: &Planned| {
        let state = planned.state.as_ref()?;
        if state.applied.is_none() || state.stage != stage.name || state.order == planned.change.order {
            return None;
        }
        let other = here.iter().find(|(other, now)| {
            other.change_id != state.change_id
                && other.order.cmp(&state.order) != now.order.cmp(&planned.change.order)
                && other.order != state.order
        })?;
        Some(other.0.change_id.clone())
    };
    changes.iter().enumerate().filter_map(move |(index, planned)| {
        let id = &planned.change.id;
        let waits = !is_applied(planned) && planned.action != Action::Exclude;
        let message = if waits && last_applied.is_some_and(|last| index < last) {
            let later = changes.get(last_applied?)?;
            format!(
                "change `{id}` is pending, but `{}`, which is ordered after it, is applied already",
                later.change.id
            )
        } else {
            let other = swapped(planned)?;
            format!("change `{id}` is applied, and was moved past `{other}`, which is applied too")
        };
        Some(Deviation {
            kind: DeviationKind::OutOfOrder,
            change_id: id.clone(),
            stage: stage.name.clone(),
            reaction: stage.policies.on_out_of_order,
            message,
        })
    })
}

/// The applied changes that no stage has a file for, by the place that they were applied at.
pub(super) fn without_file(stages: &[Stage], states: &States) -> Vec<ChangeState> {
    let changes = || stages.iter().flat_map(|stage| &stage.changes);
    // Ids are unique: where as many files have a state as there are states, every state has a file.
    if changes().filter(|change| states.contains_key(&change.id)).count() == states.len() {
        return Vec::new();
    }
    let there: BTreeSet<&ChangeId> = changes().map(|change| &change.id).collect();
    let mut missing: Vec<ChangeState> = states
        .values()
        .filter(|state| state.applied.is_some() && !there.contains(&state.change_id))
        .cloned()
        .collect();
    missing.sort_by(|a, b| (&a.stage, &a.order).cmp(&(&b.stage, &b.order)));
    missing
}

/// What the policy of its stage, or the pipeline's where that stage is gone, says of each applied change without a file.
pub(super) fn missing<'a>(
    stages: &'a [Stage],
    default_policies: Policies,
    missing: &'a [ChangeState],
) -> impl Iterator<Item = Deviation> + 'a {
    missing.iter().map(move |state| {
        let policies =
            stages.iter().find(|stage| stage.name == state.stage).map_or(default_policies, |it| it.policies);
        Deviation {
            kind: DeviationKind::Missing,
            change_id: state.change_id.clone(),
            stage: state.stage.clone(),
            reaction: policies.on_missing,
            message: format!(
                "change `{}` is applied, but stage `{}` has no file for it",
                state.change_id, state.stage
            ),
        }
    })
}
