//! Calls a change, or a template for a step of one, with handles to its systems.

use std::sync::Arc;
use std::time::Instant;

use sandpiper_engine::fault::Fault;

use crate::capability::{self, Outcome, Ready};
use crate::component::Component;
use crate::guest::{Call, CallError, Loan, Returned};
use crate::log::Log;
use crate::runtime::{Runtime, no_thread};
use crate::sandbox::{Passing, Sandbox};
use crate::state::Lent;
use crate::stop::StopReason;
use crate::target::{Capability, Session};

impl Runtime {
    /// Calls a guest with a session on its target system. The session is given back however the call ends; sessions on
    /// further systems are closed.
    ///
    /// A stop of the call, its deadline among them, outweighs what the guest gives as its failure, but not its success:
    /// who asked for the stop decides what that is worth. A transaction that ended early outweighs everything.
    pub async fn call(&self, component: &Component, call: Call, loan: Loan) -> Returned {
        let begun = Instant::now();
        let Loan { mut session, context, host, stop, deadline } = loan;
        let room = match self.room(component) {
            Ok(room) => room,
            Err(fault) => return unusable(session, fault),
        };
        let Some(capability) = capability::of(session.as_mut()) else {
            return unusable(session, Fault::bug("the target system lends no handle that a guest could use"));
        };

        stop.on_stop(session.interrupter());
        let log = Arc::new(Log::new(Some(host.clone()), self.limits().log));
        let lent = Lent { context, host: Some(host), log, ..Lent::nothing(self.limits(), stop) };
        let mut sandbox = match Sandbox::new(room, self.watch(), lent, deadline, Passing::Arguments) {
            Ok(sandbox) => sandbox,
            Err(error) => return unusable(session, no_thread(&error)),
        };
        sandbox.store.data_mut().lent.session = Some(session);
        let outcome = run(&mut sandbox, capability, call).await;
        capability::release(sandbox.store.data_mut()).await;
        self.took_memory(sandbox.store.data().memory.used());
        let (lent, outcome) = sandbox.end(outcome);
        settle(lent, outcome, begun.elapsed() >= deadline).await
    }
}

fn unusable(session: Box<dyn Session>, fault: Fault) -> Returned {
    Returned { session, answer: Err(CallError::Unusable(Box::new(fault))), calls: 0, transient: false }
}

async fn run(sandbox: &mut Sandbox, capability: Capability, call: Call) -> wasmtime::Result<Outcome> {
    let instance = sandbox.instantiate().await?;
    let ready = Ready { store: &mut sandbox.store, code: &sandbox.code, instance: &instance };
    capability::call(capability, ready, call).await
}

/// Takes back what was lent. What failed when the deadline was over is stopped by it, also where a system that was told of
/// the deadline gave up before the watch did.
async fn settle(mut lent: Lent, outcome: Result<Outcome, CallError>, is_late: bool) -> Returned {
    for session in std::mem::take(&mut lent.further).into_iter().filter_map(|further| further.session) {
        lent.closed(session.close().await);
    }
    let answer = match outcome {
        Ok(Ok(answer)) => lent.verdict.take().map_or(Ok(answer), Err),
        Ok(Err(failure)) => {
            let stopped = lent.stop.reason().or(is_late.then_some(StopReason::Deadline));
            Err(stopped.map_or_else(|| failure.into(), CallError::Stopped))
        }
        Err(error) => Err(error),
    };
    let Some(session) = lent.session else { unreachable!("the session of a call stays where it was put") };
    let transient = match &answer {
        Err(CallError::Transient(_)) => true,
        // Whatever the guest makes of it: after a deadlock, say, nothing more succeeds.
        Err(CallError::Failed { .. } | CallError::Trap(_)) => lent.gave_up,
        _ => false,
    };
    Returned { session, answer, calls: lent.calls, transient }
}
