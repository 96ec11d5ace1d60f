//! Stopping a running attempt from outside: on its deadline, a signal, or a lost lease.

use std::sync::{Arc, Mutex, PoisonError};

use crate::target::Interrupter;

/// Why an attempt is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It ran for longer than its deadline.
    Deadline,
    /// The host was told to stop, and the grace time is over.
    Signal,
    /// The lease was lost, or could not be renewed in time.
    LeaseLost,
}

/// Stops one attempt. Clones are the same stop.
#[derive(Clone, Default)]
pub struct Stop(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    cancelled: bool,
    reason: Option<StopReason>,
    interrupters: Vec<Interrupter>,
    lease: Option<Lease>,
}

/// Whether the lease may still be relied on.
type Lease = Arc<dyn Fn() -> bool + Send + Sync>;

impl Stop {
    /// A stop that nobody has asked for yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the guest, which may ask `is-cancelled`, that it should stop at its next safe point.
    pub fn cancel(&self) {
        self.inner().cancelled = true;
    }

    /// Stops the attempt now: calls are refused, what runs is interrupted. The first reason counts.
    pub fn now(&self, reason: StopReason) {
        let interrupters = {
            let mut inner = self.inner();
            inner.cancelled = true;
            inner.reason.get_or_insert(reason);
            inner.interrupters.clone()
        };
        for interrupter in interrupters {
            interrupter.interrupt();
        }
    }

    /// Whether the guest is asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.inner().cancelled
    }

    /// Stops the attempt also when somebody looks and the lease cannot be relied on any more. A host that was frozen
    /// finds out by its clock before whoever renews the lease is told.
    pub fn needs_lease(&self, is_valid: impl Fn() -> bool + Send + Sync + 'static) {
        self.inner().lease = Some(Arc::new(is_valid));
    }

    /// Why the attempt must stop now, if it must.
    pub fn reason(&self) -> Option<StopReason> {
        let lease = {
            let inner = self.inner();
            if inner.reason.is_some() {
                return inner.reason;
            }
            inner.lease.clone()
        };
        if lease.is_some_and(|is_valid| !is_valid()) {
            self.now(StopReason::LeaseLost);
        }
        self.inner().reason
    }

    /// Adds something to interrupt; at once, when the stop was asked for already.
    pub fn on_stop(&self, interrupter: Interrupter) {
        let now = {
            let mut inner = self.inner();
            inner.interrupters.push(interrupter.clone());
            inner.reason.is_some()
        };
        if now {
            interrupter.interrupt();
        }
    }

    /// Whether both are the same stop.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_stop_interrupts_what_was_added_before_and_after() {
        let count = Arc::new(AtomicU32::new(0));
        let interrupter = {
            let count = count.clone();
            Interrupter::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            })
        };
        let stop = Stop::new();
        stop.on_stop(interrupter.clone());
        assert_eq!(count.load(Ordering::SeqCst), 0);
        stop.now(StopReason::Deadline);
        assert_eq!(count.load(Ordering::SeqCst), 1);
        stop.on_stop(interrupter);
        assert_eq!(count.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_lease_that_ran_out_stops_when_somebody_looks() {
        let valid = Arc::new(AtomicU32::new(1));
        let stop = Stop::new();
        let clock = valid.clone();
        stop.needs_lease(move || clock.load(Ordering::SeqCst) == 1);
        assert_eq!(stop.reason(), None);
        valid.store(0, Ordering::SeqCst);
        assert_eq!(stop.reason(), Some(StopReason::LeaseLost));
        valid.store(1, Ordering::SeqCst);
        assert_eq!(stop.reason(), Some(StopReason::LeaseLost), "what is stopped stays so");
    }

    #[test]
    fn the_first_reason_counts() {
        let stop = Stop::new();
        stop.cancel();
        assert!(stop.is_cancelled() && stop.reason().is_none());
        stop.now(StopReason::LeaseLost);
        stop.now(StopReason::Deadline);
        assert_eq!(stop.reason(), Some(StopReason::LeaseLost));
    }
}
