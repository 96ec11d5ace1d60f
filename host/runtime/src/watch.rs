//! One thread that does things at their time: it stops calls at their deadline and wakes sleeping guests. It starts with
//! the first thing to do, and ends with the runtime.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Instant;

type Action = Box<dyn FnOnce() + Send>;

/// The thread, and what it waits for.
#[derive(Default)]
pub(crate) struct Watch(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By time, then by a number of its own.
    due: BTreeMap<(Instant, u64), Action>,
    next: u64,
    /// Until when the thread sleeps; it is woken only for what is due before.
    asleep_until: Option<Instant>,
    running: bool,
    over: bool,
}

/// Something that will be done, unless this is dropped before.
#[must_use = "what is dropped is not done"]
pub(crate) struct Alarm {
    shared: Weak<Shared>,
    key: (Instant, u64),
}

impl Watch {
    /// Does something at a time, on the watching thread: it must be short and must not block.
    pub(crate) fn at(&self, when: Instant, action: impl FnOnce() + Send + 'static) -> std::io::Result<Alarm> {
        let mut state = self.0.state();
        if !state.running {
            let shared = self.0.clone();
            thread::Builder::new().name("sandpiper-watch".to_owned()).spawn(move || shared.run())?;
            state.running = true;
        }
        let key = (when, state.next);
        state.next += 1;
        let wakes = state.asleep_until.is_none_or(|until| when < until);
        state.due.insert(key, Box::new(action));
        drop(state);
        if wakes {
            self.0.changed.notify_one();
        }
        Ok(Alarm { shared: Arc::downgrade(&self.0), key })
    }

    #[cfg(test)]
    fn is_running(&self) -> bool {
        self.0.state().running
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.state().over = true;
        self.0.changed.notify_one();
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.state().due.remove(&self.key);
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.state();
        while !state.over {
            let now = Instant::now();
            let next = state.due.first_key_value().map(|((when, _), _)| *when);
            state.asleep_until = next;
            state = match next {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(when) if when > now => {
                    let waited = self.changed.wait_timeout(state, when - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    let action = state.due.pop_first();
                    drop(state);
                    if let Some((_, action)) = action {
                        action();
                    }
                    self.state()
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn alarms_ring_in_the_order_of_their_times() {
        let watch = Watch::default();
        assert!(!watch.is_running(), "the thread starts with the first alarm");
        let (sender, receiver) = mpsc::channel();
        let now = Instant::now();
        let alarms: Vec<Alarm> = [30, 10, 20]
            .into_iter()
            .map(|after| {
                let sender = sender.clone();
                watch.at(now + Duration::from_millis(after), move || sender.send(after).unwrap()).unwrap()
            })
            .collect();
        let rung: Vec<u64> = receiver.iter().take(3).collect();
        assert_eq!(rung, [10, 20, 30]);
        drop(alarms);
    }

    #[test]
    fn a_dropped_alarm_does_not_ring() {
        let watch = Watch::default();
        let (sender, receiver) = mpsc::channel();
        let now = Instant::now();
        let other = sender.clone();
        let dropped =
            watch.at(now + Duration::from_millis(20), move || other.send("dropped").unwrap()).unwrap();
        let _kept = watch.at(now + Duration::from_millis(40), move || sender.send("kept").unwrap()).unwrap();
        drop(dropped);
        assert_eq!(receiver.iter().collect::<Vec<_>>(), ["kept"]);
    }

    #[test]
    fn the_thread_ends_with_the_watch() {
        let watch = Watch::default();
        let _alarm = watch.at(Instant::now() + Duration::from_secs(3600), || ()).unwrap();
        let shared = Arc::downgrade(&watch.0);
        drop(watch);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
