//! The model's audit store: one chain, one lease a stage, appends that are fenced by its token.

use std::collections::BTreeMap;

use sandpiper_engine::change::Change;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Entry, Mode, Record, Sequence, State, Token};
use sandpiper_engine::scope::{Scope, StageName};
use sandpiper_engine::state::{ChangeState, States};
use sandpiper_engine::store::{AppendError, Condition, Draft, StoreError};

use super::{World, check};

/// How long a lease lasts, in ticks.
pub(crate) const LEASE: u64 = 100;

/// The lease of one stage.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct Lease {
    token: u64,
    /// Until when it is held, if it is.
    held_until: Option<u64>,
}

/// Entries, current states and leases.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) now: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) states: States,
    pub(crate) writes: u64,
    /// Appends that fail, by their number: nobody can tell whether the entries were written, and they were or not.
    pub(crate) outages: BTreeMap<u64, bool>,
    /// Whether it cannot be reached at all, for whatever is asked of it.
    pub(crate) is_down: bool,
    /// Whether entries are hashed, which is what takes most of the time.
    pub(crate) is_hashed: bool,
    /// How many appends were tried.
    pub(crate) appends: u64,
    texts: Vec<String>,
    pub(crate) leases: BTreeMap<StageName, Lease>,
}

impl Store {
    /// Tries to take the lease of a stage.
    pub(crate) fn acquire(&mut self, stage: &StageName) -> Option<Token> {
        let lease = self.leases.entry(stage.clone()).or_default();
        if lease.held_until.is_some_and(|until| until > self.now) {
            return None;
        }
        lease.token = (lease.token + 1).max(self.now);
        lease.held_until = Some(self.now + LEASE);
        self.writes += 1;
        Some(Token(lease.token))
    }

    /// Gives a lease back, if it is still held under this token.
    pub(crate) fn release(&mut self, stage: &StageName, token: Token) {
        if let Some(lease) = self.leases.get_mut(stage).filter(|lease| lease.token == token.0) {
            lease.held_until = None;
            self.writes += 1;
        }
    }

    /// A person takes the lock from whoever holds it.
    pub(crate) fn break_lock(&mut self, stage: &StageName) {
        let lease = self.leases.entry(stage.clone()).or_default();
        *lease = Lease { token: (lease.token + 1).max(self.now), held_until: None };
        self.writes += 1;
    }

    /// Whether this token is the newest of its stage.
    pub(crate) fn is_current(&self, stage: &StageName, token: Token) -> bool {
        self.leases.get(stage).is_some_and(|lease| lease.token == token.0)
    }

    /// Whether the locks are all free, or end by themselves.
    pub(crate) fn is_unlocked_at(&self, time: u64) -> bool {
        self.leases.values().all(|lease| lease.held_until.is_none_or(|until| until <= time))
    }

    /// Whether an attempt recorded this state.
    pub(crate) fn has(&self, attempt: &AttemptId, state: State) -> bool {
        self.entries
            .iter()
            .any(|it| it.record.attempt_id.as_ref() == Some(attempt) && it.record.state == Some(state))
    }

