//! One attempt, carried out: the commands of the engine's state machine, on the real store and target system.

mod call;
pub(super) mod failure;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use sandpiper_backends::crash;
use sandpiper_engine::attempt::{Attempt, Command, Conclusion, Next, Note, Outcome};
use sandpiper_engine::entry::{AttemptId, Mode, Record, RecordedError, Sequence, State};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::store::{Appended, Condition, Draft, StepMark};
use sandpiper_runtime::stop::{Stop, StopReason};
use sandpiper_runtime::target::{CommitError, Fence, Opening, ProofError, Seal, Session, TargetError, Turn};

use crate::clock::{milliseconds, now};
use crate::run::calls::Recorder;
use crate::run::journal::{Journal, Journaled};
use crate::run::ready::{Program, Ready};
use crate::run::stage::StageRun;
use crate::run::{session, undo};
use crate::stopping::Told;

/// A `started` entry that was, or may be, written together with the end of the attempt before.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    /// The attempt that it begins.
    pub(crate) id: AttemptId,
    /// When.
    pub(crate) at: Timestamp,
    /// Its number.
    pub(crate) number: u32,
}

/// How an attempt ended, and what it left for the next one.
pub(crate) struct Ended {
    /// How.
    pub(crate) conclusion: Conclusion<Fault>,
    /// How long it took, in milliseconds.
    pub(crate) duration_ms: u64,
    /// Whether the next change's `started` rode in its end.
    pub(crate) next_started: bool,
}

/// What an attempt needs to know besides the change.
pub(crate) struct Begin<'a> {
    /// The change's newest entry, on which the plan was made.
    pub(crate) newest: Option<Sequence>,
    /// The beginning: new, or written already.
    pub(crate) started: Started,
    /// Whether it is in the audit.
    pub(crate) is_recorded: bool,
    /// Whether an earlier attempt may have left something behind, so that failing at once takes nothing back.
    pub(crate) over_leftovers: bool,
    /// The draft of the next change's `started`, where it may ride.
    pub(crate) rider: Option<&'a Draft>,
    /// Attempts on the same target system whose end is recorded.
    pub(crate) recorded: Vec<AttemptId>,
    /// What earlier attempts finished of its steps, where it goes on after them.
    pub(crate) finished: Vec<StepMark>,
    /// Of an undo what the audit says of the application that is taken back.
    pub(crate) undoes: Option<&'a Record>,
}

/// An attempt that is under way.
pub(super) struct Running<'a> {
    run: &'a StageRun<'a>,
    ready: &'a Arc<Ready>,
    begin: Begin<'a>,
    pub(super) clock: Instant,
    stop: Stop,
    /// Of the rollback of a direct change.
    bounds: Option<Told>,
    pub(super) session: Option<Box<dyn Session>>,
    /// Whether the change was called: a session that is opened then is for taking it back.
    is_called: bool,
    /// Where what a direct change written as data does is recorded, statement by statement.
    journal: Option<Arc<Journal>>,
    calls: u64,
    /// What is recorded of them, one by one.
    pub(super) recorder: Arc<Recorder>,
    /// Whether its transaction was committed.
    pub(super) committed: bool,
    next_started: bool,
    /// Whether the call that failed may succeed on the next attempt.
    transient: bool,
    /// What went wrong first.
    went_wrong: Option<Fault>,
}

/// Carries out one attempt. The caller holds the turn on the target system.
pub(crate) async fn attempt(run: &StageRun<'_>, ready: &Arc<Ready>, begin: Begin<'_>, _turn: &Turn) -> Ended {
    let (mut machine, mut command) = Attempt::begin(ready.mode, ready.has_rollback(), begin.is_recorded);
    if begin.over_leftovers {
        machine.begins_over_leftovers();
    }
    let stop = Stop::new();
    run.held.guards(&stop);
    let _told = run.core.stopper.tells(&stop);
    let mut running = Running::new(run, ready, begin, stop);
    let conclusion = loop {
        let outcome = running.carry_out(command).await;
        match machine.next(outcome) {
            Next::Do(next) => command = next,
            Next::Over(conclusion) => break conclusion,
        }
    };
    Ended {
        conclusion: with_effect(conclusion),
        duration_ms: milliseconds(running.clock.elapsed()),
        next_started: running.next_started,
    }
}

