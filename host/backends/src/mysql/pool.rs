//! The few connections of a store, and when a call is tried again.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::client::{Client, Status};
use super::database::{Database, IDLE};
use super::errors::Failure;

/// How many connections a store has at most.
const MOST: usize = 4;
/// How often a call is tried again, and how long is waited before the first time; then twice as long each time.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Connections to one database, made when they are needed.
pub(crate) struct Pool {
    pub(crate) database: Arc<Database>,
    /// With when each was used last.
    idle: Mutex<Vec<(Client, Instant)>>,
    permits: Semaphore,
    /// Whether the server ever answered: one that never did is not waited for.
    reached: AtomicBool,
}

impl Pool {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self {
            database,
            idle: Mutex::default(),
            permits: Semaphore::new(MOST),
            reached: AtomicBool::new(false),
        }
    }

    /// A connection, back in the pool when it is dropped.
    pub(crate) async fn client(&self) -> Result<Pooled<'_>, Failure> {
        let permit = self.permits.acquire().await.map_err(|error| Failure::Lost(error.to_string()))?;
        let client = match self.fresh() {
            Some(client) => client,
            None => self.database.connect_for_host().await?,
        };
        self.reached.store(true, Ordering::Relaxed);
        Ok(Pooled { client: Some(client), pool: self, _permit: permit })
    }

    /// One that was used lately: the server has not ended it.
    fn fresh(&self) -> Option<Client> {
        let mut idle = self.idle();
        idle.retain(|(_, used)| used.elapsed() < IDLE);
        idle.pop().map(|(client, _)| client)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Client, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is lent.
pub(crate) struct Pooled<'a> {
    client: Option<Client>,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

#[expect(clippy::expect_used, reason = "the client is there until this is dropped")]
impl Deref for Pooled<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client.as_ref().expect("the client is there until this is dropped")
    }
}

#[expect(clippy::expect_used, reason = "the client is there until this is dropped")]
impl DerefMut for Pooled<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.client.as_mut().expect("the client is there until this is dropped")
    }
}

impl Drop for Pooled<'_> {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else { return };
        // One with something under way, or left open, is closed.
        if client.lost().is_none() && client.status() == Status::Idle {
            self.pool.idle().push((client, Instant::now()));
        }
    }
}

/// Counts how often a call was tried.
#[derive(Default)]
pub(crate) struct Tries(u32);

impl Tries {
    /// Waits before a further try of what certainly did not happen, or may happen twice.
    ///
    /// # Errors
    ///
    /// The failure, when trying again would not help, or was tried often enough.
    pub(crate) async fn again(&mut self, pool: &Pool, failure: Failure) -> Result<(), Failure> {
        let transient = match &failure {
            Failure::Lost(_) => pool.reached.load(Ordering::Relaxed),
            Failure::Server(error, _) => error.is_transient() && pool.reached.load(Ordering::Relaxed),
            Failure::Refused(_) | Failure::Version(_) => false,
        };
        if !transient || self.0 >= TRIES {
            return Err(failure);
        }
        if matches!(failure, Failure::Lost(_)) {
            // What broke one connection broke those that lay idle too.
            pool.idle().clear();
        }
        // Give or take a quarter, so that those who were in each other's way do not meet again.
        let random = f64::from(uuid::Uuid::new_v4().as_fields().1) / f64::from(u16::MAX);
        let wait = FIRST_WAIT.saturating_mul(1 << self.0).mul_f64(0.75 + random / 2.0);
        self.0 += 1;
        tokio::time::sleep(wait).await;
        Ok(())
    }
}
