//! An atomic stage, carried out: all of its pending changes in one transaction of one session.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use sandpiper_backends::crash;
use sandpiper_engine::atomic::{Atomic, Command, Conclusion, Next};
use sandpiper_engine::attempt::{self, Note, Outcome, Part};
use sandpiper_engine::entry::{AttemptId, Mode, State};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::plan::{Planned, PlannedStage};
use sandpiper_engine::store::Draft;
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::{Seal, Session, TargetError};

use crate::clock::milliseconds;
use crate::observer::Event;
use crate::report::{ChangeOutcome, Exit};
use crate::run::again;
use crate::run::attempt::{Begin, Ended, Running, Started};
use crate::run::outcome::{ChangeResult, Results, result};
use crate::run::ready::Ready;
use crate::run::stage::{Progress, StageRun, to_do};
use crate::stopping::Stopper;

/// One change of the stage.
struct Member<'a> {
    planned: &'a Planned,
    ready: &'a Arc<Ready>,
    started: Started,
    running: Running<'a>,
    /// How long its call took, in milliseconds; none before it is called.
    took: Option<u64>,
}

/// All of them, in order, with the one session that they share.
struct Together<'a> {
    run: &'a StageRun<'a>,
    mode: Mode,
    members: Vec<Member<'a>>,
    session: Option<Box<dyn Session>>,
}

/// Applies all that is planned, or nothing of it.
pub(crate) async fn apply(
    run: &StageRun<'_>,
    planned: &PlannedStage,
    results: &mut Results,
) -> Result<Progress, Fault> {
    let todo = to_do(planned, results);
    let mut readied: Vec<Arc<Ready>> = Vec::with_capacity(todo.len());
    for planned in &todo {
        readied.push(run.core.ready(planned)?);
    }
    let Some(first) = readied.first() else { return Ok(Progress::Over) };
    run.core.keep_artifacts(&readied).await?;
    if run.core.stopper.asked().is_some() {
        return Err(Stopper::fault(&format!("stage `{}` began", run.stage)));
    }
    let _turn = first.target.turn().await?;
    let stop = Stop::new();
    run.held.guards(&stop);
    let _told = run.core.stopper.tells(&stop);
    let members = todo.iter().zip(&readied).map(|(planned, ready)| {
        let started = run.starts(planned);
        let begin = Begin {
            newest: planned.newest(),
            started: started.clone(),
            is_recorded: false,
            over_leftovers: false,
            rider: None,
            recorded: Vec::new(),
            finished: Vec::new(),
            undoes: None,
        };
        let running = Running::new(run, ready, begin, stop.clone());
        Member { planned, ready, started, running, took: None }
    });
    let members = members.collect();
    let mut together = Together { run, mode: first.mode, members, session: None };
    let conclusion = together.attempt().await;
    if conclusion == Conclusion::Superseded {
        return Ok(Progress::PlanAgain);
    }
    if conclusion == Conclusion::Applied && first.mode == Mode::Marked {
        // Markers that stay are garbage, not a fault: the ends of the attempts are recorded.
        drop(first.target.forget_markers(&together.ids()).await);
    }
    Ok(together.concluded(&conclusion, results))
}