impl<'a> Running<'a> {
    /// An attempt of which nothing was done yet.
    pub(super) fn new(run: &'a StageRun<'a>, ready: &'a Arc<Ready>, begin: Begin<'a>, stop: Stop) -> Self {
        let journal = journal(run, ready, &begin, &stop);
        Self {
            run,
            ready,
            begin,
            clock: Instant::now(),
            journal,
            stop,
            bounds: None,
            session: None,
            is_called: false,
            calls: 0,
            recorder: Arc::new(recorder(run, ready)),
            committed: false,
            next_started: false,
            transient: false,
            went_wrong: None,
        }
    }

    /// Carries out one command.
    pub(super) async fn carry_out(&mut self, command: Command<Fault>) -> Outcome<Fault> {
        let effect = command.name();
        crash::before(effect);
        let outcome = match command {
            Command::Append(notes) => self.append(&notes).await,
            Command::Open => self.open().await,
            Command::Call(part) => self.call(part).await,
            Command::Prove => self.prove().await,
            Command::Commit => self.commit().await,
            Command::Settle => self.settle().await,
            Command::Close => self.close().await,
        };
        crash::after(effect);
        if let Outcome::Failed(fault) | Outcome::Precondition(fault) | Outcome::Refused(fault) = &outcome {
            self.went_wrong.get_or_insert_with(|| fault.clone());
        }
        outcome
    }

    async fn append(&mut self, notes: &[Note<Fault>]) -> Outcome<Fault> {
        if self.run.held.is_lost() {
            return Outcome::LeaseLost(self.lost());
        }
        let mut drafts: Vec<Draft> = notes.iter().map(|note| self.draft(note)).collect();
        if let Some(first) = drafts.first_mut() {
            first.calls = self.recorder.calls().unwritten();
        }
        let rides = notes.iter().any(|note| note.state == State::Applied);
        drafts.extend(self.rider().filter(|_| rides).cloned());
        match self.run.core.store.append(self.run.held.lease(), &drafts).await {
            Ok(appended) => {
                self.appended(&appended, notes.len());
                self.recorder.calls().are_written();
                Outcome::Done
            }
            Err(error) => self.refused(error),
        }
    }

    /// The next change's `started`, unless the run was told to start no more.
    fn rider(&self) -> Option<&Draft> {
        self.begin.rider.filter(|_| self.run.core.stopper.asked().is_none())
    }

    fn appended(&mut self, Appended(entries): &Appended, own: usize) {
        self.next_started = entries.len() > own && entries.last().is_some_and(Option::is_some);
    }

    pub(super) fn draft(&self, note: &Note<Fault>) -> Draft {
        let started = &self.begin.started;
        let mut record = self.run.record(self.ready, started, note.state, note.mode);
        record.error = note.fault.as_ref().map(|fault| self.run.core.redacted(RecordedError::from(fault)));
        let mut condition = Condition::SameAttempt;
        if let Some(application) = self.begin.undoes.filter(|_| note.state.is_applied()) {
            record = undo::still_applied(application, record);
        }
        if matches!(note.state, State::Started | State::Undoing) {
            record.reason = self.run.takes_over();
            condition = Condition::Newest(self.begin.newest);
        } else {
            record.finished_at = Some(now());
            record.duration_ms = Some(milliseconds(self.clock.elapsed()));
            record.calls = self.calls;
            record.calls_cut = self.recorder.calls().is_cut();
        }
        Draft { record, condition, calls: None }
    }

