//! `plan` and `apply --dry-run`: what `apply` would do with each change, and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::{Action, Plan, Planned};

use super::apply::nothing_can_start;
use super::{Opened, Sandpiper, Select, needs_person, pending};
use crate::config::Config;
use crate::report::{Exit, Finished, PlanAction, PlanChange, PlanReport, PlanStage};
use crate::run::idle;
use crate::run::ready::Ready;

/// A plan, and what it was made of.
pub(super) struct Made {
    pub(super) opened: Opened,
    pub(super) plan: Plan,
    pub(super) readied: BTreeMap<ChangeId, Arc<Ready>>,
    /// With the exit code of `--check`.
    pub(super) finished: Finished<PlanReport>,
}

impl Sandpiper {
    /// What `apply` would do. Nothing is changed, and nothing is made.
    pub async fn plan(&self, select: &Select) -> Finished<PlanReport> {
        match self.planned(select).await {
            // Whatever the plan says, making it went well.
            Ok(made) => Finished { exit: Exit::Done, error: None, ..made.finished },
            Err(fault) => self.refused(fault),
        }
    }

    /// The same, with the exit code of `--check`: the first of 4, 6, 3.
    pub async fn plan_check(&self, select: &Select) -> Finished<PlanReport> {
        match self.planned(select).await {
            Ok(made) => made.finished,
            Err(fault) => self.refused(fault),
        }
    }

    pub(super) async fn planned(&self, select: &Select) -> Result<Made, Fault> {
        let (opened, selection, mut plan) = self.open_and_plan(select).await?;
        let readied = self.readied(&opened, &plan).await?;
        if let Some(fault) = nothing_can_start(&plan, &selection) {
            return Err(fault);
        }
        let missing = self.missing(&opened, select, &plan).await?;
        missing.leave_out(&mut plan.deviations);
        self.await_targets(&opened, &readied).await?;
        let mut checked = Vec::new();
        for ready in readied.values() {
            ready.check(&mut checked).await?;
        }
        let (mut warnings, refusal) = self.deviations(&plan, &opened.changes);
        warnings.extend(opened.warnings.iter().cloned());
        warnings.extend(readied.values().filter_map(|ready| idle::warning(ready)));
        if let Some(fault) = &refusal {
            warnings.extend(fault.problems.iter().cloned());
        }
        let mut report = report(&plan, &readied, &opened.changes.config);
        self.show_missing(&missing, &mut report).await?;
        let blocked = plan.stages.iter().any(|stage| stage.is_blocked());
        let exit = match (blocked, &refusal, report.pending) {
            (true, ..) => Exit::Manual,
            (_, Some(_), _) => Exit::Integrity,
            (.., 0) => Exit::Done,
            _ => Exit::Pending,
        };
        let error = match exit {
            Exit::Manual => Some(needs_person(plan.stages.iter().flat_map(|stage| &stage.changes))),
            Exit::Pending => Some(pending(report.pending)),
            _ => refusal,
        };
        let finished = Finished { exit, error, warnings, body: report };
        Ok(Made { opened, plan, readied, finished })
    }
}

fn report(plan: &Plan, readied: &BTreeMap<ChangeId, Arc<Ready>>, config: &Config) -> PlanReport {
    let stages = plan.stages.iter().map(|stage| {
        let changes = stage.changes.iter().map(|planned| change(planned, readied.get(&planned.change.id)));
        let atomic = config.stages.iter().any(|it| it.name == stage.name && it.atomic);
        PlanStage { name: stage.name.as_str().to_owned(), atomic, changes: changes.collect() }
    });
    PlanReport { stages: stages.collect(), pending: plan.pending() }
}

fn change(planned: &Planned, ready: Option<&Arc<Ready>>) -> PlanChange {
    let action = match planned.action {
        Action::Apply => PlanAction::Apply,
        Action::Skip | Action::Exclude => PlanAction::Skip,
        Action::LookForMarker | Action::AskVerify(_) => PlanAction::Recover,
        Action::Resume => PlanAction::Resume,
        Action::Blocked => PlanAction::Blocked,
        Action::NotReached => PlanAction::NotReached,
    };
    let reason = match ready.and_then(|ready| ready.mode_reason.as_deref()) {
        Some(why) => format!("{}; direct: {why}", planned.reason),
        None => planned.reason.clone().into_owned(),
    };
    let mode = ready.map(|ready| ready.mode).or_else(|| planned.state.as_ref().map(|state| state.mode));
    PlanChange {
        id: planned.change.id.as_str().to_owned(),
        order: planned.change.order.as_str().to_owned(),
        name: planned.change.name.to_string(),
        target_system: planned.change.target_system.as_str().to_owned(),
        action,
        left_out: planned.action == Action::Exclude,
        again: planned.action == Action::Apply && !planned.pending,
        mode,
        attempts: ready.map_or(0, |ready| ready.retry.map_or(1, |retry| retry.attempts)),
        reason,
        preview: None,
    }
}
