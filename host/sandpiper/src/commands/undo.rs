//! `undo`: selects what is taken back, makes it ready from the archive, and takes it back. The same for what an older
//! release does not have, where `apply` was told that it may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::{Fault, Problem};
use sandpiper_engine::plan::{Answers, Deviation, DeviationKind, Plan, PlannedStage};
use sandpiper_engine::policy::Reaction;
use sandpiper_engine::recovery::{self, Decision, Verdict};
use sandpiper_engine::scope::StageName;
use sandpiper_engine::state::States;
use sandpiper_engine::undo::{self, Action, Planned, Selection, SelectionError, What};

use super::apply::on_a_thread;
use super::{Opened, Sandpiper, Select};
use crate::clock::milliseconds;
use crate::load;
use crate::observer::Event;
use crate::report::{
    Exit, Finished, PlanAction, PlanChange, PlanReport, PlanStage, StageReport, UndoCounts, UndoReport,
};
use crate::run::prepare::Preparing;
use crate::run::undo::archive::{Archive, Prepared};
use crate::run::undo::{Request, UndoEnd, run, selection_fault};
use crate::stopping::Asked;
use crate::templates::Templates;

/// What is to be taken back.
#[derive(Debug, Clone)]
pub struct Undo {
    /// Which changes.
    pub what: UndoWhat,
    /// Also where changes of the same stage that were applied later stay.
    pub only: bool,
    /// Runs the files as they are now, in place of what was applied.
    pub working_copy: bool,
}

/// Which changes are taken back.
#[derive(Debug, Clone)]
pub enum UndoWhat {
    /// The change with this id.
    Change(String),
    /// So many changes: those that were applied last, in any stage.
    Last(usize),
    /// All that was applied after this change, in its stage and in the stages after it.
    To(String),
}

/// An undo that may begin: what is planned, and all of it made ready.
struct Chosen {
    plan: undo::Plan,
    selection: Selection,
    prepared: BTreeMap<ChangeId, Prepared>,
    templates: Templates,
}

impl Sandpiper {
    /// Takes applied changes back, newest first. What runs is what was applied, from the archive of the audit store.
    ///
    /// The work is done on a thread of its own; files are read and guests compiled on the thread that polls this.
    pub async fn undo(&self, undo: &Undo) -> Finished<UndoReport> {
        let begun = Instant::now();
        self.tell_start("undo");
        let mut finished = match self.undone(undo).await {
            Ok(finished) => finished,
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        };
        finished.body.run_id.clone_from(&self.owner.run_id);
        finished.body.duration_ms = milliseconds(begun.elapsed());
        finished.body.counts = UndoCounts::of(&finished.body.stages);
        let Finished { exit, error, warnings, body } = finished.clone();
        self.observer.event(&Event::RunFinished(&Finished { exit, error, warnings, body: body.into() }));
        finished
    }

