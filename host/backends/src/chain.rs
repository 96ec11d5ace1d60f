//! The chain of entries of a scope, whatever keeps it: what an append writes, and whether what is read fits together.

use std::collections::BTreeMap;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, Forgotten, States};
use sandpiper_engine::store::{AppendError, Condition, Draft, Lease, StoreError};

use crate::sum::Sum;

/// The end of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Its last entry; 0 when there is none.
    pub(crate) sequence: Sequence,
    /// That entry's hash.
    pub(crate) hash: Digest,
    /// The sum of the states.
    pub(crate) states: Sum,
}

impl Head {
    /// That of a chain without entries.
    pub(crate) const EMPTY: Self = Self { sequence: Sequence(0), hash: Digest::ZERO, states: Sum::EMPTY };
}

/// A stored entry.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) sequence: Sequence,
    pub(crate) hash: Digest,
    /// The text that was hashed.
    pub(crate) text: String,
}

/// An entry as it is written.
pub(crate) struct NewLink {
    pub(crate) link: Link,
    /// The calls that are kept beside it.
    pub(crate) calls: Option<String>,
}

/// What an append writes.
pub(crate) struct Linked {
    /// For each draft its entry; none for a rider that was dropped.
    pub(crate) entries: Vec<Option<Entry>>,
    /// The entries as they are stored.
    pub(crate) links: Vec<NewLink>,
    /// The states that they change.
    pub(crate) states: States,
    /// What is not needed any more of how far changes are.
    pub(crate) cleared: Vec<(ChangeId, Forgotten)>,
    /// The new end.
    pub(crate) head: Head,
}

/// Links drafts to a chain, all or none. `before` are the states of their changes.
pub(crate) fn link(
    lease: &Lease,
    head: Head,
    before: &States,
    drafts: &[Draft],
) -> Result<Linked, AppendError> {
    let mut linked =
        Linked { entries: Vec::new(), links: Vec::new(), states: States::new(), cleared: Vec::new(), head };
    for draft in drafts {
        let Draft { record, calls, .. } = draft;
        let id = &record.change_id;
        let before = linked.states.get(id).or_else(|| before.get(id));
        if !admits(lease, draft, before)? {
            linked.entries.push(None);
            continue;
        }
        let sequence = Sequence(linked.head.sequence.0 + 1);
        let (entry, text) = Entry::link(record.clone(), sequence, lease.token, linked.head.hash)
            .map_err(StoreError::Refused)?;
        let forgotten = record.state.map(|state| ChangeState::forgets(before, state));
        let state = ChangeState::after(before, &entry);
        // Of a note about what has no entry there is none, before and after.
        linked.head.states.replace(before, state.as_ref());
        linked.states.extend(state.map(|state| (id.clone(), state)));
        linked.cleared.extend(forgotten.map(|forgotten| (id.clone(), forgotten)));
        linked.head = Head { sequence, hash: entry.hash, ..linked.head };
        linked.links.push(NewLink { link: Link { sequence, hash: entry.hash, text }, calls: calls.clone() });
        linked.entries.push(Some(entry));
    }
    Ok(linked)
}

/// Whether an entry may be appended after the state that its change has; false for a rider that is dropped.
pub(crate) fn admits(
    lease: &Lease,
    draft: &Draft,
    before: Option<&ChangeState>,
) -> Result<bool, AppendError> {
    let record = &draft.record;
    if record.scope != lease.key.scope {
        let reason = format!("an entry of another scope than the lease `{}`", lease.key);
        return Err(StoreError::Refused(reason).into());
    }
    let newest = before.map(|state| state.sequence);
    let attempt = before.and_then(|state| state.attempt_id.as_ref());
    match draft.condition {
        Condition::NewestOrDrop(planned) if planned != newest => Ok(false),
        Condition::Newest(planned) if planned != newest => {
            Err(AppendError::Superseded(record.change_id.clone()))
        }
        Condition::SameAttempt if attempt != record.attempt_id.as_ref() => {
            Err(AppendError::Superseded(record.change_id.clone()))
        }
        _ => Ok(true),
    }
}

/// What is wrong with a chain, and at which entry.
pub(crate) type Broken = Option<(Sequence, String)>;

