//! One stage of a run: take its lease, find out what became of interrupted attempts, apply what is pending, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use sandpiper_backends::crash;
use sandpiper_engine::attempt::Conclusion;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{AttemptId, Entry, Mode, Record, RecordedError, Sequence, State};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::plan::{Action, Answers, Planned, PlannedStage};
use sandpiper_engine::scope::{LockKey, StageName, SystemName};
use sandpiper_engine::state::ChangeState;
use sandpiper_engine::store::{Condition, Draft, EntryQuery, Holder};
use sandpiper_runtime::target::{Fence, Turn};

use crate::clock::now;
use crate::lock::HeldLease;
use crate::observer::Event;
use crate::report::{ChangeOutcome, Exit, StageOutcome};
use crate::run::Core;
use crate::run::attempt::{Begin, Started, attempt};
use crate::run::going_on;
use crate::run::notes;
use crate::run::outcome::{ChangeResult, Results, StageEnd, result, stage_end};
use crate::run::ready::Ready;
use crate::run::{again, atomic, settle, undo};
use crate::stopping::Stopper;

/// What all attempts of one stage share.
pub(crate) struct StageRun<'a> {
    /// What the whole run shares.
    pub(crate) core: &'a Arc<Core>,
    /// The stage.
    pub(crate) stage: &'a StageName,
    /// Its lease.
    pub(crate) held: HeldLease,
}

impl StageRun<'_> {
    /// The fence of this stage's lease.
    pub(crate) fn fence(&self) -> Fence {
        Fence {
            store: self.core.store_identity.clone(),
            key: self.held.lease().key.clone(),
            token: self.held.lease().token,
        }
    }

    /// Whose lease ran out before this one was taken, for the first entry of each attempt under it: a run that lost its
    /// lease can write nothing more.
    pub(crate) fn takes_over(&self) -> Option<String> {
        let Holder { owner, token, expires_at } = self.held.expired.as_ref()?;
        let (operator, host, run) = (&owner.operator, &owner.host, &owner.run_id);
        Some(format!(
            "the lease {token} of {operator} on {host} (run {run}) was never given back; it would have lasted until {expires_at}"
        ))
    }

    /// A new random identity for an attempt.
    pub(crate) fn attempt_id(&self) -> AttemptId {
        AttemptId(uuid::Uuid::new_v4().to_string().into())
    }

    /// An entry about a change, to be completed by whoever writes it.
    pub(crate) fn record(&self, ready: &Ready, started: &Started, state: State, mode: Mode) -> Record {
        let change = &ready.change;
        Record {
            attempt_id: Some(started.id.clone()),
            state: Some(state),
            attempt: Some(started.number),
            started_at: started.at,
            file_name: ready.file_name(),
            ..self.core.record(change, self.stage, mode)
        }
    }

    /// The entry of a change with a given place in the chain.
    pub(crate) async fn newest_of(&self, id: &ChangeId, sequence: Sequence) -> Result<Option<Entry>, Fault> {
        let query = EntryQuery::at(self.core.scope.clone(), sequence);
        let entries = self.core.store.entries(&query).await?;
        Ok(entries.into_iter().find(|entry| entry.record.change_id == *id))
    }

    /// Whether the audit has a state for an attempt that was planned on an entry.
    pub(crate) async fn has_recorded(
        &self,
        id: &ChangeId,
        attempt: &AttemptId,
        state: State,
        planned_on: Option<Sequence>,
    ) -> Result<bool, Fault> {
        let query = EntryQuery::of_change(self.core.scope.clone(), id.clone());
        let entries = self.core.store.entries(&EntryQuery { after: planned_on, ..query }).await?;
        Ok(entries.iter().any(|entry| {
            entry.record.state == Some(state) && entry.record.attempt_id.as_ref() == Some(attempt)
        }))
    }
}