    /// What [`undo`](Self::undo) would do. Nothing is changed, and nothing is made.
    pub async fn undo_plan(&self, undo: &Undo) -> Finished<PlanReport> {
        match self.undo_planned(undo).await {
            Ok(finished) => finished,
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    async fn undone(&self, undo: &Undo) -> Result<Finished<UndoReport>, Fault> {
        let opened = self.open().await?;
        let chosen = self.chosen(&opened, undo).await?;
        let mut warnings = opened.warnings.clone();
        warnings.extend(above(&chosen.plan));
        if chosen.plan.changes.is_empty() {
            return Ok(Finished { warnings, ..Finished::done(UndoReport::default()) });
        }
        let ended = self.take_back(&opened, chosen, undo.working_copy).await?;
        if let (Some(fault), false) = (&ended.fault, ended.has_begun) {
            let exit = self.exit_of(fault);
            return Ok(Finished { exit, warnings, ..Finished::refused(fault.clone()) });
        }
        let exit = self.stopper.asked().map_or(Exit::Done, Asked::exit).or(ended.exit);
        let UndoEnd { mut stages, fault, .. } = ended;
        self.secrets.redact_stages(&mut stages);
        let error = first_error(&stages).or(fault);
        Ok(Finished { exit, error, warnings, body: UndoReport { stages, ..UndoReport::default() } })
    }

    async fn undo_planned(&self, undo: &Undo) -> Result<Finished<PlanReport>, Fault> {
        let opened = self.open().await?;
        let chosen = self.chosen(&opened, undo).await?;
        let stages = self.as_stages(&chosen).await?;
        let pending = chosen.plan.changes.iter().filter(|it| it.is_selected).count();
        let report = PlanReport { stages, pending };
        let mut warnings = opened.warnings.clone();
        warnings.extend(above(&chosen.plan));
        Ok(Finished { warnings, ..Finished::done(report) })
    }

    /// What a command asks for, planned and made ready; every problem of it is found here.
    async fn chosen(&self, opened: &Opened, undo: &Undo) -> Result<Chosen, Fault> {
        if opened.states.is_none() {
            let fault = Fault::usage("there is no audit store yet, and so nothing that could be taken back")
                .with_help("see what there is with `sandpiper status`");
            return Err(self.not_here(fault));
        }
        let stages = &opened.changes.stages;
        let id = |text: &str| ChangeId::new(text).map_err(|_| load::unknown_change(text, stages));
        let what = match &undo.what {
            UndoWhat::Change(text) => What::Change(id(text)?),
            UndoWhat::Last(count) => What::Last(*count),
            UndoWhat::To(text) => What::After(id(text)?),
        };
        let stage = self.stage.as_deref().map(Into::into);
        self.made_ready(opened, Selection { what, stage, only: undo.only }, undo.working_copy).await
    }

    async fn made_ready(
        &self,
        opened: &Opened,
        selection: Selection,
        working_copy: bool,
    ) -> Result<Chosen, Fault> {
        let templates = self.templates.clone();
        let (stages, scope) = (&opened.changes.stages, self.scope());
        let states = opened.states.clone().unwrap_or_default();
        let plan = |answers: &Answers| {
            undo::plan(stages, &states, answers, &selection).map_err(|error| {
                match (&selection.what, &error) {
                    (What::These(_), SelectionError::BelowLater { change, later }) => {
                        missing_below(change, later)
                    }
                    (_, SelectionError::NotApplied(_)) => self.not_here(selection_fault(&error, stages)),
                    (_, SelectionError::BelowLater { change, later }) => {
                        let stuck = without_rollback(opened, &states, change);
                        stuck.map_or_else(
                            || selection_fault(&error, stages),
                            |stuck| below_what_stays(change, later, &stuck),
                        )
                    }
                    _ => selection_fault(&error, stages),
                }
            })
        };
        let archive = Archive {
            preparing: Preparing {
                config: &opened.changes.config,
                systems: &opened.systems,
                runtime: &self.runtime,
                templates: &templates,
            },
            changes: &opened.changes,
            store: &**opened.systems.store(),
            scope: &scope,
            working_copy,
        };
        let first = plan(&Answers::new())?;
        let (mut prepared, mut problems, mut answers) = (BTreeMap::new(), Vec::new(), Answers::new());
        for it in first.changes.iter().filter(|it| it.is_selected && it.action != Action::Blocked) {
            match archive.prepare(it).await {
                Ok(ready) => {
                    answers.extend(
                        certain(it, &ready).filter(|_| !opened.running.contains_key(&it.state.sequence)),
                    );
                    prepared.insert(it.change_id.clone(), ready);
                }
                Err(fault) if fault.problems.is_empty() => return Err(fault),
                Err(fault) => problems.extend(fault.problems),
            }
        }
        if !problems.is_empty() {
            let others = prepared.keys().next().filter(|_| !matches!(selection.what, What::These(_)));
            return Err(Fault::from_problems(with_the_others(problems, others)));
        }
        let plan = plan(&answers)?;
        Ok(Chosen { plan, selection, prepared, templates })
    }

    async fn take_back(&self, opened: &Opened, chosen: Chosen, working_copy: bool) -> Result<UndoEnd, Fault> {
        let Chosen { selection, prepared, templates, .. } = chosen;
        let nothing = Plan { stages: Vec::new(), deviations: Vec::new(), missing: Vec::new() };
        let core = self.core(opened, nothing, BTreeMap::new(), Default::default()).await?;
        let request = Request { selection, working_copy, prepared, templates };
        let ended = on_a_thread(move || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let executor =
                executor.map_err(|error| Fault::bug(format!("no executor for the undo: {error}")))?;
            Ok(executor.block_on(run(&core, request)))
        });
        ended.await?
    }

    /// The stages of a plan, as the document shows them. The systems are checked, as they are before a run.
    async fn as_stages(&self, chosen: &Chosen) -> Result<Vec<PlanStage>, Fault> {
        let (mut stages, mut checked): (Vec<PlanStage>, Vec<_>) = (Vec::new(), Vec::new());
        for it in &chosen.plan.changes {
            let prepared = chosen.prepared.get(&it.change_id);
            if let Some(prepared) = prepared {
                prepared.ready.check(&mut checked).await?;
            }
            let change = shown(it, prepared);
            match stages.iter_mut().find(|stage| stage.name == it.stage.as_str()) {
                Some(stage) => stage.changes.push(change),
                None => {
                    let name = it.stage.as_str().to_owned();
                    stages.push(PlanStage { name, atomic: false, changes: vec![change] });
                }
            }
        }
        Ok(stages)
    }
}

/// That changes stay which may stand on what is taken back.
fn above(plan: &undo::Plan) -> Option<Problem> {
    let taken_back = plan.changes.iter().rfind(|it| it.is_selected)?;
    let first = plan.above.first()?;
    let (which, stay) = match plan.above.len() {
        1 => (format!("`{first}` stays applied, a change"), "takes it back as well"),
        2 => (format!("`{first}` and one more stay applied, changes"), "takes them back as well"),
        count => {
            (format!("`{first}` and {} more stay applied, changes", count - 1), "takes them back as well")
        }
    };
    let message = format!(
        "{which} of stages after `{}`: what they did may stand on what is taken back",
        taken_back.stage
    );
    let help = format!(
        "see that it holds without; `sandpiper undo --to` the change before `{}` {stay}",
        taken_back.change_id
    );
    Some(Problem::warning("usage", message).help(help))
}

/// What is known of a change in doubt that has no `verify` to be asked.
fn certain(
    it: &Planned,
    prepared: &Prepared,
) -> impl Iterator<Item = (sandpiper_engine::entry::Sequence, recovery::Settled)> + use<> {
    let settled = match it.action {
        Action::Settle(Decision::AskVerify { otherwise }) if prepared.ready.verify().is_none() => {
            Some(recovery::after_verdict(it.state.state, Verdict::Unclear, otherwise))
        }
        _ => None,
    };
    settled.map(|settled| (it.state.sequence, settled)).into_iter()
}

fn shown(it: &Planned, prepared: Option<&Prepared>) -> PlanChange {
    let ready = prepared.map(|prepared| &prepared.ready);
    let action = match it.action {
        Action::Undo => PlanAction::Undo,
        Action::Settle(_) => PlanAction::Recover,
        Action::Blocked => PlanAction::Blocked,
    };
    let reason = match ready.and_then(|ready| ready.mode_reason.as_deref()) {
        Some(why) => format!("{}; direct: {why}", it.reason),
        None => it.reason.clone().into_owned(),
    };
    PlanChange {
        id: it.change_id.as_str().to_owned(),
        order: ready.map_or(&it.state.order, |ready| &ready.change.order).as_str().to_owned(),
        name: ready.map_or_else(|| it.state.name.clone(), |ready| ready.change.name.to_string()),
        target_system: it.state.target_system.as_str().to_owned(),
        action,
        left_out: false,
        again: false,
        mode: Some(ready.map_or(it.state.mode, |ready| ready.mode)),
        attempts: u32::from(it.action == Action::Undo),
        reason,
        preview: None,
    }
}

/// The first failure of a report.
pub(super) fn first_error(stages: &[StageReport]) -> Option<Fault> {
    stages.iter().find_map(|stage| {
        let of_changes = || stage.changes.iter().find_map(|change| change.error.clone());
        stage.error.clone().or_else(of_changes)
    })
}

/// What an older release does not have, and its policy wants taken back.
pub(super) struct Missing {
    ids: BTreeSet<ChangeId>,
    chosen: Option<Chosen>,
}

impl Missing {
    /// Leaves out what is said of these changes: they are taken back.
    pub(super) fn leave_out(&self, deviations: &mut Vec<Deviation>) {
        deviations.retain(|it| !(is_to_be_undone(it) && self.ids.contains(&it.change_id)));
    }
}

impl Sandpiper {
    /// Makes ready what `apply` takes back before it applies anything: missing changes, where the policy says `undo`
    /// and the command that it may.
    pub(super) async fn missing(
        &self,
        opened: &Opened,
        select: &Select,
        plan: &Plan,
    ) -> Result<Missing, Fault> {
        let ids = to_take_back(select, plan, self.stage.as_deref());
        if ids.is_empty() {
            return Ok(Missing { ids, chosen: None });
        }
        let selection = Selection { what: What::These(ids.clone()), stage: None, only: false };
        let chosen = self.made_ready(opened, selection, false).await?;
        Ok(Missing { ids, chosen: Some(chosen) })
    }

