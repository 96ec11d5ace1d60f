//! One database: how connections to it are made, and how long they and their statements may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::address::Address;
use super::client::{Client, Status};
use super::connect::{self, Texts};
use super::errors::{Failure, ServerError};
use crate::network::Network;
use crate::servers::pool::Pooling;
use crate::servers::statement::Statement;

/// How long things may take on a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// A statement of a change, and its wait for a lock.
    pub deadline: Duration,
    /// A connection on which nothing happens, before the server ends it: one lease.
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

/// The settings of the host's own connections. What a frozen host left locked must not stop the others for long:
/// neither for those that wait for it, nor at a server that sees nothing of it any more.
const OWN: [&str; 4] = [
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
    "SET SESSION autocommit = 1, time_zone = '+00:00', innodb_lock_wait_timeout = 20, lock_wait_timeout = 60",
    "SET SESSION wait_timeout = 20, net_read_timeout = 30, net_write_timeout = 60",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

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

    /// A new connection with the server's settings, whose calls have one statement each.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        connect::connect(&self.address, &self.network()?, Texts::One).await
    }
}

impl Pooling for Database {
    type Client = Client;
    type Says = ServerError;

    /// The server ends them soon after.
    const IDLE: Duration = Duration::from_secs(15);

    async fn connect_for_host(&self) -> Result<Client, Failure> {
        let mut client = connect::connect(&self.address, &self.network()?, Texts::Several).await?;
        client.batch(&OWN.map(Statement::plain)).await?;
        Ok(client)
    }

    fn is_free(client: &mut Client) -> bool {
        client.lost().is_none() && client.status() == Status::Idle
    }
}
