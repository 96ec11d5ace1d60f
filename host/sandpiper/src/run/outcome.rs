//! What became of changes and stages: for the report, and for the exit code.

use std::borrow::Cow;
use std::collections::BTreeMap;

use sandpiper_engine::attempt::Conclusion;
use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{Mode, State};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::plan::{Action, Planned, PlannedStage};

use crate::report::{ChangeOutcome, ChangeReport, Exit, StageOutcome, StageReport};
use crate::run::Core;
use crate::run::attempt::Ended;
use crate::run::ready::Ready;

/// How a stage ended.
pub(crate) struct StageEnd {
    /// For the report.
    pub(crate) report: StageReport,
    /// What it means for the exit code.
    pub(crate) exit: Exit,
}

/// What became of one change.
pub(crate) struct ChangeResult {
    pub(crate) outcome: ChangeOutcome,
    pub(crate) mode: Option<Mode>,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) error: Option<Fault>,
    pub(crate) exit: Exit,
    /// How often this run has tried it.
    pub(crate) attempts: u32,
    /// Whether it is tried once more.
    pub(crate) again: bool,
}

/// By the change.
pub(crate) type Results = BTreeMap<ChangeId, ChangeResult>;

/// What an ended attempt means for the report.
pub(crate) fn result(core: &Core, ready: &Ready, planned: &Planned, ended: Ended) -> ChangeResult {
    let id = &ready.change.id;
    let resolve = || {
        format!(
            "look at `{}`, then say what you found: `sandpiper issue resolve {id} --applied` or `--rolled-back`, with \
             `--reason`",
            ready.change.target_system,
        )
    };
    let stopped = "nothing of it is left; run `sandpiper apply` again when it may take its time";
    let again = "nothing was changed; fix the file and run `sandpiper apply` again";
    let taken_back = "what it had done is taken back; fix the file and run `sandpiper apply` again";
    let (outcome, error, exit) = match ended.conclusion {
        Conclusion::Applied => (ChangeOutcome::Applied, None, Exit::Done),
        Conclusion::RolledBack(fault) => {
            let exit = Exit::in_a_run(&fault);
            let help = match (was_stopped(&fault), ready.mode) {
                (true, _) => stopped,
                (false, Mode::Direct) => taken_back,
                (false, Mode::Shared | Mode::Marked) => again,
            };
            (ChangeOutcome::RolledBack, Some(helped(fault, help)), exit)
        }
        Conclusion::Failed(fault) => {
            let retries = ready.change.recovery == Recovery::AlwaysRetry;
            let exit = if retries { Exit::in_a_run(&fault) } else { Exit::Manual };
            let help = if retries && was_stopped(&fault) {
                "run `sandpiper apply` again: it goes on".to_owned()
            } else if retries {
                "fix it and run `sandpiper apply` again: it retries".to_owned()
            } else {
                resolve()
            };
            (ChangeOutcome::Failed, Some(helped(fault, &help)), exit)
        }
        Conclusion::RollbackFailed { apply, rollback } => {
            let retries = ready.mode == Mode::Direct && ready.change.recovery == Recovery::AlwaysRetry;
            let mut fault = apply;
            fault.message = format!("{}; its rollback failed too: {}", fault.message, rollback.message);
            let exit = if retries { Exit::in_a_run(&fault) } else { Exit::Manual };
            (ChangeOutcome::RollbackFailed, Some(helped(fault, &resolve())), exit)
        }
        Conclusion::LeaseLost(fault) => (ChangeOutcome::Failed, Some(fault), Exit::Lock),
        Conclusion::NotStarted(fault) => {
            let exit = Exit::in_a_run(&fault);
            (ChangeOutcome::NotReached, Some(fault), exit)
        }
        Conclusion::Unrecorded(fault) => {
            let mut fault = fault.with_effect(Effect::Unknown);
            fault.help = Some(unrecorded(ready));
            (ChangeOutcome::Failed, Some(fault), Exit::Unreachable)
        }
        Conclusion::Superseded => (ChangeOutcome::NotReached, None, Exit::Done),
    };
    ChangeResult {
        outcome,
        mode: Some(ready.mode),
        reason: planned.reason.clone(),
        duration_ms: Some(ended.duration_ms),
        error: error.map(|fault| core.redacted_fault(fault)),
        exit,
        attempts: 1,
        again: false,
    }
}

/// Whether it was a signal that ended a change, and nothing that is to be mended.
pub(crate) fn was_stopped(fault: &Fault) -> bool {
    fault.blame == Blame::User && fault.code == "change::failed"
}

/// What to do about an attempt of which the store does not know the end: whether the next run finds out by itself.
fn unrecorded(ready: &Ready) -> String {
    let finds_out = ready.mode.is_transactional() || ready.verify().is_some();
    if finds_out || ready.change.recovery == Recovery::AlwaysRetry {
        return "mend the store, then run the same command again: it finds out what became of it".to_owned();
    }
    unrecorded_direct(ready)
}

