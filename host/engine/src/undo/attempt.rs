//! The state machine of one undo: the sibling of [`crate::attempt`], with the same commands.
//!
//! ```text
//! shared   append undoing -> open -> call rollback -> prove -> commit with `undone`
//! marked   append undoing -> open -> call rollback -> prove -> commit with marker -> append undone
//! direct   append undoing -> open -> call rollback -> prove -> close              -> append undone
//! ```
//!
//! What went wrong before anything was written leaves the change as applied as it was: the entry repeats the state that
//! its application gave it, so that in every mode the recovery table leaves it alone.

use crate::attempt::{self, Command, Outcome, Part, note};
use crate::entry::{Mode, State};

/// How an undo ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conclusion<F> {
    /// It is taken back, and that is recorded.
    Undone,
    /// It went wrong, and the change is as applied as before: `undo-failed` in a transaction, or the state from before
    /// where nothing was written.
    StillApplied {
        /// What went wrong.
        fault: F,
        /// What the audit says of the change now.
        state: State,
    },
    /// It went wrong, and what is left of the change is not known.
    Failed(F),
    /// Another run was faster: the plan has to be made again.
    Superseded,
    /// The lease was lost: nothing more can be written. The next holder finds `undoing`.
    LeaseLost(F),
    /// Nothing ran: `undoing` could not be recorded.
    NotStarted(F),
    /// It ended, but that could not be recorded, or a commit could not be settled: the next run finds `undoing` and
    /// knows by the table what to do.
    Unrecorded(F),
}

/// What a runner has to do next.
pub type Next<F> = attempt::Next<F, Conclusion<F>>;

/// One attempt to take one change back.
#[derive(Debug, Clone)]
pub struct Attempt<F> {
    mode: Mode,
    stands: State,
    at: At<F>,
}

#[derive(Debug, Clone)]
enum At<F> {
    Starting,
    Opening,
    RollingBack,
    Proving,
    Committing,
    Settling(F),
    ClosingUndone,
    RecordingUndone,
    /// The session of an undo that went wrong is to be closed; then `left` is recorded.
    ClosingFailed {
        fault: F,
        left: Left,
    },
    Recording(Conclusion<F>),
    Over,
}

/// What an undo that went wrong left of the change.
#[derive(Debug, Clone, Copy)]
enum Left {
    /// All of it: nothing was written.
    Untouched,
    /// All of it: the database rolled back what was written.
    RolledBack,
    /// Some of it, perhaps.
    Unknown,
    /// That is for the next holder to find out: the lease was lost.
    Lost,
}

impl<F: Clone> Attempt<F> {
    /// An undo, and its first command. `stands` is the state that the change's application gave it: `applied`,
    /// `marked-applied` or `baselined`.
    pub fn begin(mode: Mode, stands: State) -> (Self, Command<F>) {
        let command = Command::Append(vec![note(State::Undoing, mode, None)]);
        (Self { mode, stands, at: At::Starting }, command)
    }

    /// Takes how the last command ended, and gives the next one.
    pub fn next(&mut self, outcome: Outcome<F>) -> Next<F> {
        let at = std::mem::replace(&mut self.at, At::Over);
        match at {
            At::Starting => match outcome {
                Outcome::Done => self.go(At::Opening, Command::Open),
                other => self.over(other, Conclusion::NotStarted),
            },
            At::Opening => match outcome {
                Outcome::Done => self.go(At::RollingBack, Command::Call(Part::Rollback)),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                other => self.with_fault(other, |this, fault| this.record(fault, Left::Untouched)),
            },
            At::RollingBack => match outcome {
                Outcome::Done => self.go(At::Proving, Command::Prove),
                other => self.went_wrong(other),
            },
            At::Proving => match outcome {
                Outcome::Done if self.mode.is_transactional() => self.go(At::Committing, Command::Commit),
                Outcome::Done => self.go(At::ClosingUndone, Command::Close),
                other => self.went_wrong(other),
            },
            At::Committing => match outcome {
                Outcome::Done => self.after_commit(),
                Outcome::Unknown(fault) => self.go(At::Settling(fault), Command::Settle),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                Outcome::Ended(fault) => self.record(fault, Left::Unknown),
                other => self.with_fault(other, |this, fault| this.record(fault, Left::RolledBack)),
            },
            At::Settling(unknown) => match outcome {
                Outcome::Done => self.after_commit(),
                Outcome::NotCommitted => self.record(unknown, Left::RolledBack),
                Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
                _ => Next::Over(Conclusion::Unrecorded(unknown)),
            },
            At::ClosingUndone => match outcome {
                Outcome::Done => self.record_undone(),
                other => self.with_fault(other, |this, fault| this.record(fault, Left::Unknown)),
            },
            At::RecordingUndone => match outcome {
                Outcome::Done => Next::Over(Conclusion::Undone),
                other => self.over(other, Conclusion::Unrecorded),
            },
            // Else whether closing went well changes nothing: the session is gone, and with it an open transaction.
            At::ClosingFailed { fault, left } => match (left, outcome) {
                (Left::Untouched | Left::RolledBack, Outcome::Ended(remains)) => {
                    self.record(remains, Left::Unknown)
                }
                _ => self.record(fault, left),
            },
            At::Recording(conclusion) => match outcome {
                Outcome::Done => Next::Over(conclusion),
                other => self.over(other, Conclusion::Unrecorded),
            },
            // A runner that goes on after the end is told the same again: there is nothing more to do.
            At::Over => Next::Over(Conclusion::Superseded),
        }
    }

