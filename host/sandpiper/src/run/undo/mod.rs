//! Taking applied changes back: under the leases of all stages that it is about, newest first.
//!
//! [`run`] goes through the changes one by one, because the order is that of all stages together. A change that cannot
//! be taken back leaves those of its stage and of the stages before it as they are; others go on.

pub(crate) mod archive;
mod attempt;
mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sandpiper_backends::crash;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{AttemptId, Mode, Record, State};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::plan::{self, Answers};
use sandpiper_engine::recovery::{Decision, Settled};
use sandpiper_engine::scope::{LockKey, StageName, SystemName};
use sandpiper_engine::undo::attempt::Conclusion;
use sandpiper_engine::undo::{self, Action, Plan, Planned, Selection, What};

use crate::clock::now;
use crate::lock::HeldLease;
use crate::observer::Event;
use crate::report::{Exit, StageReport};
use crate::run::Core;
use crate::run::attempt::{Begin, Started};
use crate::run::prepare::Preparing;
use crate::run::ready::Ready;
use crate::run::settle;
use crate::run::stage::{MOST_REPLANS, StageRun, fence_elsewhere};
use crate::run::undo::archive::{Archive, Prepared};
use crate::run::undo::outcome::Outcomes;
use crate::stopping::Stopper;
use crate::templates::Templates;

pub(crate) use outcome::selection_fault;

/// What an undo is about.
pub(crate) struct Request {
    /// Which changes.
    pub(crate) selection: Selection,
    /// Whether the files run as they are now.
    pub(crate) working_copy: bool,
    /// What was made ready before the leases were taken.
    pub(crate) prepared: BTreeMap<ChangeId, Prepared>,
    /// The templates that were loaded for that.
    pub(crate) templates: Templates,
}

/// How an undo ended.
pub(crate) struct UndoEnd {
    /// In the order in which it came to them.
    pub(crate) stages: Vec<StageReport>,
    /// What it means for the exit code.
    pub(crate) exit: Exit,
    /// What stopped it as a whole.
    pub(crate) fault: Option<Fault>,
    /// Whether anything was begun; else nothing was done at all.
    pub(crate) has_begun: bool,
}

/// Takes back what is asked for. The caller gives it a thread of its own.
pub(crate) async fn run(core: &Arc<Core>, request: Request) -> UndoEnd {
    let mut run = Run {
        core,
        request,
        leases: BTreeMap::new(),
        answers: Answers::new(),
        fenced: BTreeSet::new(),
        outcomes: Outcomes::default(),
        is_frozen: false,
    };
    let ended = run.under_leases().await;
    let mut fault = ended.err();
    for (_, held) in std::mem::take(&mut run.leases) {
        let released = core.leases.release(held).await;
        fault = fault.or(released.err());
    }
    run.outcomes.end(core, fault.map(|fault| core.redacted_fault(fault)))
}

/// What the audit says of a change whose undo did nothing: the same as before. It is an entry of the undo's
/// own attempt all the same.
pub(crate) fn still_applied(application: &Record, of_undo: Record) -> Record {
    Record {
        run_id: of_undo.run_id,
        attempt_id: of_undo.attempt_id,
        started_at: of_undo.started_at,
        finished_at: of_undo.finished_at,
        duration_ms: of_undo.duration_ms,
        host: of_undo.host,
        operator: of_undo.operator,
        error: of_undo.error,
        calls: of_undo.calls,
        calls_cut: of_undo.calls_cut,
        version: of_undo.version,
        state: of_undo.state,
        stage: of_undo.stage,
        order: of_undo.order,
        name: of_undo.name,
        reason: Some("its undo took nothing back".to_owned()),
        ..application.clone()
    }
}

/// Before anything is applied beside an undo without end in `shared` mode, whose commit may still be on its way: waits
/// until it is not. Gives whether there was one, so that it is planned again.
pub(crate) async fn fences_open(
    run: &StageRun<'_>,
    planned: &plan::PlannedStage,
    fenced: &mut BTreeSet<SystemName>,
) -> Result<bool, Fault> {
    let states = planned.changes.iter().filter_map(|it| it.state.as_ref());
    let open = states.filter(|state| (state.state, state.mode) == (State::Undoing, Mode::Shared));
    let Some(state) = open.into_iter().find(|state| !fenced.contains(&state.target_system)) else {
        return Ok(false);
    };
    crash::before("fence");
    run.core.systems.target(&state.target_system)?.fence(&run.fence()).await?;
    crash::after("fence");
    fenced.insert(state.target_system.clone());
    Ok(true)
}

struct Run<'a> {
    core: &'a Arc<Core>,
    request: Request,
    leases: BTreeMap<StageName, HeldLease>,
    answers: Answers,
    /// Where those who held the leases before can commit no more.
    fenced: BTreeSet<(StageName, SystemName)>,
    outcomes: Outcomes,
    /// Whether the changes are chosen: from then on nothing takes the place of what was taken back.
    is_frozen: bool,
}

enum Progress {
    Over,
    PlanAgain,
}

