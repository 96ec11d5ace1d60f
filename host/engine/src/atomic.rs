//! The state machine of an atomic stage: all of its pending changes in one transaction, all or none.
//!
//! Like [`attempt`](crate::attempt), it only says what comes next. Every change keeps an attempt of its own, with its
//! own `started`, so that after a crash the recovery table holds for each as it stands:
//!
//! ```text
//! shared   append all started -> open -> (call, stand)* -> prove -> commit with every `applied`
//! marked   append all started -> open -> (call, stand)* -> prove -> commit with every marker -> append all applied
//! ```

use crate::attempt::{Note, Outcome};
use crate::entry::{Mode, State};

/// The next thing to do. Changes are counted from 0, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<F> {
    /// Append these states of changes, together, durably. The first batch is appended only if the newest entry of each
    /// change is still the one that was planned on.
    Append(Vec<(usize, Note<F>)>),
    /// Open the one session: begin the transaction, set the fence row.
    Open,
    /// Call a change.
    Call(usize),
    /// Make sure that the transaction still stands after a change.
    Stand(usize),
    /// The same after all of them, and that no rule is broken which the database checks late.
    Prove,
    /// Commit, with every `applied` entry or every marker inside.
    Commit,
    /// Find out whether a commit happened whose answer was lost.
    Settle,
    /// End the session without committing.
    Close,
}

impl<F> Command<F> {
    /// What it is called where crashes are provoked.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Append(_) => "append",
            Self::Open => "open",
            Self::Call(_) => "apply",
            Self::Stand(_) => "stand",
            Self::Prove => "prove",
            Self::Commit => "commit",
            Self::Settle => "settle",
            Self::Close => "close",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion<F> {
    /// All are applied, and that is recorded.
    Applied,
    /// A change went wrong, and nothing of any is left.
    RolledBack {
        /// Which; of the transaction as a whole, the one that it came to.
        failing: usize,
        /// What went wrong.
        fault: F,
    },
    /// A change ended the transaction itself: of all up to it the effect may remain. None after it was called.
    MayRemain {
        /// Which.
        failing: usize,
        /// What went wrong.
        fault: F,
    },
    /// Another run was faster with one of them: the plan has to be made again.
    Superseded,
    /// The lease was lost while it was at this change: nothing more can be written.
    LeaseLost(usize, F),
    /// Nothing ran: `started` could not be recorded.
    NotStarted(F),
    /// It ended at this change, but that could not be recorded, or a commit could not be settled.
    Unrecorded(usize, F),
}

/// One attempt to apply all pending changes of a stage.
#[derive(Debug, Clone)]
pub struct Atomic<F> {
    mode: Mode,
    changes: usize,
    at: At<F>,
}

#[derive(Debug, Clone)]
enum At<F> {
    Starting,
    Opening,
    Calling(usize),
    Standing(usize),
    Proving,
    Committing,
    Settling(F),
    RecordingApplied,
    /// The session of one that went wrong is to be closed; then `then` is recorded.
    Closing {
        failing: usize,
        fault: F,
        then: Then,
    },
    Recording {
        failing: usize,
        conclusion: Conclusion<F>,
    },
    Over,
}

#[derive(Debug, Clone, Copy)]
enum Then {
    /// Nothing is left: `failed` of one, `rolled-back` of all.
    Gone,
    /// Up to the failing one it is not known: `failed`, mode `direct`; the others are `rolled-back`.
    NotKnown,
    /// Nothing can be recorded: the lease was lost.
    Lost,
}

/// What a runner has to do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next<F> {
    /// Carry this out, and feed back how it ended.
    Do(Command<F>),
    /// Nothing more.
    Over(Conclusion<F>),
}

impl<F: Clone> Atomic<F> {
    /// An attempt of so many changes, at least one, in a mode that has a transaction; and its first command.
    pub fn begin(mode: Mode, changes: usize) -> (Self, Command<F>) {
        let started = (0..changes).map(|change| (change, note(State::Started, mode, None)));
        (Self { mode, changes, at: At::Starting }, Command::Append(started.collect()))
    }

