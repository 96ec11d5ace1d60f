//! `apply`: loads, plans, makes ready what is pending, and runs it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use sandpiper_backends::crash;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::{Fault, Problem};
use sandpiper_engine::plan::{Action, Plan, Planned, PlannedStage, Selection};

use super::undo::first_error;
use super::{Opened, Sandpiper, Select, after_undo};
use crate::clock::milliseconds;
use crate::lock::Leases;
use crate::observer::{Event, Usage};
use crate::report::{Counts, Exit, Finished, Report};
use crate::run::Core;
use crate::run::idle;
use crate::run::one_transaction;
use crate::run::outcome::StageEnd;
use crate::run::prepare::Preparing;
use crate::run::ready::Ready;
use crate::run::schedule;
use crate::stopping::Asked;

impl Sandpiper {
    /// Applies what is pending. A run with nothing to do takes no lock and writes nothing.
    ///
    /// The work is done on threads of its own; files are read and guests compiled on the thread that polls this.
    pub async fn apply(&self, select: &Select) -> Finished<Report> {
        self.apply_and_remember(select, None).await
    }

    /// Applies; that nothing was to do is remembered where it is said when the run began.
    pub(super) async fn apply_and_remember(
        &self,
        select: &Select,
        remembering: Option<SystemTime>,
    ) -> Finished<Report> {
        let begun = Instant::now();
        self.tell_start("apply");
        let mut finished = match self.applied(select, remembering).await {
            Ok(finished) => finished,
            Err(fault) => self.refused(fault),
        };
        finished.body.run_id.clone_from(&self.owner.run_id);
        finished.body.duration_ms = milliseconds(begun.elapsed());
        finished.body.counts = Counts::of(&finished.body.stages);
        let usage = self.runtime.take_usage();
        if usage != Usage::default() {
            self.observer.event(&Event::GuestsTook(usage));
        }
        self.observer.event(&Event::RunFinished(&finished));
        finished
    }

    /// Identifies what is done with it, also in the audit.
    pub fn run_id(&self) -> &str {
        &self.owner.run_id
    }

    /// Tells that a run has begun.
    pub(crate) fn tell_start(&self, command: &str) {
        self.observer.event(&Event::RunStarted {
            run_id: &self.owner.run_id,
            command,
            service: &self.config.service,
            environment: &self.config.environment,
            tenant: self.config.tenant.as_deref(),
        });
    }

    async fn applied(
        &self,
        select: &Select,
        remembering: Option<SystemTime>,
    ) -> Result<Finished<Report>, Fault> {
        let (opened, selection, mut plan) = self.open_and_plan(select).await?;
        let readied = self.readied(&opened, &plan).await?;
        let missing = self.missing(&opened, select, &plan).await?;
        missing.leave_out(&mut plan.deviations);
        let (mut warnings, refusal) = self.deviations(&plan, &opened.changes);
        for warning in &warnings {
            self.observer.event(&Event::Warning(warning));
        }
        warnings.extend(opened.warnings.iter().cloned());
        warnings.extend(readied.values().filter_map(|ready| idle::warning(ready)));
        if let Some(fault) = nothing_can_start(&plan, &selection) {
            return Ok(Finished { warnings, ..Finished::refused(fault) });
        }
        if let Some(fault) = refusal {
            return Ok(Finished { warnings, ..Finished::refused(self.secrets.redact_fault(fault)) });
        }
        self.await_targets(&opened, &readied).await?;
        let order: Vec<String> = plan.stages.iter().map(|stage| stage.name.to_string()).collect();
        let undone = self.take_back_missing(&opened, missing).await?;
        let kept_out =
            undone.as_ref().map(|undone| after_undo::kept_out(undone, &mut plan)).unwrap_or_default();
        let ends = if plan.has_work() {
            self.run(opened, plan, readied, selection).await?
        } else {
            let ends = schedule::run(&plan.stages, 1, &|_| None);
            if let Some(begun) = remembering.filter(|_| undone.is_none() && warnings.is_empty()) {
                // What is not remembered is looked at again.
                let _ = self.remember_settled(select, &opened, &ends, begun).await;
            }
            ends
        };
        let ends = match undone {
            Some(undone) => after_undo::together(undone, kept_out, ends, &order),
            None => ends,
        };
        Ok(self.finished(ends, warnings))
    }

