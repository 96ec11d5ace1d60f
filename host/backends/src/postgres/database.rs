//! One database: how connections to it are made, and how long they and their statements may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::address::Address;
use super::client::{Client, Status};
use super::connect;
use super::errors::{Failure, ServerError};
use crate::network::Network;
use crate::servers::pool::Pooling;
use crate::servers::statement::{Argument, Statement};

/// How long things may take on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A statement of a change, and its wait for a lock.
    pub deadline: Duration,
    /// A transaction in which nothing happens, before the server ends it: one lease.
    pub lease: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { deadline: Duration::from_secs(600), lease: Duration::from_secs(60) }
    }
}

/// The databases that a process works with: they share one thread that waits for the network.
#[derive(Default)]
pub struct Databases {
    network: Arc<Network>,
}

impl Databases {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The database at an address. Nothing is connected to yet.
    pub fn database(&self, address: Address, times: Times) -> Arc<Database> {
        Arc::new(Database { address: Arc::new(address), times, network: self.network.clone() })
    }
}

/// A database on a server.
pub struct Database {
    address: Arc<Address>,
    times: Times,
    network: Arc<Network>,
}

/// How much longer than its deadline a statement may take: the host's own interruption comes first.
const GRACE: Duration = Duration::from_secs(5);

impl Database {
    /// Where it is, and who asks.
    pub fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn times(&self) -> Times {
        self.times
    }

    /// Where tasks run that wait for the network.
    pub(crate) fn network(&self) -> Result<Handle, Failure> {
        self.network.handle().map_err(|error| Failure::Lost(error.to_string()))
    }

    /// A new connection, with no settings of ours: what goes through it may go through a pooler.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        connect::connect(&self.address, &self.network()?).await
    }

    /// A new connection for one attempt: what a killed or frozen host leaves behind on it dies on the server too.
    pub(crate) async fn connect_for_attempt(&self) -> Result<Client, Failure> {
        let mut client = self.connect().await?;
        client.batch(&set(&self.settings())).await?;
        Ok(client)
    }

    /// What is set on such a connection.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let Times { deadline, lease } = self.times;
        let deadline = deadline.saturating_add(GRACE);
        let named = |name: &str, time| (name.to_owned(), milliseconds(time));
        vec![
            named("lock_timeout", deadline),
            named("statement_timeout", deadline),
            named("idle_in_transaction_session_timeout", lease),
        ]
    }
}

/// The statements that set what is named, for the session.
pub(crate) fn set(settings: &[(String, String)]) -> Vec<Statement<'_>> {
    let set = "SELECT pg_catalog.set_config($1, $2, false)";
    let arguments = |name, value| [Argument::from(name), Argument::from(value)];
    settings
        .iter()
        .map(|(name, value)| Statement::new(set, arguments(name.as_str(), value.as_str())))
        .collect()
}

/// A time as a setting: the longest that the server knows where it is longer.
fn milliseconds(time: Duration) -> String {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).to_string()
}

impl Pooling for Database {
    type Client = Client;
    type Says = ServerError;

    /// The server does not end those that are idle.
    const IDLE: Duration = Duration::MAX;

    async fn connect_for_host(&self) -> Result<Client, Failure> {
        self.connect().await
    }

    fn is_free(client: &mut Client) -> bool {
        drop(client.take_notices());
        client.lost().is_none() && client.status() == Status::Idle && !client.is_unsynced()
    }
}