    /// Takes how the last command ended, and gives the next one.
    pub fn next(&mut self, outcome: Outcome<F>) -> Next<F> {
        match std::mem::replace(&mut self.at, At::Over) {
            At::Starting => match outcome {
                Outcome::Done => self.go(At::Opening, Command::Open),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(0, fault)),
                other => or_superseded(other, |fault| Next::Over(Conclusion::NotStarted(fault))),
            },
            At::Opening => match outcome {
                Outcome::Done => self.go(At::Calling(0), Command::Call(0)),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(0, fault)),
                other => or_superseded(other, |fault| self.record_gone(0, fault)),
            },
            At::Calling(change) => match outcome {
                Outcome::Done => self.go(At::Standing(change), Command::Stand(change)),
                other => self.went_wrong(change, other),
            },
            At::Standing(change) => match outcome {
                Outcome::Done if change + 1 < self.changes => {
                    self.go(At::Calling(change + 1), Command::Call(change + 1))
                }
                Outcome::Done => self.go(At::Proving, Command::Prove),
                other => self.went_wrong(change, other),
            },
            At::Proving => match outcome {
                Outcome::Done => self.go(At::Committing, Command::Commit),
                other => self.went_wrong(self.last(), other),
            },
            At::Committing => match outcome {
                Outcome::Done => self.after_commit(),
                Outcome::Unknown(fault) => self.go(At::Settling(fault), Command::Settle),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(self.last(), fault)),
                Outcome::Ended(fault) => self.record_not_known(self.last(), fault),
                other => or_superseded(other, |fault| self.record_gone(self.last(), fault)),
            },
            At::Settling(unknown) => match outcome {
                Outcome::Done => self.after_commit(),
                Outcome::NotCommitted => self.record_gone(self.last(), unknown),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(self.last(), fault)),
                _ => Next::Over(Conclusion::Unrecorded(self.last(), unknown)),
            },
            At::RecordingApplied => match outcome {
                Outcome::Done => Next::Over(Conclusion::Applied),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(self.last(), fault)),
                other => or_superseded(other, |fault| Next::Over(Conclusion::Unrecorded(self.last(), fault))),
            },
            // Else whether closing went well changes nothing: the session is gone, and with it an open transaction.
            At::Closing { failing, fault, then } => match (then, outcome) {
                (Then::Gone, Outcome::Ended(remains)) => self.record_not_known(failing, remains),
                (Then::Gone, _) => self.record_gone(failing, fault),
                (Then::NotKnown, _) => self.record_not_known(failing, fault),
                (Then::Lost, _) => Next::Over(Conclusion::LeaseLost(failing, fault)),
            },
            At::Recording { failing, conclusion } => match outcome {
                Outcome::Done => Next::Over(conclusion),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(failing, fault)),
                other => or_superseded(other, |fault| Next::Over(Conclusion::Unrecorded(failing, fault))),
            },
            // A runner that goes on after the end is told the same again: there is nothing more to do.
            At::Over => Next::Over(Conclusion::Superseded),
        }
    }

    fn last(&self) -> usize {
        self.changes.saturating_sub(1)
    }

    fn went_wrong(&mut self, failing: usize, outcome: Outcome<F>) -> Next<F> {
        let (fault, then) = match outcome {
            Outcome::LeaseLost(fault) => (fault, Then::Lost),
            Outcome::Ended(fault) => (fault, Then::NotKnown),
            other => match other.fault() {
                Some(fault) => (fault, Then::Gone),
                None => return Next::Over(Conclusion::Superseded),
            },
        };
        self.go(At::Closing { failing, fault, then }, Command::Close)
    }

    fn after_commit(&mut self) -> Next<F> {
        if self.mode == Mode::Shared {
            return Next::Over(Conclusion::Applied);
        }
        let applied = (0..self.changes).map(|change| (change, note(State::Applied, self.mode, None)));
        self.go(At::RecordingApplied, Command::Append(applied.collect()))
    }

    fn record_gone(&mut self, failing: usize, fault: F) -> Next<F> {
        let failed = (failing, note(State::Failed, self.mode, Some(fault.clone())));
        let gone = (0..self.changes).map(|change| (change, note(State::RolledBack, self.mode, None)));
        let notes = std::iter::once(failed).chain(gone).collect();
        let conclusion = Conclusion::RolledBack { failing, fault };
        self.go(At::Recording { failing, conclusion }, Command::Append(notes))
    }

    fn record_not_known(&mut self, failing: usize, fault: F) -> Next<F> {
        let notes = (0..self.changes).map(|change| {
            let of_it = match change <= failing {
                true => note(State::Failed, Mode::Direct, Some(fault.clone())),
                false => note(State::RolledBack, self.mode, None),
            };
            (change, of_it)
        });
        let notes = notes.collect();
        let conclusion = Conclusion::MayRemain { failing, fault };
        self.go(At::Recording { failing, conclusion }, Command::Append(notes))
    }

    fn go(&mut self, at: At<F>, command: Command<F>) -> Next<F> {
        self.at = at;
        Next::Do(command)
    }
}

