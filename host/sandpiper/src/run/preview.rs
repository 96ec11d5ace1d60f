//! Running what is pending to see what it does: in transactions that are rolled back, without a lease, an entry, a marker
//! or a fence row.
//!
//! All changes of one target system share one transaction, from stage to stage, so that each finds what those before it
//! did. Where something is passed over (a `direct` change, one that another system would have to commit first), what comes
//! after it in its stage, and in stages after that, is passed over too: it may rely on what is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use sandpiper_engine::attempt::Part;
use sandpiper_engine::calls;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::{Blame, Effect, Fault, Place};
use sandpiper_engine::plan::{Action, Planned, PlannedStage};
use sandpiper_engine::scope::{Scope, StageName, SystemName};
use sandpiper_runtime::Runtime;
use sandpiper_runtime::guest::{Context, GuestHost, Level, Loan};
use sandpiper_runtime::handle_call::HandleCall;
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::{Opening, ProofError, Session, Turn};

use crate::clock::milliseconds;
use crate::load::Changes;
use crate::observer::{Event, Observer};
use crate::report::{CallReport, Preview, PreviewOutcome};
use crate::run::attempt::failure::call_fault;
use crate::run::calls::Recorder;
use crate::run::idempotency_key;
use crate::run::ready::{Ready, of_system};
use crate::run::verify::Looking;
use crate::secrets::Secrets;
use crate::stopping::Stopper;
use crate::systems::Systems;

/// What a preview needs.
pub(crate) struct Previewing {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) systems: Arc<Systems>,
    pub(crate) changes: Arc<Changes>,
    pub(crate) readied: BTreeMap<ChangeId, Arc<Ready>>,
    pub(crate) scope: Scope,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) secrets: Secrets,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) stopper: Stopper,
    /// The store's identity; empty where there is no store yet.
    pub(crate) store_identity: String,
    pub(crate) stages: Vec<PlannedStage>,
    /// Stages of which something is taken back before they are applied.
    pub(crate) taken_back: BTreeSet<String>,
}

/// What was seen of each change; and what went wrong first.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) changes: BTreeMap<ChangeId, Preview>,
    pub(crate) fault: Option<Fault>,
}

/// The transaction of one target system.
struct Open {
    session: Box<dyn Session>,
    _turn: Turn,
}

/// Runs what is pending, in order, until something fails.
pub(crate) async fn run(previewing: &Previewing) -> Seen {
    let mut seen = Seen::default();
    let mut open = BTreeMap::new();
    let mut incomplete: BTreeMap<StageName, String> = BTreeMap::new();
    for stage in in_order(&previewing.stages) {
        let passed_over = stage.after.iter().find(|before| incomplete.contains_key(*before));
        let mut reason = match passed_over {
            Some(before) => Some(format!("stage `{before}`, which it is after, is not previewed to its end")),
            None => previewing.reason_for_stage(stage),
        };
        for planned in stage.changes.iter().filter(|planned| is_to_run(planned)) {
            let id = &planned.change.id;
            if previewing.stopper.asked().is_some() {
                seen.fault = Some(Stopper::fault(&format!("change `{id}` was previewed")));
            }
            if seen.fault.is_some() {
                seen.changes.insert(id.clone(), Preview::not_run("the preview ended before it".to_owned()));
                continue;
            }
            let Some(ready) = previewing.readied.get(id) else { continue };
            let own = reason.clone().or_else(|| previewing.reason_for(planned, ready, &open));
            if let Some(why) = own {
                reason
                    .get_or_insert_with(|| format!("it may need what `{id}`, which is not previewed, does"));
                seen.changes.insert(id.clone(), Preview::not_run(why));
                continue;
            }
            let goes_on = previewing.is_atomic(stage) && !is_last(stage, planned);
            let (preview, fault) = previewing.change(stage, ready, goes_on, &mut open).await;
            seen.changes.insert(id.clone(), preview);
            seen.fault = fault;
        }
        incomplete.extend(reason.map(|reason| (stage.name.clone(), reason)));
    }
    for (_, Open { session, .. }) in open {
        // What cannot be rolled back on this connection is when it closes.
        drop(session.close().await);
    }
    seen
}