/// Runs a stage that has something to do.
pub(crate) async fn run(core: &Arc<Core>, name: &StageName) -> StageEnd {
    let key = LockKey { scope: core.scope.clone(), stage: name.clone() };
    if let Err(fault) = check_targets(core, name).await {
        return not_begun(core, name, fault);
    }
    let held = match core.leases.acquire(&key).await {
        Ok(held) => held,
        Err(fault) => return not_begun(core, name, fault),
    };
    core.observer.event(&Event::StageStarted { stage: name.as_str() });
    let run = StageRun { core, stage: name, held };
    let mut results = BTreeMap::new();
    let mut answers = Answers::new();
    let mut others = Vec::new();
    let ended = under_lease(&run, &mut results, &mut answers, &mut others).await;
    for other in others {
        // One that cannot be given back runs out.
        drop(core.leases.release(other).await);
    }
    let StageRun { held, .. } = run;
    let released = core.leases.release(held).await;
    let fault = ended.err().or(released.err());
    conclude(core, name, &results, &answers, fault).await
}

/// Whether every system that the stage's changes need is reachable and lets us in: before its lock is taken.
async fn check_targets(core: &Core, name: &StageName) -> Result<(), Fault> {
    let mut checked: Vec<SystemName> = Vec::new();
    for planned in &core.first_plan(name).changes {
        let Some(ready) = core.readied_as(&planned.change.id) else { continue };
        ready.check(&mut checked).await?;
    }
    Ok(())
}

/// How often a stage is planned again because another run was faster with one of its changes.
pub(super) const MOST_REPLANS: u32 = 10;

async fn under_lease(
    run: &StageRun<'_>,
    results: &mut Results,
    answers: &mut Answers,
    others: &mut Vec<HeldLease>,
) -> Result<(), Fault> {
    let mut replans = 0;
    let mut fenced = BTreeSet::new();
    loop {
        let planned = run.core.plan_stage(run.stage, answers).await?;
        if planned.held.is_some() || planned.is_blocked() {
            return Ok(());
        }
        if undo::fences_open(run, &planned, &mut fenced).await? {
            continue;
        }
        if let Some(state) = planned.changes.iter().find_map(|it| begun_elsewhere(run, it, others)) {
            others.push(fence_elsewhere(run.core, state).await?);
            continue;
        }
        if let Some(doubtful) = planned.changes.iter().find(|it| is_in_doubt(it.action)) {
            let ready = run.core.ready(doubtful)?;
            let settled = settle::settle(run, &ready, doubtful).await?;
            if settled.recorded_applied {
                let result = ChangeResult {
                    outcome: ChangeOutcome::Recovered,
                    mode: doubtful.state.as_ref().map(|state| state.mode),
                    reason: "an earlier attempt had applied it".into(),
                    duration_ms: None,
                    error: None,
                    exit: Exit::Done,
                    attempts: 0,
                    again: false,
                };
                results.insert(doubtful.change.id.clone(), result);
            } else if let Some(newest) = doubtful.newest() {
                answers.insert(newest, settled.answer);
            }
            continue;
        }
        notes::write(run, &planned).await?;
        let progress = match run.core.is_atomic(run.stage) {
            true => atomic::apply(run, &planned, results).await?,
            false => apply_all(run, &planned, results).await?,
        };
        match progress {
            Progress::Over => return Ok(()),
            Progress::TryAgain(pause) if again::waits(run, pause).await => {}
            Progress::TryAgain(_) => return Ok(()),
            // Another run was faster with one of them: what is there now is planned on.
            Progress::PlanAgain if replans < MOST_REPLANS => {
                replans += 1;
                answers.clear();
            }
            // Under the lease nobody else can be faster for ever.
            Progress::PlanAgain => {
                let message = "the states of the changes do not agree with the entries of the audit";
                return Err(Fault::new("audit::broken", Blame::Store, message)
                    .with_help("see what is wrong with `sandpiper audit verify`"));
            }
        }
    }
}

