//! The model's target system: rows that statements leave, transactions, fence rows, markers.

use std::collections::{BTreeMap, BTreeSet};

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{AttemptId, Record, Token};
use sandpiper_engine::scope::StageName;

use super::{STATEMENTS, World};

/// One open session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) stage: StageName,
    /// Whose session it is: of one change, or of all of an atomic stage.
    pub(crate) attempts: Vec<AttemptId>,
    pub(crate) is_transactional: bool,
    /// What was done in the transaction so far.
    pub(crate) done: Vec<(ChangeId, usize)>,
    /// Whether the transaction was proved to stand after the last statement.
    pub(crate) is_proved: bool,
}

/// A commit that was sent, and whose answer will never come.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) session: Session,
    /// In `shared` mode the entries that are written inside.
    pub(crate) records: Vec<Record>,
    pub(crate) token: Token,
    /// Whether it will succeed when it arrives.
    pub(crate) happens: bool,
}

/// What is there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    /// For each change how often the effect of each of its statements is there.
    pub(crate) rows: BTreeMap<ChangeId, [u32; STATEMENTS]>,
    pub(crate) markers: BTreeSet<AttemptId>,
    pub(crate) fence: BTreeMap<StageName, Token>,
    pub(crate) sessions: BTreeMap<u64, Session>,
    pub(crate) on_the_way: Vec<Commit>,
    /// Changes that committed something themselves: until that is cleaned up, no rule holds for them.
    pub(crate) behind_our_back: BTreeSet<ChangeId>,
    pub(crate) writes: u64,
    opened: u64,
}

impl Target {
    /// Opens a session.
    pub(crate) fn open(&mut self, session: Session) -> u64 {
        self.opened += 1;
        self.sessions.insert(self.opened, session);
        self.opened
    }

    /// Writes a token into the fence row, unless a higher one stands there. Whoever holds the row in an open
    /// transaction is ended by the server first, as its idle transactions are.
    pub(crate) fn set_fence(&mut self, stage: &StageName, token: Token) -> bool {
        if self.fence.get(stage).is_some_and(|stands| *stands > token) {
            return false;
        }
        self.sessions.retain(|_, session| !session.is_transactional || session.stage != *stage);
        self.fence.insert(stage.clone(), token);
        self.writes += 1;
        true
    }

    /// The server notices that a client is gone.
    pub(crate) fn connection_lost(&mut self, session: Option<u64>) {
        if let Some(session) = session {
            self.sessions.remove(&session);
        }
    }

    /// The effect of one statement. Applying a change again that promises to bear it leaves what is there.
    pub(crate) fn execute(&mut self, change: &ChangeId, statement: usize, recovery: Recovery) {
        let count = &mut self.rows.entry(change.clone()).or_default()[statement];
        *count = if recovery == Recovery::AlwaysRetry { 1 } else { *count + 1 };
        self.writes += 1;
    }

    /// The effect of taking one statement back.
    pub(crate) fn take_back(&mut self, change: &ChangeId, statement: usize) {
        self.rows.entry(change.clone()).or_default()[statement] = 0;
        self.writes += 1;
    }

    /// A person takes everything of a change away.
    pub(crate) fn clean_up(&mut self, change: &ChangeId) {
        self.rows.remove(change);
        self.behind_our_back.remove(change);
    }

    pub(crate) fn is_whole(&self, change: &ChangeId) -> bool {
        self.rows.get(change).is_some_and(|rows| rows.iter().all(|count| *count > 0))
    }

    pub(crate) fn is_absent(&self, change: &ChangeId) -> bool {
        self.rows.get(change).is_none_or(|rows| rows.iter().all(|count| *count == 0))
    }

    /// Whether the effect is there exactly once.
    pub(crate) fn is_there_once(&self, change: &ChangeId) -> bool {
        self.rows.get(change) == Some(&[1; STATEMENTS])
    }
}

impl World {
    /// Commits that are on their way arrive: those that somebody waits for.
    pub(crate) fn commits_arrive(&mut self, awaited: impl Fn(&Commit) -> bool) {
        let (arriving, rest) = std::mem::take(&mut self.target.on_the_way).into_iter().partition(awaited);
        self.target.on_the_way = rest;
        for commit in arriving {
            self.commit_happens(commit);
        }
    }

    /// What a commit does.
    pub(crate) fn commit_happens(&mut self, commit: Commit) {
        if !commit.happens {
            return;
        }
        let Session { attempts, done, .. } = commit.session;
        for (change, statement) in done {
            // What two transactions do is there twice, whatever the author promises.
            self.target.execute(&change, statement, Recovery::ManualIntervention);
        }
        if commit.records.is_empty() {
            self.target.markers.extend(attempts);
        }
        for record in commit.records {
            self.record(record, commit.token);
        }
    }

    /// A change ended its transaction by a commit of its own.
    pub(crate) fn commits_itself(&mut self, ended: Session) {
        for (change, statement) in ended.done {
            self.target.execute(&change, statement, Recovery::ManualIntervention);
            self.target.behind_our_back.insert(change);
        }
    }

    /// Writes a token into a fence row, after what was on its way to that row.
    pub(crate) fn set_fence(&mut self, stage: &StageName, token: Token) -> bool {
        self.commits_arrive(|commit| commit.session.stage == *stage);
        self.target.set_fence(stage, token)
    }
}