    /// The first draft whose condition does not hold, and whether it may be left out.
    pub(crate) fn unmet<'a>(&self, drafts: &'a [Draft]) -> Option<(usize, bool, &'a Draft)> {
        drafts.iter().enumerate().find_map(|(index, draft)| {
            let newest = self.states.get(&draft.record.change_id);
            let (holds, may_drop) = match draft.condition {
                Condition::Always => return None,
                Condition::Newest(expected) => (newest.map(|state| state.sequence) == expected, false),
                Condition::NewestOrDrop(expected) => (newest.map(|state| state.sequence) == expected, true),
                Condition::SameAttempt => {
                    (newest.is_some_and(|state| state.attempt_id == draft.record.attempt_id), false)
                }
            };
            (!holds).then_some((index, may_drop, draft))
        })
    }

    /// Puts a record at the chain's end.
    fn link(&mut self, record: Record, token: Token) -> Sequence {
        let sequence = Sequence(self.entries.len() as u64 + 1);
        let previous = self.entries.last().map_or(Digest::ZERO, |entry| entry.hash);
        let entry = if self.is_hashed {
            let (entry, text) = Entry::link(record, sequence, token, previous).unwrap();
            self.texts.push(text);
            entry
        } else {
            Entry { sequence, token, record, hash: Digest::ZERO }
        };
        let id = entry.record.change_id.clone();
        if let Some(after) = ChangeState::after(self.states.get(&id), &entry) {
            self.states.insert(id, after);
        }
        self.entries.push(entry);
        self.writes += 1;
        sequence
    }

    /// Whether every text is there, in its place, with the hash that it had.
    pub(crate) fn chain_verifies(&self) -> bool {
        let mut previous = Digest::ZERO;
        !self.is_hashed
            || self.entries.iter().zip(&self.texts).all(|(entry, text)| {
                previous = Entry::hash(previous, text);
                Entry::read(text, previous).is_ok_and(|read| read == *entry)
            })
    }

    /// The history, for a failing test to show.
    pub(crate) fn told(&self) -> Vec<String> {
        let tell = |entry: &Entry| {
            let Record { change_id, state, mode, attempt_id, stage, .. } = &entry.record;
            let attempt = attempt_id.as_ref().map_or("-", |id| &*id.0);
            format!(
                "{} {stage}/{change_id} {} {} {attempt} token {}",
                entry.sequence,
                state.unwrap(),
                mode.unwrap(),
                entry.token
            )
        };
        self.entries.iter().map(tell).collect()
    }
}

impl World {
    /// Appends entries, all or none, refusing an old token. A commit that is on its way to the store holds the chain's
    /// head, so it arrives first.
    pub(crate) fn append(
        &mut self,
        stage: &StageName,
        token: Token,
        mut drafts: Vec<Draft>,
    ) -> Result<Vec<Option<Sequence>>, AppendError> {
        self.commits_arrive(|commit| !commit.records.is_empty());
        if !self.store.is_current(stage, token) {
            return Err(AppendError::LeaseLost);
        }
        if self.store.is_down {
            return Err(StoreError::Unreachable("down".into()).into());
        }
        self.store.appends += 1;
        let outage = self.store.outages.get(&self.store.appends).copied();
        if outage == Some(false) {
            return Err(StoreError::Unreachable("down".into()).into());
        }
        let mut dropped = Vec::new();
        while let Some((index, may_drop, draft)) = self.store.unmet(&drafts) {
            if !may_drop {
                return Err(AppendError::Superseded(draft.record.change_id.clone()));
            }
            drafts.remove(index);
            dropped.push(index);
        }
        let mut appended: Vec<Option<Sequence>> =
            drafts.into_iter().map(|draft| Some(self.record(draft.record, token))).collect();
        for index in dropped {
            appended.insert(index, None);
        }
        match outage {
            Some(_) => Err(StoreError::Unreachable("down".into()).into()),
            None => Ok(appended),
        }
    }

    /// Puts a record that was let through at the chain's end.
    pub(crate) fn record(&mut self, record: Record, token: Token) -> Sequence {
        check::before_entry(self, &record);
        self.store.link(record, token)
    }
}

/// An entry to be appended.
pub(crate) fn draft(record: Record, condition: Condition) -> Draft {
    Draft { record, condition, calls: None }
}

/// A record of a change.
pub(crate) fn record(
    stage: &StageName,
    change: &Change,
    state: State,
    mode: Mode,
    attempt: Option<AttemptId>,
) -> Record {
    Record {
        run_id: String::new(),
        attempt_id: attempt,
        scope: Scope { service: String::new(), environment: String::new(), tenant: None },
        change_id: change.id.clone(),
        stage: stage.clone(),
        order: change.order.clone(),
        file_name: None,
        name: change.name.to_string(),
        author: String::new(),
        state: Some(state),
        attempt: Some(1),
        target_system: change.target_system.clone(),
        mode: Some(mode),
        recovery: change.recovery,
        digest: change.digest,
        meaning: change.meaning,
        template_digest: None,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        finished_at: None,
        duration_ms: None,
        host: String::new(),
        operator: String::new(),
        reason: None,
        error: None,
        labels: Vec::new(),
        variables: None,
        calls: 0,
        calls_cut: false,
        version: String::new(),
    }
}
