//! How a model host carries out the commands of an attempt.

use sandpiper_engine::attempt::{Note, Outcome, Part};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{AttemptId, Mode, State};
use sandpiper_engine::plan::{Action, Planned};
use sandpiper_engine::store::{AppendError, Condition, Draft};

use super::runner::{Goal, Runner, Try};
use super::store::{draft, record};
use super::target::{Commit, Session};
use super::{STATEMENTS, Trouble, World};

impl Runner {
    pub(super) fn append(
        &mut self,
        world: &mut World,
        attempt: &mut Try,
        notes: Vec<Note<&'static str>>,
    ) -> Outcome<&'static str> {
        let mut drafts = Vec::new();
        attempt.rider = None;
        for note in notes {
            let first = matches!(note.state, State::Started | State::Undoing);
            let condition =
                if first { Condition::Newest(attempt.planned.newest()) } else { Condition::SameAttempt };
            if note.state == self.done() && attempt.declared.mode == Mode::Marked {
                let committed = world.target.markers.contains(&attempt.id);
                assert!(committed, "`{}` is recorded before it is committed", note.state);
            }
            let change = &attempt.planned.change;
            drafts.push(draft(
                record(&self.stage, change, note.state, note.mode, Some(attempt.id.clone())),
                condition,
            ));
            if note.state == State::Applied && self.goal == Goal::Apply {
                attempt.rider = self.rider(world, &change.id);
            }
        }
        let states = drafts.len();
        drafts.extend(attempt.rider.as_ref().map(|(next, id)| self.started(world, next, id)));
        match world.append(&self.stage, self.token(), drafts) {
            Ok(appended) => {
                attempt.rider =
                    attempt.rider.take().filter(|_| appended.get(states).copied().flatten().is_some());
                Outcome::Done
            }
            Err(AppendError::LeaseLost) => Outcome::LeaseLost("lease lost"),
            Err(AppendError::Superseded(_)) => Outcome::Superseded,
            Err(AppendError::Store(_)) => Outcome::Refused("the store is down"),
        }
    }

    /// The state of a change whose attempt went well.
    fn done(&self) -> State {
        match self.goal {
            Goal::Apply => State::Applied,
            Goal::Undo => State::Undone,
        }
    }

    /// The next change, when its `started` may ride with the end of the one before.
    fn rider(&mut self, world: &World, id: &ChangeId) -> Option<(Planned, AttemptId)> {
        let stage = world.rides.then(|| self.plan(world))?;
        let next = stage.changes.into_iter().skip_while(|it| it.change.id != *id).nth(1)?;
        let may_ride =
            next.action == Action::Apply && world.declared[&next.change.id].mode.is_transactional();
        may_ride.then(|| (next, self.next_attempt()))
    }

    fn started(&self, world: &World, next: &Planned, id: &AttemptId) -> Draft {
        let mode = world.declared[&next.change.id].mode;
        let record = record(&self.stage, &next.change, State::Started, mode, Some(id.clone()));
        draft(record, Condition::NewestOrDrop(next.newest()))
    }

    pub(super) fn open(&mut self, world: &mut World, attempt: &mut Try) -> Outcome<&'static str> {
        let began = if self.goal == Goal::Undo { State::Undoing } else { State::Started };
        assert!(world.store.has(&attempt.id, began), "something runs before `{began}` is recorded");
        if attempt.trouble == Trouble::OpenRefused {
            attempt.trouble = Trouble::None;
            return Outcome::Refused("the target is down");
        }
        let is_transactional = attempt.declared.mode.is_transactional();
        if is_transactional && !world.set_fence(&self.stage, self.token()) {
            return Outcome::LeaseLost("a higher token stands in the fence row");
        }
        attempt.session = Some(world.target.open(Session {
            stage: self.stage.clone(),
            attempts: vec![attempt.id.clone()],
            is_transactional,
            undoes: self.goal == Goal::Undo,
            done: Vec::new(),
            is_proved: false,
        }));
        Outcome::Done
    }

    /// One statement of a call; gives the call's outcome with the last, or when it goes wrong.
    pub(super) fn statement(
        &mut self,
        world: &mut World,
        attempt: &mut Try,
        part: Part,
    ) -> Option<Outcome<&'static str>> {
        let (id, statement) = (attempt.planned.change.id.clone(), attempt.statement);
        let session = attempt.session.unwrap_or_else(|| panic!("a call without a session"));
        let is_transactional = attempt.declared.mode.is_transactional();
        let is_valid =
            self.valid_until > world.store.now && world.store.is_current(&self.stage, self.token());
        if !is_valid && (self.looks_at_clock || !is_transactional) {
            return Some(Outcome::LeaseLost("the lease is over"));
        }
        if !world.target.sessions.contains_key(&session) {
            return Some(Outcome::Failed("the connection is gone"));
        }
        if self.goal == Goal::Undo {
            if let Some(outcome) = undo_statement(world, attempt, session, is_transactional) {
                return Some(outcome);
            }
        } else if part == Part::Rollback {
            assert!(!is_transactional, "a rollback of what a transaction took back");
            assert!(world.store.has(&attempt.id, State::Failed), "a rollback before `failed` is recorded");
            if attempt.trouble == Trouble::CallAndRollbackFail && statement == 1 {
                return Some(Outcome::Failed("the rollback fails"));
            }
            world.target.take_back(&id, STATEMENTS - 1 - statement);
        } else {
            match (attempt.trouble, statement) {
                (Trouble::Precondition, 0) => return Some(Outcome::Precondition("it does not hold")),
                (Trouble::CallFails | Trouble::CallAndRollbackFail, 1) => {
                    return Some(Outcome::Failed("it fails"));
                }
                (Trouble::Ends { committed }, 2) => {
                    let ended = world.target.sessions.remove(&session).unwrap();
                    if committed {
                        world.commits_itself(ended);
                    }
                    return Some(Outcome::Ended("it ended its transaction"));
                }
                _ if is_transactional => {
                    world.target.sessions.get_mut(&session).unwrap().done.push((id, statement))
                }
                _ => world.target.execute(&id, statement, attempt.planned.change.recovery),
            }
        }
        attempt.statement += 1;
        (attempt.statement == STATEMENTS).then_some(Outcome::Done)
    }

    pub(super) fn commit(&mut self, world: &mut World, attempt: &mut Try) -> Outcome<&'static str> {
        let (change, token) = (attempt.planned.change.clone(), self.token());
        let session = attempt.session.take().unwrap_or_else(|| panic!("a commit without a session"));
        let Some(session) = world.target.sessions.remove(&session) else {
            return Outcome::Failed("the connection is gone");
        };
        assert!(session.is_proved, "a commit without a proof");
        if attempt.trouble == Trouble::CommitRefused {
            return Outcome::Refused("the commit is refused");
        }
        let mut records = Vec::new();
        if attempt.declared.mode == Mode::Shared {
            if world.store.is_down {
                return Outcome::Refused("the store is down");
            }
            // The chain's head is locked from here on: whoever is on the way to it arrives first.
            world.commits_arrive(|commit| !commit.records.is_empty());
            if !world.store.is_current(&self.stage, token) {
                return Outcome::LeaseLost("an old token");
            }
            records.push(record(&self.stage, &change, self.done(), Mode::Shared, Some(attempt.id.clone())));
            attempt.rider = if self.goal == Goal::Apply { self.rider(world, &change.id) } else { None };
            if let Some((next, id)) = &attempt.rider {
                let started = [self.started(world, next, id)];
                match world.store.unmet(&started) {
                    Some(_) => attempt.rider = None,
                    None => records.extend(started.map(|draft| draft.record)),
                }
            }
        }
        let (happens, late) = match attempt.trouble {
            Trouble::CommitLost { happened, late, .. } => (happened, late),
            _ => (true, false),
        };
        let commit = Commit { session, records, token, happens };
        if late {
            world.target.on_the_way.push(commit);
        } else {
            world.commit_happens(commit);
        }
        match attempt.trouble {
            Trouble::CommitLost { .. } => Outcome::Unknown("the commit's answer was lost"),
            _ => Outcome::Done,
        }
    }

    pub(super) fn settle(&mut self, world: &mut World, attempt: &mut Try) -> Outcome<&'static str> {
        if matches!(attempt.trouble, Trouble::CommitLost { settled: false, .. }) {
            return Outcome::Unknown("the target is down");
        }
        if !world.set_fence(&self.stage, self.token()) {
            return Outcome::LeaseLost("a higher token stands in the fence row");
        }
        let happened =
            world.target.markers.contains(&attempt.id) || world.store.has(&attempt.id, self.done());
        if happened { Outcome::Done } else { Outcome::NotCommitted }
    }
}

