//! How a model host carries out the commands of an atomic stage.

use std::collections::VecDeque;

use sandpiper_engine::atomic::{Atomic, Command, Conclusion, Next};
use sandpiper_engine::attempt::{Note, Outcome};
use sandpiper_engine::entry::{AttemptId, Mode, State};
use sandpiper_engine::plan::{Action, Planned};
use sandpiper_engine::store::{AppendError, Condition};

use super::runner::{At, End, Runner};
use super::store::{draft, record};
use super::target::{Commit, Session};
use super::{STATEMENTS, Trouble, World};

/// An attempt to apply all pending changes of a stage, under way.
#[derive(Debug, Clone)]
pub(crate) struct TryAll {
    machine: Atomic<&'static str>,
    command: Command<&'static str>,
    changes: Vec<(Planned, AttemptId)>,
    mode: Mode,
    /// What goes wrong with each.
    troubles: Vec<Trouble>,
    pub(super) session: Option<u64>,
    /// The next statement of the call that is under way.
    statement: usize,
}

impl TryAll {
    fn meets(&self, trouble: Trouble) -> bool {
        self.troubles.contains(&trouble)
    }

    fn commit_lost(&self) -> Option<(bool, bool, bool)> {
        self.troubles.iter().find_map(|trouble| match *trouble {
            Trouble::CommitLost { happened, late, settled } => Some((happened, late, settled)),
            _ => None,
        })
    }
}

impl Runner {
    pub(super) fn try_all(&mut self, world: &mut World) -> At {
        let pending = self.plan(world).changes.into_iter().filter(|it| it.action == Action::Apply);
        let changes: Vec<_> = pending.map(|planned| (planned, self.next_attempt())).collect();
        let mode = world.declared[&changes[0].0.change.id].mode;
        let troubles = changes.iter().map(|(planned, _)| {
            let of_it = world.troubles.get_mut(&planned.change.id).and_then(VecDeque::pop_front);
            of_it.unwrap_or(Trouble::None)
        });
        let troubles = troubles.collect();
        let (machine, command) = Atomic::begin(mode, changes.len());
        let (session, statement) = (None, 0);
        At::TryingAll(Box::new(TryAll { machine, command, changes, mode, troubles, session, statement }))
    }

    /// One step: a command, or one statement of a call.
    pub(super) fn go_on_with_all(&mut self, world: &mut World, mut attempt: Box<TryAll>) -> At {
        let outcome = match attempt.command.clone() {
            Command::Append(notes) => self.append_all(world, &attempt, notes),
            Command::Open => self.open_for_all(world, &mut attempt),
            Command::Call(change) => match self.statement_of(world, &mut attempt, change) {
                Some(outcome) => outcome,
                None => return At::TryingAll(attempt),
            },
            Command::Stand(_) => stands(world, &attempt),
            Command::Prove => prove_all(world, &attempt),
            Command::Commit => self.commit_all(world, &mut attempt),
            Command::Settle => self.settle_all(world, &attempt),
            Command::Close => {
                world.target.connection_lost(attempt.session.take());
                Outcome::Done
            }
        };
        let is_lost = matches!(outcome, Outcome::LeaseLost(_));
        match attempt.machine.next(outcome) {
            Next::Do(command) => {
                assert!(!is_lost || command == Command::Close, "it goes on without its lease: {command:?}");
                attempt.command = command;
                attempt.statement = 0;
                At::TryingAll(attempt)
            }
            Next::Over(conclusion) => {
                assert_eq!(attempt.session, None, "it ended with an open session: {conclusion:?}");
                match conclusion {
                    Conclusion::Applied => {
                        for (_, id) in &attempt.changes {
                            assert!(world.store.has(id, State::Applied), "it ended as applied, unrecorded");
                        }
                        At::PlanningUnderLease
                    }
                    Conclusion::Superseded => At::PlanningUnderLease,
                    Conclusion::LeaseLost(..) => At::Over(End::LockLost),
                    _ => At::Releasing(End::Failed),
                }
            }
        }
    }

    fn append_all(
        &self,
        world: &mut World,
        attempt: &TryAll,
        notes: Vec<(usize, Note<&'static str>)>,
    ) -> Outcome<&'static str> {
        let drafts = notes.into_iter().map(|(change, note)| {
            let (planned, id) = &attempt.changes[change];
            let condition = match note.state {
                State::Started => Condition::Newest(planned.newest()),
                _ => Condition::SameAttempt,
            };
            draft(record(&self.stage, &planned.change, note.state, note.mode, Some(id.clone())), condition)
        });
        let drafts = drafts.collect();
        match world.append(&self.stage, self.token(), drafts) {
            Ok(_) => Outcome::Done,
            Err(AppendError::LeaseLost) => Outcome::LeaseLost("lease lost"),
            Err(AppendError::Superseded(_)) => Outcome::Superseded,
            Err(AppendError::Store(_)) => Outcome::Refused("the store is down"),
        }
    }

