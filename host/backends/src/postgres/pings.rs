//! Signs of life: while a guest computes, its transaction is idle, and the server would end it as one that was left
//! behind.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;

use super::client::{Client, Status};

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
    pub(crate) fn start(&self, client: &Arc<Mutex<Client>>) {
        let client = Arc::downgrade(client);
        let pace = self.lease / 3;
        let pinging = async move {
            loop {
                tokio::time::sleep(pace).await;
                let Some(client) = client.upgrade() else { return };
                // While a call runs, nothing is idle.
                let Ok(mut client) = client.try_lock() else { continue };
                if client.lost().is_some() {
                    return;
                }
                if client.status() != Status::Idle && !client.is_unsynced() {
                    // What goes wrong shows with the next call.
                    drop(client.sync().await);
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
