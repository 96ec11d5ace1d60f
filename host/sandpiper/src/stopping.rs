//! Stopping a run in good order: no new change starts, the running one is told, given its grace, then stopped and
//! rolled back, and all of it is recorded.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_runtime::stop::{Stop, StopReason};

use crate::report::Exit;

/// Who asks a run to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A person at the terminal: SIGINT.
    Interrupt,
    /// Whoever runs the process: SIGTERM.
    Terminate,
}

impl Asked {
    /// The exit code of a run that was stopped so.
    pub fn exit(self) -> Exit {
        match self {
            Self::Interrupt => Exit::Interrupted,
            Self::Terminate => Exit::Terminated,
        }
    }
}

/// Stops the runs of a [`Sandpiper`](crate::Sandpiper). Clones are the same stopper.
#[derive(Clone, Default)]
pub struct Stopper(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    asked: Option<Asked>,
    grace: Duration,
    grace_is_over: Arc<AtomicBool>,
    running: Vec<Stop>,
    taking_back: Vec<Stop>,
}

impl Stopper {
    /// A stopper that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop. The first who asks counts; gives whether it was this one.
    pub fn stop(&self, asked: Asked) -> bool {
        let grace = {
            let mut inner = self.inner();
            if inner.asked.is_some() {
                return false;
            }
            inner.asked = Some(asked);
            inner.running.iter().for_each(Stop::cancel);
            inner.grace
        };
        let stopper = self.clone();
        let watch = move || {
            std::thread::sleep(grace);
            stopper.end_grace();
        };
        // Without a thread to wait on there is no grace.
        if std::thread::Builder::new().name("grace".to_owned()).spawn(watch).is_err() {
            self.end_grace();
        }
        true
    }

    fn end_grace(&self) {
        let running = {
            let inner = self.inner();
            inner.grace_is_over.store(true, Ordering::SeqCst);
            [inner.running.as_slice(), &inner.taking_back].concat()
        };
        running.iter().for_each(|stop| stop.now(StopReason::Signal));
    }

    /// Who asked, if anyone did.
    pub fn asked(&self) -> Option<Asked> {
        self.inner().asked
    }

    /// How long a running change has once it was told.
    pub(crate) fn set_grace(&self, grace: Duration) {
        self.inner().grace = grace;
    }

    /// Set once the grace is over: whoever waits then for anything is to give up soon.
    pub(crate) fn grace_is_over(&self) -> Arc<AtomicBool> {
        self.inner().grace_is_over.clone()
    }

    /// An attempt that is to be told, for as long as what this gives lives.
    pub(crate) fn tells(&self, stop: &Stop) -> Told {
        let (asked, grace_is_over) = {
            let mut inner = self.inner();
            inner.running.push(stop.clone());
            (inner.asked.is_some(), inner.grace_is_over.load(Ordering::SeqCst))
        };
        if asked {
            stop.cancel();
        }
        if grace_is_over {
            stop.now(StopReason::Signal);
        }
        Told { stopper: self.clone(), stop: stop.clone() }
    }

    /// A rollback that is not told, for it is to come to its end; but whoever asked does not wait for ever: it is stopped
    /// when the grace is over, and one that begins after it was asked has a grace of its own.
    pub(crate) fn bounds(&self, stop: &Stop) -> Told {
        let own_grace = {
            let mut inner = self.inner();
            match inner.asked {
                Some(_) => Some(inner.grace),
                None => {
                    inner.taking_back.push(stop.clone());
                    None
                }
            }
        };
        if let Some(grace) = own_grace {
            let stop = stop.clone();
            let end = move || {
                std::thread::sleep(grace);
                stop.now(StopReason::Signal);
            };
            // Without a thread to wait on, its deadline bounds it.
            drop(std::thread::Builder::new().name("grace".to_owned()).spawn(end));
        }
        Told { stopper: self.clone(), stop: stop.clone() }
    }

    /// What did not begin because the run was told to stop.
    pub(crate) fn fault(what: &str) -> Fault {
        Fault::new("interrupted", Blame::User, format!("the run was told to stop before {what}"))
            .with_help("run the same command again: it goes on with what is pending")
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An attempt that is told of a stop, or a rollback that is bounded by it, while this lives.
pub(crate) struct Told {
    stopper: Stopper,
    stop: Stop,
}

impl Drop for Told {
    fn drop(&mut self) {
        let mut inner = self.stopper.inner();
        let Inner { running, taking_back, .. } = &mut *inner;
        for stops in [running, taking_back] {
            stops.retain(|stop| !stop.is(&self.stop));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait_for(what: impl Fn() -> bool) {
        while !what() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_running_attempt_is_told_at_once_and_stopped_after_its_grace() {
        let stopper = Stopper::new();
        stopper.set_grace(Duration::from_millis(50));
        let stop = Stop::new();
        let told = stopper.tells(&stop);
        assert!(stopper.stop(Asked::Terminate));
        assert!(stop.is_cancelled() && stop.reason().is_none());
        wait_for(|| stop.reason() == Some(StopReason::Signal));
        drop(told);
    }

    #[test]
    fn the_first_who_asks_counts() {
        let stopper = Stopper::new();
        assert!(stopper.stop(Asked::Interrupt));
        assert!(!stopper.stop(Asked::Terminate));
        assert_eq!(stopper.asked(), Some(Asked::Interrupt));
    }

    #[test]
    fn an_attempt_that_is_over_is_not_stopped_and_a_later_one_is_told_when_it_begins() {
        let stopper = Stopper::new();
        let early = Stop::new();
        drop(stopper.tells(&early));
        stopper.stop(Asked::Terminate);
        let late = Stop::new();
        let _told = stopper.tells(&late);
        assert!(late.is_cancelled());
        wait_for(|| late.reason() == Some(StopReason::Signal));
        assert_eq!(early.reason(), None);
    }

    #[test]
    fn a_rollback_is_not_told_and_stopped_after_a_grace() {
        let stopper = Stopper::new();
        stopper.set_grace(Duration::from_millis(50));
        let (before, after) = (Stop::new(), Stop::new());
        let _bounds = stopper.bounds(&before);
        stopper.stop(Asked::Terminate);
        let _bounds = stopper.bounds(&after);
        for stop in [before, after] {
            assert!(!stop.is_cancelled() || stop.reason().is_some(), "it was told before it was stopped");
            wait_for(|| stop.reason() == Some(StopReason::Signal));
        }
    }
}
