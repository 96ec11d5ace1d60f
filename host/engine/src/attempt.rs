//! The state machine of one attempt: which command comes next, given how the one before ended.
//!
//! It does nothing by itself. A runner carries out the commands one at a time and feeds back how each ended; a test
//! carries them out on a model, stopping before and after every one. The order is the heart of the product:
//!
//! ```text
//! shared   append started -> open -> call apply -> prove -> commit with `applied`
//! marked   append started -> open -> call apply -> prove -> commit with marker -> append applied
//! direct   append started -> open -> call apply -> prove -> close              -> append applied
//! ```

use crate::entry::{Mode, State};

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<F> {
    /// Append these states to the audit, together, durably. The first of an attempt is appended only if the change's
    /// newest entry is still the one that was planned on. With `applied`, the next change's `started` may ride.
    Append(Vec<Note<F>>),
    /// Open a session in the attempt's mode: begin the transaction, set the fence row.
    Open,
    /// Call the change.
    Call(Part),
    /// Make sure that the transaction still stands, and that no rule which the database checks late is broken.
    Prove,
    /// Commit it. In `shared` mode the `applied` entry is written inside, and the next `started` may ride; in `marked`
    /// mode the marker.
    Commit,
    /// Find out whether a commit happened whose answer was lost: write the fence row, then look.
    Settle,
    /// End the session without committing.
    Close,
}

impl<F> Command<F> {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::Open => "open",
            Self::Call(Part::Apply) => "apply",
            Self::Call(Part::Rollback) => "rollback",
            Self::Prove => "prove",
            Self::Commit => "commit",
            Self::Settle => "settle",
            Self::Close => "close",
        }
    }
}

/// Which part of a change is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// What applies it.
    Apply,
    /// What takes it back.
    Rollback,
}

/// A state to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<F> {
    /// The state.
    pub state: State,
    /// The mode that the entry records.
    pub mode: Mode,
    /// What went wrong.
    pub fault: Option<F>,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<F> {
    /// As it should.
    Done,
    /// Of `Append` and `Commit`: the lease was lost; nothing can be written any more.
    LeaseLost(F),
    /// Of the first `Append`: another run was faster.
    Superseded,
    /// It did not happen, for a reason outside of the change: store or target refused or cannot be reached.
    Refused(F),
    /// Of `Call`, `Prove`, `Commit`, `Close`: the change went wrong.
    Failed(F),
    /// Of `Call`: a precondition did not hold, and nothing had been written before.
    Precondition(F),
    /// Of `Call`, `Prove`, `Commit`: the transaction was ended by the change itself; what it did is not known. Of
    /// `Close`: taking the transaction back left something of it.
    Ended(F),
    /// Of `Commit`: the answer was lost. Of `Settle`: it could not be found out.
    Unknown(F),
    /// Of `Settle`: it had not happened.
    NotCommitted,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion<F> {
    /// Applied, and recorded.
    Applied,
    /// It went wrong, and its effect is gone.
    RolledBack(F),
    /// It went wrong, and its effect may remain.
    Failed(F),
    /// It went wrong, and so did taking it back.
    RollbackFailed {
        /// What went wrong first.
        apply: F,
        /// What went wrong then.
        rollback: F,
    },
    /// Another run was faster: the plan has to be made again.
    Superseded,
    /// The lease was lost: nothing more can be written. The next holder finds `started`.
    LeaseLost(F),
    /// Nothing ran: `started` could not be recorded.
    NotStarted(F),
    /// It ended, but that could not be recorded, or a commit could not be settled: the next run finds `started` and
    /// knows by the table what to do.
    Unrecorded(F),
}

/// One attempt to apply one change.
#[derive(Debug, Clone)]
pub struct Attempt<F> {
    mode: Mode,
    has_rollback: bool,
    over_leftovers: bool,
    at: At<F>,
}

#[derive(Debug, Clone)]
enum At<F> {
    Starting,
    Opening,
    Applying,
    Proving,
    Committing,
    Settling(F),
    ClosingApplied,
    RecordingApplied,
    /// The session of an attempt that went wrong is to be closed; then `then` is recorded.
    ClosingFailed {
        fault: F,
        then: Then,
    },
    Recording {
        conclusion: Conclusion<F>,
    },
    RecordingFailure {
        fault: F,
    },
    OpeningRollback {
        fault: F,
    },
    RollingBack {
        fault: F,
    },
    ClosingRollback {
        fault: F,
        rollback: Option<F>,
    },
    Over,
}

/// What is recorded of an attempt that went wrong.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// Its effect is gone: `failed`, `rolled-back`.
    Gone,
    /// Its effect may remain: `failed`, then its rollback is called if it has one.
    MayRemain,
    /// Its transaction ended early: `failed` in mode `direct`, and no rollback.
    NotKnown,
    /// Nothing: the lease was lost.
    Lost,
}

