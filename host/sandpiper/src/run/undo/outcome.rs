//! What became of the changes of an undo: for the report, and for the exit code.

use std::collections::BTreeMap;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::State;
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::plan::Stage;
use sandpiper_engine::scope::StageName;
use sandpiper_engine::undo::attempt::Conclusion;
use sandpiper_engine::undo::{Plan, Planned, SelectionError};

use crate::observer::Event;
use crate::report::{ChangeOutcome, ChangeReport, Exit, StageOutcome, StageReport};
use crate::run::Core;
use crate::run::outcome::{unrecorded_direct, was_stopped};
use crate::run::ready::Ready;
use crate::run::undo::UndoEnd;
use crate::run::undo::archive::Prepared;
use crate::run::undo::attempt::Ended;

/// What became of each change so far, in the order in which the undo came to them.
#[derive(Default)]
pub(super) struct Outcomes {
    seen: Vec<(StageName, ChangeReport)>,
    /// Those that are planned and not come to yet.
    left: Vec<(StageName, ChangeReport)>,
    exit: Exit,
    has_begun: bool,
}

impl Outcomes {
    /// What is planned, as long as nothing becomes of it.
    pub(super) fn planned(&mut self, plan: &Plan, prepared: &BTreeMap<ChangeId, Prepared>) {
        let selected = plan.changes.iter().filter(|it| it.is_selected);
        let reports = selected.map(|it| {
            let report = match prepared.get(&it.change_id) {
                Some(prepared) => of(it, &prepared.ready),
                None => untouched(it),
            };
            (it.stage.clone(), report)
        });
        self.left = reports.collect();
    }

    /// A change that needs a person first.
    pub(super) fn blocked(&mut self, it: &Planned) {
        let id = &it.change_id;
        let message = format!("change `{id}` needs a person: {}", it.reason);
        let fault = Fault::new("plan::blocked", Blame::Change, message).with_effect(Effect::Unknown);
        let fault = fault.with_help(format!(
            "see `sandpiper issue show {id}`; look at `{}`, then run `sandpiper issue resolve {id} --applied` or \
             `--rolled-back`, with `--reason`",
            it.state.target_system,
        ));
        self.exit = self.exit.or(Exit::Manual);
        let planned = self.left.iter().find(|(_, report)| report.id == *id);
        let planned = planned.map_or_else(|| untouched(it), |(_, report)| report.clone());
        let report = ChangeReport { outcome: ChangeOutcome::Blocked, error: Some(fault), ..planned };
        self.became(it, report);
    }

    /// A change that an interrupted undo had taken back.
    pub(super) fn recovered(&mut self, it: &Planned, ready: &Ready) {
        self.has_begun = true;
        let report = ChangeReport {
            outcome: ChangeOutcome::Recovered,
            state: Some(State::Undone),
            reason: "an interrupted undo had taken it back".into(),
            ..of(it, ready)
        };
        self.became(it, report);
    }

    /// A change whose undo has ended; gives what the report says of it, unless it is planned again.
    pub(super) fn ended(
        &mut self,
        core: &Core,
        it: &Planned,
        ready: &Ready,
        ended: &Ended,
    ) -> Option<ChangeReport> {
        let (outcome, state, fault, exit) = match &ended.conclusion {
            Conclusion::Undone => (ChangeOutcome::Undone, State::Undone, None, Exit::Done),
            Conclusion::StillApplied { fault, state } => {
                let help = if was_stopped(fault) {
                    "the change is still applied; run it again when it may take its time"
                } else {
                    "the change is still applied; mend what the message names, then run it again"
                };
                let fault = helped(fault, help);
                let exit = Exit::in_a_run(&fault);
                (ChangeOutcome::UndoFailed, *state, Some(fault), exit)
            }
            Conclusion::Failed(fault) => {
                let id = &it.change_id;
                let help = format!(
                    "see what is left of it with `sandpiper issue show {id}`, look at `{}`, then say what you found: \
                     `sandpiper issue resolve {id} --applied` or `--rolled-back`, with `--reason`",
                    ready.change.target_system,
                );
                (ChangeOutcome::UndoFailed, State::UndoFailed, Some(helped(fault, &help)), Exit::Manual)
            }
            Conclusion::LeaseLost(fault) => {
                (ChangeOutcome::UndoFailed, State::Undoing, Some(fault.clone()), Exit::Lock)
            }
            Conclusion::NotStarted(fault) => {
                let exit = Exit::in_a_run(fault);
                (ChangeOutcome::NotReached, it.state.state, Some(fault.clone()), exit)
            }
            Conclusion::Unrecorded(fault) => {
                let finds_out = ready.mode.is_transactional() || ready.verify().is_some();
                let help = match finds_out {
                    true => "mend the store, then run the same command again: it finds out what became of it"
                        .to_owned(),
                    false => unrecorded_direct(ready),
                };
                let fault = fault.clone().with_effect(Effect::Unknown).with_help(help);
                (ChangeOutcome::UndoFailed, State::Undoing, Some(fault), Exit::Unreachable)
            }
            Conclusion::Superseded => return None,
        };
        self.has_begun = true;
        self.exit = self.exit.or(exit);
        let report = ChangeReport {
            outcome,
            state: Some(state),
            duration_ms: Some(ended.duration_ms),
            error: fault.map(|fault| core.redacted_fault(fault)),
            attempts: 1,
            ..of(it, ready)
        };
        self.became(it, report.clone());
        Some(report)
    }

