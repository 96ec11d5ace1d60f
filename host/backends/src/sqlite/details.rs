//! What the table of current states keeps of a change besides its id, sequence and state, as one value: reading a row of
//! 14 columns costs more than everything else that a run with nothing to do does with it. As short as can be, for each
//! change adds a row in the middle of the table, and pages that are full are written again.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Mode, Sequence, State, Token};
use sandpiper_engine::scope::{StageName, SystemName};
use sandpiper_engine::state::{Applied, ChangeState};
use sandpiper_engine::store::StoreError;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The form that is written: [`Details`] in postcard's format.
const FORMAT: u8 = 2;

/// The form before it, which is still read: the same facts in fixed places, numbers with all their bytes.
const FIRST: u8 = 1;

const MODES: [Mode; 3] = [Mode::Shared, Mode::Marked, Mode::Direct];
const RECOVERIES: [Recovery; 2] = [Recovery::ManualIntervention, Recovery::AlwaysRetry];

/// Names that many rows share, kept once.
#[derive(Default)]
pub(super) struct Names {
    stage: Option<StageName>,
    system: Option<SystemName>,
}

/// The facts, in the order in which they stand. A new one makes a new form.
#[derive(Serialize, Deserialize)]
struct Details<'a> {
    mode: u8,
    recovery: u8,
    attempt: u32,
    token: u64,
    stage: &'a str,
    order: &'a str,
    name: &'a str,
    target_system: &'a str,
    attempt_id: Id<'a>,
    applied: Option<AppliedDetails<'a>>,
}

/// The identity of an attempt: in 16 bytes where it is one that hosts give.
#[derive(Serialize, Deserialize)]
enum Id<'a> {
    None,
    Uuid(&'a [u8]),
    Text(&'a str),
}

#[derive(Serialize, Deserialize)]
struct AppliedDetails<'a> {
    sequence: u64,
    digest: &'a [u8],
    /// None where it is the digest.
    meaning: Option<&'a [u8]>,
}

/// The value of a state.
pub(super) fn encode(state: &ChangeState) -> Result<Vec<u8>, StoreError> {
    let text = state.attempt_id.as_ref().map(|id| &*id.0);
    let uuid = text.and_then(|text| Uuid::try_parse(text).ok().filter(|uuid| uuid.to_string() == text));
    let details = Details {
        mode: place(&MODES, &state.mode),
        recovery: place(&RECOVERIES, &state.recovery),
        attempt: state.attempt,
        token: state.token.0,
        stage: state.stage.as_str(),
        order: state.order.as_str(),
        name: &state.name,
        target_system: state.target_system.as_str(),
        attempt_id: match (&uuid, text) {
            (Some(uuid), _) => Id::Uuid(uuid.as_bytes()),
            (None, Some(text)) => Id::Text(text),
            (None, None) => Id::None,
        },
        applied: state.applied.as_ref().map(|applied| AppliedDetails {
            sequence: applied.sequence.0,
            digest: applied.digest.as_bytes(),
            meaning: (applied.meaning != applied.digest).then(|| applied.meaning.as_bytes().as_slice()),
        }),
    };
    let mut bytes = Vec::with_capacity(160);
    bytes.push(FORMAT);
    postcard::to_extend(&details, bytes)
        .map_err(|error| StoreError::Refused(format!("a state could not be written: {error}")))
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
    let (format, rest) = bytes.split_first()?;
    let details = match *format {
        FORMAT => match postcard::take_from_bytes(rest).ok()? {
            (details, []) => details,
            _ => return None,
        },
        FIRST => first(rest)?,
        _ => return None,
    };
    let Details { mode, recovery, attempt, token, stage, order, name, target_system, attempt_id, applied } =
        details;
    Some(ChangeState {
        change_id,
        sequence,
        state,
        mode: *MODES.get(usize::from(mode))?,
        recovery: *RECOVERIES.get(usize::from(recovery))?,
        stage: match &names.stage {
            Some(known) if known.as_str() == stage => known.clone(),
            _ => names.stage.insert(stage.into()).clone(),
        },
        order: order.parse().ok()?,
        name: name.to_owned(),
        target_system: match &names.system {
            Some(known) if known.as_str() == target_system => known.clone(),
            _ => names.system.insert(target_system.into()).clone(),
        },
        attempt_id: match attempt_id {
            Id::None => None,
            Id::Uuid(bytes) => Some(AttemptId(Uuid::from_slice(bytes).ok()?.to_string().into())),
            Id::Text(text) => Some(AttemptId(text.into())),
        },
        attempt,
        token: Token(token),
        applied: match applied {
            None => None,
            Some(AppliedDetails { sequence, digest, meaning }) => Some(Applied {
                sequence: Sequence(sequence),
                digest: sum(digest)?,
                meaning: sum(meaning.unwrap_or(digest))?,
            }),
        },
    })
}

