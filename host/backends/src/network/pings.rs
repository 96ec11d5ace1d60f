//! Signs of life: while a guest computes, its transaction is idle, and the server would end it as one that was left
//! behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

/// A connection that can say that somebody is there.
pub(crate) trait Beat: Send + 'static {
    /// Says so, where the server would end it otherwise. What goes wrong shows with the next call. False when it is
    /// lost.
    fn beat(&mut self) -> impl Future<Output = bool> + Send;
}

/// Says three times within each lease that somebody is there, until it is dropped.
pub(crate) struct Pings {
    network: Handle,
    lease: Duration,
    task: std::sync::Mutex<Option<AbortHandle>>,
}

impl Pings {
    pub(crate) fn new(network: Handle, lease: Duration) -> Self {
        Self { network, lease, task: std::sync::Mutex::default() }
    }

    /// Begins.
    pub(crate) fn start<B: Beat>(&self, client: &Arc<Mutex<B>>) {
        let client = Arc::downgrade(client);
        let pace = self.lease / 3;
        let pinging = async move {
            loop {
                tokio::time::sleep(pace).await;
                let Some(client) = client.upgrade() else { return };
                // While a call runs, nothing is idle.
                let Ok(mut client) = client.try_lock() else { continue };
                if !client.beat().await {
                    return;
                }
            }
        };
        let task = self.network.spawn(pinging).abort_handle();
        *self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(task);
    }
}

impl Drop for Pings {
    fn drop(&mut self) {
        if let Some(task) = self.task.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take() {
            task.abort();
        }
    }
}
