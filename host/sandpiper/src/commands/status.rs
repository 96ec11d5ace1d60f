//! `status`: each change and its state.

use std::collections::HashMap;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::Entry;
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::plan::{Action, Plan, Planned};
use sandpiper_engine::state::ChangeState;
use sandpiper_engine::store::EntryQuery;

use super::{Opened, Sandpiper, Select, needs_person, no_entry, pending};
use crate::report::{Drift, Exit, Finished, StatusChange, StatusReport, StatusStage};

impl Sandpiper {
    /// Each change and its state. With `verify` the changes that count as applied are asked whether they are there. With
    /// `check` the exit code tells: the first of 4 (a person is needed), 6 (integrity, drift), 3 (something is pending).
    pub async fn status(&self, check: bool, verify: bool) -> Finished<StatusReport> {
        match self.states(check, verify).await {
            Ok(finished) => finished,
            Err(fault) => self.refused(fault),
        }
    }

    async fn states(&self, check: bool, verify: bool) -> Result<Finished<StatusReport>, Fault> {
        let (opened, _, plan) = self.open_and_plan(&Select::default()).await?;
        let drift = if verify { Some(self.drift(&opened, &plan).await?) } else { None };
        let (mut warnings, refusal) = self.deviations(&plan, &opened.changes);
        warnings.extend(opened.warnings.iter().cloned());
        let applications = self.applications(&opened).await?;
        let report = StatusReport { drift, ..report(&plan, &applications, self.stage.as_deref()) };
        let has_drifted = report.drift.as_ref().is_some_and(|drift| !drift.is_empty());
        let exit = match (check, report.issues, refusal.is_some() || has_drifted, report.pending) {
            (false, ..) => Exit::Done,
            (true, 1.., ..) => Exit::Manual,
            (true, 0, true, _) => Exit::Integrity,
            (true, 0, false, 1..) => Exit::Pending,
            (true, 0, false, 0) => Exit::Done,
        };
        let drift = || drifted(report.drift.as_deref().unwrap_or_default());
        let error = match exit {
            Exit::Manual => {
                let without_file = plan.missing.iter().map(Planned::without_file).collect::<Vec<_>>();
                let planned = plan.stages.iter().flat_map(|stage| &stage.changes);
                Some(needs_person(planned.chain(&without_file)))
            }
            Exit::Integrity => Some(refusal.unwrap_or_else(drift)),
            Exit::Pending => Some(pending(report.pending)),
            _ => None,
        };
        Ok(Finished { exit, error, warnings, body: report })
    }

    /// The entry of each change that applied it, read from what was hashed.
    async fn applications(&self, opened: &Opened) -> Result<HashMap<ChangeId, Entry>, Fault> {
        let Some(states) = &opened.states else { return Ok(HashMap::new()) };
        let store = opened.systems.store();
        let newest = EntryQuery { newest_only: true, ..EntryQuery::all(self.scope()) };
        let mut found = HashMap::with_capacity(states.len());
        for entry in store.entries(&newest).await? {
            found.insert(entry.record.change_id.clone(), entry);
        }
        let is_there = |state: &&ChangeState| {
            found.get(&state.change_id).is_some_and(|entry| entry.sequence >= state.sequence)
        };
        if let Some(state) = states.values().find(|state| !is_there(state)) {
            return Err(no_entry(&state.change_id).into());
        }
        let earlier = states.values().filter_map(|state| {
            let applied = state.applied.as_ref()?.sequence;
            found.get(&state.change_id).is_none_or(|entry| entry.sequence != applied).then_some(applied)
        });
        let earlier = EntryQuery { places: Some(earlier.collect()), ..EntryQuery::all(self.scope()) };
        for entry in store.entries(&earlier).await? {
            found.insert(entry.record.change_id.clone(), entry);
        }
        found.retain(|id, entry| {
            let applied = states.get(id).and_then(|state| state.applied.as_ref());
            applied.is_some_and(|applied| applied.sequence == entry.sequence)
        });
        Ok(found)
    }
}

/// `--check`: what counts as applied says of itself that it is not there.
fn drifted(drift: &[Drift]) -> Fault {
    let ids: Vec<String> = drift.iter().map(|it| format!("`{}`", it.id)).collect();
    Fault::new(
        "plan::drift",
        Blame::Target,
        format!("what is applied is not there as it was: {}", ids.join(", ")),
    )
    .with_effect(Effect::Unknown)
    .with_help("somebody changed the target system: put it back as it was, or write a change that does")
}

fn report(plan: &Plan, applications: &HashMap<ChangeId, Entry>, only: Option<&str>) -> StatusReport {
    let mut stages: Vec<StatusStage> = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        let changes =
            stage.changes.iter().map(|planned| change(planned, applications.get(&planned.change.id)));
        stages.push(StatusStage { name: stage.name.as_str().to_owned(), changes: changes.collect() });
    }
    for state in &plan.missing {
        let missing = missing(state, applications.get(&state.change_id));
        match stages.iter_mut().find(|stage| stage.name == state.stage.as_str()) {
            Some(stage) => stage.changes.push(missing),
            None => {
                stages.push(StatusStage { name: state.stage.as_str().to_owned(), changes: vec![missing] })
            }
        }
    }
    if let Some(only) = only {
        stages.retain(|stage| stage.name == only);
    }
    for stage in &mut stages {
        stage.changes.sort_by(|a, b| a.order.cmp(&b.order));
    }
    let issues = stages.iter().flat_map(|stage| &stage.changes).filter(|change| change.blocked).count();
    StatusReport { stages, pending: plan.pending(), issues, drift: None }
}

fn change(planned: &Planned, applied: Option<&Entry>) -> StatusChange {
    let change = &planned.change;
    StatusChange {
        id: change.id.as_str().to_owned(),
        order: change.order.as_str().to_owned(),
        name: change.name.to_string(),
        author: change.author.to_string(),
        target_system: change.target_system.as_str().to_owned(),
        state: planned.state.as_ref().map(|state| state.state),
        digest: change.digest,
        modified: planned.modified,
        missing: false,
        rebuilt: planned.rebuilt,
        blocked: planned.needs_person,
        excluded: planned.action == Action::Exclude,
        applied_at: applied.and_then(|entry| entry.record.finished_at),
        duration_ms: applied.and_then(|entry| entry.record.duration_ms),
    }
}

fn missing(state: &ChangeState, applied: Option<&Entry>) -> StatusChange {
    let digest = state
        .applied
        .as_ref()
        .map(|applied| applied.digest)
        .unwrap_or(sandpiper_engine::digest::Digest::ZERO);
    StatusChange {
        id: state.change_id.as_str().to_owned(),
        order: state.order.as_str().to_owned(),
        name: state.name.clone(),
        author: applied.map(|entry| entry.record.author.clone()).unwrap_or_default(),
        target_system: state.target_system.as_str().to_owned(),
        state: Some(state.state),
        digest,
        modified: false,
        missing: true,
        rebuilt: false,
        blocked: Planned::without_file(state).needs_person,
        excluded: false,
        applied_at: applied.and_then(|entry| entry.record.finished_at),
        duration_ms: applied.and_then(|entry| entry.record.duration_ms),
    }
}
