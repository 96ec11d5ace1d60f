//! What the audit says of each change now: the newest entry that carries a state.

use std::collections::BTreeMap;

use crate::change::{ChangeId, Recovery};
use crate::digest::Digest;
use crate::entry::{AttemptId, Entry, Mode, Record, Sequence, State, Token};
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
    /// The stage that was recorded last, by an entry or a note.
    pub stage: StageName,
    /// The order that was recorded last.
    pub order: Order,
    /// The name that was recorded last.
    pub name: String,
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
    /// The entry that applied it, also after an edit was accepted: the digest and the template's digest in that entry
    /// are those of what ran, and what is undone is what ran.
    pub sequence: Sequence,
    /// The digest that the file is held against: of what was applied, or of the edit that was accepted since.
    pub digest: Digest,
    /// The same of what was meant.
    pub meaning: Digest,
}

impl ChangeState {
    /// The state after one more entry. A note moves nothing but the place of its change.
    pub fn after(before: Option<&Self>, entry: &Entry) -> Option<Self> {
        let record = &entry.record;
        let Some(state) = record.state else {
            return before.map(|before| before.noted(entry));
        };
        let now = Applied { sequence: entry.sequence, digest: record.digest, meaning: record.meaning };
        let earlier = before.and_then(|before| before.applied.clone());
        let applied = match state {
            _ if before.is_some_and(|before| before.is_repeated_by(entry)) => {
                earlier.map(|earlier| Applied { sequence: earlier.sequence, ..now })
            }
            State::Applied | State::MarkedApplied | State::Baselined => {
                Some(earlier.filter(|_| before.is_some_and(Self::is_an_undo)).unwrap_or(now))
            }
            State::Undone => None,
            // Of a failed attempt a person says what `rolled-back` says: what was applied before still is.
            State::MarkedRolledBack => earlier.filter(|_| before.is_some_and(Self::is_an_application)),
            State::Started
            | State::Failed
            | State::RolledBack
            | State::RollbackFailed
            | State::Undoing
            | State::UndoFailed
            | State::MarkedResumable => earlier,
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
            name: record.name.clone(),
            target_system: record.target_system.clone(),
            attempt_id: record.attempt_id.clone(),
            attempt: record.attempt.unwrap_or_default(),
            token: entry.token,
            applied,
        })
    }

    /// Whether what was tried last was to take it back: what is said to be there still is no new application.
    fn is_an_undo(&self) -> bool {
        matches!(self.state, State::Undoing | State::UndoFailed)
    }

    /// Whether an entry is the acceptance of an edit: it repeats the state of the same attempt, with other digests.
    fn is_repeated_by(&self, entry: &Entry) -> bool {
        self.applied.is_some()
            && entry.record.state == Some(self.state)
            && entry.record.attempt_id == self.attempt_id
    }

    /// Whether what was tried last was to apply it.
    fn is_an_application(&self) -> bool {
        matches!(self.state, State::Started | State::Failed | State::RollbackFailed | State::MarkedResumable)
    }

    /// The state after a note. The place of an open attempt stays: whoever made it goes by the lease of that stage.
    fn noted(&self, note: &Entry) -> Self {
        if matches!(self.state, State::Started | State::Undoing) {
            return self.clone();
        }
        let Record { stage, order, name, .. } = &note.record;
        Self { stage: stage.clone(), order: order.clone(), name: name.clone(), ..self.clone() }
    }

    /// What an entry with a state ends the keeping of, after what was there before.
    pub fn forgets(before: Option<&Self>, state: State) -> Forgotten {
        match state {
            // What a person calls applied is there as a whole: which step came last counts no more.
            State::Applied | State::MarkedApplied => Forgotten::Steps,
            State::RolledBack | State::Undone | State::MarkedRolledBack => Forgotten::All,
            // It is applied again, from its beginning.
            State::Started if before.is_some_and(|before| before.state.is_applied()) => Forgotten::All,
            _ => Forgotten::Nothing,
        }
    }

    /// The number of the attempt that comes next.
    pub fn next_attempt(&self) -> u32 {
        match self.state {
            State::Applied | State::MarkedApplied | State::Baselined | State::Undone => 1,
            _ => self.attempt.saturating_add(1),
        }
    }
}

