//! One wasmtime store for one call: made, limited, watched, and taken apart again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use wasmtime::component::{Instance, InstancePre, ResourceTable, ResourceTableError};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::engine::Room;
use crate::guest::CallError;
use crate::limits::{Memory, Reached};
use crate::pool::Place;
use crate::state::{Lent, State, Stopped, Waiting};
use crate::stop::StopReason;
use crate::target::Interrupter;
use crate::wasi;
use crate::watch::{Alarm, Watch};

/// Room for the handles that bindings hold for themselves, beside those that the guest asked for.
const HANDLE_ROOM: usize = 256;

/// A guest, and everything around it.
pub(crate) struct Sandbox {
    pub(crate) store: Store<State>,
    pub(crate) code: InstancePre<State>,
    passing: Passing,
    _deadline: Option<Alarm>,
    /// Given back after the store, which is dropped first.
    _place: Option<Place>,
}

/// What passes over the border most, and which limit that is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Passing {
    /// Arguments of its calls.
    Arguments,
    /// What it says of itself.
    Description,
}

impl Sandbox {
    /// Makes the store, and sets its deadline, which begins now.
    ///
    /// # Errors
    ///
    /// When there is no thread that could watch the deadline.
    pub(crate) fn new(
        Room { code, place }: Room,
        watch: &Arc<Watch>,
        lent: Lent,
        deadline: Duration,
        passing: Passing,
    ) -> std::io::Result<Self> {
        let limits = lent.limits.clone();
        let stop = lent.stop.clone();
        let stopped = Arc::new(Notify::new());
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let state = State {
            wasi: wasi::context(&lent.log, &limits),
            table,
            memory: Memory::new(limits.clone()),
            waiting: Waiting { watch: watch.clone(), stopped: stopped.clone() },
            lent,
        };

        let engine = code.engine();
        let mut store = Store::new(engine, state);
        store.limiter(|state| &mut state.memory);
        store.set_max_component_handles(limits.handles.saturating_add(HANDLE_ROOM));
        store.set_hostcall_fuel(match passing {
            Passing::Arguments => limits.arguments,
            Passing::Description => limits.description,
        });

        // The epoch moves only when some call is stopped; a store asks then whether it was its own.
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| match store.data().lent.stop.reason() {
            Some(_) => Err(wasmtime::Error::new(Stopped)),
            None => Ok(UpdateDeadline::Continue(1)),
        });
        let engine = engine.clone();
        stop.on_stop(Interrupter::new(move || {
            engine.increment_epoch();
            stopped.notify_one();
        }));
        let deadline = match Instant::now().checked_add(deadline) {
            Some(when) => Some(watch.at(when, move || stop.now(StopReason::Deadline))?),
            None => None,
        };
        Ok(Self { store, code, passing, _deadline: deadline, _place: place })
    }

    /// Starts the guest.
    pub(crate) async fn instantiate(&mut self) -> wasmtime::Result<Instance> {
        if self.store.data().lent.stop.reason().is_some() {
            return Err(wasmtime::Error::new(Stopped));
        }
        self.code.instantiate_async(&mut self.store).await
    }

    /// Ends the guest. Tells how it ended, where it is already decided, or it gave no answer of its own.
    pub(crate) fn end<T>(self, answer: wasmtime::Result<T>) -> (Lent, Result<T, CallError>) {
        let Self { store, passing, .. } = self;
        let State { memory, mut lent, .. } = store.into_data();
        lent.log.finish();
        let answer = match (lent.verdict.take(), answer) {
            (Some(ended @ CallError::TransactionEnded(_)), _) => Err(ended),
            (Some(verdict), Ok(_)) => Err(verdict),
            (None, Ok(answer)) => Ok(answer),
            (verdict, Err(error)) => {
                let stopped = lent.stop.reason().map(CallError::Stopped);
                let memory = memory.reached.then(|| Reached::memory(&lent.limits).into());
                Err(stopped.or(memory).or(verdict).unwrap_or_else(|| explain(&error, &lent, passing)))
            }
        };
        (lent, answer)
    }
}

impl From<Reached> for CallError {
    fn from(Reached { code, message }: Reached) -> Self {
        Self::Limit { code, message }
    }
}

/// Why a guest ended without an answer.
fn explain(error: &wasmtime::Error, lent: &Lent, passing: Passing) -> CallError {
    if let Some(reached) = error.downcast_ref::<Reached>() {
        return reached.clone().into();
    }
    if let Some(ResourceTableError::Full) = error.downcast_ref() {
        return Reached::handles(&lent.limits).into();
    }
    if let Some(I32Exit(status)) = error.downcast_ref() {
        return CallError::Trap(format!("it called exit, with status {status}"));
    }
    let cause = error.root_cause().to_string();
    // These two errors of wasmtime have no public type; tests with real guests notice when their words change.
    if cause.contains("fuel allocated for hostcalls has been exhausted") {
        return match passing {
            Passing::Arguments => Reached::arguments(&lent.limits).into(),
            Passing::Description => Reached::description(&lent.limits).into(),
        };
    }
    if cause.contains("store handle limit exceeded") {
        return Reached::handles(&lent.limits).into();
    }
    let cause = match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => "its calls are nested too deeply".to_owned(),
        _ => cause.strip_prefix("wasm trap: ").unwrap_or(&cause).to_owned(),
    };
    CallError::Trap(match lent.log.last_words() {
        Some(words) => format!("{cause}; it last wrote: {words}"),
        None => cause,
    })
}