    fn became(&mut self, it: &Planned, report: ChangeReport) {
        self.left.retain(|(_, left)| left.id != it.change_id);
        self.seen.push((it.stage.clone(), report));
    }

    /// All of it, stage by stage.
    pub(super) fn end(mut self, core: &Core, fault: Option<Fault>) -> UndoEnd {
        self.exit = self.exit.or(fault.as_ref().map_or(Exit::Done, Exit::in_a_run));
        for (_, report) in &mut self.left {
            report.reason = match core.stopper.asked() {
                Some(_) => "the run was told to stop".into(),
                None => "what stands before it could not be taken back".into(),
            };
        }
        let mut stages: Vec<StageReport> = Vec::new();
        for (stage, report) in self.seen.into_iter().chain(self.left) {
            match stages.iter_mut().find(|it| it.name == stage.as_str()) {
                Some(known) => known.changes.push(report),
                None => stages.push(StageReport {
                    name: stage.as_str().to_owned(),
                    outcome: StageOutcome::Complete,
                    error: None,
                    changes: vec![report],
                }),
            }
        }
        for stage in &mut stages {
            stage.outcome = outcome(&stage.changes);
            core.observer.event(&Event::StageFinished(stage));
        }
        UndoEnd { stages, exit: self.exit, fault, has_begun: self.has_begun }
    }
}

fn outcome(changes: &[ChangeReport]) -> StageOutcome {
    let any = |outcomes: &[ChangeOutcome]| changes.iter().any(|change| outcomes.contains(&change.outcome));
    if any(&[ChangeOutcome::Blocked]) {
        StageOutcome::Blocked
    } else if any(&[ChangeOutcome::UndoFailed]) {
        StageOutcome::Failed
    } else if any(&[ChangeOutcome::NotReached]) {
        StageOutcome::NotReached
    } else {
        StageOutcome::Complete
    }
}

/// A change with what was made ready of it.
fn of(it: &Planned, ready: &Ready) -> ChangeReport {
    ChangeReport {
        name: ready.change.name.clone(),
        author: ready.change.author.clone(),
        order: ready.change.order.clone(),
        mode: Some(ready.mode),
        ..untouched(it)
    }
}

/// A change that this undo did nothing with.
fn untouched(it: &Planned) -> ChangeReport {
    ChangeReport {
        id: it.change_id.clone(),
        order: it.state.order.clone(),
        name: it.state.name.as_str().into(),
        author: "".into(),
        target_system: it.state.target_system.clone(),
        outcome: ChangeOutcome::NotReached,
        state: Some(it.state.state),
        mode: Some(it.state.mode),
        duration_ms: None,
        reason: it.reason.clone(),
        error: None,
        attempts: 0,
    }
}

fn helped(fault: &Fault, help: &str) -> Fault {
    if fault.help.is_some() { fault.clone() } else { fault.clone().with_help(help) }
}

/// A selection that cannot be honoured, as a mistake in how the command was given.
pub(crate) fn selection_fault(error: &SelectionError, stages: &[Stage]) -> Fault {
    match error {
        SelectionError::UnknownChange(id) => crate::load::unknown_change(id.as_str(), stages),
        SelectionError::NotApplied(id) => {
            Fault::usage(format!("change `{id}` is not applied, so that there is nothing to take back"))
                .with_help("see what is applied with `sandpiper status`")
        }
        SelectionError::OtherStage { change, stage } => {
            Fault::usage(format!("change `{change}` is in stage `{stage}`"))
                .with_help(format!("leave `--stage` out, or name `{stage}`"))
        }
        SelectionError::BelowLater { change, later } => Fault::usage(format!(
            "change `{change}` lies below `{later}`, which was applied later in its stage and may build on it"
        ))
        .with_help(format!(
            "take back what came later too: `sandpiper undo --to {change}`, then `sandpiper undo {change}`; or this one \
             alone: `sandpiper undo {change} --only`"
        )),
    }
}
