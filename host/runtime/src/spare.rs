//! A guest that is made ready on another thread while the one before it is committed, where the same component is called
//! again and again: by a stage of data files, say. It has nothing but its own code and memory until it is called.

use std::pin::pin;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use sandpiper_engine::digest::Digest;

use crate::limits::Limits;
use crate::sandbox::{Remains, Sandbox};
use crate::state::Lent;
use crate::stop::Stop;

/// A guest with more memory is made when it is called: two of them at once could be too much for a small machine.
const MOST_MEMORY: usize = 4 << 20;
/// For how long a guest may start. One that takes longer starts when it is called, with the deadline of the call.
const START: Duration = Duration::from_secs(1);

/// The thread, which starts when it has something to do, and ends with the runtime; and what it made.
#[derive(Default)]
pub(crate) struct Spare {
    shared: Arc<Mutex<State>>,
    thread: OnceLock<Option<Sender<Job>>>,
}

#[derive(Default)]
struct State {
    /// Which component was called last.
    last: Option<Digest>,
    /// Whether the thread makes one now.
    making: bool,
    ready: Option<(Digest, Sandbox)>,
}

/// A guest to make, and what is left of the one before.
struct Job {
    component: Digest,
    make: Box<dyn FnOnce() -> Sandbox + Send>,
    remains: Remains,
}

impl Spare {
    /// The guest of a component that stands ready, if one does.
    pub(crate) fn take(&self, component: Digest) -> Option<Sandbox> {
        let mut state = state(&self.shared);
        state.ready.take_if(|(of, _)| *of == component).map(|(_, sandbox)| sandbox)
    }

    /// Whether a component is called again and again, as far as that shows: it is now told of a call of it, which took so
    /// much memory.
    pub(crate) fn expects(&self, component: Digest, memory: usize) -> bool {
        let mut state = state(&self.shared);
        let again = state.last.replace(component) == Some(component);
        again && memory <= MOST_MEMORY && !state.making && state.ready.is_none()
    }

    /// Has a guest made, and what is left of another one dropped.
    pub(crate) fn make(
        &self,
        component: Digest,
        remains: Remains,
        make: impl FnOnce() -> Sandbox + Send + 'static,
    ) {
        if let Some(thread) = self.thread.get_or_init(|| start(self.shared.clone()))
            && !std::mem::replace(&mut state(&self.shared).making, true)
        {
            // A thread that is gone makes none; the job, and with it what is left, is dropped here then.
            drop(thread.send(Job { component, make: Box::new(make), remains }));
        }
    }
}

/// Starts the thread; none where the system gives none.
fn start(shared: Arc<Mutex<State>>) -> Option<Sender<Job>> {
    let (sender, jobs) = mpsc::channel::<Job>();
    let work = move || {
        for Job { component, make, remains } in jobs {
            let made = started(make()).map(|made| (component, made));
            let before = {
                let mut state = state(&shared);
                state.making = false;
                std::mem::replace(&mut state.ready, made)
            };
            drop((before, remains));
        }
    };
    thread::Builder::new().name("sandpiper-spare".to_owned()).spawn(work).ok().map(|_| sender)
}

/// The sandbox with its guest started; none if that did not go smoothly: what is wrong shows when it is called.
fn started(mut sandbox: Sandbox) -> Option<Sandbox> {
    let stop = Stop::new();
    let nothing = Lent::nothing(&Limits::default(), stop.clone());
    sandbox.lend(nothing, START).ok()?;
    let done = pin!(sandbox.instantiate()).poll(&mut Context::from_waker(Waker::noop()));
    sandbox.rest();
    let smoothly = matches!(done, Poll::Ready(Ok(_))) && stop.reason().is_none() && sandbox.log().is_silent();
    smoothly.then_some(sandbox)
}

fn state(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::component::Component;
    use crate::engine::Engine;

    /// A change whose only module starts with this.
    fn component(start: &str) -> Component {
        let text = format!(
            "(component
                (core module $it (memory 1) (func $start {start}) (start $start))
                (core instance (instantiate $it))
                (instance $none)
                (export \"sandpiper:change/description@0.1.0\" (instance $none))
                (export \"sandpiper:sql/change@0.1.0\" (instance $none)))"
        );
        let bytes: Arc<[u8]> = wat::parse_str(text).unwrap().into();
        let digest = Digest::of(&bytes);
        Component::load(bytes, digest, &Limits::default()).unwrap()
    }

    fn sandbox(engine: &Engine, component: &Component) -> Sandbox {
        Sandbox::to_be_called(engine.room(component).unwrap(), &Arc::default(), &Limits::default())
    }

    fn remains(engine: &Engine, component: &Component) -> Remains {
        sandbox(engine, component).end(Ok(())).2
    }

    #[test]
    fn a_guest_stands_ready_once_the_same_was_called_twice() {
        let (engine, spare) = (Engine::new(None), Spare::default());
        let (one, other) = (component("nop"), component("nop nop"));
        assert!(!spare.expects(one.digest(), 0) && !spare.expects(other.digest(), 0));
        assert!(spare.expects(other.digest(), 0) && !spare.expects(other.digest(), MOST_MEMORY + 1));

        let next = sandbox(&engine, &other);
        spare.make(other.digest(), remains(&engine, &other), move || next);
        let since = Instant::now();
        while state(&spare.shared).ready.is_none() {
            assert!(since.elapsed() < Duration::from_secs(30), "none was made");
            thread::yield_now();
        }
        assert!(!spare.expects(other.digest(), 0), "one is there");
        assert!(spare.take(one.digest()).is_none());
        assert!(spare.take(other.digest()).is_some() && spare.take(other.digest()).is_none());
    }

    #[test]
    fn one_that_does_not_start_smoothly_is_left_to_its_call() {
        let engine = Engine::new(None);
        assert!(started(sandbox(&engine, &component("nop"))).is_some());
        assert!(started(sandbox(&engine, &component("unreachable"))).is_none());
        assert!(started(sandbox(&engine, &component("(loop (br 0))"))).is_none(), "it never ends");
        let spoke = sandbox(&engine, &component("nop"));
        spoke.log().message(crate::guest::Level::Info, "a word");
        assert!(started(spoke).is_none());
    }
}