impl<'a> Run<'a> {
    async fn under_leases(&mut self) -> Result<(), Fault> {
        let mut replans = 0;
        loop {
            let plan = self.plan().await?;
            self.outcomes.planned(&plan, &self.request.prepared);
            if self.takes_leases(&plan).await? || self.fences(&plan).await? || self.settles(&plan).await? {
                continue;
            }
            if !self.is_frozen {
                let ids = plan.changes.iter().filter(|it| it.is_selected).map(|it| it.change_id.clone());
                self.request.selection.what = What::These(ids.collect());
                self.is_frozen = true;
            }
            match self.undoes(&plan).await? {
                Progress::Over => return Ok(()),
                Progress::PlanAgain if replans < MOST_REPLANS => replans += 1,
                Progress::PlanAgain => {
                    let message = "the states of the changes do not agree with the entries of the audit";
                    return Err(Fault::new("audit::broken", Blame::Store, message)
                        .with_help("see what is wrong with `sandpiper audit verify`"));
                }
            }
        }
    }

    async fn plan(&self) -> Result<Plan, Fault> {
        let states = self.core.store.states(&self.core.scope).await?.unwrap_or_default();
        let plan = undo::plan(&self.core.stages, &states, &self.answers, &self.request.selection);
        plan.map_err(|error| selection_fault(&error, &self.core.stages))
    }

    /// Takes the leases of all stages that the plan is about; gives whether there was any to take.
    async fn takes_leases(&mut self, plan: &Plan) -> Result<bool, Fault> {
        let stages: BTreeSet<&StageName> = plan.changes.iter().map(|it| &it.stage).collect();
        let mut taken = false;
        // In one order everywhere, so that two runs do not wait for each other.
        for stage in stages.into_iter().filter(|stage| !self.leases.contains_key(*stage)).collect::<Vec<_>>()
        {
            for it in plan.changes.iter().filter(|it| it.stage == *stage && it.action == Action::Undo) {
                self.prepared(it).await?.ready.check(&mut Vec::new()).await?;
            }
            let key = LockKey { scope: self.core.scope.clone(), stage: stage.clone() };
            let held = self.core.leases.acquire(&key).await?;
            self.leases.insert(stage.clone(), held);
            self.core.observer.event(&Event::StageStarted { stage: stage.as_str() });
            taken = true;
        }
        // An attempt without end of a change that stood in another stage then: its holder goes by that stage's lease.
        for it in &plan.changes {
            let is_elsewhere = matches!(it.action, Action::Settle(_)) && it.state.stage != it.stage;
            if is_elsewhere && !self.leases.contains_key(&it.state.stage) {
                let held = fence_elsewhere(self.core, &it.state).await?;
                self.leases.insert(it.state.stage.clone(), held);
                taken = true;
            }
        }
        Ok(taken)
    }

    /// Waits until no commit of an earlier holder is on its way any more; gives whether one may have been.
    async fn fences(&mut self, plan: &Plan) -> Result<bool, Fault> {
        let open: Vec<_> = plan.open.iter().filter(|open| !self.fenced.contains(open)).cloned().collect();
        for (stage, system) in &open {
            let run = self.stage_run(stage)?;
            let fenced = match self.core.systems.target(system) {
                Ok(target) => {
                    crash::before("fence");
                    let fenced = target.fence(&run.fence()).await;
                    crash::after("fence");
                    fenced.map_err(Fault::from)
                }
                Err(fault) => Err(fault),
            };
            self.give_back(run);
            fenced?;
        }
        self.fenced.extend(open.iter().cloned());
        Ok(!open.is_empty())
    }

    /// Finds out what became of an attempt in doubt; gives whether there was one. The oldest comes first, so that of
    /// an atomic stage no change is found to be applied before those that are ordered before it.
    async fn settles(&mut self, plan: &Plan) -> Result<bool, Fault> {
        let doubtful = plan.changes.iter().rev().find_map(|it| match it.action {
            Action::Settle(decision) => Some((it, decision)),
            Action::Undo | Action::Blocked => None,
        });
        let Some((it, decision)) = doubtful else { return Ok(false) };
        let ready = self.ready_to_settle(it).await?;
        let looked_at = plan::Planned {
            change: ready.change.clone(),
            action: match decision {
                Decision::AskVerify { otherwise } => plan::Action::AskVerify(otherwise),
                _ => plan::Action::LookForMarker,
            },
            reason: it.reason.clone(),
            state: Some(it.state.clone()),
            pending: false,
            modified: false,
            rebuilt: false,
            needs_person: false,
        };
        let run = self.stage_run(&it.stage)?;
        let settled = settle::settle(&run, &ready, &looked_at).await;
        self.give_back(run);
        match settled?.answer {
            // Recorded, so that the next plan sees it.
            Settled::RecordApplied => {}
            Settled::RecordUndone => {
                if it.is_selected {
                    self.outcomes.recovered(it, &ready);
                    self.one_less();
                }
            }
            answer => drop(self.answers.insert(it.state.sequence, answer)),
        }
        Ok(true)
    }

