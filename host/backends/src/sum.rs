//! What a chain's head says of the table of current states: one value over all of its rows.
//!
//! The table is a convenience beside the log. A row that was removed or edited must not make a change run again, and
//! holding each row against its entry would cost a run with nothing to do more than all else.

use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::StoreError;

/// The digests of all states of a chain, joined by exclusive or: one more state, or one less, is one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum([u8; 32]);

impl Sum {
    /// That of no state.
    pub(crate) const EMPTY: Self = Self([0; 32]);

    /// That of these states.
    pub(crate) fn of(states: &States) -> Self {
        let mut sum = Self::EMPTY;
        let mut bytes = Vec::with_capacity(512);
        for state in states.values() {
            sum.toggle(state, &mut bytes);
        }
        sum
    }

    /// Puts a state in the place of the one before.
    pub(crate) fn replace(&mut self, before: Option<&ChangeState>, after: Option<&ChangeState>) {
        let mut bytes = Vec::with_capacity(512);
        for state in before.into_iter().chain(after) {
            self.toggle(state, &mut bytes);
        }
    }

    /// As it is stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn toggle(&mut self, state: &ChangeState, bytes: &mut Vec<u8>) {
        write(state, bytes);
        for (mine, other) in self.0.iter_mut().zip(Digest::of(bytes).as_bytes()) {
            *mine ^= other;
        }
    }
}

impl From<[u8; 32]> for Sum {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// Everything that a state says, with the length before each text.
fn write(state: &ChangeState, bytes: &mut Vec<u8>) {
    bytes.clear();
    let attempt_id = state.attempt_id.as_ref().map(|id| &*id.0).unwrap_or_default();
    let texts = [
        state.change_id.as_str(),
        state.state.as_str(),
        state.mode.as_str(),
        state.stage.as_str(),
        state.order.as_str(),
        &state.name,
        state.target_system.as_str(),
        attempt_id,
    ];
    for text in texts {
        bytes.extend((text.len() as u64).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    for number in [state.sequence.0, u64::from(state.attempt), state.token.0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.push(state.recovery as u8);
    if let Some(applied) = &state.applied {
        bytes.extend(applied.sequence.0.to_le_bytes());
        bytes.extend(applied.digest.as_bytes());
        bytes.extend(applied.meaning.as_bytes());
    }
}

/// What a chain's head says, for what is read beside it.
pub(crate) struct End {
    /// The last entry; 0 when there is none.
    pub(crate) sequence: Sequence,
    /// The hash that the last entry should have.
    pub(crate) hash: Digest,
    /// Of the states.
    pub(crate) states: Sum,
    /// The hash that the last entry has; none when it is not there.
    pub(crate) found: Option<Digest>,
}

impl End {
    /// Holds what was read of the table of states against the head of the chain.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] when somebody else wrote to the store, so that nothing may be decided by it.
    pub(crate) fn holds(&self, states: &States) -> Result<(), StoreError> {
        if self.sequence > Sequence(0) && self.found != Some(self.hash) {
            let wrong =
                format!("entry {}, the last of its chain, is not the one that was written", self.sequence);
            return Err(StoreError::Damaged(wrong));
        }
        if Sum::of(states) != self.states {
            let wrong = "the table of current states is not as its entries left it";
            return Err(StoreError::Damaged(wrong.to_owned()));
        }
        Ok(())
    }
}

/// Entries whose chain has no head.
pub(crate) fn headless() -> StoreError {
    StoreError::Damaged("entries are there whose chain's recorded end is not".to_owned())
}
