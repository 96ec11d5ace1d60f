//! What a wasmtime store holds while a guest runs: WASI's contexts, the table of handles, and what the call was lent.

use std::sync::Arc;

use tokio::sync::Notify;
use wasmtime::component::{HasData, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::guest::{CallError, Context, GuestHost, Level};
use crate::limits::{Limits, Memory, Reached};
use crate::log::Log;
use crate::stop::Stop;
use crate::target::{Session, TargetError};
use crate::watch::Watch;

/// The data of a store.
pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) memory: Memory,
    pub(crate) waiting: Waiting,
    pub(crate) lent: Lent,
}

/// What a waiting guest waits with.
pub(crate) struct Waiting {
    /// Wakes it at a time.
    pub(crate) watch: Arc<Watch>,
    /// Wakes it when the call is stopped.
    pub(crate) stopped: Arc<Notify>,
}

/// What a guest may use, and what is remembered of its use.
pub(crate) struct Lent {
    /// The session on the change's target system; none while a component describes itself.
    pub(crate) session: Option<Box<dyn Session>>,
    /// The further systems that were opened.
    pub(crate) further: Vec<Further>,
    /// The facts of the attempt.
    pub(crate) context: Context,
    /// The host's side; none while a component describes itself.
    pub(crate) host: Option<Arc<dyn GuestHost>>,
    pub(crate) log: Arc<Log>,
    pub(crate) stop: Stop,
    pub(crate) limits: Limits,
    /// How many calls went through handles.
    pub(crate) calls: u64,
    /// Whether a system gave up what it was asked, and says that the same may succeed on the next attempt.
    pub(crate) gave_up: bool,
    /// How the call ends, whatever the guest answers.
    pub(crate) verdict: Option<CallError>,
}

/// A further system that a guest opened.
pub(crate) struct Further {
    /// Which of the systems in `uses` it is.
    pub(crate) used: usize,
    /// None once it was given back.
    pub(crate) session: Option<Box<dyn Session>>,
}

/// What a host function sees of a store for the length of one call of it.
pub(crate) struct View<'a> {
    pub(crate) table: &'a mut ResourceTable,
    pub(crate) lent: &'a mut Lent,
}

/// Says that host functions work on a [`View`].
pub(crate) struct Views;

impl HasData for Views {
    type Data<'a> = View<'a>;
}

impl State {
    /// The part of the state that our own host functions work on.
    pub(crate) fn view(&mut self) -> View<'_> {
        View { table: &mut self.table, lent: &mut self.lent }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Ends a guest that was stopped from outside.
#[derive(Debug, thiserror::Error)]
#[error("the call was stopped")]
pub(crate) struct Stopped;

impl Lent {
    /// What is lent to a component that only describes itself or assesses a step: nothing.
    pub(crate) fn nothing(limits: &Limits, stop: Stop) -> Self {
        Self {
            session: None,
            further: Vec::new(),
            context: Context::default(),
            host: None,
            log: Arc::new(Log::new(None, 0)),
            stop,
            limits: limits.clone(),
            calls: 0,
            gave_up: false,
            verdict: None,
        }
    }

    /// Passes a call of the guest on, unless the guest must end now.
    ///
    /// # Errors
    ///
    /// Ends the guest when the call was stopped.
    pub(crate) fn enter(&mut self) -> Result<(), Stopped> {
        if self.stop.reason().is_some() {
            return Err(Stopped);
        }
        self.calls += 1;
        Ok(())
    }

    /// Remembers that a limit was reached.
    pub(crate) fn reached(&mut self, reached: &Reached) {
        let limit = CallError::Limit { code: reached.code, message: reached.message.clone() };
        self.verdict.get_or_insert(limit);
    }

    /// Remembers what a further session left behind when it was closed.
    pub(crate) fn closed(&mut self, closed: Result<(), TargetError>) {
        match closed {
            Ok(()) => {}
            Err(error @ TargetError::LeftOpen) => {
                let failed = CallError::Failed { message: error.to_string(), place: None };
                self.verdict.get_or_insert(failed);
            }
            Err(error) => self.log.message(Level::Warn, &format!("a further system was not closed: {error}")),
        }
    }

    /// Remembers that the transaction is over, which outweighs everything else.
    pub(crate) fn transaction_ended(&mut self, how: &str) {
        if !matches!(self.verdict, Some(CallError::TransactionEnded(_))) {
            self.verdict = Some(CallError::TransactionEnded(how.to_owned()));
        }
    }
}