/// What follows from an outcome with a fault. The only other one left is that another run was faster.
fn or_superseded<F>(outcome: Outcome<F>, then: impl FnOnce(F) -> Next<F>) -> Next<F> {
    outcome.fault().map_or(Next::Over(Conclusion::Superseded), then)
}

fn note<F>(state: State, mode: Mode, fault: Option<F>) -> Note<F> {
    Note { state, mode, fault }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fault = &'static str;

    /// Feeds these outcomes, and gives what comes after the last.
    fn after(mode: Mode, outcomes: Vec<Outcome<Fault>>) -> Next<Fault> {
        let (mut machine, first) = Atomic::begin(mode, 2);
        let mut next = Next::Do(first);
        for outcome in outcomes {
            assert!(matches!(next, Next::Do(_)), "it was over: {next:?}");
            next = machine.next(outcome);
        }
        next
    }

    fn done(count: usize, last: Outcome<Fault>) -> Vec<Outcome<Fault>> {
        let mut outcomes = vec![Outcome::Done; count];
        outcomes.push(last);
        outcomes
    }

    fn states(next: Next<Fault>) -> Vec<(usize, State, Mode)> {
        let Next::Do(Command::Append(notes)) = next else { panic!("nothing is appended: {next:?}") };
        notes.into_iter().map(|(change, note)| (change, note.state, note.mode)).collect()
    }

    #[test]
    fn all_begin_together_and_end_together() {
        let (_, first) = Atomic::<Fault>::begin(Mode::Marked, 2);
        let began = [(0, State::Started, Mode::Marked), (1, State::Started, Mode::Marked)];
        assert_eq!(states(Next::Do(first)), began);
        let ended = [(0, State::Applied, Mode::Marked), (1, State::Applied, Mode::Marked)];
        assert_eq!(states(after(Mode::Marked, done(7, Outcome::Done))), ended);
        assert_eq!(after(Mode::Shared, done(7, Outcome::Done)), Next::Over(Conclusion::Applied));
    }

    #[test]
    fn one_that_fails_takes_all_with_it() {
        let close = after(Mode::Shared, done(4, Outcome::Failed("no")));
        assert_eq!(close, Next::Do(Command::Close));
        let mut outcomes = done(4, Outcome::Failed("no"));
        outcomes.push(Outcome::Done);
        let expected = [(1, State::Failed), (0, State::RolledBack), (1, State::RolledBack)]
            .map(|(change, state)| (change, state, Mode::Shared));
        assert_eq!(states(after(Mode::Shared, outcomes)), expected);
    }

    #[test]
    fn one_that_ends_the_transaction_leaves_what_ran_so_far_unknown() {
        let mut outcomes = done(2, Outcome::Ended("it committed"));
        outcomes.push(Outcome::Done);
        let expected = [(0, State::Failed, Mode::Direct), (1, State::RolledBack, Mode::Marked)];
        assert_eq!(states(after(Mode::Marked, outcomes)), expected);
    }

    #[test]
    fn one_whose_effect_stays_after_the_rollback_leaves_what_ran_so_far_unknown() {
        let mut outcomes = done(2, Outcome::Failed("no"));
        outcomes.push(Outcome::Ended("it stays"));
        let expected = [(0, State::Failed, Mode::Direct), (1, State::RolledBack, Mode::Marked)];
        assert_eq!(states(after(Mode::Marked, outcomes)), expected);
    }

    #[test]
    fn without_its_lease_nothing_is_recorded() {
        let mut outcomes = done(3, Outcome::LeaseLost("lost"));
        outcomes.push(Outcome::Done);
        assert_eq!(after(Mode::Marked, outcomes), Next::Over(Conclusion::LeaseLost(0, "lost")));
    }
}
