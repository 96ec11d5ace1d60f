//! Notes: what a run sees of changes without doing anything about it. A file that was renamed or moved to another
//! stage after it was applied, and a change that its condition leaves out.
//!
//! They are written under a lease that the run holds anyway, so that a run with nothing to do takes no lock and writes
//! nothing; and once, for as long as nothing else becomes of the change.

use std::collections::{BTreeMap, BTreeSet};

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{Entry, Record, Sequence, State};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::{Action, Planned, PlannedStage};
use sandpiper_engine::scope::StageName;
use sandpiper_engine::store::{Condition, Draft, EntryQuery};

use crate::run::record::Origin;
use crate::run::stage::StageRun;

/// Writes what is to be noted about a stage that is about to run.
pub(crate) async fn write(run: &StageRun<'_>, planned: &PlannedStage) -> Result<(), Fault> {
    let core = run.core;
    let origin = Origin { owner: &core.owner, scope: &core.scope, variables: &core.variables };
    let moved = planned.changes.iter().filter_map(|it| {
        let reason = moved(it, run.stage)?;
        Some(origin.note(&it.change, run.stage, reason))
    });
    let mut notes: Vec<Record> = moved.collect();
    let left_out: Vec<(&StageName, &Planned)> = stages_to_note(run, planned)
        .flat_map(|stage| stage.changes.iter().map(move |it| (&stage.name, it)))
        .filter(|(_, it)| it.action == Action::Exclude)
        .collect();
    if !left_out.is_empty() {
        let query = EntryQuery { notes_only: true, ..EntryQuery::all(core.scope.clone()) };
        let noted = noted(&core.store.entries(&query).await?, &left_out);
        let new = left_out.iter().filter(|(_, it)| !noted.contains(&it.change.id));
        notes.extend(new.map(|(stage, it)| origin.note(&it.change, stage, left_out_because(it))));
    }
    if notes.is_empty() {
        return Ok(());
    }
    let drafts: Vec<Draft> =
        notes.into_iter().map(|record| Draft { record, condition: Condition::Always, calls: None }).collect();
    core.store.append(run.held.lease(), &drafts).await?;
    Ok(())
}

/// The stage itself; and with the first one that runs those that their conditions leave out, for they never run.
fn stages_to_note<'a>(
    run: &'a StageRun<'_>,
    planned: &'a PlannedStage,
) -> impl Iterator<Item = &'a PlannedStage> {
    let stages = &run.core.first.stages;
    let is_first = stages.iter().find(|stage| stage.has_work()).is_some_and(|it| it.name == *run.stage);
    let others =
        stages.iter().filter(move |stage| is_first && stage.excluded.is_some() && stage.name != *run.stage);
    std::iter::once(planned).chain(others)
}

/// Where the file of an applied change was, if it is elsewhere now.
fn moved(planned: &Planned, stage: &StageName) -> Option<String> {
    let state = planned.state.as_ref().filter(|state| state.applied.is_some())?;
    let change = &planned.change;
    let is_open = matches!(state.state, State::Started | State::Undoing);
    let same_stage = state.stage == *stage;
    if is_open || same_stage && state.order == change.order && state.name == *change.name {
        return None;
    }
    let before = format!("`_{}__{}`", state.order, state.name);
    let now = format!("`_{}__{}`", change.order, change.name);
    Some(match same_stage {
        true => format!("its file was renamed: it was {before}, and is {now}"),
        false => format!(
            "its file was moved: it was {before} in stage `{}`, and is {now} in `{stage}`",
            state.stage
        ),
    })
}

fn left_out_because(planned: &Planned) -> String {
    format!("left out: {}", planned.reason)
}

/// The changes of which it is noted already that they are left out, after all else that is known of them.
fn noted<'a>(notes: &[Entry], left_out: &[(&StageName, &'a Planned)]) -> BTreeSet<&'a ChangeId> {
    let said = |note: &Entry| Some((note.record.change_id.clone(), note.record.reason.clone()?));
    let newest: BTreeMap<(ChangeId, String), Sequence> =
        notes.iter().filter_map(|note| Some((said(note)?, note.sequence))).collect();
    let is_noted = |planned: &Planned| {
        let note = newest.get(&(planned.change.id.clone(), left_out_because(planned)));
        note.is_some_and(|note| planned.newest().is_none_or(|newest| *note > newest))
    };
    left_out.iter().filter(|(_, it)| is_noted(it)).map(|(_, it)| &it.change.id).collect()
}