/// The stages, each behind those that it is after.
fn in_order(stages: &[PlannedStage]) -> Vec<&PlannedStage> {
    let mut order: Vec<&PlannedStage> = Vec::with_capacity(stages.len());
    let mut left: Vec<&PlannedStage> = stages.iter().collect();
    while !left.is_empty() {
        let waits = |stage: &PlannedStage| {
            stage.after.iter().any(|before| left.iter().any(|other| other.name == *before))
        };
        let (later, next): (Vec<_>, Vec<_>) = left.iter().copied().partition(|stage| waits(stage));
        if next.is_empty() {
            // A cycle, which is a problem long before this.
            break;
        }
        order.extend(next);
        left = later;
    }
    order
}

fn is_to_run(planned: &Planned) -> bool {
    matches!(planned.action, Action::Apply | Action::Resume | Action::LookForMarker | Action::AskVerify(_))
}

/// Whether nothing of the stage runs after a change.
fn is_last(stage: &PlannedStage, planned: &Planned) -> bool {
    stage
        .changes
        .iter()
        .rfind(|other| is_to_run(other))
        .is_some_and(|last| last.change.id == planned.change.id)
}

impl Previewing {
    fn is_atomic(&self, stage: &PlannedStage) -> bool {
        self.changes.config.stages.iter().any(|it| it.name == stage.name && it.atomic)
    }

    fn reason_for_stage(&self, stage: &PlannedStage) -> Option<String> {
        if self.taken_back.contains(stage.name.as_str()) {
            return Some("changes of its stage are taken back first, which a preview does not do".to_owned());
        }
        stage.is_blocked().then(|| "a change of its stage needs a person first".to_owned())
    }

    /// Why a change cannot be previewed, although those before it were.
    fn reason_for(
        &self,
        planned: &Planned,
        ready: &Ready,
        open: &BTreeMap<SystemName, Open>,
    ) -> Option<String> {
        if matches!(planned.action, Action::LookForMarker | Action::AskVerify(_)) {
            return Some(
                "what became of its last attempt is found out by `apply`, under the lock".to_owned(),
            );
        }
        if !ready.mode.is_transactional() {
            let why = ready.mode_reason.as_deref().unwrap_or("it goes on after an earlier attempt");
            return Some(format!("what it does could not be rolled back: {why}"));
        }
        let name = &ready.change.target_system;
        let other = open.keys().find(|other| *other != name && self.systems.are_one(other, name))?;
        Some(format!("`{other}` is the same database, and changes of it are in another transaction"))
    }

    /// Runs one change in the transaction of its target system, which in an atomic stage `goes_on` with the next one.
    async fn change(
        &self,
        stage: &PlannedStage,
        ready: &Arc<Ready>,
        goes_on: bool,
        open: &mut BTreeMap<SystemName, Open>,
    ) -> (Preview, Option<Fault>) {
        let (clock, id) = (Instant::now(), ready.change.id.as_str());
        self.observer.event(&Event::PreviewStarted { stage: stage.name.as_str(), id });
        let target = ready.change.target_system.clone();
        let recorder = Arc::new(Recorder::new(&self.changes.config, self.secrets.clone(), target.clone()));
        let ended = self.called(ready, &recorder, goes_on, open).await;
        self.observer.event(&Event::PreviewFinished { id });
        let (text, calls_cut) = {
            let calls = recorder.calls();
            (calls.unwritten(), calls.is_cut())
        };
        let calls = text.and_then(|text| calls::read(&text).ok()).unwrap_or_default();
        let fault = ended.err().map(|fault| self.secrets.redact_fault(explained(fault)));
        let preview = Preview {
            calls: calls.into_iter().map(|call| CallReport::new(call, target.as_str())).collect(),
            calls_cut,
            preview: Some(if fault.is_none() { PreviewOutcome::Passed } else { PreviewOutcome::Failed }),
            preview_reason: None,
            duration_ms: Some(milliseconds(clock.elapsed())),
            error: fault.clone(),
        };
        (preview, fault)
    }