    /// Makes ready everything that the plan may run, with all problems at once.
    pub(super) async fn readied(
        &self,
        opened: &Opened,
        plan: &Plan,
    ) -> Result<BTreeMap<ChangeId, Arc<Ready>>, Fault> {
        let preparing = Preparing {
            config: &opened.changes.config,
            systems: &opened.systems,
            runtime: &self.runtime,
            templates: &opened.templates,
        };
        let mut readied = BTreeMap::new();
        let mut problems: Vec<Problem> = Vec::new();
        for planned in
            plan.stages.iter().flat_map(|stage| &stage.changes).filter(|planned| is_to_run(planned))
        {
            let Some(item) = opened.changes.item(&planned.change.id) else { continue };
            match preparing.ready(&planned.change, item).await {
                Ok(ready) => drop(readied.insert(planned.change.id.clone(), Arc::new(ready))),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            problems = one_transaction::problems(&opened.changes, &readied);
        }
        if problems.is_empty() { Ok(readied) } else { Err(Fault::from_problems(problems)) }
    }

    async fn run(
        &self,
        opened: Opened,
        plan: Plan,
        readied: BTreeMap<ChangeId, Arc<Ready>>,
        selection: Selection,
    ) -> Result<Vec<StageEnd>, Fault> {
        let parallelism = opened.changes.config.parallelism;
        let core = self.core(&opened, plan, readied, selection).await?;
        on_a_thread(move || {
            schedule::run(&core.first.stages, parallelism, &|name| {
                Some(schedule::on_this_thread(&core, name))
            })
        })
        .await
    }

    /// What all stages of a run share. The store is made, if there is none yet.
    pub(super) async fn core(
        &self,
        opened: &Opened,
        plan: Plan,
        readied: BTreeMap<ChangeId, Arc<Ready>>,
        selection: Selection,
    ) -> Result<Arc<Core>, Fault> {
        let store = opened.systems.store().clone();
        crash::before("prepare store");
        store.prepare().await?;
        crash::after("prepare store");
        let config = &opened.changes.config;
        let owner = self.owner();
        Ok(Arc::new(Core {
            store_identity: store.identity().await?,
            runtime: self.runtime.clone(),
            systems: opened.systems.clone(),
            leases: Leases::new(
                store.clone(),
                owner.clone(),
                self.lock_settings(),
                self.stopper.clone(),
                self.observer.clone(),
            ),
            store,
            owner,
            scope: self.scope(),
            variables: config.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            secrets: self.secrets.clone(),
            observer: self.observer.clone(),
            stopper: self.stopper.clone(),
            stages: opened.changes.stages.clone(),
            policies: config.policies,
            selection,
            keeps_artifacts: config.keep_artifacts,
            changes: opened.changes.clone(),
            readied,
            first: plan,
        }))
    }

    fn finished(&self, ends: Vec<StageEnd>, warnings: Vec<Problem>) -> Finished<Report> {
        let told = self.stopper.asked().map_or(Exit::Done, Asked::exit);
        let exit = ends.iter().fold(told, |exit, end| exit.or(end.exit));
        let mut stages: Vec<_> = ends.into_iter().map(|end| end.report).collect();
        self.secrets.redact_stages(&mut stages);
        let error = first_error(&stages);
        Finished { exit, error, warnings, body: Report { stages, ..Report::default() } }
    }
}

/// The executor of an application must not wait for guests and embedded databases: a run has its own thread.
pub(crate) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Whoever asked may be gone; what was done is recorded all the same.
    let run = std::thread::Builder::new().name("run".to_owned()).spawn(move || drop(sender.send(work())));
    run.map_err(|error| Fault::bug(format!("no thread for the run: {error}")))?;
    receiver.await.map_err(|_| Fault::bug("the run ended without a word"))
}

/// A change or a stage that was chosen, but stands after stages that were not, and are not complete.
pub(super) fn nothing_can_start(plan: &Plan, selection: &Selection) -> Option<Fault> {
    if plan.has_work() || (selection.only.is_none() && selection.stage.is_none()) {
        return None;
    }
    let is_chosen =
        |stage: &&PlannedStage| stage.changes.iter().any(|planned| planned.pending) && !stage.is_blocked();
    let stage = plan.stages.iter().filter(|stage| stage.held.is_some()).find(is_chosen)?;
    let message =
        format!("stage `{}` cannot start: {}", stage.name, stage.held.as_deref().unwrap_or_default());
    Some(
        Fault::usage(message)
            .with_help("apply what it is after first: `sandpiper apply --to ID` takes that along"),
    )
}

fn is_to_run(planned: &Planned) -> bool {
    matches!(planned.action, Action::Apply | Action::Resume | Action::LookForMarker | Action::AskVerify(_))
}