/// One statement of an undo's rollback: the one that came last first. Gives how the call ends, if it goes wrong.
fn undo_statement(
    world: &mut World,
    attempt: &Try,
    session: u64,
    is_transactional: bool,
) -> Option<Outcome<&'static str>> {
    let (id, statement) = (&attempt.planned.change.id, attempt.statement);
    match (attempt.trouble, statement) {
        (Trouble::Precondition, 0) => return Some(Outcome::Precondition("it cannot be taken back")),
        (Trouble::CallFails | Trouble::CallAndRollbackFail, 1) => return Some(Outcome::Failed("it fails")),
        (Trouble::Ends { .. }, 2) => {
            world.target.sessions.remove(&session);
            return Some(Outcome::Ended("it ended its transaction"));
        }
        _ => {}
    }
    let taken_back = STATEMENTS - 1 - statement;
    match is_transactional {
        true => world.target.sessions.get_mut(&session).unwrap().done.push((id.clone(), taken_back)),
        false => world.target.take_back(id, taken_back),
    }
    None
}

pub(super) fn prove(world: &mut World, attempt: &Try) -> Outcome<&'static str> {
    let session = attempt.session.and_then(|session| world.target.sessions.get_mut(&session));
    match session {
        None => Outcome::Failed("the connection is gone"),
        Some(_) if attempt.trouble == Trouble::ProofFails => Outcome::Failed("a foreign key is violated"),
        Some(session) => {
            session.is_proved = true;
            Outcome::Done
        }
    }
}

pub(super) fn close(world: &mut World, attempt: &mut Try) -> Outcome<&'static str> {
    world.target.connection_lost(attempt.session.take());
    if attempt.trouble == Trouble::CloseFails {
        attempt.trouble = Trouble::None;
        return Outcome::Failed("a transaction was left open");
    }
    Outcome::Done
}
