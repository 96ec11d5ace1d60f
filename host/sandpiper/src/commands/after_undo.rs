//! `apply` after it took back what an older release does not have: which stages may go on, and one report of both.

use std::collections::BTreeSet;

use sandpiper_engine::plan::{Plan, PlannedStage};

use crate::report::{ChangeOutcome, StageOutcome, StageReport};
use crate::run::outcome::{Results, StageEnd, stage_end};
use crate::run::undo::UndoEnd;

/// Takes the stages out of the plan that must not be applied, because something of them, or of a stage that they are
/// after, was not taken back; gives how they end.
pub(super) fn kept_out(undone: &UndoEnd, plan: &mut Plan) -> Vec<StageEnd> {
    let failed = undone.stages.iter().filter(|stage| stage.outcome != StageOutcome::Complete);
    let mut out: BTreeSet<String> = failed.map(|stage| stage.name.clone()).collect();
    loop {
        let waits = |stage: &&PlannedStage| stage.after.iter().any(|before| out.contains(before.as_str()));
        let more: Vec<String> =
            plan.stages.iter().filter(waits).map(|stage| stage.name.to_string()).collect();
        let before = out.len();
        out.extend(more);
        if out.len() == before {
            break;
        }
    }
    let (kept_out, rest) =
        std::mem::take(&mut plan.stages).into_iter().partition(|stage| out.contains(stage.name.as_str()));
    plan.stages = rest;
    let kept_out: Vec<PlannedStage> = kept_out;
    kept_out.iter().map(not_reached).collect()
}

/// A stage of which nothing is applied.
fn not_reached(stage: &PlannedStage) -> StageEnd {
    let mut end = stage_end(stage, &Results::new(), None);
    for change in end.report.changes.iter_mut().filter(|it| it.outcome == ChangeOutcome::NotReached) {
        change.reason = "what this release does not have could not be taken back before it".into();
    }
    end
}

/// How both ended, in the order of the configuration.
pub(super) fn together(
    undone: UndoEnd,
    kept_out: Vec<StageEnd>,
    applied: Vec<StageEnd>,
    order: &[String],
) -> Vec<StageEnd> {
    let mut ends: Vec<StageEnd> = applied.into_iter().chain(kept_out).collect();
    let place = |name: &str| order.iter().position(|known| known == name).unwrap_or(order.len());
    ends.sort_by_key(|end| place(&end.report.name));
    let UndoEnd { stages, exit, mut fault, .. } = undone;
    for stage in stages {
        let StageReport { name, outcome, changes, .. } = stage;
        let end = match ends.iter_mut().find(|end| end.report.name == name) {
            Some(end) => {
                end.report.changes.splice(..0, changes);
                end
            }
            None => {
                let report = StageReport { name, outcome, error: None, changes };
                ends.push(StageEnd { report, exit });
                let Some(end) = ends.last_mut() else { continue };
                end
            }
        };
        end.exit = end.exit.or(exit);
        if outcome != StageOutcome::Complete {
            end.report.outcome = outcome;
            end.report.error = end.report.error.take().or(fault.take());
        }
    }
    ends
}
