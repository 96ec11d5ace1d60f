//! What it means for an attempt that something did not go well: which outcome, and what is told of it.

use sandpiper_engine::attempt::Outcome;
use sandpiper_engine::fault::{Blame, Effect, Fault, Place};
use sandpiper_engine::store::AppendError;
use sandpiper_runtime::guest::{Call, CallError};
use sandpiper_runtime::stop::StopReason;
use sandpiper_runtime::target::TargetError;

use super::Running;

impl Running<'_> {
    /// What an error of a call means for the attempt.
    pub(super) fn failed(&self, call: &Call, error: CallError) -> Outcome<Fault> {
        let effect = if self.ready.mode.is_transactional() { Effect::None } else { Effect::Unknown };
        let fault = |code, blame, message: String| {
            Fault::new(code, blame, message).with_effect(effect).with_transience(self.transient)
        };
        match error {
            CallError::Precondition(message) => {
                let wrote = self.has_written();
                let fault =
                    fault("change::failed", Blame::Change, format!("a precondition did not hold: {message}"));
                if wrote && !self.ready.mode.is_transactional() {
                    Outcome::Failed(fault)
                } else {
                    Outcome::Precondition(fault.with_effect(Effect::None))
                }
            }
            CallError::Failed { message, place } => {
                let place = place.and_then(|place| self.ready.locate(call, &place));
                Outcome::Failed(
                    fault("change::failed", Blame::Change, message).with_place(place.or_else(|| self.file())),
                )
            }
            CallError::Irreversible(message) if self.begin.undoes.is_some() && !self.has_written() => {
                let message = format!("it cannot be taken back: {message}");
                let fault = fault("change::failed", Blame::Change, message).with_effect(Effect::None);
                Outcome::Precondition(fault.with_place(self.file()))
            }
            CallError::Transient(message) | CallError::Irreversible(message) => {
                Outcome::Failed(fault("change::failed", Blame::Change, message).with_place(self.file()))
            }
            CallError::Trap(message) => {
                let message = format!("the change trapped: {message}");
                Outcome::Failed(fault("change::trap", Blame::Change, message).with_place(self.file()))
            }
            CallError::Limit { code, message } => {
                Outcome::Failed(fault(code, Blame::Change, message).with_place(self.file()))
            }
            CallError::Unusable(fault) => Outcome::Precondition(fault.with_place(self.file())),
            CallError::TransactionEnded(message) => Outcome::Ended(self.ended(&message)),
            CallError::Stopped(StopReason::LeaseLost) => Outcome::LeaseLost(self.lost()),
            CallError::Stopped(StopReason::Deadline) => {
                let message = format!(
                    "it ran for longer than its deadline of {:?} (`limits.deadline`)",
                    self.ready.deadline
                );
                Outcome::Failed(fault("change::deadline", Blame::Change, message).with_place(self.file()))
            }
            CallError::Stopped(StopReason::Signal) => {
                Outcome::Failed(fault("change::failed", Blame::User, "it was stopped by a signal".to_owned()))
            }
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
        Fault::new(
            "change::transaction-ended",
            Blame::Change,
            format!("the change ended its own transaction: {message}"),
        )
        .with_effect(Effect::Unknown)
        .with_place(self.file())
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
