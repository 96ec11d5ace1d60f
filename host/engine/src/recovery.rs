//! What a run does with a change, by what the audit says last of it: the recovery table.
//!
//! [`decide`] is that table, cell by cell. Where a cell says that something must be looked at first, [`after_marker`]
//! and [`after_verdict`] say what follows from the answer.

use crate::change::Recovery;
use crate::entry::{Mode, State};

/// What the table says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Apply it, from the beginning.
    Apply,
    /// It is applied: leave it alone.
    Skip,
    /// Look whether the attempt's marker is in the target system; [`after_marker`] says what follows.
    LookForMarker,
    /// Ask the change's `verify`; [`after_verdict`] says what follows. Without one: `otherwise`.
    AskVerify {
        /// What to do when the change cannot tell.
        otherwise: Unverified,
    },
    /// Go on after the last finished step.
    Resume,
    /// A person has to look at it first.
    Blocked,
}

/// What becomes of a change that was left in doubt, and cannot tell by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unverified {
    /// Its author promises that applying it again is safe.
    Apply,
    /// A person has to look at it first.
    Blocked,
}

/// What follows from a look at the target system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Settled {
    /// The attempt had done it: record `applied`.
    RecordApplied,
    /// The undo had done it: record `undone`, then apply.
    RecordUndone,
    /// Nothing of it is there: apply it, from the beginning, whatever its journal says.
    Apply,
    /// Applying it again is safe: apply it. Where something of it is finished it goes on after that.
    ApplyAgain,
    /// Apply it, going on after what is finished of it.
    GoOn,
    /// It may go on, but what is finished of it was edited since: a person has to look at it first.
    Edited,
    /// An undo did nothing: it is still applied. Record `undo-failed`, so that nobody has to look again.
    StillApplied,
    /// A person has to look at it first.
    Blocked,
}

/// The columns of the table: the mode that the newest entry recorded, and in `direct` mode the strategy.
#[derive(Clone, Copy)]
enum Column {
    Shared,
    Marked,
    DirectManual,
    DirectRetry,
}

/// The table. `newest` is the newest state of the change, with the mode that it recorded; `recovery` is the stricter of
/// the recorded strategy and today's.
pub fn decide(newest: Option<(State, Mode)>, recovery: Recovery) -> Decision {
    use Column::{DirectManual, DirectRetry, Marked, Shared};
    use Decision::{Apply, AskVerify, Blocked, LookForMarker, Resume, Skip};
    use State::*;

    const ELSE_APPLY: Decision = AskVerify { otherwise: Unverified::Apply };
    const ELSE_BLOCKED: Decision = AskVerify { otherwise: Unverified::Blocked };

    let Some((state, mode)) = newest else { return Apply };
    let column = match (mode, recovery) {
        (Mode::Shared, _) => Shared,
        (Mode::Marked, _) => Marked,
        (Mode::Direct, Recovery::ManualIntervention) => DirectManual,
        (Mode::Direct, Recovery::AlwaysRetry) => DirectRetry,
    };
    #[rustfmt::skip]
    let decision = match state {
        Undone | MarkedRolledBack | RolledBack => Apply,
        Applied | MarkedApplied | Baselined    => Skip,
        //                                          shared     marked                 direct, manual                direct, retry
        Started         => match column { Shared => Apply,   Marked => LookForMarker, DirectManual => ELSE_BLOCKED, DirectRetry => ELSE_APPLY },
        Failed          => match column { Shared => Apply,   Marked => Apply,         DirectManual => Blocked,      DirectRetry => Apply },
        RollbackFailed  => match column { Shared => Blocked, Marked => Blocked,       DirectManual => Blocked,      DirectRetry => Apply },
        Undoing         => match column { Shared => Skip,    Marked => LookForMarker, DirectManual => ELSE_BLOCKED, DirectRetry => ELSE_BLOCKED },
        UndoFailed      => match column { Shared => Skip,    Marked => Skip,          DirectManual => Blocked,      DirectRetry => Blocked },
        MarkedResumable => match column { Shared => Apply,   Marked => Apply,         DirectManual => Resume,       DirectRetry => Resume },
    };
    decision
}

