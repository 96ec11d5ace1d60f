//! One undo, carried out: the commands of the engine's state machine, as those of an application are.

use std::sync::Arc;

use sandpiper_engine::attempt::Next;
use sandpiper_engine::entry::State;
use sandpiper_engine::fault::{Effect, Fault};
use sandpiper_engine::undo::attempt::{Attempt, Conclusion};
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::Turn;

use crate::clock::milliseconds;
use crate::run::attempt::{Begin, Running};
use crate::run::ready::Ready;
use crate::run::stage::StageRun;

/// How an undo of one change ended.
pub(super) struct Ended {
    /// How.
    pub(super) conclusion: Conclusion<Fault>,
    /// How long it took, in milliseconds.
    pub(super) duration_ms: u64,
}

/// Carries out one undo. The caller holds the turn on the target system.
pub(super) async fn undo(run: &StageRun<'_>, ready: &Arc<Ready>, begin: Begin<'_>, _turn: &Turn) -> Ended {
    let stands = begin.undoes.and_then(|application| application.state).filter(|state| state.is_applied());
    let (mut machine, mut command) = Attempt::begin(ready.mode, stands.unwrap_or(State::Applied));
    let stop = Stop::new();
    run.held.guards(&stop);
    let _told = run.core.stopper.tells(&stop);
    let mut running = Running::new(run, ready, begin, stop);
    let conclusion = loop {
        let outcome = running.carry_out(command).await;
        match machine.next(outcome) {
            Next::Do(next) => command = next,
            Next::Over(conclusion) => break conclusion,
        }
    };
    Ended { conclusion: with_effect(conclusion), duration_ms: milliseconds(running.clock.elapsed()) }
}

/// A fault says what its attempt left behind, once that is known.
fn with_effect(conclusion: Conclusion<Fault>) -> Conclusion<Fault> {
    match conclusion {
        Conclusion::StillApplied { fault, state } => {
            Conclusion::StillApplied { fault: fault.with_effect(Effect::None), state }
        }
        Conclusion::Failed(fault) => Conclusion::Failed(fault.with_effect(Effect::Unknown)),
        other => other,
    }
}