    async fn called(
        &self,
        ready: &Arc<Ready>,
        recorder: &Arc<Recorder>,
        goes_on: bool,
        open: &mut BTreeMap<SystemName, Open>,
    ) -> Result<(), Fault> {
        let name = &ready.change.target_system;
        let in_target = |error| of_system(Fault::from(error), name.as_str());
        let Open { mut session, _turn } = match open.remove(name) {
            Some(open) => open,
            None => {
                let turn = ready.target.turn().await.map_err(in_target)?;
                let session = ready.target.open(&Opening::Preview).await.map_err(in_target)?;
                Open { session, _turn: turn }
            }
        };
        let stop = Stop::new();
        let _told = self.stopper.tells(&stop);
        stop.on_stop(session.interrupter());
        let host = Arc::new(self.host(ready, recorder));
        let (clock, (component, calls)) = (Instant::now(), ready.calls(Part::Apply));
        let mut ended = Ok(());
        for call in calls {
            let loan = Loan {
                session,
                context: self.context(ready),
                host: host.clone(),
                stop: stop.clone(),
                deadline: ready.deadline.saturating_sub(clock.elapsed()),
            };
            let returned = self.runtime.call(component, call.clone(), loan).await;
            session = returned.session;
            if let Err(error) = returned.answer {
                ended = Err(call_fault(ready, &call, error));
                break;
            }
        }
        if ended.is_ok() {
            // What an atomic stage breaks in between, its later changes may still mend.
            let proved = if goes_on { session.stands().await } else { session.previewed().await };
            ended = proved.map_err(|error| unproved(ready, error));
        }
        open.insert(name.clone(), Open { session, _turn });
        ended
    }

    fn context(&self, ready: &Ready) -> Context {
        Context {
            idempotency_key: idempotency_key(&self.store_identity, &self.scope, &ready.change.id),
            attempt: 1,
            tenant: self.scope.tenant.clone(),
            variables: self.variables.clone(),
            uses: ready.uses.iter().map(|(name, _)| name.as_str().to_owned()).collect(),
        }
    }

    fn host(&self, ready: &Arc<Ready>, recorder: &Arc<Recorder>) -> Recording {
        let looking = Looking {
            ready: ready.clone(),
            store: self.systems.store().clone(),
            scope: self.scope.clone(),
            secrets: self.secrets.clone(),
            observer: self.observer.clone(),
        };
        Recording { looking, recorder: recorder.clone(), checkpoint: Mutex::default() }
    }
}

/// What a change that could not be committed says.
fn unproved(ready: &Ready, error: ProofError) -> Fault {
    let failed =
        |code, message| Fault::new(code, Blame::Change, message).with_place(Some(Place::file(&ready.file)));
    match error {
        ProofError::Ended(message) => {
            failed("change::transaction-ended", format!("the change ended its own transaction: {message}"))
        }
        ProofError::Violated(message) => failed("change::failed", message),
        ProofError::Target(error) => of_system(error.into(), ready.change.target_system.as_str()),
    }
}

/// Nothing is left of it, unless the change itself ended the transaction.
fn explained(fault: Fault) -> Fault {
    if fault.code == "change::transaction-ended" {
        return fault.with_effect(Effect::Unknown);
    }
    let fault = fault.with_effect(Effect::None);
    if fault.help.is_some() {
        fault
    } else {
        fault.with_help("nothing was changed; fix the file and preview it again")
    }
}

/// What a change is lent in a preview: as while it is asked, and its calls are recorded.
struct Recording {
    looking: Looking,
    recorder: Arc<Recorder>,
    /// It commits and dies with the transaction: this change alone can see it.
    checkpoint: Mutex<Option<Vec<u8>>>,
}

#[async_trait]
impl GuestHost for Recording {
    fn log(&self, level: Level, line: &str) {
        self.looking.log(level, line);
    }

    fn progress(&self, done: u64, total: u64) {
        self.looking.progress(done, total);
    }

    fn called(&self, call: &HandleCall<'_>) {
        self.recorder.record(call);
    }

    async fn open(&self, system: &str) -> Result<Box<dyn Session>, String> {
        self.looking.open(system).await
    }

    async fn save_checkpoint(&self, data: &[u8]) -> Result<(), String> {
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(data.to_vec());
        Ok(())
    }

    async fn load_checkpoint(&self) -> Option<Vec<u8>> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
