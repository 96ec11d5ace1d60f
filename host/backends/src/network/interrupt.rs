//! Ending a running call from outside: a request to the server, and an end to our waiting when it does not help.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandpiper_runtime::target::Interrupter;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What asks a server, over a connection of its own, to end what it does for another one.
pub(crate) trait Cancel: Clone + Send + Sync + 'static {
    /// Asks. A request that does not arrive changes nothing: whoever waits for the call stops to wait by himself.
    fn cancel(&self) -> impl Future<Output = ()> + Send;

    /// Where it runs.
    fn network(&self) -> &Handle;
}

/// How long a server may take to end a statement that it was asked to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What can be interrupted of a session.
pub(crate) struct Interrupt<C> {
    canceller: C,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Wakes the call that runs, if one does.
    running: Option<oneshot::Sender<()>>,
    /// Whether the call that runs, or ran last, was to end.
    asked: bool,
    /// Requests that are under way.
    requests: Vec<JoinHandle<()>>,
}

impl<C: Cancel> Interrupt<C> {
    pub(crate) fn new(canceller: C) -> Self {
        Self { canceller, state: Arc::default() }
    }

    /// What does it.
    pub(crate) fn interrupter(&self) -> Interrupter {
        let (canceller, state) = (self.canceller.clone(), self.state.clone());
        Interrupter::new(move || {
            let mut state = locked(&state);
            let Some(running) = state.running.take() else { return };
            state.asked = true;
            let canceller = canceller.clone();
            let request = canceller.network().clone().spawn(async move { canceller.cancel().await });
            state.requests.push(request);
            // Nobody listens when the call has just ended.
            let _ = running.send(());
        })
    }

    /// Waits for a call; none when it was interrupted and did not end nevertheless.
    pub(crate) async fn guard<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = locked(&self.state);
            state.running = Some(sender);
            state.asked = false;
        }
        let stopped = async {
            match receiver.await {
                Ok(()) => tokio::time::sleep(PATIENCE).await,
                Err(_) => std::future::pending().await,
            }
        };
        let done = tokio::select! {
            biased;
            done = call => Some(done),
            () = stopped => None,
        };
        locked(&self.state).running = None;
        done
    }

    /// Whether the last call was to end.
    pub(crate) fn was_asked(&self) -> bool {
        locked(&self.state).asked
    }

    /// Waits until no request is under way: a late one would end the host's own statement.
    pub(crate) async fn settle(&self) {
        let requests = std::mem::take(&mut locked(&self.state).requests);
        for request in requests {
            drop(request.await);
        }
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
