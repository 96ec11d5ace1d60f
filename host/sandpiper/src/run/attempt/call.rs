//! The calls of an attempt: each step is run, or taken back, and what became of it is noted.

use std::sync::Arc;
use std::time::Instant;

use sandpiper_engine::attempt::{Outcome, Part};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::progress::Standing;
use sandpiper_runtime::guest::{Call, CallError, Context, Loan};

use super::Running;
use crate::run::guest_host::AttemptHost;
use crate::run::ready::Program;
use crate::stopping::Stopper;

impl Running<'_> {
    pub(in crate::run) async fn call(&mut self, part: Part) -> Outcome<Fault> {
        let undoes = self.begin.undoes.is_some();
        self.is_called = true;
        let clock = Instant::now();
        // Told to stop since it was chosen: it is over before it did anything, and that is recorded.
        if (part == Part::Apply || undoes) && self.run.core.stopper.asked().is_some() {
            let what = format!("change `{}` began", self.ready.change.id);
            return Outcome::Precondition(Stopper::fault(&what));
        }
        if let (Some(journal), true) = (&self.journal, undoes)
            && let Err(why) = journal.all_are_there(&self.payloads()).await
        {
            return Outcome::Precondition(not_recorded(&why));
        }
        let ready = self.ready.clone();
        let (component, calls) = ready.calls(part);
        let lease = self.run.held.lease().clone();
        let host = AttemptHost::new(self.run.core.clone(), self.ready.clone(), lease);
        let host = Arc::new(host.recording(self.recorder.clone()));
        let mut failure = None;
        for mut call in calls {
            if !self.is_called_for(part, &call).await {
                continue;
            }
            let Some(mut session) = self.session.take() else {
                return Outcome::Failed(Fault::bug("a change was called without a session"));
            };
            let is_seen = session.sql().is_some() || session.http().is_some();
            if let Err(why) = self.begins(part, &mut call, is_seen).await {
                self.session = Some(session);
                return Outcome::Failed(not_recorded(&why));
            }
            let loan = Loan {
                session,
                context: self.context(),
                host: host.clone(),
                stop: self.stop.clone(),
                deadline: self.ready.deadline.saturating_sub(clock.elapsed()),
            };
            let returned = self.run.core.runtime.call(component, call.clone(), loan).await;
            let mut session = returned.session;
            let is_left_open = self.ready.mode == Mode::Direct && session.roll_back_left_open().await;
            self.session = Some(session);
            if let (true, Some(journal)) = (is_left_open, &self.journal) {
                journal.is_rolled_back().await;
            }
            self.calls += returned.calls;
            let answer = match returned.answer {
                Ok(_) if is_left_open => Err(CallError::LeftOpen),
                answer => answer,
            };
            match answer {
                Ok(_) => {
                    if let Some(journal) = &self.journal
                        && let Err(why) = journal.completes().await
                    {
                        let message = format!("its step was done, but that could not be recorded: {why}");
                        return Outcome::Failed(Fault::new("store::refused", Blame::Store, message));
                    }
                }
                Err(error) => {
                    // Of a rollback the other steps are taken back all the same, unless nothing can be any more.
                    let is_over = part == Part::Apply
                        || self.ready.mode.is_transactional()
                        || matches!(error, CallError::Stopped(_));
                    if let (Some(journal), Part::Apply) = (&self.journal, part)
                        && !is_seen
                        && returned.calls > 0
                    {
                        journal.doubts().await;
                    }
                    if failure.is_none() {
                        self.transient = returned.transient;
                        failure = Some((call, error));
                    }
                    if is_over {
                        break;
                    }
                }
            }
        }
        match failure {
            None => Outcome::Done,
            Some((call, error)) => self.failed(&call, error),
        }
    }

    /// Whether a step is to be called: of apply those that are not done, of a rollback those of which anything may be
    /// there. The one step of a change is always taken back.
    async fn is_called_for(&self, part: Part, call: &Call) -> bool {
        let (Call::Step(step), Some(journal)) = (call, &self.journal) else { return true };
        let standing = journal.standing(step.index).await;
        match part {
            Part::Apply => standing != Standing::Done,
            Part::Rollback => {
                self.ready.has_one_step() || !matches!(standing, Standing::Absent | Standing::Undone)
            }
        }
    }

    /// Before a step is called: lets it go on after the statements that are finished of it, and the journal with it.
    async fn begins(&self, part: Part, call: &mut Call, is_seen: bool) -> Result<(), String> {
        let (Call::Step(step), Some(journal)) = (call, &self.journal) else { return Ok(()) };
        if part == Part::Rollback {
            let payload = self.payloads().get(step.index as usize).copied().unwrap_or(Digest::ZERO);
            return journal.takes_back(step.index, payload, is_seen).await;
        }
        let payload = Digest::of(step.payload.as_bytes());
        step.finished_statements = journal.applies(step.index, payload).await;
        Ok(())
    }

    /// The digest of each step's payload, as it is applied.
    fn payloads(&self) -> Vec<Digest> {
        match &self.ready.program {
            Program::Data(data) => {
                data.steps.iter().map(|(apply, _)| Digest::of(apply.json().as_bytes())).collect()
            }
            Program::Component(_) | Program::Source(_) => Vec::new(),
        }
    }

    fn context(&self) -> Context {
        let core = self.run.core;
        Context {
            idempotency_key: core.idempotency_key(&self.ready.change.id),
            attempt: self.begin.started.number,
            tenant: core.scope.tenant.clone(),
            variables: core.variables.clone(),
            uses: self.ready.uses.iter().map(|(name, _)| name.as_str().to_owned()).collect(),
        }
    }
}

/// Nothing was done, for what is done next could not be recorded before.
fn not_recorded(why: &str) -> Fault {
    let message = format!("it could not be recorded what is taken back: {why}");
    Fault::new("store::refused", Blame::Store, message)
}
