//! Waiting guests: a sleep is an alarm of our own, and every wait ends when the call is stopped, for a guest that waits
//! inside the host is out of the epoch's reach.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Notify;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use crate::state::{State, Stopped, Waiting};
use crate::watch::Watch;

/// Puts our own `wasi:io/poll` and `wasi:clocks/monotonic-clock` in the place of wasmtime's, which wait with tokio's
/// timers, and for as long as the guest likes.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    poll::add_to_linker::<State, Waits>(linker, Waits::of)?;
    monotonic_clock::add_to_linker::<State, Clocks>(linker, |state| ClockView { state })?;
    linker.allow_shadowing(false);
    Ok(())
}

struct Waits;

impl HasData for Waits {
    type Data<'a> = WaitView<'a>;
}

impl Waits {
    fn of(state: &mut State) -> WaitView<'_> {
        WaitView { table: &mut state.table, waiting: &state.waiting }
    }
}

struct WaitView<'a> {
    table: &'a mut ResourceTable,
    waiting: &'a Waiting,
}

impl WaitView<'_> {
    /// Waits for a future, or for the end of the call.
    async fn or_stopped<T>(
        stopped: &Notify,
        wait: impl Future<Output = wasmtime::Result<T>>,
    ) -> wasmtime::Result<T> {
        let mut wait = pin!(wait);
        let mut stopped = pin!(stopped.notified());
        poll_fn(|context| {
            if let Poll::Ready(result) = wait.as_mut().poll(context) {
                return Poll::Ready(result);
            }
            stopped.as_mut().poll(context).map(|()| Err(wasmtime::Error::new(Stopped)))
        })
        .await
    }
}

impl poll::Host for WaitView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        Self::or_stopped(&self.waiting.stopped, poll::Host::poll(self.table, pollables)).await
    }
}

impl poll::HostPollable for WaitView<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        Self::or_stopped(&self.waiting.stopped, poll::HostPollable::block(self.table, pollable)).await
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        poll::HostPollable::ready(self.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.table, pollable)
    }
}

struct Clocks;

impl HasData for Clocks {
    type Data<'a> = ClockView<'a>;
}

struct ClockView<'a> {
    state: &'a mut State,
}

impl monotonic_clock::Host for ClockView<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        self.state.clocks().now()
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        self.state.clocks().resolution()
    }

    fn subscribe_instant(
        &mut self,
        when: monotonic_clock::Instant,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let now = self.now()?;
        self.subscribe_duration(when.saturating_sub(now))
    }

    fn subscribe_duration(
        &mut self,
        duration: monotonic_clock::Duration,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let sleep = Sleep {
            watch: self.state.waiting.watch.clone(),
            until: Instant::now().checked_add(Duration::from_nanos(duration)),
            has_yielded: false,
        };
        let table = self.state.ctx().table;
        let sleep = table.push(sleep)?;
        subscribe(table, sleep)
    }
}

/// A time that a guest waits for; none is never.
struct Sleep {
    watch: Arc<Watch>,
    until: Option<Instant>,
    has_yielded: bool,
}

#[async_trait]
impl Pollable for Sleep {
    async fn ready(&mut self) {
        let Some(until) = self.until else {
            return std::future::pending().await;
        };
        if until <= Instant::now() {
            // A guest that polls in a loop must not starve what else runs on this thread.
            if !self.has_yielded {
                self.has_yielded = true;
                tokio::task::yield_now().await;
            }
            return;
        }
        let woken = Arc::new(Notify::new());
        let alarm = {
            let woken = woken.clone();
            self.watch.at(until, move || woken.notify_one())
        };
        // Without a thread there are no alarms: a guest that is woken too early looks at the clock and asks again.
        if let Ok(_alarm) = alarm {
            woken.notified().await;
        }
    }
}