/// What is kept of how far a change is, and is not needed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forgotten {
    /// None of it.
    Nothing,
    /// Which steps are finished. Its checkpoint stays: what was captured there takes it back some day.
    Steps,
    /// All of it.
    All,
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
    fn a_note_moves_the_place_and_nothing_else() {
        let newest = after(&[State::Applied]);
        let mut note = record("a", State::Applied);
        (note.state, note.order, note.name) = (None, "0007".parse().unwrap(), "Renamed".to_owned());
        let (note, _) = Entry::link(note, Sequence(2), Token(1), Digest::ZERO).unwrap();
        let moved = ChangeState::after(Some(&newest), &note).unwrap();
        assert_eq!((moved.order.as_str(), moved.name.as_str()), ("0007", "Renamed"));
        assert_eq!(ChangeState { order: newest.order.clone(), name: newest.name.clone(), ..moved }, newest);
        for open in [State::Started, State::Undoing] {
            let newest = after(&[State::Applied, open]);
            assert_eq!(
                ChangeState::after(Some(&newest), &note),
                Some(newest),
                "an open attempt stays where it is"
            );
        }
        assert_eq!(ChangeState::after(None, &note), None);
    }

    #[test]
    fn an_accepted_edit_counts_and_what_ran_is_kept() {
        for state in [State::Applied, State::MarkedApplied, State::Baselined, State::UndoFailed] {
            let newest = after(&[State::Applied, state]);
            let ran = newest.applied.clone().unwrap();
            let mut accepted = record("a", state);
            (accepted.digest, accepted.meaning) = (Digest::of(b"y"), Digest::of(b"z"));
            let (entry, _) = Entry::link(accepted, Sequence(3), Token(1), Digest::ZERO).unwrap();
            let newest = ChangeState::after(Some(&newest), &entry).unwrap();
            assert_eq!((newest.state, newest.sequence), (state, Sequence(3)));
            let expected =
                Applied { sequence: ran.sequence, digest: Digest::of(b"y"), meaning: Digest::of(b"z") };
            assert_eq!(newest.applied, Some(expected));
        }
    }

    #[test]
    fn a_new_application_is_no_accepted_edit() {
        let newest = after(&[State::Applied, State::Started, State::Applied]);
        assert_eq!(newest.applied.unwrap().sequence, Sequence(3));
    }

    #[test]
    fn a_person_who_takes_back_a_failed_attempt_leaves_the_earlier_application() {
        let again = [State::Applied, State::Started, State::Failed, State::MarkedRolledBack];
        assert_eq!(after(&again).applied.unwrap().sequence, Sequence(1));
        for taken_back in [State::Baselined, State::MarkedApplied] {
            assert_eq!(after(&[taken_back, State::MarkedRolledBack]).applied, None);
        }
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
    fn what_an_undo_left_applied_is_the_application_from_before() {
        for undo in [&[State::Undoing][..], &[State::Undoing, State::UndoFailed]] {
            for said in [State::Applied, State::MarkedApplied, State::Baselined] {
                let newest = after(&[&[State::Applied], undo, &[said]].concat());
                assert_eq!((newest.state, newest.applied.unwrap().sequence), (said, Sequence(1)));
            }
        }
        let again =
            after(&[State::Applied, State::Undoing, State::UndoFailed, State::Started, State::Applied]);
        assert_eq!(again.applied.unwrap().sequence, Sequence(5), "a new application");
    }

    #[test]
    fn attempts_are_counted_from_the_last_application() {
        assert_eq!(after(&[State::Applied]).next_attempt(), 1);
        assert_eq!(after(&[State::Started]).next_attempt(), 2);
        assert_eq!(after(&[State::Failed, State::RolledBack]).next_attempt(), 2);
        assert_eq!(after(&[State::Failed, State::MarkedRolledBack]).next_attempt(), 2);
    }
}