    /// One of those that were asked for is taken back already.
    fn one_less(&mut self) {
        match &mut self.request.selection.what {
            What::Change(_) => self.request.selection.what = What::These(BTreeSet::new()),
            What::Last(count) => *count = count.saturating_sub(1),
            What::After(_) | What::These(_) => {}
        }
    }

    /// Takes back what is planned, in order.
    async fn undoes(&mut self, plan: &Plan) -> Result<Progress, Fault> {
        let blocked = plan.changes.iter().filter(|it| it.action == Action::Blocked);
        let mut stopped: BTreeSet<&StageName> = BTreeSet::new();
        for it in blocked {
            self.outcomes.blocked(it);
            stopped.insert(&it.stage);
        }
        for it in plan.changes.iter().filter(|it| it.action == Action::Undo && it.is_selected) {
            if stopped.iter().any(|other| plan.waits_for(&it.stage, other)) {
                continue;
            }
            if self.core.stopper.asked().is_some() {
                return Err(Stopper::fault(&format!("change `{}` was taken back", it.change_id)));
            }
            match self.undo(it).await? {
                Conclusion::Superseded => return Ok(Progress::PlanAgain),
                Conclusion::Undone => {}
                _ => drop(stopped.insert(&it.stage)),
            }
        }
        Ok(Progress::Over)
    }

    /// Takes one change back.
    async fn undo(&mut self, it: &Planned) -> Result<Conclusion<Fault>, Fault> {
        let Prepared { ready, application } = self.prepared(it).await?;
        if self.request.working_copy {
            self.core.keep_artifacts(std::slice::from_ref(&ready)).await?;
        }
        let run = self.stage_run(&it.stage)?;
        let turn = ready.target.turn().await;
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) => {
                self.give_back(run);
                return Err(error.into());
            }
        };
        let started = Started { id: run.attempt_id(), at: now(), number: it.state.next_attempt() };
        let id = started.id.clone();
        let (stage, change) = (it.stage.as_str(), it.change_id.as_str());
        self.core.observer.event(&Event::ChangeStarted { stage, id: change, mode: ready.mode });
        let begin = Begin {
            newest: Some(it.state.sequence),
            started,
            is_recorded: false,
            over_leftovers: false,
            rider: None,
            recorded: Vec::new(),
            finished: Vec::new(),
            undoes: Some(&application.record),
        };
        let ended = attempt::undo(&run, &ready, begin, &turn).await;
        self.give_back(run);
        if matches!(ended.conclusion, Conclusion::Undone) {
            self.forgets(&ready, &id).await;
        }
        if let Some(report) = self.outcomes.ended(self.core, it, &ready, &ended) {
            self.core.observer.event(&Event::ChangeFinished { stage, change: &report });
        }
        Ok(ended.conclusion)
    }

    /// A marker that stays is garbage, not a fault: the attempt's end is recorded.
    async fn forgets(&self, ready: &Ready, attempt: &AttemptId) {
        if ready.mode == Mode::Marked {
            crash::before("forget marker");
            drop(ready.target.forget_markers(std::slice::from_ref(attempt)).await);
            crash::after("forget marker");
        }
    }

    /// The change, ready to be taken back: made ready before the leases, or now if what is applied is another one since.
    async fn prepared(&mut self, it: &Planned) -> Result<Prepared, Fault> {
        if let Some(prepared) = self.request.prepared.get(&it.change_id)
            && prepared.application.sequence == it.application()
        {
            return Ok(prepared.clone());
        }
        let prepared = self.archive().prepare(it).await?;
        self.request.prepared.insert(it.change_id.clone(), prepared.clone());
        Ok(prepared)
    }

    /// The change, ready to be asked what became of its last attempt: by what is taken back, else by its file.
    async fn ready_to_settle(&mut self, it: &Planned) -> Result<Arc<Ready>, Fault> {
        let Some(item) = self.core.changes.item(&it.change_id).filter(|_| !it.is_selected) else {
            return Ok(self.prepared(it).await?.ready);
        };
        let ready = self.archive().preparing.ready(&item.change(), item).await;
        ready.map(Arc::new).map_err(Fault::from_problems)
    }

    fn archive(&self) -> Archive<'_> {
        Archive {
            preparing: Preparing {
                config: &self.core.changes.config,
                systems: &self.core.systems,
                runtime: &self.core.runtime,
                templates: &self.request.templates,
            },
            changes: &self.core.changes,
            store: &*self.core.store,
            scope: &self.core.scope,
            working_copy: self.request.working_copy,
        }
    }

    /// A stage under its lease, which [`Self::give_back`] takes back.
    fn stage_run<'s>(&mut self, stage: &'s StageName) -> Result<StageRun<'s>, Fault>
    where
        'a: 's,
    {
        match self.leases.remove(stage) {
            Some(held) => Ok(StageRun { core: self.core, stage, held }),
            None => Err(Fault::bug(format!("a change of stage `{stage}` is taken back without its lease"))),
        }
    }

    fn give_back(&mut self, run: StageRun<'_>) {
        self.leases.insert(run.stage.clone(), run.held);
    }
}
