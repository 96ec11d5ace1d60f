//! What may not start: a stage that needs a person, and the stages after one that cannot be completed.

use std::collections::BTreeMap;

use super::{Action, PlannedStage};
use crate::scope::StageName;

/// A blocked stage holds all that is pending in it, and every stage after it; so does one that is left incomplete.
pub(super) fn hold(stages: &mut [PlannedStage]) {
    for stage in stages.iter_mut() {
        let blocked = stage.changes.iter().find(|planned| planned.action == Action::Blocked);
        if let Some(blocked) = blocked.map(|planned| planned.change.id.clone()) {
            let why = format!("`{blocked}` needs a person first");
            stop(stage, &why);
        }
    }
    let mut held = BTreeMap::new();
    loop {
        let incomplete: BTreeMap<StageName, String> = stages
            .iter()
            .filter_map(|stage| {
                let why = if stage.held.is_some() {
                    format!("stage `{}`, which it is after, cannot be completed", stage.name)
                } else if stage.changes.iter().any(|planned| planned.action == Action::NotReached) {
                    format!(
                        "stage `{}`, which it is after, is not complete, and was not selected",
                        stage.name
                    )
                } else {
                    return None;
                };
                Some((stage.name.clone(), why))
            })
            .collect();
        let mut changed = false;
        for stage in stages.iter_mut().filter(|stage| stage.held.is_none()) {
            let why = stage.after.iter().find_map(|before| incomplete.get(before)).cloned();
            if let Some(why) = why.filter(|_| held.insert(stage.name.clone(), ()).is_none()) {
                stop(stage, &why);
                changed = true;
            }
        }
        if !changed {
            return;
        }
    }
}

fn stop(stage: &mut PlannedStage, why: &str) {
    stage.held = Some(why.to_owned());
    for planned in &mut stage.changes {
        if !matches!(planned.action, Action::Skip | Action::Blocked | Action::NotReached | Action::Exclude) {
            planned.action = Action::NotReached;
            planned.reason = why.to_owned().into();
        }
    }
}
