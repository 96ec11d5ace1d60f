//! What it means for an attempt that something did not go well: which outcome, and what is told of it.

use sandpiper_engine::attempt::Outcome;
use sandpiper_engine::fault::{Blame, Effect, Fault, Place};
use sandpiper_engine::store::AppendError;
use sandpiper_runtime::guest::{Call, CallError};
use sandpiper_runtime::stop::StopReason;
use sandpiper_runtime::target::TargetError;
use sandpiper_sql_syntax::{Dialect, Statement, TransactionUse, classify};

use super::Running;
use crate::run::ready::Ready;

impl Running<'_> {
    /// What an error of a call means for the attempt.
    pub(super) fn failed(&self, call: &Call, error: CallError) -> Outcome<Fault> {
        let effect = if self.ready.mode.is_transactional() { Effect::None } else { Effect::Unknown };
        let at = self.statement_of(call, &error);
        match error {
            CallError::TransactionEnded(message) => Outcome::Ended(self.ended(&message).with_place(at)),
            CallError::Stopped(StopReason::LeaseLost) => Outcome::LeaseLost(self.lost()),
            CallError::Unusable(_) => Outcome::Precondition(call_fault(self.ready, call, error)),
            CallError::Precondition(_) => {
                let fault = call_fault(self.ready, call, error).with_transience(self.transient);
                if self.has_written() && !self.ready.mode.is_transactional() {
                    Outcome::Failed(fault.with_effect(effect))
                } else {
                    Outcome::Precondition(fault.with_effect(Effect::None))
                }
            }
            CallError::Irreversible(message) if self.begin.undoes.is_some() && !self.has_written() => {
                let message = format!("it cannot be taken back: {message}");
                let fault = Fault::new("change::failed", Blame::Change, message).with_effect(Effect::None);
                Outcome::Precondition(fault.with_transience(self.transient).with_place(self.file()))
            }
            error => {
                let fault = call_fault(self.ready, call, error).with_effect(effect).with_place(at);
                Outcome::Failed(fault.with_transience(self.transient))
            }
        }
    }

    /// Where the statement stands that an error of the host's is about, which its template does not see.
    fn statement_of(&self, call: &Call, error: &CallError) -> Option<Place> {
        match error {
            CallError::TransactionEnded(_) | CallError::Stopped(StopReason::Deadline) => {
                let last = self.recorder.last_statement();
                let is_last = |it: &Statement<'_>| it.text == last || it.terminated == last;
                self.ready.locate_statement(call, is_last)
            }
            CallError::LeftOpen => {
                let dialect = Dialect::from_kind(self.ready.target.kind());
                let begins = |it: &Statement<'_>| {
                    let own = classify(it.text, dialect).transaction;
                    matches!(own, TransactionUse::Begins | TransactionUse::Savepoint)
                };
                self.ready.locate_statement(call, begins)
            }
            _ => None,
        }
    }

    /// Whether anything may have been written. Of further systems, which a direct change may write to, it is not known.
    fn has_written(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.has_written())
            || (!self.ready.uses.is_empty() && !self.ready.mode.is_transactional())
    }

    fn file(&self) -> Option<Place> {
        Some(Place::file(&self.ready.file))
    }

    pub(super) fn ended(&self, message: &str) -> Fault {
        ended(message).with_place(self.file())
    }

    /// The transaction was rolled back, and something of it stays: that is told together with what went wrong first.
    pub(super) fn remains(&self, error: TargetError) -> Fault {
        let said = error.to_string();
        match self.went_wrong.clone() {
            Some(first) => Fault { message: format!("{}; {said}", first.message), ..first },
            None => error.into(),
        }
        .with_effect(Effect::Unknown)
    }

    /// What an append that did not happen means for the attempt.
    pub(in crate::run) fn refused(&self, error: AppendError) -> Outcome<Fault> {
        match error {
            AppendError::LeaseLost => Outcome::LeaseLost(self.lost()),
            AppendError::Superseded(_) => Outcome::Superseded,
            AppendError::Store(error) => Outcome::Refused(error.into()),
        }
    }

    /// The lease is lost: in a transaction that was not committed, nothing remains.
    pub(in crate::run) fn lost(&self) -> Fault {
        let nothing_remains = self.ready.mode.is_transactional() && !self.committed;
        Fault::lease_lost().with_effect(if nothing_remains { Effect::None } else { Effect::Unknown })
    }

    /// A rule of the database was found broken at the end.
    pub(super) fn violated(&self, message: String) -> Outcome<Fault> {
        let effect = if self.ready.mode.is_transactional() { Effect::None } else { Effect::Unknown };
        let fault = Fault::new("change::failed", Blame::Change, message).with_effect(effect);
        Outcome::Failed(fault.with_place(self.file()))
    }
}

/// What an error of a call says, and where in the change's file. Of its effect nothing is known here.
pub(in crate::run) fn call_fault(ready: &Ready, call: &Call, error: CallError) -> Fault {
    let file = || Some(Place::file(&ready.file));
    let of_change = |code, message: String| Fault::new(code, Blame::Change, message);
    match error {
        CallError::Precondition(message) => {
            of_change("change::failed", format!("a precondition did not hold: {message}"))
        }
        CallError::Failed { message, place } => {
            let place = place.and_then(|place| ready.locate(call, &place));
            of_change("change::failed", message).with_place(place.or_else(file))
        }
        CallError::Transient(message) | CallError::Irreversible(message) => {
            of_change("change::failed", message).with_place(file())
        }
        CallError::Trap(message) => {
            of_change("change::trap", format!("the change trapped: {message}")).with_place(file())
        }
        CallError::Limit { code, message } => of_change(code, message).with_place(file()),
        CallError::Unusable(fault) => fault.with_place(file()),
        CallError::TransactionEnded(message) => ended(&message).with_place(file()),
        CallError::LeftOpen => Fault::from(TargetError::LeftOpen).with_place(file()),
        CallError::Stopped(StopReason::LeaseLost) => Fault::lease_lost(),
        CallError::Stopped(StopReason::Deadline) => {
            let deadline = ready.deadline;
            let message = format!("it ran for longer than its deadline of {deadline:?} (`limits.deadline`)");
            of_change("change::deadline", message).with_place(file())
        }
        CallError::Stopped(StopReason::Signal) => {
            Fault::new("change::failed", Blame::User, "it was stopped by a signal")
        }
    }
}

/// A change that ended a transaction that is not its own.
fn ended(message: &str) -> Fault {
    let message = format!("the change ended its own transaction: {message}");
    Fault::new("change::transaction-ended", Blame::Change, message).with_effect(Effect::Unknown)
}
