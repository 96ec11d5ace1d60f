//! One module for each command, and what they share: a project that was opened.

mod accept;
mod after_undo;
pub(crate) mod apply;
pub mod audit;
mod baseline;
mod builder;
mod claims;
mod doctor;
mod drift;
mod inspect;
pub(crate) mod issue;
mod lock;
mod looked;
mod plan;
mod preview;
mod settled;
mod status;
pub(crate) mod undo;
mod validate;
mod wait;
mod warm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{Entry, Record, Sequence, State};
use sandpiper_engine::fault::{Blame, Effect, Fault, Problem};
use sandpiper_engine::plan::{
    Answers, Deviation, DeviationKind, Plan, Planned, Selection, plan as plan_changes,
};
use sandpiper_engine::policy::Reaction;
use sandpiper_engine::recovery::{self, Decision, Verdict};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::{Holder, Owner, Store, StoreError};
use sandpiper_runtime::Runtime;

pub(crate) use apply::on_a_thread;
pub use builder::Builder;
use looked::Looked;

use crate::clock::now;
use crate::config::{Config, ConfigFile, LockSettings, StageConfig, Tenants};
use crate::load::{self, Changes};
use crate::lock::Leases;
use crate::observer::{Event, Observer};
use crate::process::is_gone;
use crate::project::FileKind;
use crate::report::{Exit, Finished};
use crate::secrets::Secrets;
use crate::stopping::{Asked, Stopper};
use crate::systems::{Common, Systems};
use crate::templates::Templates;
use crate::tenants::NOT_HERE;
use crate::waiting::Patience;

/// Which changes a command is about.
#[derive(Debug, Clone, Default)]
pub struct Select {
    /// Up to and with this change, plus the stages that its stage is after.
    pub to: Option<String>,
    /// This change alone.
    pub only: Option<String>,
    /// Whether missing changes may be taken back, where the policy says so: `on-missing: undo`.
    pub allow_undo: bool,
}

/// A configuration, ready for commands. Nothing is connected to before a command needs it.
pub struct Sandpiper {
    /// What it was resolved from, for each tenant anew.
    pub(crate) file: Arc<ConfigFile>,
    pub(crate) config: Config,
    pub(crate) secrets: Secrets,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) templates: Templates,
    pub(crate) common: Common,
    /// Where it is kept what files said when they were read.
    pub(crate) memory: Option<PathBuf>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) stopper: Stopper,
    pub(crate) stage: Option<String>,
    pub(crate) owner: Owner,
    /// How long commands wait for systems to come up.
    pub(crate) wait: Duration,
    /// Whether a lock that is held is left to its holder at once: there is other work meanwhile.
    pub(crate) yields: bool,
    /// Whether the command is done for other tenants too: what is not here may be there.
    pub(crate) is_one_of_many: bool,
}

/// A project whose files were read, and what its store says.
struct Opened {
    changes: Arc<Changes>,
    systems: Arc<Systems>,
    templates: Templates,
    /// None: there is no store yet.
    states: Option<States>,
    /// Attempts that another run is at right now, by their `started` entry, and who it is.
    running: BTreeMap<Sequence, String>,
    /// What is known of changes that were left in doubt, or may go on, without a look at a target system.
    answers: Answers,
    warnings: Vec<Problem>,
    /// How long the command still waits for systems to come up.
    patience: Patience,
}

impl Sandpiper {
    /// Where to begin.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A text with every secret of the configuration replaced.
    pub fn redact(&self, text: String) -> String {
        match self.secrets.redact(&text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(redacted) => redacted,
        }
    }

    /// Builds the guest projects of the pipeline, or those at or below `only`.
    ///
    /// # Errors
    ///
    /// The first project that does not build, with what its tools said.
    pub fn build(&self, only: Option<&std::path::Path>) -> Result<crate::guests::BuildReport, Fault> {
        crate::guests::build(&self.config, &self.runtime, only)
    }

    /// Makes the next change of a stage.
    ///
    /// # Errors
    ///
    /// When the name or the stage is wrong, or the file cannot be written.
    pub fn new_change(
        &self,
        name: &str,
        language: crate::scaffold::Language,
    ) -> Result<crate::scaffold::Made, Fault> {
        let change = crate::scaffold::NewChange {
            name: name.to_owned(),
            language,
            stage: self.stage.clone(),
            author: self.owner.operator.clone(),
        };
        crate::scaffold::new_change(&self.config, &change)
    }

    fn scope(&self) -> Scope {
        self.config.scope()
    }