/// An attempt whose end is not recorded, of a change that stood in another stage then: whoever made it goes by the
/// lease of that stage, which is not ours yet.
fn begun_elsewhere<'p>(
    run: &StageRun<'_>,
    planned: &'p Planned,
    others: &[HeldLease],
) -> Option<&'p ChangeState> {
    let state = planned.state.as_ref()?;
    let is_open = matches!(state.state, State::Started | State::Undoing) && planned.action != Action::Skip;
    let is_held = others.iter().any(|held| held.lease().key.stage == state.stage);
    (is_open && state.stage != *run.stage && !is_held).then_some(state)
}

/// Waits for the lease of the other stage, and keeps the attempts of those who held it before from committing.
pub(super) async fn fence_elsewhere(core: &Core, state: &ChangeState) -> Result<HeldLease, Fault> {
    let key = LockKey { scope: core.scope.clone(), stage: state.stage.clone() };
    let held = core.leases.acquire(&key).await?;
    let fence = Fence { store: core.store_identity.clone(), key, token: held.lease().token };
    core.systems.target(&state.target_system)?.fence(&fence).await?;
    Ok(held)
}

fn is_in_doubt(action: Action) -> bool {
    matches!(action, Action::LookForMarker | Action::AskVerify(_))
}

pub(crate) enum Progress {
    Over,
    PlanAgain,
    /// A change failed that is tried again after a pause, on what is there then.
    TryAgain(Duration),
}

/// What is to be applied, in order: what this run is not done with.
pub(crate) fn to_do<'p>(planned: &'p PlannedStage, results: &Results) -> Vec<&'p Planned> {
    let is_open = |it: &&Planned| {
        matches!(it.action, Action::Apply | Action::Resume)
            && results.get(&it.change.id).is_none_or(|result| result.again)
    };
    planned.changes.iter().filter(is_open).collect()
}

/// Applies what is planned, in order, until one fails. The next change's `started` rides in the commit of the one
/// before where both are in a transaction of the same system: one durable commit a change.
async fn apply_all(
    run: &StageRun<'_>,
    planned: &PlannedStage,
    results: &mut Results,
) -> Result<Progress, Fault> {
    let todo = to_do(planned, results);
    let mut readied: Vec<Arc<Ready>> = Vec::with_capacity(todo.len());
    for planned in &todo {
        readied.push(run.core.ready(planned)?);
    }
    run.core.keep_artifacts(&readied).await?;
    let mut riding: Option<Started> = None;
    let mut turn: Option<Turn> = None;
    let mut recorded: Vec<AttemptId> = Vec::new();
    for (index, (planned, ready)) in todo.iter().zip(&readied).enumerate() {
        // A `started` that rode is not left as it is: its attempt ends before it does anything.
        if run.core.stopper.asked().is_some() && riding.is_none() {
            return Err(Stopper::fault(&format!("change `{}` began", planned.change.id)));
        }
        let held_turn = match turn.take() {
            Some(turn) => turn,
            None => ready.target.turn().await?,
        };
        let is_recorded = riding.is_some();
        let started = riding.take().unwrap_or_else(|| run.starts(planned));
        let next = todo.get(index + 1).zip(readied.get(index + 1));
        let next = next.filter(|(_, next)| rides(ready, next)).map(|(planned, next)| {
            let started = run.starts(planned);
            let record = run.record(next, &started, State::Started, next.mode);
            (started, Draft { record, condition: Condition::NewestOrDrop(planned.newest()), calls: None })
        });
        let id = planned.change.id.as_str();
        run.core.observer.event(&Event::ChangeStarted { stage: run.stage.as_str(), id, mode: ready.mode });
        let finished = match going_on::marks(run, planned, ready).await? {
            Ok(finished) => finished,
            Err(fault) => {
                results.insert(planned.change.id.clone(), cannot_go_on(ready.mode, fault));
                return Ok(Progress::Over);
            }
        };
        let begin = Begin {
            newest: planned.newest(),
            started: started.clone(),
            is_recorded,
            over_leftovers: planned.may_have_leftovers(),
            rider: next.as_ref().map(|(_, draft)| draft),
            recorded: std::mem::take(&mut recorded),
            finished,
            undoes: None,
        };
        let ended = attempt(run, ready, begin, &held_turn).await;
        if let Conclusion::Superseded = ended.conclusion {
            return Ok(Progress::PlanAgain);
        }
        let was_applied = matches!(ended.conclusion, Conclusion::Applied);
        if ended.next_started {
            riding = next.map(|(started, _)| started);
            turn = Some(held_turn);
            if ready.mode == Mode::Marked {
                recorded.push(started.id);
            }
        } else if was_applied && ready.mode == Mode::Marked {
            crash::before("forget marker");
            // A marker that stays is garbage, not a fault: the attempt's end is recorded.
            drop(ready.target.forget_markers(&[started.id]).await);
            crash::after("forget marker");
        }
        let attempts = again::attempts(results, &planned.change.id);
        let pause = again::pause(run, ready, attempts, &ended.conclusion);
        let result =
            ChangeResult { attempts, again: pause.is_some(), ..result(run.core, ready, planned, ended) };
        if let Some(pause) = pause {
            again::tell(run, ready, &result, pause);
            results.insert(planned.change.id.clone(), result);
            return Ok(Progress::TryAgain(pause));
        }
        let report = result.report(planned, was_applied.then_some(State::Applied));
        run.core.observer.event(&Event::ChangeFinished { stage: run.stage.as_str(), change: &report });
        results.insert(planned.change.id.clone(), result);
        if !was_applied {
            return Ok(Progress::Over);
        }
    }
    Ok(Progress::Over)
}