/// A walk along a chain, entry by entry.
pub(crate) struct Walk<'a> {
    scope: &'a Scope,
    /// How many entries fitted.
    pub(crate) entries: u64,
    last: Digest,
    states: States,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(scope: &'a Scope) -> Self {
        Self { scope, entries: 0, last: Digest::ZERO, states: States::new() }
    }

    /// Takes one entry.
    pub(crate) fn step(&mut self, link: &Link) -> Broken {
        let expected = Sequence(self.entries + 1);
        let wrong = |reason: String| Some((link.sequence.min(expected), reason));
        if link.sequence != expected {
            return wrong(format!("entry {expected} is not there"));
        }
        if Entry::hash(self.last, &link.text) != link.hash {
            return wrong("its text does not have its hash".to_owned());
        }
        let entry = match Entry::read(&link.text, link.hash) {
            Ok(entry) => entry,
            Err(error) => return wrong(error.to_string()),
        };
        if entry.sequence != link.sequence || entry.record.scope != *self.scope {
            return wrong("its text is that of another entry".to_owned());
        }
        let id = &entry.record.change_id;
        if let Some(state) = ChangeState::after(self.states.get(id), &entry) {
            self.states.insert(id.clone(), state);
        }
        self.entries += 1;
        self.last = link.hash;
        None
    }

    /// Holds what was walked against the chain's recorded end and the table of states.
    pub(crate) fn end(&self, head: Head, found: Result<States, StoreError>) -> Broken {
        let wrong =
            || (Sequence(self.entries), "the chain's end says something else about the states".to_owned());
        self.ends_at(head)
            .or_else(|| self.hold_against(found))
            .or_else(|| (head.states != Sum::of(&self.states)).then(wrong))
    }

    fn ends_at(&self, head: Head) -> Broken {
        let last = Sequence(self.entries);
        if head.sequence > last {
            return Some((
                Sequence(last.0 + 1),
                format!("entry {} is the chain's end, and is not there", head.sequence),
            ));
        }
        if head.sequence < last || head.hash != self.last {
            return Some((
                last,
                format!("the chain's end is recorded as entry {}, with another hash", head.sequence),
            ));
        }
        None
    }

    fn hold_against(&self, found: Result<States, StoreError>) -> Broken {
        let found = match found {
            Ok(found) => found,
            Err(error) => return Some((Sequence(self.entries), error.to_string())),
        };
        let differing = |one: &States, other: &States| -> BTreeMap<Sequence, String> {
            let differs = |(id, state): &(_, &ChangeState)| other.get(*id) != Some(*state);
            let name = |(id, state): (_, &ChangeState)| {
                (state.sequence, format!("the table of states says something else about `{id}`"))
            };
            one.iter().filter(differs).map(name).collect()
        };
        let mut broken = differing(&found, &self.states);
        broken.extend(differing(&self.states, &found));
        broken.into_iter().next()
    }
}

/// Whether the newest entry fits the one before it and the recorded end: a quick look, where [`Walk`] takes them all.
/// `last` are the entries from the one before the end on.
pub(crate) fn end_fits(scope: &Scope, head: Head, last: &[Link]) -> Broken {
    let before = Sequence(head.sequence.0.saturating_sub(1));
    let (earlier, newer): (Vec<&Link>, Vec<&Link>) = last.iter().partition(|link| link.sequence <= before);
    let mut walk = Walk::new(scope);
    walk.entries = before.0;
    walk.last = match (before.0, earlier.last()) {
        (0, _) => Digest::ZERO,
        (_, Some(link)) => link.hash,
        (_, None) => return Some((before, format!("entry {before} is not there"))),
    };
    newer.into_iter().find_map(|link| walk.step(link)).or_else(|| walk.ends_at(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(sequence: u64, hash: u8) -> Link {
        Link { sequence: Sequence(sequence), hash: Digest::from([hash; 32]), text: "x".to_owned() }
    }

    #[test]
    fn an_end_without_its_last_entries_does_not_fit() {
        let scope = Scope { service: "s".into(), environment: "e".into(), tenant: None };
        let head = Head { sequence: Sequence(3), hash: Digest::from([3; 32]), states: Sum::EMPTY };
        let place = |last: &[Link]| end_fits(&scope, head, last).map(|(place, _)| place.0);
        assert_eq!(place(&[]), Some(2));
        assert_eq!(place(&[link(2, 2)]), Some(3));
        assert_eq!(place(&[link(2, 2), link(3, 3)]), Some(3), "its text has another hash");
        assert_eq!(end_fits(&scope, Head::EMPTY, &[]), None);
    }
}