    /// Who this process is, for those who wait for its leases: asked only where one is taken.
    fn owner(&self) -> Owner {
        Owner { process: crate::process::identity(), ..self.owner.clone() }
    }

    /// The leases of a command that writes entries of its own.
    fn leases(&self, store: &Arc<dyn Store>) -> Leases {
        let (stopper, observer) = (self.stopper.clone(), self.observer.clone());
        Leases::new(store.clone(), self.owner(), self.lock_settings(), stopper, observer)
    }

    fn lock_settings(&self) -> LockSettings {
        let lock = self.config.lock;
        if self.yields { LockSettings { wait: Duration::ZERO, ..lock } } else { lock }
    }

    /// What a fault means for a command that is not a run: told to stop while it waited, it ends as it was told.
    pub(crate) fn exit_of(&self, fault: &Fault) -> Exit {
        let exit = Exit::before_anything(fault);
        let waited = fault.code == "interrupted" || matches!(exit, Exit::Unreachable | Exit::Lock);
        self.stopper.asked().filter(|_| waited).map_or(exit, Asked::exit)
    }

    /// A command that ended with a fault, and recorded nothing.
    pub(crate) fn refused<T: Default>(&self, fault: Fault) -> Finished<T> {
        let exit = self.exit_of(&fault);
        Finished { exit, ..Finished::refused(self.secrets.redact_fault(fault)) }
    }

    /// What was asked for is not here: where there are other tenants, that alone is no failure.
    fn not_here(&self, fault: Fault) -> Fault {
        if self.is_one_of_many { Fault { code: NOT_HERE, ..fault } } else { fault }
    }

    /// What the changes can see of the configuration.
    fn variables(&self) -> Vec<(String, String)> {
        self.config.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// A change's newest entry with what the audit says of the change, if both are still those that were planned on.
    async fn newest_of(&self, opened: &Opened, planned: &Planned) -> Result<(Entry, ChangeState), Fault> {
        let store = opened.systems.store();
        let id = &planned.change.id;
        let state = store.states(&self.scope()).await?.and_then(|mut states| states.remove(id));
        let newest = self.newest_entry(opened, planned).await?;
        match newest.zip(state) {
            Some((newest, state)) if newest.sequence == state.sequence => Ok((newest, state)),
            None => Err(no_entry(id).into()),
            Some(_) => Err(Fault::usage(format!("change `{id}` was tried again meanwhile"))
                .with_help("look at it again: `sandpiper status`")),
        }
    }

    /// What a person says of a change, on top of its newest entry: to be completed by whoever writes it.
    fn said(&self, newest: Record, reason: &str) -> Record {
        Record {
            run_id: self.owner.run_id.clone(),
            started_at: now(),
            finished_at: Some(now()),
            duration_ms: None,
            host: self.owner.host.clone(),
            operator: self.owner.operator.clone(),
            reason: Some(self.secrets.redact(reason).into_owned()),
            error: None,
            calls: 0,
            calls_cut: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..newest
        }
    }

    /// The store and the target systems of a configuration, none of them opened yet.
    fn systems_of(&self, config: &Config) -> Result<Systems, Fault> {
        is_of_one_tenant(config)?;
        Systems::new(config, &self.secrets, &self.common)
    }

    /// The audit store, for commands that need no files.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>, Fault> {
        Ok(self.systems_of(&self.config)?.store().clone())
    }

    /// Reads the files, and asks the store.
    async fn open(&self) -> Result<Opened, Fault> {
        let patience = Patience::new(self.wait);
        let opened = self.read_and_asked(false).await.opened(self, patience).await?;
        self.announce(&opened);
        Ok(opened)
    }

    /// Reads the files, asks the store, and plans. What is remembered of the files only counts where it shows that
    /// there is nothing to do.
    async fn open_and_plan(&self, select: &Select) -> Result<(Opened, Selection, Plan), Fault> {
        let patience = Patience::new(self.wait);
        let looked = self.read_and_asked(true).await;
        let remembered = looked.loaded.remembered;
        let mut found = self.plan_looked(looked, select, patience).await;
        let is_enough = match &found {
            Ok((_, _, plan)) => !plan.has_work(),
            Err(fault) => fault.code.starts_with("store::"),
        };
        if remembered && !is_enough {
            found = self.plan_looked(self.read_and_asked(false).await, select, patience).await;
        }
        found.inspect(|(opened, ..)| self.announce(opened))
    }

