//! A model of everything around the engine: an audit store, a target system, hosts that run changes on them, people.
//!
//! It does what the real ones promise, one small step at a time, so that a test can stop, pause or rob a host anywhere.

mod atomic;
pub(crate) mod check;
mod commands;
pub(crate) mod runner;
pub(crate) mod store;
pub(crate) mod target;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sandpiper_engine::change::{Cadence, Change, ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Mode, State};
use sandpiper_engine::plan::Stage;
use sandpiper_engine::policy::Policies;
use sandpiper_engine::scope::StageName;
use sandpiper_engine::store::Condition;

use runner::{End, Goal, Progress, Runner};
use store::Store;
use target::Target;

/// How many statements a change makes.
pub(crate) const STATEMENTS: usize = 3;

/// How a change is declared.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared {
    pub(crate) mode: Mode,
    pub(crate) recovery: Recovery,
    pub(crate) has_verify: bool,
    pub(crate) has_rollback: bool,
}

/// What goes wrong with one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    OpenRefused,
    Precondition,
    CallFails,
    /// In `direct` mode; the rollback, if there is one, fails as well.
    CallAndRollbackFail,
    /// The change ends its transaction: with what it did so far rolled back, or committed.
    Ends {
        committed: bool,
    },
    ProofFails,
    CommitRefused,
    /// The commit's answer is lost. It happened or not; at once, or when somebody next waits for it.
    CommitLost {
        happened: bool,
        late: bool,
        settled: bool,
    },
    /// In `direct` mode: a transaction was left open.
    CloseFails,
}

/// All there is.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) target: Target,
    pub(crate) stages: Vec<Stage>,
    pub(crate) declared: BTreeMap<ChangeId, Declared>,
    /// For each change what goes wrong with its next attempts.
    pub(crate) troubles: BTreeMap<ChangeId, VecDeque<Trouble>>,
    /// Whether the next `started` rides with the end of the change before.
    pub(crate) rides: bool,
    /// Whether a failed attempt is followed by another in the same run, where the rules allow it.
    pub(crate) retries: bool,
    /// Stages whose pending changes are one transaction.
    pub(crate) atomic: BTreeSet<StageName>,
    runners: u64,
}

impl World {
    /// A world with stages of changes.
    pub(crate) fn new(stages: &[(&str, Vec<(&str, Declared)>)]) -> Self {
        let mut declared = BTreeMap::new();
        let stages: Vec<Stage> = stages
            .iter()
            .map(|(name, changes)| Stage {
                name: (*name).into(),
                after: Vec::new(),
                policies: Policies::default(),
                excluded: None,
                changes: (1..)
                    .zip(changes)
                    .map(|(order, (id, of))| {
                        let change = change(id, order, of.recovery);
                        declared.insert(change.id.clone(), *of);
                        change
                    })
                    .collect(),
            })
            .collect();
        Self {
            store: Store::default(),
            target: Target::default(),
            stages,
            declared,
            troubles: BTreeMap::new(),
            rides: true,
            retries: false,
            atomic: BTreeSet::new(),
            runners: 0,
        }
    }

    /// A new host that runs a stage.
    pub(crate) fn runner(&mut self, stage: usize) -> Runner {
        self.runners += 1;
        Runner::new(self.runners, self.stages[stage].name.clone(), Goal::Apply)
    }

    /// A new host that takes a stage back.
    pub(crate) fn undoer(&mut self, stage: usize) -> Runner {
        self.runners += 1;
        Runner::new(self.runners, self.stages[stage].name.clone(), Goal::Undo)
    }

    /// What goes wrong with the attempt that begins now.
    fn next_trouble(&mut self, id: &ChangeId) -> Trouble {
        self.troubles.get_mut(id).and_then(VecDeque::pop_front).unwrap_or(Trouble::None)
    }

    /// A host is gone, with its connections: what it had not committed is rolled back, unless a commit is on its way.
    pub(crate) fn crash(&mut self, runner: Runner) {
        self.target.connection_lost(runner.session());
    }

