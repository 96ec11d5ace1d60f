//! A model host: runs one stage, one small step at a time, as the real one does.

use std::time::Duration;

use sandpiper_engine::attempt::{Attempt, Command, Conclusion, Next, Outcome};
use sandpiper_engine::entry::{AttemptId, Mode, State, Token};
use sandpiper_engine::plan::{self, Action, Answers, Planned, PlannedStage, Selection};
use sandpiper_engine::policy::Policies;
use sandpiper_engine::recovery::{self, Decision, Settled, Verdict};
use sandpiper_engine::retry::Retry;
use sandpiper_engine::scope::StageName;
use sandpiper_engine::store::{AppendError, Condition};
use sandpiper_engine::undo;

use super::atomic::TryAll;
use super::commands::{close, prove};
use super::store::{LEASE, draft, record};
use super::{Declared, Trouble, World, check};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Blocked,
    Failed,
    LockLost,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    Moved,
    /// The lock is not free.
    Waits,
    Over(End),
}

/// What a host is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To apply what is pending.
    Apply,
    /// To take everything back.
    Undo,
}

/// A host that runs one stage.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    pub(crate) goal: Goal,
    pub(crate) number: u64,
    pub(super) stage: StageName,
    pub(crate) lease: Option<Token>,
    /// Until when the lease is valid by its own clock.
    pub(crate) valid_until: u64,
    /// Whether it looks at its own clock before each statement of a transaction. A host that was frozen does not; then
    /// only the fences are left. Outside of transactions it always does.
    pub(crate) looks_at_clock: bool,
    pub(crate) answers: Answers,
    /// Whether those who held the lease before can commit no more.
    pub(crate) has_fenced: bool,
    pub(crate) attempts: u32,
    pub(crate) at: At,
}

#[derive(Debug, Clone)]
pub(crate) enum At {
    Planning,
    Acquiring,
    PlanningUnderLease,
    FencingAll,
    Fencing(Box<Planned>),
    LookingForMarker(Box<Planned>),
    Recording { planned: Box<Planned>, state: State },
    Trying(Box<Try>),
    TryingAll(Box<TryAll>),
    Releasing(End),
    Over(End),
}

/// One attempt that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Try {
    pub(crate) machine: Machine,
    pub(crate) command: Command<&'static str>,
    pub(crate) planned: Planned,
    pub(crate) declared: Declared,
    pub(crate) id: AttemptId,
    pub(crate) trouble: Trouble,
    pub(crate) session: Option<u64>,
    /// The next statement of the call that is under way.
    pub(crate) statement: usize,
    /// The next change whose `started` rode, with its attempt.
    pub(crate) rider: Option<(Planned, AttemptId)>,
}