    /// Takes it back.
    pub(super) async fn take_back_missing(
        &self,
        opened: &Opened,
        missing: Missing,
    ) -> Result<Option<UndoEnd>, Fault> {
        let Some(chosen) = missing.chosen else { return Ok(None) };
        let ended = self.take_back(opened, chosen, false).await?;
        match ended.fault {
            // Without a stage there is nowhere to tell it.
            Some(fault) if ended.stages.is_empty() => Err(fault),
            fault => Ok(Some(UndoEnd { fault, ..ended })),
        }
    }

    /// Puts what would be taken back into a plan's document.
    pub(super) async fn show_missing(&self, missing: &Missing, report: &mut PlanReport) -> Result<(), Fault> {
        let Some(chosen) = &missing.chosen else { return Ok(()) };
        report.pending += chosen.plan.changes.iter().filter(|it| it.is_selected).count();
        for mut stage in self.as_stages(chosen).await? {
            match report.stages.iter_mut().find(|known| known.name == stage.name) {
                Some(known) => {
                    // Those that only stand in the way are in the plan of `apply` too.
                    stage.changes.retain(|it| known.changes.iter().all(|other| other.id != it.id));
                    known.changes.splice(..0, stage.changes);
                }
                None => report.stages.push(stage),
            }
        }
        Ok(())
    }
}

/// What stays was applied later, and may build on what would go.
fn missing_below(change: &ChangeId, later: &ChangeId) -> Fault {
    Fault::usage(format!(
        "change `{change}`, which has no file any more, lies below `{later}`, which was applied later in its stage and may \
         build on it"
    ))
    .with_help(format!(
        "put the file of `{change}` back; or take both back yourself: `sandpiper undo --to {change}`, then `sandpiper undo \
         {change}`; or this one alone: `sandpiper undo {change} --only`"
    ))
}

/// A change that was applied later in the same stage than this one, and has no `rollback` in its file.
fn without_rollback(opened: &Opened, states: &States, below: &ChangeId) -> Option<ChangeId> {
    let below = states.get(below)?;
    let since = below.applied.as_ref()?.sequence;
    let later = states.values().filter(|state| {
        state.stage == below.stage && state.applied.as_ref().is_some_and(|applied| applied.sequence > since)
    });
    let mut ids = later.map(|state| &state.change_id);
    let has_none = |id: &&ChangeId| {
        let item = opened.changes.item(id);
        let data = item.and_then(|item| item.file.data(&opened.changes.config)?.ok());
        data.is_some_and(|data| data.steps.iter().all(|step| step.rollback.is_none()))
    };
    ids.find(has_none).cloned()
}

/// What is selected lies below a change that cannot be taken back: the usual advice would not work.
fn below_what_stays(change: &ChangeId, later: &ChangeId, stuck: &ChangeId) -> Fault {
    Fault::usage(format!(
        "change `{change}` lies below `{later}`, which was applied later in its stage and may build on it; and \
         `{stuck}` has no `rollback`"
    ))
    .with_help(format!(
        "take this one alone back: `sandpiper undo {change} --only`; or write a new change that takes back what both did; \
         or write the `rollback` into the file of `{stuck}`, then run `sandpiper undo --to {change} --working-copy`"
    ))
}

/// Where changes cannot be taken back, that others can: one by one.
fn with_the_others(mut problems: Vec<Problem>, other: Option<&ChangeId>) -> Vec<Problem> {
    let Some(other) = other else { return problems };
    for problem in problems.iter_mut().filter(|problem| problem.code == "change::no-rollback") {
        let help = problem.help.take().unwrap_or_default();
        problem.help = Some(format!("{help}; another alone: `sandpiper undo {other} --only`"));
    }
    problems
}

fn is_to_be_undone(deviation: &Deviation) -> bool {
    deviation.kind == DeviationKind::Missing && deviation.reaction == Reaction::Undo
}

/// The missing changes of the stages that the command is about.
fn to_take_back(select: &Select, plan: &Plan, stage: Option<&str>) -> BTreeSet<ChangeId> {
    if !select.allow_undo || select.only.is_some() {
        return BTreeSet::new();
    }
    let stages = select.to.as_ref().map(|to| up_to(plan, to));
    let is_meant = |it: &&Deviation| {
        stage.is_none_or(|stage| it.stage.as_str() == stage)
            && stages.as_ref().is_none_or(|stages| stages.contains(&it.stage))
    };
    let missing = plan.deviations.iter().filter(|it| is_to_be_undone(it)).filter(is_meant);
    missing.map(|it| it.change_id.clone()).collect()
}

/// The stage of a change, and those that it is after.
fn up_to<'p>(plan: &'p Plan, to: &str) -> BTreeSet<&'p StageName> {
    let is_home = |stage: &&PlannedStage| stage.changes.iter().any(|it| it.change.id.as_str() == to);
    let mut open: Vec<&PlannedStage> = plan.stages.iter().filter(is_home).collect();
    let mut found = BTreeSet::new();
    while let Some(stage) = open.pop() {
        if found.insert(&stage.name) {
            open.extend(plan.stages.iter().filter(|other| stage.after.contains(&other.name)));
        }
    }
    found
}
