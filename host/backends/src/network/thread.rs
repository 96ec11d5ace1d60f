//! The thread on which connections wait for the network, whichever thread of the run uses them.
//!
//! Each stage of a run has an executor of its own, which computes guests too; renewals have another. A connection made
//! by one of them would wait in vain while that one computes, and be lost with it.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The thread, started with the first connection.
#[derive(Default)]
pub(crate) struct Network(Mutex<Option<Running>>);

struct Running {
    handle: Handle,
    over: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// Where tasks run that wait for the network.
    pub(crate) fn handle(&self) -> io::Result<Handle> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = running.as_ref() {
            return Ok(running.handle.clone());
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (over, ended) = oneshot::channel();
        let thread = std::thread::Builder::new().name("sandpiper-network".to_owned()).spawn(move || {
            // Nobody sends anything but the end.
            drop(runtime.block_on(ended));
            runtime.shutdown_background();
        })?;
        *running = Some(Running { handle: handle.clone(), over: Some(over), thread: Some(thread) });
        Ok(handle)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.over.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has nothing more to say.
            drop(thread.join());
        }
    }
}