#[derive(Debug, Clone)]
pub(crate) enum Machine {
    Apply(Attempt<&'static str>),
    Undo(undo::attempt::Attempt<&'static str>),
}

/// How an attempt of either kind ended.
#[derive(Debug)]
enum Ended {
    /// As it should, and recorded so.
    Well(State),
    LeaseLost,
    Superseded,
    /// Otherwise; and how, where it may be tried again.
    Badly(Option<Conclusion<&'static str>>),
}

impl Machine {
    fn next(&mut self, outcome: Outcome<&'static str>) -> Next<&'static str, Ended> {
        match self {
            Self::Apply(machine) => match machine.next(outcome) {
                Next::Do(command) => Next::Do(command),
                Next::Over(Conclusion::Applied) => Next::Over(Ended::Well(State::Applied)),
                Next::Over(Conclusion::LeaseLost(_)) => Next::Over(Ended::LeaseLost),
                Next::Over(Conclusion::Superseded) => Next::Over(Ended::Superseded),
                Next::Over(failed) => Next::Over(Ended::Badly(Some(failed))),
            },
            Self::Undo(machine) => match machine.next(outcome) {
                Next::Do(command) => Next::Do(command),
                Next::Over(undo::attempt::Conclusion::Undone) => Next::Over(Ended::Well(State::Undone)),
                Next::Over(undo::attempt::Conclusion::LeaseLost(_)) => Next::Over(Ended::LeaseLost),
                Next::Over(undo::attempt::Conclusion::Superseded) => Next::Over(Ended::Superseded),
                Next::Over(_) => Next::Over(Ended::Badly(None)),
            },
        }
    }
}

impl Runner {
    pub(super) fn new(number: u64, stage: StageName, goal: Goal) -> Self {
        Self {
            goal,
            number,
            stage,
            lease: None,
            valid_until: 0,
            looks_at_clock: true,
            answers: Answers::new(),
            has_fenced: false,
            attempts: 0,
            at: At::Planning,
        }
    }

    /// The session that it has open.
    pub(super) fn session(&self) -> Option<u64> {
        match &self.at {
            At::Trying(attempt) => attempt.session,
            At::TryingAll(attempt) => attempt.session,
            _ => None,
        }
    }

    /// The next small step.
    pub(crate) fn step(&mut self, world: &mut World) -> Progress {
        let at = std::mem::replace(&mut self.at, At::Planning);
        self.at = match at {
            At::Planning | At::Acquiring if world.store.is_down => At::Over(End::Failed),
            At::PlanningUnderLease if world.store.is_down => At::Releasing(End::Failed),
            // A lock that cannot be given back runs out.
            At::Releasing(end) if world.store.is_down => At::Over(end),
            At::Planning => match self.first_to_do(world) {
                Ok(_) => At::Acquiring,
                Err(end) => At::Over(end),
            },
            At::Acquiring => {
                let Some(token) = world.store.acquire(&self.stage) else {
                    self.at = At::Acquiring;
                    return Progress::Waits;
                };
                self.lease = Some(token);
                self.valid_until = world.store.now + LEASE;
                At::PlanningUnderLease
            }
            At::PlanningUnderLease => self.begin(world),
            At::FencingAll if world.set_fence(&self.stage, self.token()) => {
                self.has_fenced = true;
                At::PlanningUnderLease
            }
            At::FencingAll => At::Over(End::LockLost),
            At::Fencing(planned) if world.set_fence(&self.stage, self.token()) => {
                At::LookingForMarker(planned)
            }
            At::Fencing(_) => At::Over(End::LockLost),
            At::LookingForMarker(planned) => {
                let doubt = planned.state.as_ref().unwrap();
                let there = doubt.attempt_id.as_ref().is_some_and(|id| world.target.markers.contains(id));
                self.settled(&planned, recovery::after_marker(doubt.state, there))
            }
            At::Recording { planned, state } => self.record(world, &planned, state),
            At::Trying(attempt) => self.go_on(world, attempt),
            At::TryingAll(attempt) => self.go_on_with_all(world, attempt),
            At::Releasing(end) => {
                world.store.release(&self.stage, self.token());
                At::Over(end)
            }
            At::Over(end) => At::Over(end),
        };
        match self.at {
            At::Over(end) => Progress::Over(end),
            _ => Progress::Moved,
        }
    }

    pub(super) fn token(&self) -> Token {
        self.lease.unwrap()
    }

    pub(super) fn plan(&self, world: &World) -> PlannedStage {
        let selection = Selection { stage: Some(self.stage.clone()), ..Selection::default() };
        let plan =
            plan::plan(&world.stages, Policies::default(), &world.store.states, &self.answers, &selection)
                .unwrap();
        assert_eq!(plan.deviations, [], "{:?}", world.store.told());
        plan.stages.into_iter().find(|stage| stage.name == self.stage).unwrap()
    }

    fn first_to_do(&self, world: &World) -> Result<Planned, End> {
        if self.goal == Goal::Undo {
            return self.first_to_undo(world);
        }
        let stage = self.plan(world);
        match stage.changes.iter().find(|planned| planned.action != Action::Skip) {
            _ if stage.is_blocked() => Err(End::Blocked),
            None => Err(End::Complete),
            Some(first) => Ok(first.clone()),
        }
    }

    fn first_to_undo(&self, world: &World) -> Result<Planned, End> {
        let what = undo::What::Last(usize::MAX);
        let selection = undo::Selection { what, stage: Some(self.stage.clone()), only: false };
        let plan =
            undo::plan(&world.stages, &world.store.states, &self.answers, &selection).unwrap_or_else(|why| {
                panic!("{why:?}: {:?}", world.store.told());
            });
        if plan.changes.iter().any(|it| it.action == undo::Action::Blocked) {
            return Err(End::Blocked);
        }
        let settles = |it: &&undo::Planned| matches!(it.action, undo::Action::Settle(_));
        let first = plan.changes.iter().rfind(settles).or(plan.changes.first()).ok_or(End::Complete)?;
        let mut planned = Planned::without_file(&first.state);
        let changes = world.stages.iter().flat_map(|stage| &stage.changes);
        planned.change = changes.into_iter().find(|change| change.id == first.change_id).unwrap().clone();
        planned.action = match first.action {
            undo::Action::Undo | undo::Action::Blocked => Action::Apply,
            undo::Action::Settle(Decision::AskVerify { otherwise }) => Action::AskVerify(otherwise),
            undo::Action::Settle(_) => Action::LookForMarker,
        };
        Ok(planned)
    }

    /// Whether a commit in `shared` mode may still be on its way that nothing of ours would notice: an application
    /// takes the place of an open one, an undo of another change does not.
    fn awaits_others(&self, world: &World) -> bool {
        let is_open =
            |state: State| state == State::Undoing || state == State::Started && self.goal == Goal::Undo;
        let stage = world.stages.iter().find(|stage| stage.name == self.stage).unwrap();
        let states = stage.changes.iter().filter_map(|change| world.store.states.get(&change.id));
        !self.has_fenced && states.into_iter().any(|it| it.mode == Mode::Shared && is_open(it.state))
    }

    fn begin(&mut self, world: &mut World) -> At {
        if self.awaits_others(world) {
            return At::FencingAll;
        }
        let mut planned = match self.first_to_do(world) {
            Ok(planned) => planned,
            Err(end) => return At::Releasing(end),
        };
        // Of an atomic stage, too, each change is taken back by itself.
        let is_atomic = world.atomic.contains(&self.stage) && self.goal == Goal::Apply;
        if is_atomic {
            // What is in doubt is settled before anything else of the stage is tried.
            let in_doubt = |it: &Planned| matches!(it.action, Action::LookForMarker | Action::AskVerify(_));
            planned = self.plan(world).changes.into_iter().find(in_doubt).unwrap_or(planned);
        }
        match planned.action {
            Action::Apply if is_atomic => self.try_all(world),
            Action::Apply => {
                let id = self.next_attempt();
                self.try_it(world, planned, id, false)
            }
            Action::LookForMarker => At::Fencing(Box::new(planned)),
            Action::AskVerify(otherwise) => {
                let id = &planned.change.id;
                let verdict = match world.declared[id].has_verify {
                    true if world.target.is_whole(id) => Verdict::Applied,
                    true if world.target.is_absent(id) => Verdict::NotApplied,
                    _ => Verdict::Unclear,
                };
                let doubt = planned.state.as_ref().unwrap().state;
                self.settled(&planned, recovery::after_verdict(doubt, verdict, otherwise))
            }
            other => panic!("nothing to do comes first: {other:?}"),
        }
    }

    fn settled(&mut self, planned: &Planned, answer: Settled) -> At {
        let recorded = match answer {
            Settled::RecordApplied => Some(State::Applied),
            Settled::RecordUndone => Some(State::Undone),
            Settled::StillApplied => Some(State::UndoFailed),
            Settled::Apply | Settled::ApplyAgain | Settled::GoOn | Settled::Edited | Settled::Blocked => None,
        };
        if let Some(state) = recorded {
            return At::Recording { planned: Box::new(planned.clone()), state };
        }
        self.answers.insert(planned.newest().unwrap(), answer);
        At::PlanningUnderLease
    }

    fn record(&mut self, world: &mut World, planned: &Planned, state: State) -> At {
        let doubt = planned.state.as_ref().unwrap();
        let record = record(&self.stage, &planned.change, state, doubt.mode, doubt.attempt_id.clone());
        let drafts = vec![draft(record, Condition::Newest(planned.newest()))];
        match world.append(&self.stage, self.token(), drafts) {
            Ok(_) | Err(AppendError::Superseded(_)) => At::PlanningUnderLease,
            Err(AppendError::LeaseLost) => At::Over(End::LockLost),
            Err(AppendError::Store(_)) => At::Releasing(End::Failed),
        }
    }

    pub(super) fn next_attempt(&mut self) -> AttemptId {
        self.attempts += 1;
        AttemptId(format!("{}-{}", self.number, self.attempts).into())
    }

    fn try_it(&mut self, world: &mut World, planned: Planned, id: AttemptId, started: bool) -> At {
        let declared = world.declared[&planned.change.id];
        let trouble = world.next_trouble(&planned.change.id);
        let (machine, command) = match self.goal {
            Goal::Apply => {
                let (mut machine, command) = Attempt::begin(declared.mode, declared.has_rollback, started);
                if planned.may_have_leftovers() {
                    machine.begins_over_leftovers();
                }
                (Machine::Apply(machine), command)
            }
            Goal::Undo => {
                let (machine, command) = undo::attempt::Attempt::begin(declared.mode, State::Applied);
                (Machine::Undo(machine), command)
            }
        };
        let (session, statement, rider) = (None, 0, None);
        At::Trying(Box::new(Try {
            machine,
            command,
            planned,
            declared,
            id,
            trouble,
            session,
            statement,
            rider,
        }))
    }

    /// One step of an attempt: a command, or one statement of a call.
    fn go_on(&mut self, world: &mut World, mut attempt: Box<Try>) -> At {
        let outcome = match attempt.command.clone() {
            Command::Append(notes) => self.append(world, &mut attempt, notes),
            Command::Open => self.open(world, &mut attempt),
            Command::Call(part) => match self.statement(world, &mut attempt, part) {
                Some(outcome) => outcome,
                None => return At::Trying(attempt),
            },
            Command::Prove => prove(world, &attempt),
            Command::Commit => self.commit(world, &mut attempt),
            Command::Settle => self.settle(world, &mut attempt),
            Command::Close => close(world, &mut attempt),
        };
        let is_lost = matches!(outcome, Outcome::LeaseLost(_));
        match attempt.machine.next(outcome) {
            Next::Do(command) => {
                let only_ends = command == Command::Close;
                assert!(!is_lost || only_ends, "it goes on without its lease: {command:?}");
                attempt.command = command;
                attempt.statement = 0;
                At::Trying(attempt)
            }
            Next::Over(ended) => {
                if let Ended::Well(state) = ended {
                    assert!(world.store.has(&attempt.id, state), "it ended as {state}, unrecorded");
                }
                assert_eq!(attempt.session, None, "an attempt ended with an open session: {ended:?}");
                self.concluded(world, *attempt, &ended)
            }
        }
    }

    fn tries_again(&self, declared: Declared, conclusion: &Conclusion<&'static str>) -> bool {
        let retry = Retry { attempts: 4, least: Duration::ZERO, most: Duration::ZERO };
        retry.again(self.attempts, conclusion, declared.mode, declared.recovery, |_| true)
    }

    fn concluded(&mut self, world: &mut World, attempt: Try, ended: &Ended) -> At {
        match (ended, attempt.rider) {
            (Ended::Well(_), Some((next, id))) => self.try_it(world, next, id, true),
            (Ended::Well(_), None) | (Ended::Superseded, _) => At::PlanningUnderLease,
            (Ended::LeaseLost, _) => At::Over(End::LockLost),
            (Ended::Badly(Some(failed)), _)
                if world.retries && self.tries_again(attempt.declared, failed) =>
            {
                let state = &world.store.states[&attempt.planned.change.id];
                assert!(!check::needs_person(state, attempt.declared.recovery), "a person is passed over");
                At::PlanningUnderLease
            }
            (Ended::Badly(_), _) => At::Releasing(End::Failed),
        }
    }
}