fn sum(bytes: &[u8]) -> Option<Digest> {
    <[u8; 32]>::try_from(bytes).ok().map(Digest::from)
}

/// The details in their first form, without its number.
fn first(bytes: &[u8]) -> Option<Details<'_>> {
    let mut rest = Rest(bytes);
    let [mode, recovery] = *rest.take()?;
    let details = Details {
        mode,
        recovery,
        attempt: u32::from_le_bytes(*rest.take()?),
        token: rest.number()?,
        stage: rest.text()?,
        order: rest.text()?,
        name: rest.text()?,
        target_system: rest.text()?,
        attempt_id: match rest.text()? {
            "" => Id::None,
            text => Id::Text(text),
        },
        applied: match rest.0 {
            [] => None,
            _ => Some(AppliedDetails {
                sequence: rest.number()?,
                digest: rest.take::<32>()?,
                meaning: Some(rest.take::<32>()?),
            }),
        },
    };
    rest.0.is_empty().then_some(details)
}

/// What is not read yet of the first form.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().copied().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(u32::from_le_bytes(*self.take()?)).ok()?;
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

    fn applied() -> Applied {
        Applied { sequence: Sequence(5), digest: Digest::of(b"x"), meaning: Digest::of(b"y") }
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        for mode in MODES {
            for recovery in RECOVERIES {
                let written = ChangeState { mode, recovery, ..state(Some(applied())) };
                assert_eq!(read(&encode(&written).unwrap()), Some(written));
            }
        }
        let same = state(Some(Applied { meaning: Digest::of(b"x"), ..applied() }));
        assert_eq!(read(&encode(&same).unwrap()), Some(same));
        for id in ["one", "e818b774-58ab-4760-ac8c-3ced9812ce72", "E818B774-58AB-4760-AC8C-3CED9812CE72"] {
            let begun = ChangeState { attempt_id: Some(AttemptId(id.into())), ..state(None) };
            assert_eq!(read(&encode(&begun).unwrap()), Some(begun));
        }
    }

    #[test]
    fn a_usual_state_is_short() {
        let id = AttemptId("e818b774-58ab-4760-ac8c-3ced9812ce72".into());
        let same = Applied { meaning: Digest::of(b"x"), ..applied() };
        let usual = ChangeState { attempt_id: Some(id), ..state(Some(same)) };
        assert!(encode(&usual).unwrap().len() < 100, "{} bytes", encode(&usual).unwrap().len());
    }

    #[test]
    fn the_first_form_is_read() {
        let text = |text: &str| [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat();
        let mut whole = vec![FIRST, 2, 1];
        whole.extend(3_u32.to_le_bytes());
        whole.extend(1_795_000_000_000_u64.to_le_bytes());
        whole.extend(["größe", "0001", "AddStatus", "app", ""].map(text).concat());
        assert_eq!(read(&whole), Some(state(None)));
        let begun = whole.len();
        whole.extend(5_u64.to_le_bytes());
        whole.extend(Digest::of(b"x").as_bytes());
        whole.extend(Digest::of(b"y").as_bytes());
        assert_eq!(read(&whole), Some(state(Some(applied()))));
        cut_or_grown(&whole, begun);
    }

    #[test]
    fn what_was_cut_or_grown_is_no_state() {
        cut_or_grown(&encode(&state(Some(applied()))).unwrap(), usize::MAX);
    }

    /// Nothing is read from a part of it, but from the first `sound` bytes; nor from more than it.
    fn cut_or_grown(whole: &[u8], sound: usize) {
        for length in (0..whole.len()).filter(|length| *length != sound) {
            assert_eq!(read(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(read(&[whole, b"x"].concat()), None);
        assert_eq!(read(&[&[FORMAT + 1], &whole[1..]].concat()), None);
    }
}
