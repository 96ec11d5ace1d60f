//! Which changes go on after what is finished of them: what their journals and checkpoints say, held against the files.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{Mode, State};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::plan::{Action, Answers, Planned};
use sandpiper_engine::progress::{Standing, StepMark, is_under_way};
use sandpiper_engine::recovery::{self, Settled};
use sandpiper_engine::scope::Scope;
use sandpiper_engine::state::{ChangeState, States};

use crate::load::{Changes, Item};
use crate::run::journal;
use crate::run::ready::{Program, Ready};
use crate::run::session;
use crate::run::stage::StageRun;
use crate::systems::Systems;

/// Answers for every change that may go on whether it does, and whether that part of it was edited since. What is
/// answered already may be that it is applied again; then it may go on too.
pub(crate) async fn look(
    changes: &Changes,
    systems: &Systems,
    scope: &Scope,
    states: &States,
    answers: &mut Answers,
) -> Result<(), Fault> {
    for state in states.values() {
        let Some(item) = changes.item(&state.change_id) else { continue };
        let recovery = state.recovery.stricter(item.info.recovery);
        let answer = answers.get(&state.sequence).copied();
        if recovery::may_go_on((state.state, state.mode), recovery, answer)
            && let Some(found) = found(changes, systems, scope, item).await?
        {
            answers.insert(state.sequence, found);
        }
    }
    Ok(())
}

async fn found(
    changes: &Changes,
    systems: &Systems,
    scope: &Scope,
    item: &Item,
) -> Result<Option<Settled>, Fault> {
    let (store, id) = (systems.store(), &item.info.id);
    let Some(data) = item.file.data(&changes.config) else {
        return Ok(store.checkpoint(scope, id).await?.map(|_| Settled::GoOn));
    };
    let marks = store.steps(scope, id).await?;
    if !is_under_way(&marks) {
        return Ok(None);
    }
    // What cannot be read is a problem that is told elsewhere.
    let Ok(data) = data else { return Ok(None) };
    let steps: Vec<&str> = data.steps.iter().map(|step| step.apply.json()).collect();
    let kind = systems.target(&item.info.target_system)?.kind();
    Ok(Some(if is_unchanged(&marks, &steps, kind) { Settled::GoOn } else { Settled::Edited }))
}

/// Whether what is certainly there of a change is still what its file says. What begins anew may be edited.
fn is_unchanged(marks: &[StepMark], steps: &[&str], kind: &str) -> bool {
    let mut there = marks
        .iter()
        .map(StepMark::goes_on)
        .filter(|mark| matches!(mark.standing(), Standing::Done | Standing::Begun));
    there.all(|mark| {
        let step = steps.get(mark.step as usize);
        step.is_some_and(|step| journal::is_unchanged(&mark, step, kind))
    })
}

/// The steps that an attempt finds as it goes on; none for one that begins anew, whose journal is emptied first.
///
/// # Errors
///
/// Inside, why it may not go on: what is there of it was done outside of a transaction.
pub(crate) async fn marks(
    run: &StageRun<'_>,
    planned: &Planned,
    ready: &Ready,
) -> Result<Result<Vec<StepMark>, Fault>, Fault> {
    let (store, id) = (&run.core.store, &planned.change.id);
    // What was kept when it was applied is none of an attempt that goes on.
    let is_open = |state: &&ChangeState| {
        state.mode == Mode::Direct
            && matches!(
                state.state,
                State::Started | State::Failed | State::RollbackFailed | State::MarkedResumable
            )
    };
    let Some(state) = planned.state.as_ref().filter(is_open) else {
        return Ok(Ok(Vec::new()));
    };
    let marks = store.steps(&run.core.scope, id).await?;
    if planned.action != Action::Resume {
        if !marks.is_empty() || store.checkpoint(&run.core.scope, id).await?.is_some() {
            store.forget_progress(run.held.lease(), id, state.sequence).await?;
        }
        return Ok(Ok(Vec::new()));
    }
    if ready.mode != Mode::Direct && (is_under_way(&marks) || !matches!(ready.program, Program::Data(_))) {
        return Ok(Err(in_a_transaction(id)));
    }
    let marks: Vec<_> = marks.iter().map(StepMark::goes_on).collect();
    match session::settings(ready, &marks) {
        Ok(_) => Ok(Ok(marks)),
        // Nobody but its author has said that it may be done twice.
        Err(_) if state.recovery.stricter(planned.change.recovery) == Recovery::AlwaysRetry => {
            store.forget_progress(run.held.lease(), id, state.sequence).await?;
            Ok(Ok(Vec::new()))
        }
        Err(fault) => Ok(Err(fault)),
    }
}

fn in_a_transaction(id: &ChangeId) -> Fault {
    let message = format!(
        "change `{id}` would go on after what was done of it outside of a transaction, but would now be in one"
    );
    Fault::new("plan::blocked", Blame::Change, message).with_effect(Effect::Unknown).with_help(format!(
        "put `transactional: false` back, or take back by hand what is there of it and run `sandpiper issue resolve {id} \
         --rolled-back --reason ..`",
    ))
}
