//! Which changes a command is about, and what becomes of the others.

use std::collections::BTreeSet;

use super::{Action, PlannedStage, Stage};
use crate::change::ChangeId;
use crate::scope::StageName;

/// Which changes a command is about.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Up to and with this change, plus the stages that its stage is after.
    pub to: Option<ChangeId>,
    /// This change alone.
    pub only: Option<ChangeId>,
    /// This stage alone.
    pub stage: Option<StageName>,
}

/// A selection that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SelectionError {
    /// No change has this id.
    UnknownChange(ChangeId),
    /// No stage has this name.
    UnknownStage(StageName),
    /// Changes of its stage are pending before it.
    EarlierPending {
        /// The change that was selected.
        only: ChangeId,
        /// The first that would have to be applied before.
        earlier: ChangeId,
    },
}

/// The ids that the selection leaves in; none when it leaves in all.
pub(super) fn selected(
    stages: &[Stage],
    selection: &Selection,
) -> Result<Option<BTreeSet<ChangeId>>, SelectionError> {
    let home = |id: &ChangeId| {
        stages
            .iter()
            .find_map(|stage| {
                stage.changes.iter().position(|change| change.id == *id).map(|index| (stage, index))
            })
            .ok_or_else(|| SelectionError::UnknownChange(id.clone()))
    };
    let mut selected: Option<BTreeSet<ChangeId>> = None;
    let mut keep = |ids: BTreeSet<ChangeId>| {
        selected = Some(match selected.take() {
            Some(before) => before.intersection(&ids).cloned().collect(),
            None => ids,
        });
    };
    if let Some(to) = &selection.to {
        let (stage, index) = home(to)?;
        let mut ids: BTreeSet<ChangeId> =
            stage.changes.iter().take(index + 1).map(|change| change.id.clone()).collect();
        for before in prerequisites(stages, &stage.name) {
            ids.extend(before.changes.iter().map(|change| change.id.clone()));
        }
        keep(ids);
    }
    if let Some(only) = &selection.only {
        home(only)?;
        keep(BTreeSet::from([only.clone()]));
    }
    if let Some(name) = &selection.stage {
        let stage = stages
            .iter()
            .find(|stage| stage.name == *name)
            .ok_or_else(|| SelectionError::UnknownStage(name.clone()))?;
        keep(stage.changes.iter().map(|change| change.id.clone()).collect());
    }
    Ok(selected)
}

/// Every stage that must be complete before `name` starts, also through others.
fn prerequisites<'a>(stages: &'a [Stage], name: &StageName) -> Vec<&'a Stage> {
    let mut found: Vec<&Stage> = Vec::new();
    let mut open = vec![name.clone()];
    while let Some(name) = open.pop() {
        let Some(stage) = stages.iter().find(|stage| stage.name == name) else {
            continue;
        };
        for before in &stage.after {
            if let Some(before) = stages.iter().find(|stage| stage.name == *before)
                && !found.iter().any(|known| known.name == before.name)
            {
                found.push(before);
                open.push(before.name.clone());
            }
        }
    }
    found
}

/// One change alone must not run past pending ones of its stage.
pub(super) fn refuse_earlier(stages: &[PlannedStage], only: &ChangeId) -> Result<(), SelectionError> {
    let Some(stage) = stages.iter().find(|stage| stage.changes.iter().any(|it| it.change.id == *only)) else {
        return Ok(());
    };
    let earlier =
        stage.changes.iter().take_while(|planned| planned.change.id != *only).find(|planned| planned.pending);
    match earlier {
        Some(earlier) => {
            Err(SelectionError::EarlierPending { only: only.clone(), earlier: earlier.change.id.clone() })
        }
        None => Ok(()),
    }
}

/// What was not selected is not reached, unless it is applied. A change that needs a person blocks its stage all the
/// same, when anything of the stage was selected.
pub(super) fn leave_out(stage: &mut PlannedStage, selected: &Option<BTreeSet<ChangeId>>) {
    let Some(selected) = selected else { return };
    let any_selected = stage.changes.iter().any(|planned| selected.contains(&planned.change.id));
    for planned in &mut stage.changes {
        if selected.contains(&planned.change.id) || matches!(planned.action, Action::Skip | Action::Exclude) {
            continue;
        }
        if planned.action != Action::Blocked || !any_selected {
            planned.action = if planned.pending { Action::NotReached } else { Action::Skip };
            planned.reason = "not selected".into();
        }
        planned.pending = false;
    }
}
