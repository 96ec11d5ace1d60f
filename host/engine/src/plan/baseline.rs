//! What a baseline counts as applied without running it.

use super::Stage;
use super::select::{self, Selection, SelectionError};
use crate::change::{Change, ChangeId};
use crate::entry::Sequence;
use crate::recovery::{self, Decision};
use crate::scope::StageName;
use crate::state::States;

/// What a baseline is about.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// The changes that it counts as applied, stage by stage and in order.
    pub changes: Vec<BaselineChange>,
    /// Those of which nobody knows what an earlier attempt left behind: they are settled first.
    pub doubtful: Vec<ChangeId>,
}

/// A change that a baseline counts as applied.
#[derive(Debug, Clone)]
pub struct BaselineChange {
    /// Its stage.
    pub stage: StageName,
    /// The change.
    pub change: Change,
    /// Its newest entry.
    pub newest: Option<Sequence>,
}

/// Finds what a baseline is about: of the selected changes those that a run would apply from the beginning. What its
/// condition leaves out is none of them.
///
/// # Errors
///
/// When the selection names what is not there.
pub fn baseline(
    stages: &[Stage],
    states: &States,
    selection: &Selection,
) -> Result<Baseline, SelectionError> {
    let selected = select::selected(stages, selection)?;
    let mut baseline = Baseline::default();
    for stage in stages {
        for change in &stage.changes {
            if change.excluded.is_some() || selected.as_ref().is_some_and(|ids| !ids.contains(&change.id)) {
                continue;
            }
            let state = states.get(&change.id);
            let recovery = state.map_or(change.recovery, |state| state.recovery.stricter(change.recovery));
            match recovery::decide(state.map(|state| (state.state, state.mode)), recovery) {
                Decision::Skip => {}
                Decision::Apply => baseline.changes.push(BaselineChange {
                    stage: stage.name.clone(),
                    change: change.clone(),
                    newest: state.map(|state| state.sequence),
                }),
                Decision::LookForMarker
                | Decision::AskVerify { .. }
                | Decision::Resume
                | Decision::Blocked => baseline.doubtful.push(change.id.clone()),
            }
        }
    }
    Ok(baseline)
}