/// What a runner has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<F, C = Conclusion<F>> {
    /// Carry this out, and feed back how it ended.
    Do(Command<F>),
    /// Nothing more.
    Over(C),
}

impl<F: Clone> Attempt<F> {
    /// An attempt, and its first command. When `started` is there already, because it rode in the commit of the change
    /// before, the attempt begins by opening its session.
    pub fn begin(mode: Mode, has_rollback: bool, started: bool) -> (Self, Command<F>) {
        let (at, command) = if started {
            (At::Opening, Command::Open)
        } else {
            (At::Starting, Command::Append(vec![note(State::Started, mode, None)]))
        };
        (Self { mode, has_rollback, over_leftovers: false, at }, command)
    }

    /// Says that something of an earlier attempt may still be there, as [`Planned::may_have_leftovers`] tells. Then a
    /// `direct` attempt that goes wrong before it did anything is not `rolled-back`, which would say that nothing is
    /// left, and would forget which statements were finished: it is `failed`.
    ///
    /// [`Planned::may_have_leftovers`]: crate::plan::Planned::may_have_leftovers
    pub fn begins_over_leftovers(&mut self) {
        self.over_leftovers = true;
    }

    /// Takes how the last command ended, and gives the next one.
    pub fn next(&mut self, outcome: Outcome<F>) -> Next<F> {
        let at = std::mem::replace(&mut self.at, At::Over);
        match at {
            At::Starting => match outcome {
                Outcome::Done => self.go(At::Opening, Command::Open),
                Outcome::Superseded => Next::Over(Conclusion::Superseded),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                other => self.over(other, Conclusion::NotStarted),
            },
            At::Opening => match outcome {
                Outcome::Done => self.go(At::Applying, Command::Call(Part::Apply)),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                // Nothing was called: whatever the mode, there is nothing to take back.
                other => self.over_recording(other, |this, fault| this.record_gone(fault)),
            },
            At::Applying => self.applied(outcome),
            At::Proving => match outcome {
                Outcome::Done if self.mode.is_transactional() => self.go(At::Committing, Command::Commit),
                Outcome::Done => self.go(At::ClosingApplied, Command::Close),
                other => self.went_wrong(other),
            },
            At::Committing => self.committed(outcome),
            At::Settling(unknown) => match outcome {
                Outcome::Done => self.after_commit(),
                Outcome::NotCommitted => self.record_gone(unknown),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                _ => Next::Over(Conclusion::Unrecorded(unknown)),
            },
            At::ClosingApplied => match outcome {
                Outcome::Done => self.record_applied(),
                other => self.over_recording(other, |this, fault| this.record_failed(fault)),
            },
            At::RecordingApplied => match outcome {
                Outcome::Done => Next::Over(Conclusion::Applied),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                other => self.over(other, Conclusion::Unrecorded),
            },
            // Else whether closing went well changes nothing: the session is gone, and with it an open transaction.
            At::ClosingFailed { fault, then } => match (then, outcome) {
                (Then::Gone, Outcome::Ended(remains)) => self.record_not_known(remains),
                (Then::NotKnown, _) => self.record_not_known(fault),
                (Then::Gone, _) => self.record_gone(fault),
                (Then::MayRemain, _) => self.record_failed(fault),
                (Then::Lost, _) => Next::Over(Conclusion::LeaseLost(fault)),
            },
            At::RecordingFailure { fault } => match outcome {
                Outcome::Done if self.has_rollback => self.go(At::OpeningRollback { fault }, Command::Open),
                Outcome::Done => Next::Over(Conclusion::Failed(fault)),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                _ => Next::Over(Conclusion::Unrecorded(fault)),
            },
            At::OpeningRollback { fault } => match outcome {
                Outcome::Done => self.go(At::RollingBack { fault }, Command::Call(Part::Rollback)),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                other => {
                    self.over_recording(other, |this, rollback| this.record_rollback_failed(fault, rollback))
                }
            },
            At::RollingBack { fault } => match outcome {
                Outcome::Done => self.go(At::ClosingRollback { fault, rollback: None }, Command::Close),
                Outcome::LeaseLost(lost) => self.close(lost, Then::Lost),
                other => match other.fault() {
                    Some(rollback) => {
                        self.go(At::ClosingRollback { fault, rollback: Some(rollback) }, Command::Close)
                    }
                    None => Next::Over(Conclusion::Unrecorded(fault)),
                },
            },
            At::ClosingRollback { fault, rollback } => match (rollback, outcome.fault()) {
                (Some(rollback), _) | (None, Some(rollback)) => self.record_rollback_failed(fault, rollback),
                (None, None) => {
                    let notes = vec![note(State::RolledBack, self.mode, None)];
                    self.go(
                        At::Recording { conclusion: Conclusion::RolledBack(fault) },
                        Command::Append(notes),
                    )
                }
            },
            At::Recording { conclusion } => match outcome {
                Outcome::Done => Next::Over(conclusion),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                other => self.over(other, Conclusion::Unrecorded),
            },
            // A runner that goes on after the end is told the same again: there is nothing more to do.
            At::Over => Next::Over(Conclusion::Superseded),
        }
    }