    /// The call or the proof went wrong: the session is closed, which rolls an open transaction back.
    fn went_wrong(&mut self, outcome: Outcome<F>) -> Next<F> {
        let left = match &outcome {
            Outcome::LeaseLost(_) => Left::Lost,
            Outcome::Precondition(_) => Left::Untouched,
            Outcome::Ended(_) => Left::Unknown,
            _ if self.mode.is_transactional() => Left::RolledBack,
            _ => Left::Unknown,
        };
        // A transaction that the change ended itself is one no more, whatever it was begun as.
        if matches!(outcome, Outcome::Ended(_)) {
            self.mode = Mode::Direct;
        }
        self.with_fault(outcome, |this, fault| this.go(At::ClosingFailed { fault, left }, Command::Close))
    }

    fn record(&mut self, fault: F, left: Left) -> Next<F> {
        let (state, mode) = match left {
            Left::Lost => return Next::Over(Conclusion::LeaseLost(fault)),
            Left::Untouched => (self.stands, self.mode),
            Left::RolledBack => (State::UndoFailed, self.mode),
            Left::Unknown => (State::UndoFailed, Mode::Direct),
        };
        let conclusion = match left {
            Left::Unknown => Conclusion::Failed(fault.clone()),
            _ => Conclusion::StillApplied { fault: fault.clone(), state },
        };
        self.go(At::Recording(conclusion), Command::Append(vec![note(state, mode, Some(fault))]))
    }

    fn after_commit(&mut self) -> Next<F> {
        match self.mode {
            Mode::Shared => Next::Over(Conclusion::Undone),
            Mode::Marked | Mode::Direct => self.record_undone(),
        }
    }

    fn record_undone(&mut self) -> Next<F> {
        self.go(At::RecordingUndone, Command::Append(vec![note(State::Undone, self.mode, None)]))
    }

    fn go(&mut self, at: At<F>, command: Command<F>) -> Next<F> {
        self.at = at;
        Next::Do(command)
    }

    fn over(&mut self, outcome: Outcome<F>, conclusion: impl FnOnce(F) -> Conclusion<F>) -> Next<F> {
        match outcome {
            Outcome::LeaseLost(fault) => Next::Over(Conclusion::LeaseLost(fault)),
            other => self.with_fault(other, |_, fault| Next::Over(conclusion(fault))),
        }
    }