/// The same of one that ran outside of a transaction, and cannot be asked.
pub(crate) fn unrecorded_direct(ready: &Ready) -> String {
    let (id, system) = (&ready.change.id, &ready.change.target_system);
    format!(
        "mend the store; the next run cannot find out what became of it, so look at `{system}`, then say what you found: \
         `sandpiper issue resolve {id} --applied` or `--rolled-back`, with `--reason`",
    )
}

fn helped(fault: Fault, help: &str) -> Fault {
    if fault.help.is_some() { fault } else { fault.with_help(help) }
}

impl ChangeResult {
    /// For the report.
    pub(crate) fn report(&self, planned: &Planned, state: Option<State>) -> ChangeReport {
        ChangeReport {
            outcome: self.outcome,
            state,
            mode: self.mode,
            reason: self.reason.clone(),
            duration_ms: self.duration_ms,
            error: self.error.clone(),
            attempts: self.attempts,
            ..untouched(planned)
        }
    }
}

/// A change that this run did nothing with.
pub(crate) fn untouched(planned: &Planned) -> ChangeReport {
    let outcome = match planned.action {
        Action::Skip => ChangeOutcome::AlreadyApplied,
        Action::Blocked => ChangeOutcome::Blocked,
        Action::Exclude => ChangeOutcome::Skipped,
        Action::Apply
        | Action::LookForMarker
        | Action::AskVerify(_)
        | Action::Resume
        | Action::NotReached => ChangeOutcome::NotReached,
    };
    ChangeReport {
        id: planned.change.id.clone(),
        order: planned.change.order.clone(),
        name: planned.change.name.clone(),
        author: planned.change.author.clone(),
        target_system: planned.change.target_system.clone(),
        outcome,
        state: planned.state.as_ref().map(|state| state.state),
        mode: planned.state.as_ref().map(|state| state.mode),
        duration_ms: None,
        reason: planned.reason.clone(),
        error: None,
        attempts: 0,
    }
}

/// The report of a stage as it stands.
pub(crate) fn stage_end(planned: &PlannedStage, results: &Results, fault: Option<Fault>) -> StageEnd {
    let mut exit = fault.as_ref().map_or(Exit::Done, Exit::in_a_run);
    let mut changes = Vec::with_capacity(planned.changes.len());
    let mut failed: Option<ChangeId> = None;
    for it in &planned.changes {
        let state = it.state.as_ref().map(|state| state.state);
        let mut report = match results.get(&it.change.id) {
            Some(result) => {
                exit = exit.or(result.exit);
                if result.exit != Exit::Done {
                    failed = Some(it.change.id.clone());
                }
                result.report(it, state)
            }
            None => untouched(it),
        };
        if report.outcome == ChangeOutcome::Blocked {
            exit = exit.or(Exit::Manual);
            report.error.get_or_insert_with(|| blocked(it));
        }
        if report.outcome == ChangeOutcome::NotReached
            && let Some(failed) = &failed
            && report.id != *failed
        {
            report.reason = format!("`{failed}`, which is ordered before it, is not applied").into();
        } else if report.outcome == ChangeOutcome::NotReached
            && it.action != Action::NotReached
            && !results.contains_key(&it.change.id)
            && let Some(fault) = &fault
        {
            report.reason = format!("its stage did not get that far: {}", fault.message).into();
        }
        changes.push(report);
    }
    let is_blocked = changes.iter().any(|change| change.outcome == ChangeOutcome::Blocked);
    let outcome = if is_blocked {
        StageOutcome::Blocked
    } else if exit != Exit::Done || fault.is_some() {
        StageOutcome::Failed
    } else if planned.excluded.is_some() {
        StageOutcome::Skipped
    } else if planned.held.is_some() || nothing_was_reached(&changes) {
        StageOutcome::NotReached
    } else {
        StageOutcome::Complete
    };
    StageEnd {
        report: StageReport { name: planned.name.as_str().to_owned(), outcome, error: fault, changes },
        exit,
    }
}

/// Whether the selection left out all that there was to do.
fn nothing_was_reached(changes: &[ChangeReport]) -> bool {
    changes.iter().any(|change| change.outcome == ChangeOutcome::NotReached)
        && !changes
            .iter()
            .any(|change| matches!(change.outcome, ChangeOutcome::Applied | ChangeOutcome::Recovered))
}

fn blocked(planned: &Planned) -> Fault {
    let id = &planned.change.id;
    Fault::new("plan::blocked", Blame::Change, format!("change `{id}` needs a person: {}", planned.reason))
        .with_effect(Effect::Unknown)
        .with_help(format!(
            "`sandpiper issue show {id}` tells how far it is, and what to say after a look at `{}`: `sandpiper issue resolve \
             {id} --applied`, `--rolled-back` or `--resume`, with `--reason`",
            planned.change.target_system,
        ))
}