    fn applied(&mut self, outcome: Outcome<F>) -> Next<F> {
        match outcome {
            Outcome::Done => self.go(At::Proving, Command::Prove),
            other => self.went_wrong(other),
        }
    }

    /// The call or the proof went wrong: the session is closed, which rolls an open transaction back.
    fn went_wrong(&mut self, outcome: Outcome<F>) -> Next<F> {
        let transactional = self.mode.is_transactional();
        match outcome {
            Outcome::LeaseLost(fault) => self.close(fault, Then::Lost),
            Outcome::Ended(fault) => self.close(fault, Then::NotKnown),
            Outcome::Precondition(fault) => self.close(fault, Then::Gone),
            other => self.over_recording(other, |this, fault| {
                this.close(fault, if transactional { Then::Gone } else { Then::MayRemain })
            }),
        }
    }

    fn committed(&mut self, outcome: Outcome<F>) -> Next<F> {
        match outcome {
            Outcome::Done => self.after_commit(),
            Outcome::Unknown(fault) => self.go(At::Settling(fault), Command::Settle),
            Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
            Outcome::Ended(fault) => self.record_not_known(fault),
            other => self.over_recording(other, |this, fault| this.record_gone(fault)),
        }
    }

    fn after_commit(&mut self) -> Next<F> {
        match self.mode {
            Mode::Shared => Next::Over(Conclusion::Applied),
            Mode::Marked | Mode::Direct => self.record_applied(),
        }
    }

    fn record_applied(&mut self) -> Next<F> {
        let notes = vec![note(State::Applied, self.mode, None)];
        self.go(At::RecordingApplied, Command::Append(notes))
    }

    fn record_gone(&mut self, fault: F) -> Next<F> {
        if self.over_leftovers && self.mode == Mode::Direct {
            let notes = vec![note(State::Failed, self.mode, Some(fault.clone()))];
            return self.go(At::Recording { conclusion: Conclusion::Failed(fault) }, Command::Append(notes));
        }
        let notes = vec![
            note(State::Failed, self.mode, Some(fault.clone())),
            note(State::RolledBack, self.mode, None),
        ];
        self.go(At::Recording { conclusion: Conclusion::RolledBack(fault) }, Command::Append(notes))
    }

    fn record_not_known(&mut self, fault: F) -> Next<F> {
        let notes = vec![note(State::Failed, Mode::Direct, Some(fault.clone()))];
        self.go(At::Recording { conclusion: Conclusion::Failed(fault) }, Command::Append(notes))
    }

    fn record_failed(&mut self, fault: F) -> Next<F> {
        let notes = vec![note(State::Failed, self.mode, Some(fault.clone()))];
        self.go(At::RecordingFailure { fault }, Command::Append(notes))
    }

    fn record_rollback_failed(&mut self, apply: F, rollback: F) -> Next<F> {
        let notes = vec![note(State::RollbackFailed, self.mode, Some(rollback.clone()))];
        self.go(
            At::Recording { conclusion: Conclusion::RollbackFailed { apply, rollback } },
            Command::Append(notes),
        )
    }

    fn close(&mut self, fault: F, then: Then) -> Next<F> {
        self.go(At::ClosingFailed { fault, then }, Command::Close)
    }

    fn go(&mut self, at: At<F>, command: Command<F>) -> Next<F> {
        self.at = at;
        Next::Do(command)
    }

    fn over(&mut self, outcome: Outcome<F>, conclusion: impl FnOnce(F) -> Conclusion<F>) -> Next<F> {
        self.over_recording(outcome, |_, fault| Next::Over(conclusion(fault)))
    }

    fn over_recording(&mut self, outcome: Outcome<F>, then: impl FnOnce(&mut Self, F) -> Next<F>) -> Next<F> {
        match outcome.fault() {
            Some(fault) => then(self, fault),
            // `Done` was handled by the caller; the rest belongs to other commands.
            None => Next::Over(Conclusion::Superseded),
        }
    }
}

impl<F> Outcome<F> {
    /// What went wrong, if that is what it says.
    pub fn fault(self) -> Option<F> {
        match self {
            Self::LeaseLost(fault)
            | Self::Refused(fault)
            | Self::Failed(fault)
            | Self::Precondition(fault)
            | Self::Ended(fault)
            | Self::Unknown(fault) => Some(fault),
            Self::Done | Self::Superseded | Self::NotCommitted => None,
        }
    }
}

pub(crate) fn note<F>(state: State, mode: Mode, fault: Option<F>) -> Note<F> {
    Note { state, mode, fault }
}