fn cannot_go_on(mode: Mode, fault: Fault) -> ChangeResult {
    ChangeResult {
        outcome: ChangeOutcome::Blocked,
        mode: Some(mode),
        reason: "what is finished of it was done outside of a transaction".into(),
        duration_ms: None,
        error: Some(fault),
        exit: Exit::Manual,
        attempts: 0,
        again: false,
    }
}

/// Before a `direct` attempt, a `started` that rode would look like a crash inside it.
fn rides(now: &Ready, next: &Ready) -> bool {
    now.mode.is_transactional() && next.mode.is_transactional() && Arc::ptr_eq(&now.target, &next.target)
}

impl StageRun<'_> {
    /// The beginning of an attempt.
    pub(crate) fn starts(&self, planned: &Planned) -> Started {
        let number = planned.state.as_ref().map_or(1, ChangeState::next_attempt);
        Started { id: self.attempt_id(), at: now(), number }
    }
}

fn not_begun(core: &Core, name: &StageName, fault: Fault) -> StageEnd {
    let planned = core.first_plan(name);
    let mut end = stage_end(planned, &Results::new(), Some(core.redacted_fault(fault)));
    if end.report.outcome == StageOutcome::Complete {
        end.report.outcome = StageOutcome::Failed;
    }
    core.observer.event(&Event::StageFinished(&end.report));
    end
}

/// The report of a stage: what this run did with its changes, and the audit's word on the others.
async fn conclude(
    core: &Core,
    name: &StageName,
    results: &Results,
    answers: &Answers,
    fault: Option<Fault>,
) -> StageEnd {
    let planned = core.plan_stage(name, answers).await;
    let first = core.first_plan(name);
    let planned = planned.as_ref().unwrap_or(first);
    let end = stage_end(planned, results, fault.map(|fault| core.redacted_fault(fault)));
    core.observer.event(&Event::StageFinished(&end.report));
    end
}

impl Core {
    /// An error for the audit, free of secrets.
    pub(crate) fn redacted(&self, mut error: RecordedError) -> RecordedError {
        error.message = self.secrets.redact(&error.message).into_owned();
        error
    }
}
