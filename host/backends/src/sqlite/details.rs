//! What the table of current states keeps of a change besides its id, sequence and state, as one value.
//!
//! A format, an attempt's facts in fixed places, then texts with their lengths: reading a row of 14 columns costs more
//! than everything else that a run with nothing to do does with it.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Mode, Sequence, State, Token};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::scope::{StageName, SystemName};
use sandpiper_engine::state::{Applied, ChangeState};

/// The form that is written, and the only one that there was so far.
const FORMAT: u8 = 1;

const MODES: [Mode; 3] = [Mode::Shared, Mode::Marked, Mode::Direct];
const RECOVERIES: [Recovery; 2] = [Recovery::ManualIntervention, Recovery::AlwaysRetry];

/// Names that many rows share, kept once.
#[derive(Default)]
pub(super) struct Names {
    stage: Option<StageName>,
    system: Option<SystemName>,
}

/// The value of a state.
pub(super) fn encode(state: &ChangeState) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(192);
    bytes.push(FORMAT);
    bytes.push(place(&MODES, &state.mode));
    bytes.push(place(&RECOVERIES, &state.recovery));
    bytes.extend(state.attempt.to_le_bytes());
    bytes.extend(state.token.0.to_le_bytes());
    let attempt_id = state.attempt_id.as_ref().map(|id| &*id.0).unwrap_or_default();
    let names =
        [state.stage.as_str(), state.order.as_str(), &state.name, state.target_system.as_str(), attempt_id];
    for text in names {
        bytes.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(text.as_bytes());
    }
    if let Some(applied) = &state.applied {
        bytes.extend(applied.sequence.0.to_le_bytes());
        bytes.extend(applied.digest.as_bytes());
        bytes.extend(applied.meaning.as_bytes());
    }
    bytes
}

fn place<T: PartialEq>(all: &[T], one: &T) -> u8 {
    all.iter().zip(0..).find_map(|(other, place)| (other == one).then_some(place)).unwrap_or(u8::MAX)
}

/// The state with a value; none when no host wrote it.
pub(super) fn decode(
    bytes: &[u8],
    change_id: ChangeId,
    sequence: Sequence,
    state: State,
    names: &mut Names,
) -> Option<ChangeState> {
    let mut rest = Rest(bytes);
    let [FORMAT, mode, recovery] = rest.take()? else { return None };
    let mode = *MODES.get(usize::from(mode))?;
    let recovery = *RECOVERIES.get(usize::from(recovery))?;
    let attempt = u32::from_le_bytes(rest.take()?);
    let token = Token(rest.number()?);
    let stage = rest.text()?;
    let stage = match &names.stage {
        Some(known) if known.as_str() == stage => known.clone(),
        _ => names.stage.insert(stage.into()).clone(),
    };
    let order = rest.text()?.parse::<Order>().ok()?;
    let name = rest.text()?.to_owned();
    let system = rest.text()?;
    let target_system = match &names.system {
        Some(known) if known.as_str() == system => known.clone(),
        _ => names.system.insert(system.into()).clone(),
    };
    let attempt_id = Some(rest.text()?).filter(|id| !id.is_empty()).map(|id| AttemptId(id.into()));
    let applied = match rest.0 {
        [] => None,
        _ => Some(Applied {
            sequence: Sequence(rest.number()?),
            digest: Digest::from(rest.take()?),
            meaning: Digest::from(rest.take()?),
        }),
    };
    rest.0.is_empty().then_some(ChangeState {
        change_id,
        sequence,
        state,
        mode,
        recovery,
        stage,
        order,
        name,
        target_system,
        attempt_id,
        attempt,
        token,
        applied,
    })
}

/// What is not read yet.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(self.take()?)).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(applied: Option<Applied>) -> ChangeState {
        ChangeState {
            change_id: ChangeId::new("a").unwrap(),
            sequence: Sequence(7),
            state: State::Failed,
            mode: Mode::Direct,
            recovery: Recovery::AlwaysRetry,
            stage: "größe".into(),
            order: "0001".parse().unwrap(),
            name: "AddStatus".into(),
            target_system: "app".into(),
            attempt_id: None,
            attempt: 3,
            token: Token(1_795_000_000_000),
            applied,
        }
    }

    fn read(bytes: &[u8]) -> Option<ChangeState> {
        decode(bytes, ChangeId::new("a").unwrap(), Sequence(7), State::Failed, &mut Names::default())
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let applied = Applied { sequence: Sequence(5), digest: Digest::of(b"x"), meaning: Digest::of(b"y") };
        for mode in MODES {
            for recovery in RECOVERIES {
                let written = ChangeState { mode, recovery, ..state(Some(applied.clone())) };
                assert_eq!(read(&encode(&written)), Some(written));
            }
        }
        let begun = ChangeState { attempt_id: Some(AttemptId("one".into())), ..state(None) };
        assert_eq!(read(&encode(&begun)), Some(begun));
    }

    #[test]
    fn what_was_cut_or_grown_is_no_state() {
        let applied = Applied { sequence: Sequence(5), digest: Digest::of(b"x"), meaning: Digest::of(b"y") };
        let whole = encode(&state(Some(applied)));
        let unapplied = encode(&state(None)).len();
        for length in (0..whole.len()).filter(|length| *length != unapplied) {
            assert_eq!(read(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(read(&[&whole[..], b"x"].concat()), None);
        assert_eq!(read(&[&[FORMAT + 1], &whole[1..]].concat()), None);
    }
}