    pub(super) async fn open(&mut self) -> Outcome<Fault> {
        if self.run.held.is_lost() {
            return Outcome::LeaseLost(self.lost());
        }
        if self.is_called {
            self.stops_anew().await;
        }
        let opening = Opening::Attempt {
            id: self.begin.started.id.clone(),
            mode: self.ready.mode,
            fence: self.fence(),
            recorded: std::mem::take(&mut self.begin.recorded),
        };
        match self.ready.target.open(&opening).await {
            Ok(mut session) => {
                self.stop.on_stop(session.interrupter());
                if let Err(fault) = self.sets_again(session.as_mut()).await {
                    // What it says on leaving is nothing beside that.
                    drop(session.close().await);
                    return Outcome::Refused(fault);
                }
                self.session = Some(match &self.journal {
                    Some(journal) => Box::new(Journaled::new(session, journal.clone())),
                    None => session,
                });
                Outcome::Done
            }
            Err(TargetError::Fenced) => Outcome::LeaseLost(self.lost()),
            Err(error) => Outcome::Refused(error.into()),
        }
    }

    /// A change that goes on finds what its finished statements had set.
    async fn sets_again(&self, session: &mut dyn Session) -> Result<(), Fault> {
        if self.is_called || self.begin.finished.is_empty() {
            return Ok(());
        }
        let settings = session::settings(self.ready, &self.begin.finished)?;
        session::set_again(session, &settings, &self.ready.change).await
    }

    /// What ended the apply part must not end the rollback before it begins, nor keep it from waiting for the file of
    /// the store, unless the lease is lost.
    async fn stops_anew(&mut self) {
        if self.stop.reason() == Some(StopReason::LeaseLost) {
            return;
        }
        self.stop = Stop::new();
        self.run.held.guards(&self.stop);
        self.bounds = Some(self.run.core.stopper.bounds(&self.stop));
        if let Some(journal) = &self.journal {
            self.journal = Some(Arc::new(journal.of_rollback(self.stop.clone()).await));
        }
    }

    fn fence(&self) -> Fence {
        self.run.fence()
    }

    async fn prove(&mut self) -> Outcome<Fault> {
        let Some(session) = &mut self.session else { return Outcome::Failed(Fault::bug("nothing to prove")) };
        let proved = session.prove().await;
        self.proved(proved)
    }

    /// What a proof says, or its lack.
    pub(super) fn proved(&self, proved: Result<(), ProofError>) -> Outcome<Fault> {
        match proved {
            Ok(()) if self.run.held.is_lost() => Outcome::LeaseLost(self.lost()),
            Ok(()) => Outcome::Done,
            Err(ProofError::Ended(message)) => Outcome::Ended(self.ended(&message)),
            Err(ProofError::Violated(message)) => self.violated(message),
            Err(ProofError::Target(TargetError::Fenced)) => Outcome::LeaseLost(self.lost()),
            Err(ProofError::Target(error)) => Outcome::Refused(error.into()),
        }
    }

    async fn commit(&mut self) -> Outcome<Fault> {
        let Some(session) = self.session.take() else {
            return Outcome::Failed(Fault::bug("nothing to commit"));
        };
        if self.run.held.is_lost() {
            drop(session.close().await);
            return Outcome::LeaseLost(self.lost());
        }
        let mut drafts = Vec::new();
        if self.ready.mode == Mode::Shared {
            let done = self.draft(&Note { state: self.done(), mode: Mode::Shared, fault: None });
            drafts.push(Draft { calls: self.recorder.calls().unwritten(), ..done });
            drafts.extend(self.rider().cloned());
        }
        let seal = match self.ready.mode {
            Mode::Shared => Seal::Entries { lease: self.run.held.lease(), drafts: &drafts },
            Mode::Marked | Mode::Direct => Seal::Marker,
        };
        match session.commit(seal).await {
            Ok(appended) => {
                self.committed = true;
                if let Some(appended) = appended {
                    self.appended(&appended, 1);
                }
                Outcome::Done
            }
            Err(error) => self.not_committed(error),
        }
    }

