//! What a chain's head says of the table of current states: one value over all of its rows.
//!
//! The table is a convenience beside the log. A row that was removed or edited must not make a change run again, and
//! holding each row against its entry would cost a run with nothing to do more than all else.

use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::StoreError;

/// A mark of each state of a chain, all of them joined by exclusive or: one more state, or one less, is one step. It
/// guards against what is changed without a thought for it. Whoever computes it can write the head too, so that nothing
/// would be won by a slower one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sum([u8; 32]);

impl Sum {
    /// That of no state.
    pub(crate) const EMPTY: Self = Self([0; 32]);

    /// That of these states.
    pub(crate) fn of(states: &States) -> Self {
        let mut lanes = [0; LANES];
        let mut bytes = Vec::with_capacity(512);
        for state in states.values() {
            toggle(&mut lanes, state, &mut bytes);
        }
        Self::EMPTY.joined(lanes)
    }

    /// Puts a state in the place of the one before.
    pub(crate) fn replace(&mut self, before: Option<&ChangeState>, after: Option<&ChangeState>) {
        let mut lanes = [0; LANES];
        let mut bytes = Vec::with_capacity(512);
        for state in before.into_iter().chain(after) {
            toggle(&mut lanes, state, &mut bytes);
        }
        *self = self.joined(lanes);
    }

    /// As it is stored.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn joined(self, lanes: [u64; LANES]) -> Self {
        let mut bytes = self.0;
        for (mine, other) in bytes.iter_mut().zip(lanes.into_iter().flat_map(u64::to_le_bytes)) {
            *mine ^= other;
        }
        Self(bytes)
    }
}

const LANES: usize = 4;

/// Odd, so that a word that differs makes a lane differ.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn toggle(lanes: &mut [u64; LANES], state: &ChangeState, bytes: &mut Vec<u8>) {
    write(state, bytes);
    // Filled up to whole blocks; the lengths in it tell where it ended.
    bytes.resize(bytes.len().next_multiple_of(8 * LANES), 0);
    let mut mark: [u64; LANES] = [1, 2, 3, 4];
    let (words, _) = bytes.as_chunks::<8>();
    let (blocks, _) = words.as_chunks::<LANES>();
    for block in blocks {
        for (lane, word) in mark.iter_mut().zip(block) {
            *lane = (*lane ^ u64::from_le_bytes(*word)).wrapping_mul(FACTOR).rotate_left(31);
        }
    }
    // Each lane takes part in every other.
    for _ in 0..LANES {
        let [a, b, c, d] = mark;
        mark =
            [a ^ d.rotate_left(17), b ^ a, c ^ b, d ^ c].map(|lane| lane.wrapping_mul(FACTOR) ^ (lane >> 29));
    }
    for (lane, mark) in lanes.iter_mut().zip(mark) {
        *lane ^= mark;
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

#[cfg(test)]
mod tests {
    use sandpiper_engine::change::{ChangeId, Recovery};
    use sandpiper_engine::entry::{Mode, State, Token};
    use sandpiper_engine::state::Applied;

    use super::*;

    fn state(id: &str, sequence: u64) -> ChangeState {
        ChangeState {
            change_id: ChangeId::new(id).unwrap(),
            sequence: Sequence(sequence),
            state: State::Applied,
            mode: Mode::Shared,
            recovery: Recovery::ManualIntervention,
            stage: "schema".into(),
            order: "0001".parse().unwrap(),
            name: "A".to_owned(),
            target_system: "db".into(),
            attempt_id: None,
            attempt: 1,
            token: Token(7),
            applied: None,
        }
    }

    fn of(states: &[ChangeState]) -> Sum {
        Sum::of(&states.iter().map(|state| (state.change_id.clone(), state.clone())).collect())
    }

    #[test]
    fn it_is_the_same_by_steps_and_at_once() {
        let (a, b, later) = (state("a", 1), state("b", 2), state("a", 3));
        let mut sum = Sum::EMPTY;
        sum.replace(None, Some(&a));
        sum.replace(None, Some(&b));
        sum.replace(Some(&a), Some(&later));
        assert_eq!(sum, of(&[later, b.clone()]));
        assert_ne!(sum, of(&[a, b]));
    }

    #[test]
    fn whatever_a_state_says_is_in_it() {
        let a = state("a", 1);
        let applied = Applied { sequence: Sequence(1), digest: Digest::ZERO, meaning: Digest::ZERO };
        let others = [
            state("b", 1),
            state("a", 2),
            ChangeState { state: State::Undone, ..a.clone() },
            ChangeState { mode: Mode::Direct, ..a.clone() },
            ChangeState { recovery: Recovery::AlwaysRetry, ..a.clone() },
            ChangeState { name: "B".to_owned(), ..a.clone() },
            ChangeState { attempt: 2, ..a.clone() },
            ChangeState { token: Token(8), ..a.clone() },
            ChangeState { applied: Some(applied), ..a.clone() },
        ];
        for other in &others {
            assert_ne!(of(std::slice::from_ref(other)), of(std::slice::from_ref(&a)), "{other:?}");
        }
        assert_ne!(of(&[]), of(&[a]));
    }
}
