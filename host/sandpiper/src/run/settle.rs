//! Finding out what became of an attempt whose end is not recorded, and recording that.

use std::sync::Arc;

use sandpiper_backends::crash;
use sandpiper_engine::entry::{Mode, Record, State};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::plan::{Action, Planned};
use sandpiper_engine::recovery::{self, Settled, Verdict};
use sandpiper_engine::store::{AppendError, Condition, Draft, StoreError};
use sandpiper_runtime::guest;
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::Target;

use crate::clock::now;
use crate::run::ready::Ready;
use crate::run::stage::StageRun;
use crate::run::verify::Asker;

/// What was found out.
pub(crate) struct Found {
    /// What follows.
    pub(crate) answer: Settled,
    /// Whether `applied` was recorded for it.
    pub(crate) recorded_applied: bool,
}

/// Looks at the target system, and records what the audit does not know yet.
pub(crate) async fn settle(
    run: &StageRun<'_>,
    ready: &Arc<Ready>,
    planned: &Planned,
) -> Result<Found, Fault> {
    let Some(state) = &planned.state else { return Err(Fault::bug("a change without an entry is in doubt")) };
    // The attempt was made on the system that it recorded, whatever the file says now.
    let target = run.core.systems.target(&state.target_system).map_err(|fault| {
        let message = format!(
            "change `{}` was interrupted on the target system `{}`, which is not there to be asked: {}",
            state.change_id, state.target_system, fault.message
        );
        Fault::new("plan::blocked", Blame::User, message)
            .with_help("put that system back into `target-systems` until the change is settled")
    })?;
    let (answer, why) = match planned.action {
        Action::LookForMarker => {
            // First the fence: an attempt of a stale holder can no longer commit once it is judged absent.
            crash::before("fence");
            target.fence(&run.fence()).await?;
            crash::after("fence");
            let there = match &state.attempt_id {
                Some(attempt) => target.has_marker(attempt).await?,
                None => false,
            };
            (recovery::after_marker(state.state, there), "its marker is in the target system")
        }
        Action::AskVerify(otherwise) => {
            let verdict = verdict(run, ready, &*target).await?;
            (recovery::after_verdict(state.state, verdict, otherwise), "its `verify` said so")
        }
        Action::Apply
        | Action::Skip
        | Action::Resume
        | Action::Blocked
        | Action::NotReached
        | Action::Exclude => {
            return Err(Fault::bug("a change that is not in doubt was looked at"));
        }
    };
    let record_as = match answer {
        Settled::RecordApplied => State::Applied,
        Settled::RecordUndone => State::Undone,
        // Else every later run would have to look again.
        Settled::StillApplied => State::UndoFailed,
        Settled::Apply | Settled::ApplyAgain | Settled::GoOn | Settled::Edited | Settled::Blocked => {
            return Ok(Found { answer, recorded_applied: false });
        }
    };
    let reason = match record_as {
        State::UndoFailed => "an interrupted undo had not committed: still applied".to_owned(),
        _ => format!("an interrupted attempt had done it: {why}"),
    };
    // What was done is what that attempt ran, which need not be the file as it is now.
    let Some(newest) = run.newest_of(&ready.change.id, state.sequence).await? else {
        let wrong = format!("the entry of the interrupted attempt of `{}` is not there", ready.change.id);
        return Err(StoreError::Damaged(wrong).into());
    };
    let record = Record {
        run_id: run.core.owner.run_id.clone(),
        state: Some(record_as),
        finished_at: Some(now()),
        host: run.core.owner.host.clone(),
        operator: run.core.owner.operator.clone(),
        reason: Some(reason),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..newest.record
    };
    let draft = Draft { record, condition: Condition::Newest(planned.newest()), calls: None };
    crash::before("append settled");
    let appended = run.core.store.append(run.held.lease(), &[draft]).await;
    crash::after("append settled");
    match appended {
        // Somebody settled it meanwhile: what is there now is planned on.
        Err(AppendError::Superseded(_)) => return Ok(Found { answer, recorded_applied: false }),
        appended => appended?,
    };
    if state.mode == Mode::Marked {
        // A marker that stays is garbage, not a fault: the attempt's end is recorded.
        drop(target.forget_markers(state.attempt_id.as_slice()).await);
    }
    Ok(Found { answer, recorded_applied: record_as == State::Applied })
}

/// Asks the change whether it is applied, with handles that only read.
async fn verdict(run: &StageRun<'_>, ready: &Arc<Ready>, target: &dyn Target) -> Result<Verdict, Fault> {
    let core = run.core;
    let asker = Asker {
        runtime: &core.runtime,
        store: &core.store,
        store_identity: &core.store_identity,
        scope: &core.scope,
        variables: &core.variables,
        secrets: &core.secrets,
        observer: &core.observer,
    };
    let stop = Stop::new();
    run.held.guards(&stop);
    Ok(match asker.ask(ready, target, stop).await?.map(|asked| asked.verdict) {
        Some(guest::Verdict::Applied) => Verdict::Applied,
        Some(guest::Verdict::NotApplied) => Verdict::NotApplied,
        Some(guest::Verdict::PartlyApplied | guest::Verdict::Unknown) | None => Verdict::Unclear,
    })
}
