//! Pruning, whatever keeps the entries: which calls are old, and which artifacts are old and needed by nothing applied.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, FORMAT, State};
use sandpiper_engine::store::StoreError;
use serde::Deserialize;

/// The part of an entry that tells what it needs.
#[derive(Deserialize)]
struct Need {
    format: u32,
    sequence: u64,
    change_id: String,
    attempt_id: Option<AttemptId>,
    state: Option<State>,
    digest: Digest,
    template_digest: Option<Digest>,
    started_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl Need {
    fn digests(&self) -> impl Iterator<Item = Digest> {
        std::iter::once(self.digest).chain(self.template_digest)
    }
}

/// What is known of a digest from the entries that name it.
#[derive(Default)]
struct Named {
    /// An entry of the scope names it.
    in_scope: bool,
    /// An entry names it that is not from before the time.
    lately: bool,
}

/// What a change needs, as far as its entries were read.
#[derive(Default)]
struct Change {
    /// The attempt whose application counts, with all digests that were recorded for it: of an accepted edit, too.
    applied: Option<(Option<AttemptId>, Vec<Digest>)>,
    /// The digests of the newest entry, where that leaves something open.
    unsettled: Vec<Digest>,
}

impl Change {
    fn read(&mut self, need: &Need) {
        let Some(state) = need.state else { return };
        self.unsettled.clear();
        match state {
            State::Applied | State::MarkedApplied | State::Baselined => match &mut self.applied {
                // Not another application, but a word on the same one.
                Some((attempt, digests)) if need.attempt_id.is_none() || *attempt == need.attempt_id => {
                    digests.extend(need.digests());
                }
                _ => self.applied = Some((need.attempt_id.clone(), need.digests().collect())),
            },
            State::Undone | State::MarkedRolledBack => self.applied = None,
            State::RolledBack => {}
            State::Started
            | State::Failed
            | State::RollbackFailed
            | State::Undoing
            | State::UndoFailed
            | State::MarkedResumable => self.unsettled.extend(need.digests()),
        }
    }

    fn needs(self) -> impl Iterator<Item = Digest> {
        self.applied.into_iter().flat_map(|(_, digests)| digests).chain(self.unsettled)
    }
}

/// What is found out from the entries of all scopes, each told in the order of its chain.
pub(crate) struct Survey<Key> {
    own: Option<i64>,
    before: Timestamp,
    /// Where the calls are that may go.
    pub(crate) old_calls: Vec<Key>,
    /// How many bytes they take.
    pub(crate) bytes: u64,
    named: HashMap<Digest, Named>,
    changes: HashMap<(i64, String), Change>,
}

impl<Key> Survey<Key> {
    /// Nothing is known yet. `own` is the chain of the scope that is pruned.
    pub(crate) fn new(own: Option<i64>, before: Timestamp) -> Self {
        Self { own, before, old_calls: Vec::new(), bytes: 0, named: HashMap::new(), changes: HashMap::new() }
    }

    /// Takes an entry, by its text; `bytes` is how many its calls take.
    pub(crate) fn entry(&mut self, chain: i64, key: Key, text: &str, bytes: u64) -> Result<(), StoreError> {
        let need = need(text)?;
        let is_own = Some(chain) == self.own;
        let is_old = need.finished_at.unwrap_or(need.started_at) < self.before;
        if bytes > 0 && is_old && is_own {
            self.old_calls.push(key);
            self.bytes += bytes;
        }
        for digest in need.digests() {
            let named = self.named.entry(digest).or_default();
            named.in_scope |= is_own;
            named.lately |= !is_old;
        }
        self.changes.entry((chain, need.change_id.clone())).or_default().read(&need);
        Ok(())
    }

    /// Those of some artifacts that may go.
    pub(crate) fn may_go(self, artifacts: impl Iterator<Item = (Digest, u64)>) -> Vec<(Digest, u64)> {
        let needed: HashSet<Digest> = self.changes.into_values().flat_map(Change::needs).collect();
        let may_go = |digest: &Digest| match self.named.get(digest) {
            // Kept by a run that came to its end before its first entry.
            None => true,
            Some(named) => named.in_scope && !named.lately && !needed.contains(digest),
        };
        artifacts.filter(|(digest, _)| may_go(digest)).collect()
    }
}

fn need(text: &str) -> Result<Need, StoreError> {
    let need: Need = serde_json::from_str(text).map_err(|error| damaged(&error))?;
    if need.format > FORMAT {
        let message = format!("entry {} was written by a newer Sandpiper", need.sequence);
        return Err(StoreError::Version(message));
    }
    Ok(need)
}

/// What cannot be read of an entry.
pub(crate) fn damaged(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged(format!("an entry cannot be read: {error}"))
}