    fn open_for_all(&self, world: &mut World, attempt: &mut TryAll) -> Outcome<&'static str> {
        for (_, id) in &attempt.changes {
            assert!(world.store.has(id, State::Started), "something runs before `started` is recorded");
        }
        if attempt.meets(Trouble::OpenRefused) {
            return Outcome::Refused("the target is down");
        }
        if !world.set_fence(&self.stage, self.token()) {
            return Outcome::LeaseLost("a higher token stands in the fence row");
        }
        attempt.session = Some(world.target.open(Session {
            stage: self.stage.clone(),
            attempts: attempt.changes.iter().map(|(_, id)| id.clone()).collect(),
            is_transactional: true,
            undoes: false,
            done: Vec::new(),
            is_proved: false,
        }));
        Outcome::Done
    }

    fn statement_of(
        &self,
        world: &mut World,
        attempt: &mut TryAll,
        change: usize,
    ) -> Option<Outcome<&'static str>> {
        let (id, statement) = (attempt.changes[change].0.change.id.clone(), attempt.statement);
        let session = attempt.session.unwrap_or_else(|| panic!("a call without a session"));
        let is_valid =
            self.valid_until > world.store.now && world.store.is_current(&self.stage, self.token());
        if !is_valid && self.looks_at_clock {
            return Some(Outcome::LeaseLost("the lease is over"));
        }
        if !world.target.sessions.contains_key(&session) {
            return Some(Outcome::Failed("the connection is gone"));
        }
        match (attempt.troubles[change], statement) {
            (Trouble::Precondition, 0) => return Some(Outcome::Precondition("it does not hold")),
            (Trouble::CallFails, 1) => return Some(Outcome::Failed("it fails")),
            (Trouble::Ends { committed }, 2) => {
                let ended = world.target.sessions.remove(&session).unwrap();
                if committed {
                    world.commits_itself(ended);
                }
                return Some(Outcome::Ended("it ended the transaction"));
            }
            _ => world.target.sessions.get_mut(&session).unwrap().done.push((id, statement)),
        }
        attempt.statement += 1;
        (attempt.statement == STATEMENTS).then_some(Outcome::Done)
    }

    fn commit_all(&self, world: &mut World, attempt: &mut TryAll) -> Outcome<&'static str> {
        let token = self.token();
        let session = attempt.session.take().unwrap_or_else(|| panic!("a commit without a session"));
        let Some(session) = world.target.sessions.remove(&session) else {
            return Outcome::Failed("the connection is gone");
        };
        assert!(session.is_proved, "a commit without a proof");
        if attempt.meets(Trouble::CommitRefused) {
            return Outcome::Refused("the commit is refused");
        }
        let mut records = Vec::new();
        if attempt.mode == Mode::Shared {
            // The chain's head is locked from here on: whoever is on the way to it arrives first.
            world.commits_arrive(|commit| !commit.records.is_empty());
            if !world.store.is_current(&self.stage, token) {
                return Outcome::LeaseLost("an old token");
            }
            records.extend(attempt.changes.iter().map(|(planned, id)| {
                record(&self.stage, &planned.change, State::Applied, Mode::Shared, Some(id.clone()))
            }));
        }
        let (happens, late, _) = attempt.commit_lost().unwrap_or((true, false, true));
        let commit = Commit { session, records, token, happens };
        if late {
            world.target.on_the_way.push(commit);
        } else {
            world.commit_happens(commit);
        }
        match attempt.commit_lost() {
            Some(_) => Outcome::Unknown("the commit's answer was lost"),
            None => Outcome::Done,
        }
    }

    fn settle_all(&self, world: &mut World, attempt: &TryAll) -> Outcome<&'static str> {
        if let Some((.., false)) = attempt.commit_lost() {
            return Outcome::Unknown("the target is down");
        }
        if !world.set_fence(&self.stage, self.token()) {
            return Outcome::LeaseLost("a higher token stands in the fence row");
        }
        // One commit: what holds for the first holds for all.
        let (_, first) = &attempt.changes[0];
        let happened = world.target.markers.contains(first) || world.store.has(first, State::Applied);
        if happened { Outcome::Done } else { Outcome::NotCommitted }
    }
}

fn stands(world: &World, attempt: &TryAll) -> Outcome<&'static str> {
    match attempt.session.is_some_and(|session| world.target.sessions.contains_key(&session)) {
        true => Outcome::Done,
        false => Outcome::Failed("the connection is gone"),
    }
}

fn prove_all(world: &mut World, attempt: &TryAll) -> Outcome<&'static str> {
    if attempt.meets(Trouble::ProofFails) {
        return Outcome::Failed("a foreign key is violated");
    }
    match attempt.session.and_then(|session| world.target.sessions.get_mut(&session)) {
        None => Outcome::Failed("the connection is gone"),
        Some(session) => {
            session.is_proved = true;
            Outcome::Done
        }
    }
}