    fn with_fault(&mut self, outcome: Outcome<F>, then: impl FnOnce(&mut Self, F) -> Next<F>) -> Next<F> {
        match outcome.fault() {
            Some(fault) => then(self, fault),
            // Superseded; `Done` was handled by the caller, and the rest belongs to other commands.
            None => Next::Over(Conclusion::Superseded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is carried out when each command ends as told, and how that ends.
    fn play(
        mode: Mode,
        outcomes: &[Outcome<&'static str>],
    ) -> (Vec<String>, Option<Conclusion<&'static str>>) {
        let (mut attempt, mut command) = Attempt::begin(mode, State::MarkedApplied);
        let mut told = Vec::new();
        for outcome in outcomes {
            told.push(match &command {
                Command::Append(notes) => {
                    let notes = notes.iter().map(|note| format!("{} {}", note.state, note.mode));
                    notes.collect::<Vec<_>>().join(", ")
                }
                other => format!("{other:?}").to_lowercase(),
            });
            match attempt.next(outcome.clone()) {
                Next::Do(next) => command = next,
                Next::Over(conclusion) => return (told, Some(conclusion)),
            }
        }
        (told, None)
    }

    use Outcome::{Done, Ended, Failed, NotCommitted, Precondition, Refused, Unknown};

    fn still(state: State) -> Option<Conclusion<&'static str>> {
        Some(Conclusion::StillApplied { fault: "x", state })
    }

    #[test]
    fn in_each_mode_it_goes_the_way_that_is_written_above() {
        let all = |mode, count: usize| play(mode, &vec![Done; count]);
        let (told, end) = all(Mode::Shared, 5);
        assert_eq!(told, ["undoing shared", "open", "call(rollback)", "prove", "commit"]);
        assert_eq!(end, Some(Conclusion::Undone));
        let (told, end) = all(Mode::Marked, 6);
        assert_eq!(told, ["undoing marked", "open", "call(rollback)", "prove", "commit", "undone marked"]);
        assert_eq!(end, Some(Conclusion::Undone));
        let (told, end) = all(Mode::Direct, 6);
        assert_eq!(told, ["undoing direct", "open", "call(rollback)", "prove", "close", "undone direct"]);
        assert_eq!(end, Some(Conclusion::Undone));
    }

    #[test]
    fn what_fails_in_a_transaction_is_still_applied() {
        for outcomes in [
            vec![Done, Done, Failed("x"), Done, Done],
            vec![Done, Done, Done, Failed("x"), Done, Done],
            vec![Done, Done, Done, Done, Refused("x"), Done],
            vec![Done, Done, Done, Done, Unknown("x"), NotCommitted, Done],
        ] {
            let (told, end) = play(Mode::Marked, &outcomes);
            assert_eq!(told.last().unwrap(), "undo-failed marked");
            assert_eq!(end, still(State::UndoFailed));
        }
    }

    #[test]
    fn what_fails_outside_of_a_transaction_needs_a_person() {
        for outcomes in [
            vec![Done, Done, Failed("x"), Done, Done],
            vec![Done, Done, Done, Failed("x"), Done, Done],
            vec![Done, Done, Done, Done, Failed("x"), Done],
        ] {
            let (told, end) = play(Mode::Direct, &outcomes);
            assert_eq!(told.last().unwrap(), "undo-failed direct");
            assert_eq!(end, Some(Conclusion::Failed("x")));
        }
    }

    #[test]
    fn a_transaction_that_ended_early_needs_a_person() {
        let (told, end) = play(Mode::Shared, &[Done, Done, Ended("x"), Done, Done]);
        assert_eq!(told.last().unwrap(), "undo-failed direct");
        assert_eq!(end, Some(Conclusion::Failed("x")));
    }

    #[test]
    fn what_stays_after_the_rollback_of_a_transaction_needs_a_person() {
        let (told, end) = play(Mode::Marked, &[Done, Done, Failed("x"), Ended("y"), Done]);
        assert_eq!(told.last().unwrap(), "undo-failed direct");
        assert_eq!(end, Some(Conclusion::Failed("y")));
    }

    #[test]
    fn what_failed_before_anything_was_written_repeats_the_state_from_before() {
        for mode in [Mode::Shared, Mode::Marked, Mode::Direct] {
            for outcomes in [vec![Done, Refused("x"), Done], vec![Done, Done, Precondition("x"), Done, Done]]
            {
                let (told, end) = play(mode, &outcomes);
                assert_eq!(told.last().unwrap(), &format!("marked-applied {mode}"));
                assert_eq!(end, still(State::MarkedApplied));
            }
        }
    }

    #[test]
    fn without_its_lease_it_only_closes() {
        let lost = Outcome::LeaseLost("x");
        for outcomes in [
            vec![lost.clone()],
            vec![Done, lost.clone()],
            vec![Done, Done, lost.clone(), Done],
            vec![Done, Done, Done, lost.clone(), Done],
            vec![Done, Done, Done, Done, lost.clone()],
            vec![Done, Done, Done, Done, Done, lost],
        ] {
            assert_eq!(play(Mode::Marked, &outcomes).1, Some(Conclusion::LeaseLost("x")), "{outcomes:?}");
        }
    }

    #[test]
    fn what_cannot_be_recorded_is_left_to_the_next_run() {
        let down = || Refused("x");
        assert_eq!(play(Mode::Marked, &[down()]).1, Some(Conclusion::NotStarted("x")));
        let unrecorded = Some(Conclusion::Unrecorded("x"));
        assert_eq!(play(Mode::Marked, &[Done, Done, Done, Done, Done, down()]).1, unrecorded);
        assert_eq!(play(Mode::Marked, &[Done, Done, Done, Done, Unknown("x"), Unknown("y")]).1, unrecorded);
        assert_eq!(play(Mode::Direct, &[Done, Done, Failed("y"), Done, down()]).1, unrecorded);
        assert_eq!(play(Mode::Direct, &[Outcome::Superseded]).1, Some(Conclusion::Superseded));
    }
}
