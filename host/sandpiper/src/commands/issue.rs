//! `issue list`, `issue show`, `issue resolve`: what needs a person, and what that person found.

mod told;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{Entry, Record, RecordedError, State};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::Planned;
use sandpiper_engine::progress::{StepMark, goes_on_without_a_word};
use sandpiper_engine::recovery::Settled;
use sandpiper_engine::scope::{LockKey, StageName};
use sandpiper_engine::state::States;
use sandpiper_engine::store::{Condition, Draft, EntryQuery};
use sandpiper_engine::suggest::nearest;

use self::told::Told;
use super::{Opened, Sandpiper, Select, no_entry, reason_given};
use crate::report::{EntriesReport, EntryReport, Finished, Issue, IssuesReport};
use crate::run::journal;

/// What a person found when looking at the target system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The change is applied.
    Applied,
    /// Nothing of it is there.
    RolledBack,
    /// It may go on after its last finished step, or after the given one.
    Resume {
        /// The last step that is finished, counted from 1.
        after: Option<u64>,
    },
}

impl Sandpiper {
    /// The changes that need a person; with an id that one alone.
    pub async fn issues(&self, id: Option<&str>) -> Finished<IssuesReport> {
        match self.found_issues(id).await {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    /// Records what a person found, under the lock of the change's stage.
    pub async fn resolve_issue(
        &self,
        id: &str,
        resolution: Resolution,
        reason: &str,
    ) -> Finished<EntriesReport> {
        match self.resolved(id, resolution, reason).await {
            Ok(report) => Finished::done(report),
            Err(fault) => self.refused(fault),
        }
    }

    async fn found_issues(&self, id: Option<&str>) -> Result<IssuesReport, Fault> {
        let opened = self.open().await?;
        let planned = self.blocked(&opened)?;
        let mut issues = Vec::new();
        for (stage, planned) in &planned {
            if id.is_none_or(|id| planned.change.id.as_str() == id) {
                let newest = self.newest_entry(&opened, planned).await?;
                let newest = newest.ok_or_else(|| no_entry(&planned.change.id))?;
                let error = self.failure(&opened, &newest).await?;
                let marks = opened.systems.store().steps(&self.scope(), &planned.change.id).await?;
                let item = opened.changes.item(&planned.change.id);
                let data = item.and_then(|item| item.file.data(&opened.changes.config)?.ok());
                let is_one_part = data.map_or(marks.len() == 1, |data| data.steps.len() == 1);
                let told = Told::new(opened.answers.get(&newest.sequence), &newest, &marks, is_one_part);
                issues.extend(issue(stage, planned, &newest, error, told));
            }
        }
        match id {
            Some(id) if issues.is_empty() => Err(self.not_here(self.no_issue(id, &opened, &planned))),
            _ => Ok(IssuesReport { issues }),
        }
    }

    /// The changes that a person may settle so: those that need one; those whose undo went wrong, whatever is still
    /// there of them; to take back what a person said, those that count as applied because of that; and to say it
    /// better, those that were allowed to go on.
    fn settled_by_a_person(
        &self,
        opened: &Opened,
        resolution: Resolution,
    ) -> Result<Vec<(StageName, Planned)>, Fault> {
        let mut planned = self.all(opened)?;
        planned.retain(|(_, planned)| {
            let may = match planned.state.as_ref().map(|state| state.state) {
                Some(State::UndoFailed) => !matches!(resolution, Resolution::Resume { .. }),
                Some(State::Baselined | State::MarkedApplied) => resolution == Resolution::RolledBack,
                Some(State::MarkedResumable) => true,
                _ => false,
            };
            planned.needs_person || may
        });
        Ok(planned)
    }

    /// Every change that nothing but a person can settle.
    fn blocked(&self, opened: &Opened) -> Result<Vec<(StageName, Planned)>, Fault> {
        let mut planned = self.all(opened)?;
        planned.retain(|(_, planned)| planned.needs_person);
        Ok(planned)
    }

    fn all(&self, opened: &Opened) -> Result<Vec<(StageName, Planned)>, Fault> {
        let selection = self.selection(&Select::default(), &opened.changes)?;
        let plan = self.plan_of(opened, &selection)?;
        let stages = plan.stages.into_iter();
        let planned = stages
            .flat_map(|stage| stage.changes.into_iter().map(move |planned| (stage.name.clone(), planned)));
        let without_file = opened
            .states
            .iter()
            .flat_map(States::values)
            .filter(|state| opened.changes.item(&state.change_id).is_none())
            .filter(|state| !opened.running.contains_key(&state.sequence))
            .map(|state| (state.stage.clone(), Planned::without_file(state)));
        Ok(planned.chain(without_file).collect())
    }

    /// The entry that gives a change its state.
    pub(super) async fn newest_entry(
        &self,
        opened: &Opened,
        planned: &Planned,
    ) -> Result<Option<Entry>, Fault> {
        let Some(newest) = planned.newest() else { return Ok(None) };
        let entries = opened.systems.store().entries(&EntryQuery::at(self.scope(), newest)).await?;
        Ok(entries.into_iter().find(|entry| entry.record.change_id == planned.change.id))
    }

    /// What went wrong with the attempt of an entry, which an earlier entry of it may say.
    async fn failure(&self, opened: &Opened, newest: &Entry) -> Result<Option<RecordedError>, Fault> {
        let record = &newest.record;
        if record.error.is_some() || matches!(record.state, Some(State::Started | State::Undoing)) {
            return Ok(record.error.clone());
        }
        let query = EntryQuery::of_change(self.scope(), record.change_id.clone());
        let entries = opened.systems.store().entries(&query).await?.into_iter().rev();
        let mut of_attempt = entries.filter(|entry| entry.record.attempt_id == record.attempt_id);
        Ok(of_attempt.find_map(|entry| entry.record.error))
    }

    fn no_issue(&self, id: &str, opened: &Opened, planned: &[(StageName, Planned)]) -> Fault {
        let exists = ChangeId::new(id).is_ok_and(|id| {
            opened.changes.item(&id).is_some()
                || opened.states.as_ref().is_some_and(|states| states.contains_key(&id))
        });
        if exists {
            return Fault::usage(format!("change `{id}` has no issue"))
                .with_help("see what needs a person with `sandpiper issue list`");
        }
        let issues = planned.iter().map(|(_, planned)| planned.change.id.as_str());
        match nearest(id, issues) {
            Some(nearest) => Fault::usage(format!("there is no change `{id}`"))
                .with_help(format!("did you mean `{nearest}`?")),
            None => crate::load::unknown_change(id, &opened.changes.stages),
        }
    }

    async fn resolved(&self, id: &str, resolution: Resolution, reason: &str) -> Result<EntriesReport, Fault> {
        reason_given(reason)?;
        let state = match resolution {
            Resolution::Applied => State::MarkedApplied,
            Resolution::RolledBack => State::MarkedRolledBack,
            Resolution::Resume { .. } => State::MarkedResumable,
        };
        let opened = self.open().await?;
        if opened.states.is_none() {
            return Err(Fault::usage("there is no audit store yet, and so no issue")
                .with_help("apply something first"));
        }
        let blocked = self.settled_by_a_person(&opened, resolution)?;
        let Some((stage, planned)) = blocked.iter().find(|(_, planned)| planned.change.id.as_str() == id)
        else {
            return Err(self.no_issue(id, &opened, &blocked));
        };
        let marks = match resolution {
            Resolution::Resume { after } => self.resumable(&opened, planned, after).await?,
            Resolution::Applied | Resolution::RolledBack => Vec::new(),
        };
        let store = opened.systems.store();
        store.prepare().await?;
        let leases = self.leases(store);
        let key = LockKey { scope: self.scope(), stage: stage.clone() };
        let held = leases.acquire(&key).await?;
        let written = self.write(&opened, planned, state, reason, &marks, held.lease()).await;
        // Given back whatever became of the writing, whose error counts first.
        let released = leases.release(held).await;
        let written = written?;
        released?;
        Ok(EntriesReport { entries: written.into_iter().map(EntryReport::from).collect() })
    }

    /// The marks that are to be written so that a change goes on after its last finished step, or after the one that a
    /// person names.
    async fn resumable(
        &self,
        opened: &Opened,
        planned: &Planned,
        after: Option<u64>,
    ) -> Result<Vec<StepMark>, Fault> {
        let (store, id) = (opened.systems.store(), &planned.change.id);
        if planned
            .state
            .as_ref()
            .is_some_and(|state| matches!(state.state, State::Undoing | State::UndoFailed))
        {
            return Err(Fault::usage(format!("the undo of `{id}` cannot be resumed"))
                .with_help("say what you found: `--applied` or `--rolled-back`"));
        }
        let Some(after) = after else {
            let marks = store.steps(&self.scope(), id).await?;
            if marks.is_empty() && store.checkpoint(&self.scope(), id).await?.is_none() {
                return Err(nothing_finished(id.as_str()));
            }
            let answer = planned.newest().and_then(|newest| opened.answers.get(&newest));
            if answer == Some(&Settled::Edited) {
                return Err(was_edited(id.as_str()));
            }
            goes_on_without_a_word(&marks).map_err(|step| {
                let is_one_part = marks.len() == 1;
                taken_back_in_part(id.as_str(), (!is_one_part).then_some(step))
            })?;
            return Ok(Vec::new());
        };
        let data = opened.changes.item(id).and_then(|item| item.file.data(&opened.changes.config));
        let Some(data) = data.transpose().map_err(Fault::from_problems)? else {
            return Err(Fault::usage(format!("`{id}` is a component: it goes on from its own checkpoint"))
                .with_help("leave `--after` out"));
        };
        let kind = opened.systems.target(&planned.change.target_system)?.kind();
        let steps: Vec<&str> = data.steps.iter().map(|step| step.apply.json()).collect();
        journal::marks_after(&steps, kind, after).ok_or_else(|| {
            Fault::usage(format!("change `{id}` has no step {after}"))
                .with_help("see its steps in the file: they count from 1")
        })
    }

    async fn write(
        &self,
        opened: &Opened,
        planned: &Planned,
        state: State,
        reason: &str,
        marks: &[StepMark],
        lease: &sandpiper_engine::store::Lease,
    ) -> Result<Vec<Entry>, Fault> {
        let (newest, _) = self.newest_of(opened, planned).await?;
        let mut record = Record { state: Some(state), ..self.said(newest.record.clone(), reason) };
        if state == State::MarkedApplied && opened.answers.get(&newest.sequence) == Some(&Settled::Edited) {
            // Who calls a file applied that was edited since means the file as it is now.
            record.digest = planned.change.digest;
            record.meaning = planned.change.meaning;
        }
        let (store, id) = (opened.systems.store(), &planned.change.id);
        let known = if marks.is_empty() { Vec::new() } else { store.steps(&self.scope(), id).await? };
        if known.iter().any(|known| marks.iter().all(|mark| mark.step != known.step)) {
            // A file that has fewer steps now leaves none behind; what was captured of the others is still needed.
            let kept = store.checkpoint(&self.scope(), id).await?;
            store.forget_progress(lease, id, newest.sequence).await?;
            if let Some(kept) = kept {
                store.put_checkpoint(lease, id, &kept).await?;
            }
        }
        for mark in marks {
            store.put_step(lease, id, mark).await?;
        }
        let draft = Draft { record, condition: Condition::Newest(Some(newest.sequence)), calls: None };
        let appended = store.append(lease, &[draft]).await?;
        Ok(appended.0.into_iter().flatten().collect())
    }
}

fn nothing_finished(id: &str) -> Fault {
    Fault::usage(format!("no step of `{id}` is known to be finished, so that it cannot go on after one")).with_help(
        "take back by hand what is there of it, and resolve it with `--rolled-back`; or say after which step it goes on: \
         `--after N`",
    )
}

fn taken_back_in_part(id: &str, step: Option<u32>) -> Fault {
    let what = match step {
        Some(step) => format!("step {step} of `{id}` was taken back in part"),
        None => format!("`{id}` was taken back in part"),
    };
    Fault::usage(format!("{what}, so that nobody but you can say what of it still stands")).with_help(format!(
        "see `sandpiper issue show {id}`, and look. Did you take back the rest? `--rolled-back`. Is it there, or did you put \
         it back? `--applied`. Or say which is the last that stands: `--resume --after N`"
    ))
}

fn was_edited(id: &str) -> Fault {
    Fault::usage(format!("what is finished of `{id}` was edited since, so that it cannot go on after that")).with_help(
        "put the finished part of the file back as it was; or say what you found: `--rolled-back`, `--applied`, or \
         `--resume --after N` for the file as it is now",
    )
}

fn issue(
    stage: &StageName,
    planned: &Planned,
    newest: &Entry,
    error: Option<RecordedError>,
    told: Told,
) -> Option<Issue> {
    let state = planned.state.as_ref()?;
    let help = told.help(planned.change.id.as_str(), &newest.record.target_system);
    let steps = told.steps();
    Some(Issue {
        tenant: newest.record.scope.tenant.clone(),
        change_id: planned.change.id.as_str().to_owned(),
        stage: stage.as_str().to_owned(),
        state: state.state,
        since: newest.record.finished_at.unwrap_or(newest.record.started_at),
        attempt: state.attempt,
        mode: state.mode,
        error,
        last_step: told.progress.last_step,
        doubtful_step: told.progress.doubtful_step,
        done_steps: told.progress.done,
        undone_steps: told.progress.undone,
        doubtful_steps: told.progress.doubtful,
        rollback_last_step: told.progress.rollback_last_step,
        rollback_doubtful_step: told.progress.rollback_doubtful_step,
        steps,
        help,
    })
}