    /// Every lease runs out.
    pub(crate) fn leases_end(&mut self) {
        self.store.now += 1000;
    }

    /// Writes that were made so far, of any kind.
    pub(crate) fn writes(&self) -> u64 {
        self.store.writes + self.target.writes
    }

    /// A person looks at the changes of a stage that need one, cleans up what is there in part, and says so. Done when
    /// the lock is free.
    pub(crate) fn person_resolves(&mut self, stage: usize) {
        let stage = self.stages[stage].clone();
        let Some(token) = self.store.acquire(&stage.name) else {
            return;
        };
        for change in &stage.changes {
            let Some(state) = self.store.states.get(&change.id).cloned() else {
                continue;
            };
            if !check::needs_person(&state, change.recovery) {
                continue;
            }
            let verdict = if self.target.is_whole(&change.id) {
                self.target.behind_our_back.remove(&change.id);
                State::MarkedApplied
            } else {
                self.target.clean_up(&change.id);
                State::MarkedRolledBack
            };
            let record = store::record(&stage.name, change, verdict, state.mode, None);
            let verdict = vec![store::draft(record, Condition::Newest(Some(state.sequence)))];
            if self.append(&stage.name, token, verdict).is_err() {
                break;
            }
        }
        self.store.release(&stage.name, token);
    }

    /// Runs until every stage is complete: one host after the other, and people where they are needed. Panics when
    /// that takes a person where none should be needed, or forever.
    pub(crate) fn settle(&mut self) {
        // A run with nothing to do waits for nobody: beside an open undo the change is still applied, and whoever comes
        // after a late commit of that undo applies it again.
        for _ in 0..2 {
            for stage in 0..self.stages.len() {
                self.goes_on_until_complete(stage, Goal::Apply);
            }
        }
        check::complete(self);
        let writes = self.writes();
        for stage in 0..self.stages.len() {
            let mut again = self.runner(stage);
            assert_eq!(self.run(&mut again), End::Complete);
        }
        assert_eq!(self.writes(), writes, "a second run after a success wrote something");
    }

    /// Takes a stage back: one host after the other, and people where they are needed.
    pub(crate) fn take_back(&mut self, stage: usize) {
        self.goes_on_until_complete(stage, Goal::Undo);
        check::taken_back(self, stage);
    }

    fn goes_on_until_complete(&mut self, stage: usize, goal: Goal) {
        for round in 0.. {
            assert!(round < 12, "the stage is never complete: {:?}", self.store.told());
            self.leases_end();
            let mut runner = match goal {
                Goal::Apply => self.runner(stage),
                Goal::Undo => self.undoer(stage),
            };
            match self.run(&mut runner) {
                End::Complete => break,
                End::Blocked => {
                    let changes = &self.stages[stage].changes;
                    let needs = changes.iter().any(|change| {
                        let state = self.store.states.get(&change.id);
                        state.is_some_and(|it| check::needs_person(it, change.recovery))
                    });
                    assert!(needs, "a person was asked for nothing: {:?}", self.store.told());
                    self.person_resolves(stage);
                }
                End::Failed | End::LockLost => {}
            }
        }
    }

    /// Runs a host to its end, with every rule checked after every step.
    pub(crate) fn run(&mut self, runner: &mut Runner) -> End {
        for _ in 0..1000 {
            match runner.step(self) {
                Progress::Moved => check::always(self),
                Progress::Waits => self.leases_end(),
                Progress::Over(end) => return end,
            }
        }
        panic!("a run never ends: {:?}", self.store.told());
    }
}

fn change(id: &str, order: u32, recovery: Recovery) -> Change {
    Change {
        id: ChangeId::new(id).unwrap(),
        order: format!("{order:04}").parse().unwrap(),
        name: "Name".into(),
        author: "ada".into(),
        target_system: "db".into(),
        digest: Digest::ZERO,
        meaning: Digest::ZERO,
        template_digest: None,
        recovery,
        cadence: Cadence::Once,
        labels: Vec::new(),
        excluded: None,
    }
}