    async fn plan_looked(
        &self,
        looked: Looked,
        select: &Select,
        patience: Patience,
    ) -> Result<(Opened, Selection, Plan), Fault> {
        let mut opened = looked.opened(self, patience).await?;
        opened.warnings.extend(self.idle_allowance(select));
        let selection = self.selection(select, &opened.changes)?;
        let plan = self.plan_of(&opened, &selection)?;
        Ok((opened, selection, plan))
    }

    /// That `--allow-undo` allows nothing, where no policy makes use of it.
    fn idle_allowance(&self, select: &Select) -> Option<Problem> {
        let undoes = |stage: &StageConfig| stage.policies.on_missing == Reaction::Undo;
        (select.allow_undo && !self.config.stages.iter().any(undoes)).then(|| {
            Problem::warning(
                "usage",
                "`--allow-undo` has no effect: no stage has the policy `on-missing: undo`",
            )
            .help("set `policy: { on-missing: undo }` in the configuration, or leave `--allow-undo` out")
        })
    }

    fn announce(&self, opened: &Opened) {
        for warning in &opened.warnings {
            self.observer.event(&Event::Warning(warning));
        }
    }

    /// The attempts under leases that are held by hosts that are not known to be gone. Asked only where one is open.
    async fn running(
        &self,
        systems: &Systems,
        states: Option<&States>,
    ) -> Result<BTreeMap<Sequence, String>, Fault> {
        let open = |state: &&ChangeState| matches!(state.state, State::Started | State::Undoing);
        let open: Vec<&ChangeState> = states.into_iter().flat_map(States::values).filter(open).collect();
        if open.is_empty() {
            return Ok(BTreeMap::new());
        }
        let locks = systems.store().locks(&self.scope()).await?;
        let holders: Vec<&Holder> = locks.iter().filter_map(|lock| lock.holder.as_ref()).collect();
        let running = open.into_iter().filter_map(|state| {
            let holder = holders.iter().find(|holder| holder.token == state.token)?;
            let gone = holder.owner.process.as_deref().is_some_and(is_gone);
            let who = format!("{} on {} is at it", holder.owner.operator, holder.owner.host);
            (!gone).then_some((state.sequence, who))
        });
        Ok(running.collect())
    }

    /// Reads the files, but those that are unchanged since they were remembered, where that is `believed`.
    /// The selection that a command and the global options make together.
    fn selection(&self, select: &Select, changes: &Changes) -> Result<Selection, Fault> {
        let id = |text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => {
                ChangeId::new(text).map(Some).map_err(|_| load::unknown_change(text, &changes.stages))
            }
        };
        Ok(Selection {
            to: id(&select.to)?,
            only: id(&select.only)?,
            stage: self.stage.as_deref().map(Into::into),
        })
    }

    fn plan_of(&self, opened: &Opened, selection: &Selection) -> Result<Plan, Fault> {
        let none = States::new();
        let states = opened.states.as_ref().unwrap_or(&none);
        let changes = &opened.changes;
        let mut answers = opened.answers.clone();
        // Of what is under way nothing is certain: whoever wants to go on waits for its lease.
        answers.retain(|sequence, _| !opened.running.contains_key(sequence));
        let mut plan = plan_changes(&changes.stages, changes.config.policies, states, &answers, selection)
            .map_err(|error| load::selection_fault(&error, &changes.stages))?;
        for planned in plan.stages.iter_mut().flat_map(|stage| &mut stage.changes) {
            if let Some(who) = planned.newest().and_then(|newest| opened.running.get(&newest)) {
                planned.reason = who.clone().into();
            }
        }
        Ok(plan)
    }

    /// What the policies say about the plan: warnings to be shown, and the fault that stops the run.
    fn deviations(&self, plan: &Plan, changes: &Changes) -> (Vec<Problem>, Option<Fault>) {
        let problem = |deviation: &Deviation| {
            let (code, message) = (deviation.kind.code(), deviation.message.clone());
            let problem = match deviation.reaction {
                Reaction::Fail => Problem::error(code, message),
                Reaction::Warn | Reaction::Ignore | Reaction::Undo => Problem::warning(code, message),
            };
            let item = changes.item(&deviation.change_id);
            let problem = item.into_iter().fold(problem, |problem, item| {
                problem.at(sandpiper_engine::fault::Place::file(item.file.shown.as_str()))
            });
            problem.help(deviation_help(deviation))
        };
        let warnings: Vec<Problem> = plan
            .deviations
            .iter()
            .filter(|deviation| deviation.reaction != Reaction::Fail)
            .map(problem)
            .collect();
        let refusals: Vec<Problem> = plan.refusals().map(problem).collect();
        let fault = (!refusals.is_empty()).then(|| Fault::from_problems(refusals));
        (warnings, fault)
    }
}

