//! What the audit says of each change now: the newest entry that carries a state.

use std::collections::BTreeMap;

use crate::change::{ChangeId, Recovery};
use crate::digest::Digest;
use crate::entry::{AttemptId, Entry, Mode, Sequence, State, Token};
use crate::file_name::Order;
use crate::scope::{StageName, SystemName};

/// What the newest entries of one change say. A store keeps one row of it a change, so that a run with nothing to do
/// is one indexed read, however long the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeState {
    /// Whose.
    pub change_id: ChangeId,
    /// The newest entry with a state.
    pub sequence: Sequence,
    /// What it says.
    pub state: State,
    /// The mode that it recorded.
    pub mode: Mode,
    /// The strategy that it recorded.
    pub recovery: Recovery,
    /// The stage that it recorded.
    pub stage: StageName,
    /// The order that it recorded.
    pub order: Order,
    /// The target system that it recorded.
    pub target_system: SystemName,
    /// The attempt that it recorded.
    pub attempt_id: Option<AttemptId>,
    /// Attempts since the change was last applied or taken back.
    pub attempt: u32,
    /// The token under which it was written.
    pub token: Token,
    /// The application that counts, if the change counts as applied.
    pub applied: Option<Applied>,
}

/// The application of a change that counts: for order, `undo`, modified and missing. It goes on counting while a later
/// application of an `on-change` or `always` change fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its entry.
    pub sequence: Sequence,
    /// The digest of the file that was applied, or accepted since.
    pub digest: Digest,
    /// The digest of what was meant.
    pub meaning: Digest,
}

impl ChangeState {
    /// The state after one more entry; the same as before where the entry is a note.
    pub fn after(before: Option<&Self>, entry: &Entry) -> Option<Self> {
        let record = &entry.record;
        let Some(state) = record.state else {
            return before.cloned();
        };
        let now = Applied { sequence: entry.sequence, digest: record.digest, meaning: record.meaning };
        let applied = match state {
            State::Applied | State::MarkedApplied | State::Baselined => Some(now),
            State::Undone | State::MarkedRolledBack => None,
            State::Started
            | State::Failed
            | State::RolledBack
            | State::RollbackFailed
            | State::Undoing
            | State::UndoFailed
            | State::MarkedResumable => before.and_then(|before| before.applied.clone()),
        };
        Some(Self {
            change_id: record.change_id.clone(),
            sequence: entry.sequence,
            state,
            // An entry that gives a state says its mode; the strictest counts where one does not.
            mode: record.mode.unwrap_or(Mode::Direct),
            recovery: record.recovery,
            stage: record.stage.clone(),
            order: record.order.clone(),
            target_system: record.target_system.clone(),
            attempt_id: record.attempt_id.clone(),
            attempt: record.attempt.unwrap_or_default(),
            token: entry.token,
            applied,
        })
    }

    /// Whether an entry with this state ends what checkpoints of its change were kept for.
    pub fn clears_checkpoints(state: State) -> bool {
        matches!(state, State::Applied | State::RolledBack | State::Undone | State::MarkedRolledBack)
    }

    /// The number of the attempt that comes next.
    pub fn next_attempt(&self) -> u32 {
        match self.state {
            State::Applied
            | State::MarkedApplied
            | State::Baselined
            | State::Undone
            | State::MarkedRolledBack => 1,
            _ => self.attempt.saturating_add(1),
        }
    }
}

/// The states of all changes of one scope that were ever tried.
pub type States = BTreeMap<ChangeId, ChangeState>;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::record;

    fn after(states: &[State]) -> ChangeState {
        let mut newest = None;
        for (sequence, state) in (1..).zip(states) {
            let record = record("a", *state);
            let (entry, _) = Entry::link(record, Sequence(sequence), Token(1), Digest::ZERO).unwrap();
            newest = ChangeState::after(newest.as_ref(), &entry);
        }
        newest.unwrap()
    }

    #[test]
    fn the_newest_entry_with_a_state_counts() {
        let newest = after(&[State::Started, State::Failed]);
        assert_eq!((newest.state, newest.sequence), (State::Failed, Sequence(2)));
        let mut note = record("a", State::Applied);
        note.state = None;
        let (note, _) = Entry::link(note, Sequence(3), Token(1), Digest::ZERO).unwrap();
        assert_eq!(ChangeState::after(Some(&newest), &note), Some(newest));
    }

    #[test]
    fn an_earlier_application_still_counts_when_applying_again_fails() {
        let newest = after(&[State::Applied, State::Started, State::Failed, State::RolledBack]);
        assert_eq!(newest.applied.unwrap().sequence, Sequence(1));
    }

    #[test]
    fn an_undone_change_is_applied_no_more() {
        assert!(after(&[State::Applied, State::Undoing]).applied.is_some());
        assert!(after(&[State::Applied, State::Undoing, State::UndoFailed]).applied.is_some());
        assert!(after(&[State::Applied, State::Undoing, State::Undone]).applied.is_none());
        assert!(after(&[State::Applied, State::UndoFailed, State::MarkedRolledBack]).applied.is_none());
    }

    #[test]
    fn attempts_are_counted_from_the_last_application() {
        assert_eq!(after(&[State::Applied]).next_attempt(), 1);
        assert_eq!(after(&[State::Started]).next_attempt(), 2);
        assert_eq!(after(&[State::Failed, State::RolledBack]).next_attempt(), 2);
    }
}