    /// What a commit that did not succeed means for the attempt.
    pub(super) fn not_committed(&self, error: CommitError) -> Outcome<Fault> {
        match error {
            CommitError::Target(TargetError::Fenced) => Outcome::LeaseLost(self.lost()),
            CommitError::Target(error) => Outcome::Refused(error.into()),
            CommitError::Entries(error) => self.refused(error),
            CommitError::Violated(message) => self.violated(message),
            CommitError::Ended(message) => Outcome::Ended(self.ended(&message)),
            CommitError::Unknown(message) => {
                let message = format!("the answer to the commit was lost: {message}");
                let fault = Fault::new("target::unreachable", Blame::Target, message)
                    .with_effect(Effect::Unknown)
                    .with_transience(true);
                Outcome::Unknown(
                    fault.with_help("run the same command again: it finds out what became of it first"),
                )
            }
        }
    }

    /// The state of a change whose attempt went well.
    fn done(&self) -> State {
        if self.begin.undoes.is_some() { State::Undone } else { State::Applied }
    }

    /// First the fence row, which waits until the old transaction has ended; then the marker, or the shared entry.
    pub(super) async fn settle(&mut self) -> Outcome<Fault> {
        let id = &self.begin.started.id;
        let there = match self.ready.target.fence(&self.fence()).await {
            Ok(()) if self.ready.mode == Mode::Marked => self.ready.target.has_marker(id).await,
            Ok(()) => {
                match self.run.has_recorded(&self.ready.change.id, id, self.done(), self.begin.newest).await {
                    Ok(there) => Ok(there),
                    Err(fault) => return Outcome::Unknown(fault),
                }
            }
            Err(error) => Err(error),
        };
        match there {
            Ok(true) => Outcome::Done,
            Ok(false) => Outcome::NotCommitted,
            Err(TargetError::Fenced) => Outcome::LeaseLost(self.lost()),
            Err(error) => Outcome::Unknown(error.into()),
        }
    }

    async fn close(&mut self) -> Outcome<Fault> {
        let Some(session) = self.session.take() else { return Outcome::Done };
        match session.close().await {
            Ok(()) => Outcome::Done,
            Err(error @ TargetError::Remains(_)) => Outcome::Ended(self.remains(error)),
            Err(error) => Outcome::Failed(Fault::from(error).with_effect(Effect::Unknown)),
        }
    }
}

fn recorder(run: &StageRun<'_>, ready: &Ready) -> Recorder {
    let target = ready.change.target_system.clone();
    Recorder::new(&run.core.changes.config, run.core.secrets.clone(), target)
}

/// A change written as data that runs outside of a transaction is recorded statement by statement.
fn journal(run: &StageRun<'_>, ready: &Ready, begin: &Begin<'_>, stop: &Stop) -> Option<Arc<Journal>> {
    let recorded = ready.mode == Mode::Direct && matches!(ready.program, Program::Data(_));
    recorded.then(|| {
        let (lease, id) = (run.held.lease().clone(), ready.change.id.clone());
        let (core, kind) = (run.core.clone(), ready.target.kind());
        Arc::new(Journal::new(core, lease, stop.clone(), id, kind, &begin.finished))
    })
}

/// A fault says what its attempt left behind, once that is known.
fn with_effect(conclusion: Conclusion<Fault>) -> Conclusion<Fault> {
    match conclusion {
        Conclusion::RolledBack(fault) => Conclusion::RolledBack(fault.with_effect(Effect::None)),
        Conclusion::Failed(fault) => Conclusion::Failed(fault.with_effect(Effect::Unknown)),
        Conclusion::RollbackFailed { apply, rollback } => Conclusion::RollbackFailed {
            apply: apply.with_effect(Effect::Unknown),
            rollback: rollback.with_effect(Effect::Unknown),
        },
        other => other,
    }
}