fn deviation_help(deviation: &Deviation) -> String {
    match deviation.kind {
        DeviationKind::Modified => {
            format!(
                "put the file back as it was, and write a new change for what is to be different; or say that the edit is \
                 meant: `sandpiper accept {} --reason ..`",
                deviation.change_id
            )
        }
        DeviationKind::Missing if deviation.reaction == Reaction::Undo => {
            "put the file back, or let it be taken back with `sandpiper apply --allow-undo`".to_owned()
        }
        DeviationKind::Missing => {
            "put the file back; an older release simply does not have it, which `policy: { on-missing: ignore }` allows"
                .to_owned()
        }
        DeviationKind::OutOfOrder => {
            "give it an order after the applied ones; or decide with `policy: { on-out-of-order: fail }` or `ignore`".to_owned()
        }
    }
}

/// The table of states names an entry that is not there, or is another change's.
fn no_entry(id: &ChangeId) -> StoreError {
    StoreError::Damaged(format!("the newest entry of change `{id}` is not there"))
}

/// Whether the recovery table leaves a change alone, because it is applied.
fn counts_as_applied(planned: &Planned) -> bool {
    planned.state.as_ref().is_some_and(|state| {
        let recovery = state.recovery.stricter(planned.change.recovery);
        recovery::decide(Some((state.state, state.mode)), recovery) == Decision::Skip
    })
}

/// `--check`: something is pending.
fn pending(count: usize) -> Fault {
    let message = match count {
        1 => "1 change is pending".to_owned(),
        _ => format!("{count} changes are pending"),
    };
    Fault::new("plan::pending", Blame::User, message)
        .with_help("apply what is pending with `sandpiper apply`")
}

/// `--check`: a person is needed.
fn needs_person<'p>(planned: impl Iterator<Item = &'p Planned>) -> Fault {
    let ids: Vec<String> = planned
        .filter(|planned| planned.needs_person)
        .map(|planned| format!("`{}`", planned.change.id))
        .collect();
    let message = match ids.len() {
        1 => format!("change {} needs a person", ids.concat()),
        _ => format!("the changes {} need a person", ids.join(", ")),
    };
    Fault::new("plan::blocked", Blame::User, message)
        .with_effect(Effect::Unknown)
        .with_help("see what to do with `sandpiper issue show`")
}

/// A person says why.
fn reason_given(reason: &str) -> Result<(), Fault> {
    if reason.trim().is_empty() {
        return Err(Fault::usage("`--reason` is empty").with_help("say why: it is kept in the audit"));
    }
    Ok(())
}

/// What the recovery table says of changes that were left in doubt and have no `verify` to be asked.
pub(crate) fn certain_answers(changes: &Changes, states: &States, runtime: &Runtime) -> Answers {
    let mut answers = Answers::new();
    let asks = |state: &&ChangeState| {
        let decision = recovery::decide(Some((state.state, state.mode)), state.recovery);
        matches!(decision, Decision::AskVerify { .. })
    };
    for state in states.values().filter(asks) {
        let Some(item) = changes.item(&state.change_id) else { continue };
        let recovery = state.recovery.stricter(item.info.recovery);
        if let Decision::AskVerify { otherwise } = recovery::decide(Some((state.state, state.mode)), recovery)
            && !has_verify(changes, item, runtime)
        {
            let settled = recovery::after_verdict(state.state, Verdict::Unclear, otherwise);
            answers.insert(state.sequence, settled);
        }
    }
    answers
}

/// Whether what is asked about is one pipeline, and not that of each tenant.
fn is_of_one_tenant(config: &Config) -> Result<(), Fault> {
    match config.tenant.is_none() && config.tenants != Tenants::None {
        true => Err(Fault::usage("the pipeline has tenants, and this is about one of them")
            .with_help("say which: `--tenant NAME`")),
        false => Ok(()),
    }
}

fn has_verify(changes: &Changes, item: &load::Item, runtime: &Runtime) -> bool {
    match &item.file.kind {
        FileKind::Data(_) => {
            item.file.data(&changes.config).is_some_and(|data| data.is_ok_and(|data| data.verify.is_some()))
        }
        FileKind::Source => item.source.as_ref().is_some_and(|source| source.has_verify),
        FileKind::Component => {
            let component = item.component(runtime);
            component.is_ok_and(|component| {
                component.capabilities().iter().any(|capability| component.has_verify(*capability))
            })
        }
    }
}