impl Together<'_> {
    async fn attempt(&mut self) -> Conclusion<Fault> {
        let (mut machine, mut command) = Atomic::begin(self.mode, self.members.len());
        loop {
            let outcome = self.carry_out(command).await;
            match machine.next(outcome) {
                Next::Do(next) => command = next,
                Next::Over(conclusion) => return conclusion,
            }
        }
    }

    async fn carry_out(&mut self, command: Command<Fault>) -> Outcome<Fault> {
        let effect = command.name();
        crash::before(effect);
        let outcome = match command {
            Command::Append(notes) => self.append(&notes).await,
            Command::Open => {
                let Some(first) = self.members.first_mut() else { return nothing() };
                let opened = first.running.open().await;
                self.session = first.running.session.take();
                opened
            }
            Command::Call(change) => self.call(change).await,
            Command::Stand(change) => {
                let (Some(session), Some(member)) = (&mut self.session, self.members.get(change)) else {
                    return nothing();
                };
                member.running.proved(session.stands().await)
            }
            Command::Prove => {
                let (Some(session), Some(last)) = (&mut self.session, self.members.last()) else {
                    return nothing();
                };
                last.running.proved(session.prove().await)
            }
            Command::Commit => self.commit().await,
            Command::Settle => {
                // One commit: what holds for the first holds for all.
                let Some(first) = self.members.first_mut() else { return nothing() };
                first.running.settle().await
            }
            Command::Close => match self.session.take() {
                Some(session) => match session.close().await {
                    Ok(()) => Outcome::Done,
                    Err(error @ TargetError::Remains(_)) => Outcome::Ended(error.into()),
                    Err(error) => Outcome::Failed(error.into()),
                },
                None => Outcome::Done,
            },
        };
        crash::after(effect);
        outcome
    }

    async fn append(&mut self, notes: &[(usize, Note<Fault>)]) -> Outcome<Fault> {
        let Some(first) = self.members.first() else { return nothing() };
        if self.run.held.is_lost() {
            return Outcome::LeaseLost(first.running.lost());
        }
        let failing = notes.iter().find(|(_, note)| note.state == State::Failed).map(|(change, _)| *change);
        let mut told = BTreeSet::new();
        let drafts = notes.iter().filter_map(|(change, note)| {
            let member = self.members.get(*change)?;
            let mut draft = member.draft(note);
            // Its calls stand with the first entry that says how it ended.
            draft.calls = told.insert(*change).then(|| member.running.recorder.calls().unwritten()).flatten();
            if let (State::RolledBack, Some(failing)) = (note.state, failing.filter(|it| it != change)) {
                draft.record.reason = Some(self.fell_with(failing));
            }
            Some(draft)
        });
        let drafts: Vec<Draft> = drafts.collect();
        match self.run.core.store.append(self.run.held.lease(), &drafts).await {
            Ok(_) => {
                self.members.iter().for_each(|member| member.running.recorder.calls().are_written());
                Outcome::Done
            }
            Err(error) => first.running.refused(error),
        }
    }

    async fn call(&mut self, change: usize) -> Outcome<Fault> {
        let Some(member) = self.members.get_mut(change) else { return nothing() };
        let id = member.ready.change.id.as_str();
        if self.run.core.stopper.asked().is_some() {
            let message = format!("the run was told to stop before change `{id}` began");
            return Outcome::Failed(
                Fault::new("change::failed", Blame::User, message).with_help(
                    "nothing of the stage was changed; run the same command again: it begins anew",
                ),
            );
        }
        let (stage, mode) = (self.run.stage.as_str(), self.mode);
        self.run.core.observer.event(&Event::ChangeStarted { stage, id, mode });
        member.running.clock = Instant::now();
        member.running.session = self.session.take();
        let called = member.running.call(Part::Apply).await;
        self.session = member.running.session.take();
        member.took = Some(milliseconds(member.running.clock.elapsed()));
        called
    }

    async fn commit(&mut self) -> Outcome<Fault> {
        let (Some(session), Some(last)) = (self.session.take(), self.members.last()) else {
            return nothing();
        };
        if self.run.held.is_lost() {
            drop(session.close().await);
            return Outcome::LeaseLost(last.running.lost());
        }
        let committed = match self.mode {
            Mode::Shared => {
                let applied = Note { state: State::Applied, mode: Mode::Shared, fault: None };
                let with_calls = |member: &Member<'_>| {
                    let draft = member.draft(&applied);
                    Draft { calls: member.running.recorder.calls().unwritten(), ..draft }
                };
                let drafts: Vec<Draft> = self.members.iter().map(with_calls).collect();
                session.commit(Seal::Entries { lease: self.run.held.lease(), drafts: &drafts }).await
            }
            Mode::Marked | Mode::Direct => session.commit(Seal::Markers(&self.ids())).await,
        };
        match committed {
            Ok(_) => {
                self.members.iter_mut().for_each(|member| member.running.committed = true);
                Outcome::Done
            }
            Err(error) => last.running.not_committed(error),
        }
    }

    fn ids(&self) -> Vec<AttemptId> {
        self.members.iter().map(|member| member.started.id.clone()).collect()
    }

    /// What became of each change. Where the one that failed is tried again, all of them are.
    fn concluded(&self, conclusion: &Conclusion<Fault>, results: &mut Results) -> Progress {
        let again = self.again(conclusion, results);
        for (change, member) in self.members.iter().enumerate() {
            let Some(result) = self.result(change, member, conclusion) else {
                // What an attempt before this one left to be said of it counts no more.
                results.remove(&member.planned.change.id);
                continue;
            };
            let attempts = again::attempts(results, &member.planned.change.id);
            let result = ChangeResult { attempts, again: again.is_some(), ..result };
            match again {
                Some((failing, pause)) if failing == change => {
                    again::tell(self.run, member.ready, &result, pause);
                }
                Some(_) => {}
                None => {
                    let applied = (*conclusion == Conclusion::Applied).then_some(State::Applied);
                    let (stage, report) = (self.run.stage.as_str(), result.report(member.planned, applied));
                    self.run.core.observer.event(&Event::ChangeFinished { stage, change: &report });
                }
            }
            results.insert(member.planned.change.id.clone(), result);
        }
        again.map_or(Progress::Over, |(_, pause)| Progress::TryAgain(pause))
    }

    /// Which change failed so that it is tried again, and after which pause.
    fn again(
        &self,
        conclusion: &Conclusion<Fault>,
        results: &Results,
    ) -> Option<(usize, std::time::Duration)> {
        let Conclusion::RolledBack { failing, fault } = conclusion else { return None };
        let ready = self.members.get(*failing)?.ready;
        let attempts = again::attempts(results, &ready.change.id);
        let rolled_back = attempt::Conclusion::RolledBack(fault.clone());
        Some((*failing, again::pause(self.run, ready, attempts, &rolled_back)?))
    }

    /// What became of one change; none where it is as it was.
    fn result(
        &self,
        change: usize,
        member: &Member<'_>,
        conclusion: &Conclusion<Fault>,
    ) -> Option<ChangeResult> {
        let own = |conclusion| {
            let ended =
                Ended { conclusion, duration_ms: member.took.unwrap_or_default(), next_started: false };
            let result = result(self.run.core, member.ready, member.planned, ended);
            Some(ChangeResult { duration_ms: member.took, ..result })
        };
        match conclusion {
            Conclusion::Applied => own(attempt::Conclusion::Applied),
            Conclusion::RolledBack { failing, fault } if *failing == change => {
                own(attempt::Conclusion::RolledBack(fault.clone().with_effect(Effect::None)))
            }
            Conclusion::MayRemain { failing, fault } if change <= *failing => {
                own(attempt::Conclusion::Failed(fault.clone().with_effect(Effect::Unknown)))
            }
            Conclusion::RolledBack { failing, .. } | Conclusion::MayRemain { failing, .. } => {
                Some(self.rolled_back_with(*failing, member))
            }
            Conclusion::LeaseLost(at, fault) if *at == change => {
                own(attempt::Conclusion::LeaseLost(fault.clone()))
            }
            Conclusion::NotStarted(fault) if change == 0 => {
                own(attempt::Conclusion::NotStarted(fault.clone()))
            }
            Conclusion::Unrecorded(at, fault) if *at == change => {
                own(attempt::Conclusion::Unrecorded(fault.clone()))
            }
            Conclusion::LeaseLost(..)
            | Conclusion::NotStarted(_)
            | Conclusion::Unrecorded(..)
            | Conclusion::Superseded => None,
        }
    }

    /// A change that went wrong only because another one of its stage did.
    fn rolled_back_with(&self, failing: usize, member: &Member<'_>) -> ChangeResult {
        ChangeResult {
            outcome: ChangeOutcome::RolledBack,
            mode: Some(self.mode),
            reason: self.fell_with(failing).into(),
            duration_ms: member.took,
            error: None,
            exit: Exit::Done,
            attempts: 1,
            again: false,
        }
    }

    /// Why a change is rolled back that did not fail itself.
    fn fell_with(&self, failing: usize) -> String {
        let other = self.members.get(failing).map_or("another change", |it| it.ready.change.id.as_str());
        format!("`{other}` failed, and all of the stage is one transaction")
    }
}

impl Member<'_> {
    /// An entry of it, with the time that its own call took.
    fn draft(&self, note: &Note<Fault>) -> Draft {
        let mut draft = self.running.draft(note);
        if note.state != State::Started {
            draft.record.duration_ms = self.took;
        }
        draft
    }
}

/// What cannot be: a command about something that is not there.
fn nothing() -> Outcome<Fault> {
    Outcome::Failed(Fault::bug("an atomic stage was called without changes or without a session"))
}