/// What follows when the marker of an attempt that was left in doubt is there, or is not.
pub fn after_marker(state: State, there: bool) -> Settled {
    match (state == State::Undoing, there) {
        (false, true) => Settled::RecordApplied,
        (false, false) => Settled::Apply,
        (true, true) => Settled::RecordUndone,
        (true, false) => Settled::StillApplied,
    }
}

/// What a change says of itself, without the word "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// All of it is there.
    Applied,
    /// Nothing of it is there.
    NotApplied,
    /// Some of it is there, or it cannot tell.
    Unclear,
}

/// What follows when a change was asked whether it is applied.
pub fn after_verdict(state: State, verdict: Verdict, otherwise: Unverified) -> Settled {
    match (state == State::Undoing, verdict) {
        (_, Verdict::Applied) => Settled::RecordApplied,
        (false, Verdict::NotApplied) => Settled::Apply,
        (true, Verdict::NotApplied) => Settled::RecordUndone,
        (true, Verdict::Unclear) => Settled::Blocked,
        (false, Verdict::Unclear) => match otherwise {
            Unverified::Apply => Settled::ApplyAgain,
            Unverified::Blocked => Settled::Blocked,
        },
    }
}

/// Whether a change goes on after what is finished of it, where anything is; else it is applied from the beginning.
/// Only a `direct` one does: by its author's word, or a person's.
pub fn may_go_on(newest: (State, Mode), recovery: Recovery, answer: Option<Settled>) -> bool {
    let (state, mode) = newest;
    if mode != Mode::Direct {
        return false;
    }
    match decide(Some(newest), recovery) {
        Decision::Resume => true,
        Decision::Apply => matches!(state, State::Failed | State::RollbackFailed),
        Decision::AskVerify { .. } => answer == Some(Settled::ApplyAgain),
        Decision::Skip | Decision::LookForMarker | Decision::Blocked => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Decision::{Apply, AskVerify, Blocked, LookForMarker, Resume, Skip};
    use super::*;
    use crate::change::Recovery::{AlwaysRetry, ManualIntervention};

    const ELSE_APPLY: Decision = AskVerify { otherwise: Unverified::Apply };
    const ELSE_BLOCKED: Decision = AskVerify { otherwise: Unverified::Blocked };

    /// One row of the table, in the order of its columns.
    fn row(state: State) -> [Decision; 4] {
        let shared = decide(Some((state, Mode::Shared)), ManualIntervention);
        let marked = decide(Some((state, Mode::Marked)), ManualIntervention);
        assert_eq!(
            shared,
            decide(Some((state, Mode::Shared)), AlwaysRetry),
            "the strategy counts in direct mode only"
        );
        assert_eq!(
            marked,
            decide(Some((state, Mode::Marked)), AlwaysRetry),
            "the strategy counts in direct mode only"
        );
        let direct = |recovery| decide(Some((state, Mode::Direct)), recovery);
        [shared, marked, direct(ManualIntervention), direct(AlwaysRetry)]
    }

    #[test]
    fn a_change_that_was_never_tried_is_applied() {
        assert_eq!(decide(None, ManualIntervention), Apply);
        assert_eq!(decide(None, AlwaysRetry), Apply);
    }

    #[test]
    fn an_undone_change_is_applied() {
        assert_eq!(row(State::Undone), [Apply; 4]);
    }

    #[test]
    fn a_change_marked_as_rolled_back_is_applied() {
        assert_eq!(row(State::MarkedRolledBack), [Apply; 4]);
    }

    #[test]
    fn a_rolled_back_change_is_applied() {
        assert_eq!(row(State::RolledBack), [Apply; 4]);
    }

    #[test]
    fn an_applied_change_is_skipped() {
        assert_eq!(row(State::Applied), [Skip; 4]);
    }

    #[test]
    fn a_change_marked_as_applied_is_skipped() {
        assert_eq!(row(State::MarkedApplied), [Skip; 4]);
    }

    #[test]
    fn a_baselined_change_is_skipped() {
        assert_eq!(row(State::Baselined), [Skip; 4]);
    }

    #[test]
    fn a_started_change_is_applied_looked_for_or_asked() {
        assert_eq!(row(State::Started), [Apply, LookForMarker, ELSE_BLOCKED, ELSE_APPLY]);
    }

    #[test]
    fn a_failed_change_without_transaction_needs_a_person() {
        assert_eq!(row(State::Failed), [Apply, Apply, Blocked, Apply]);
    }

    #[test]
    fn a_change_whose_rollback_failed_needs_a_person() {
        assert_eq!(row(State::RollbackFailed), [Blocked, Blocked, Blocked, Apply]);
    }

    #[test]
    fn a_change_that_was_being_undone_is_still_applied_or_looked_at() {
        assert_eq!(row(State::Undoing), [Skip, LookForMarker, ELSE_BLOCKED, ELSE_BLOCKED]);
    }

    #[test]
    fn a_change_whose_undo_failed_is_still_applied_or_needs_a_person() {
        assert_eq!(row(State::UndoFailed), [Skip, Skip, Blocked, Blocked]);
    }

    #[test]
    fn a_resumable_change_goes_on_after_its_last_step() {
        assert_eq!(row(State::MarkedResumable), [Apply, Apply, Resume, Resume]);
    }

    #[test]
    fn a_marker_proves_the_attempt() {
        assert_eq!(after_marker(State::Started, true), Settled::RecordApplied);
        assert_eq!(after_marker(State::Undoing, true), Settled::RecordUndone);
    }

    #[test]
    fn a_started_change_without_marker_is_applied_again() {
        assert_eq!(after_marker(State::Started, false), Settled::Apply);
    }

    #[test]
    fn an_undo_without_marker_left_the_change_applied() {
        assert_eq!(after_marker(State::Undoing, false), Settled::StillApplied);
    }

    #[test]
    fn verify_settles_a_started_change() {
        for otherwise in [Unverified::Apply, Unverified::Blocked] {
            assert_eq!(after_verdict(State::Started, Verdict::Applied, otherwise), Settled::RecordApplied);
            assert_eq!(after_verdict(State::Started, Verdict::NotApplied, otherwise), Settled::Apply);
        }
    }

    #[test]
    fn an_unclear_verdict_blocks_unless_retrying_is_safe() {
        assert_eq!(after_verdict(State::Started, Verdict::Unclear, Unverified::Blocked), Settled::Blocked);
        assert_eq!(after_verdict(State::Started, Verdict::Unclear, Unverified::Apply), Settled::ApplyAgain);
    }

    #[test]
    fn a_change_goes_on_by_the_word_of_its_author_or_of_a_person_alone() {
        use State::*;
        let direct = |state, recovery, answer| may_go_on((state, Mode::Direct), recovery, answer);
        for state in State::ALL {
            for mode in [Mode::Shared, Mode::Marked] {
                assert!(!may_go_on((state, mode), AlwaysRetry, Some(Settled::ApplyAgain)), "{state} {mode}");
            }
            assert_eq!(direct(state, ManualIntervention, None), state == MarkedResumable, "{state}");
            let retries = matches!(state, Failed | RollbackFailed | MarkedResumable);
            assert_eq!(direct(state, AlwaysRetry, None), retries, "{state}");
            // What was looked at and is not there begins anew.
            let begins_anew = direct(state, ManualIntervention, Some(Settled::Apply));
            assert_eq!(begins_anew, state == MarkedResumable, "{state}");
        }
        assert!(direct(Started, AlwaysRetry, Some(Settled::ApplyAgain)));
        assert!(!direct(Started, AlwaysRetry, Some(Settled::Apply)));
    }

    #[test]
    fn verify_settles_an_interrupted_undo_and_an_unclear_one_blocks_always() {
        for otherwise in [Unverified::Apply, Unverified::Blocked] {
            assert_eq!(after_verdict(State::Undoing, Verdict::Applied, otherwise), Settled::RecordApplied);
            assert_eq!(after_verdict(State::Undoing, Verdict::NotApplied, otherwise), Settled::RecordUndone);
            assert_eq!(after_verdict(State::Undoing, Verdict::Unclear, otherwise), Settled::Blocked);
        }
    }
}
