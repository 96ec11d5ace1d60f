//! The calls of an attempt: each step is run, or taken back, and what became of it is noted.

use std::sync::Arc;
use std::time::Instant;

use sandpiper_engine::attempt::{Outcome, Part};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::store::StepMark;
use sandpiper_runtime::guest::{Call, CallError, Context, Loan};
use sandpiper_runtime::stop::{Stop, StopReason};

use super::Running;
use crate::run::guest_host::AttemptHost;
use crate::run::taken_back::TakenBack;
use crate::stopping::Stopper;

impl Running<'_> {
    pub(in crate::run) async fn call(&mut self, part: Part) -> Outcome<Fault> {
        let undoes = self.begin.undoes.is_some();
        // What an earlier stop left behind must not end the rollback before it begins, unless the lease is lost.
        if part == Part::Rollback && !undoes && self.stop.reason() != Some(StopReason::LeaseLost) {
            self.stop = Stop::new();
            self.run.held.guards(&self.stop);
            if let Some(session) = &self.session {
                self.stop.on_stop(session.interrupter());
            }
        }
        let clock = Instant::now();
        if part == Part::Apply {
            self.ran = self.begin.finished.iter().take_while(|mark| mark.is_done()).count();
        } else if undoes {
            self.ran = self.ready.steps();
        }
        // Told to stop since it was chosen: it is over before it did anything, and that is recorded.
        if (part == Part::Apply || undoes) && self.run.core.stopper.asked().is_some() {
            let what = format!("change `{}` began", self.ready.change.id);
            return Outcome::Precondition(Stopper::fault(&what));
        }
        let (component, calls) = self.ready.calls(part, self.ran);
        let taken_back = TakenBack::of(self.run, self.ready, part);
        if let (Some(taken_back), true) = (&taken_back, undoes)
            && let Err(fault) = taken_back.all_are_there().await
        {
            return Outcome::Precondition(fault);
        }
        let lease = self.run.held.lease().clone();
        let host = AttemptHost::new(self.run.core.clone(), self.ready.clone(), lease);
        let host = Arc::new(host.recording(self.recorder.clone()));
        let mut failure = None;
        for mut call in calls {
            if part == Part::Apply {
                self.goes_on(&mut call).await;
            }
            if let (Some(taken_back), true) = (&taken_back, undoes)
                && let Err(fault) = taken_back.begins(&call).await
            {
                return Outcome::Failed(fault);
            }
            let Some(session) = self.session.take() else {
                return Outcome::Failed(Fault::bug("a change was called without a session"));
            };
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
                Ok(_) if part == Part::Apply => {
                    self.ran += 1;
                    if let Some(journal) = &self.journal
                        && let Err(why) = journal.completes().await
                    {
                        let message = format!("its step was done, but that could not be recorded: {why}");
                        return Outcome::Failed(Fault::new("store::refused", Blame::Store, message));
                    }
                }
                Ok(_) => {
                    if let Some(taken_back) = &taken_back
                        && let Err(fault) = taken_back.done(&call).await
                    {
                        return Outcome::Failed(fault);
                    }
                }
                Err(error) => {
                    // Of a rollback the other steps are taken back all the same, unless nothing can be any more.
                    let is_over = part == Part::Apply
                        || self.ready.mode.is_transactional()
                        || matches!(error, CallError::Stopped(_));
                    // The step that failed is taken back too, if anything in it was done before.
                    let partly = match &self.journal {
                        Some(journal) => journal.has_touched().await,
                        None => returned.calls > 0,
                    };
                    let touched = self.ready.has_one_step() || partly;
                    self.ran += usize::from(part == Part::Apply && touched);
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
        // What takes it back is no progress of it.
        self.journal = None;
        match failure {
            None => Outcome::Done,
            Some((call, error)) => self.failed(&call, error),
        }
    }

    /// Lets a step go on after the statements that are finished of it, and the journal with it.
    async fn goes_on(&self, call: &mut Call) {
        let (Call::Step(step), Some(journal)) = (call, &self.journal) else { return };
        let payload = Digest::of(step.payload.as_bytes());
        let begun = self.begin.finished.iter().find(|mark| mark.step == step.index && !mark.complete);
        let mark = match begun {
            Some(mark) => StepMark { payload, doubtful: None, ..mark.clone() },
            None => StepMark::begin(step.index, payload),
        };
        step.finished_statements = mark.finished;
        journal.begins(mark).await;
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
