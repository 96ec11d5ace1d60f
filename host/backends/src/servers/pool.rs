//! The few connections of a store, and when a call is tried again.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::failure::{Failure, Saying};

/// How many connections a store has at most.
const MOST: usize = 4;
/// How often a call is tried again, and how long is waited before the first time; then twice as long each time.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);
/// How long one call of the store's may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A database whose connections a pool keeps.
pub(crate) trait Pooling: Send + Sync {
    /// A connection.
    type Client: Send;
    /// What its server says.
    type Says: Saying + Send;
    /// How long one may lie idle.
    const IDLE: Duration;

    /// A new connection for the host alone.
    fn connect_for_host(&self) -> impl Future<Output = Result<Self::Client, Failure<Self::Says>>> + Send;

    /// Whether it can be used again: nothing is under way or left open on it.
    fn is_free(client: &mut Self::Client) -> bool;
}

/// Connections to one database, made when they are needed.
pub(crate) struct Pool<D: Pooling> {
    pub(crate) database: Arc<D>,
    /// With when each was used last.
    idle: Mutex<Vec<(D::Client, Instant)>>,
    permits: Semaphore,
    /// Whether the server ever answered: one that never did is not waited for.
    reached: AtomicBool,
}

impl<D: Pooling> Pool<D> {
    pub(crate) fn new(database: Arc<D>) -> Self {
        Self {
            database,
            idle: Mutex::default(),
            permits: Semaphore::new(MOST),
            reached: AtomicBool::new(false),
        }
    }

    /// A connection, back in the pool when it is dropped.
    pub(crate) async fn client(&self) -> Result<Pooled<'_, D>, Failure<D::Says>> {
        let permit = self.permits.acquire().await.map_err(|error| Failure::Lost(error.to_string()))?;
        let client = match self.fresh() {
            Some(client) => client,
            None => self.database.connect_for_host().await?,
        };
        self.reached.store(true, Ordering::Relaxed);
        Ok(Pooled { client: Some(client), pool: self, _permit: permit })
    }

    /// One that was used lately: the server has not ended it.
    fn fresh(&self) -> Option<D::Client> {
        let mut idle = self.idle();
        idle.retain(|(_, used)| used.elapsed() < D::IDLE);
        idle.pop().map(|(client, _)| client)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(D::Client, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is lent.
pub(crate) struct Pooled<'a, D: Pooling> {
    client: Option<D::Client>,
    pool: &'a Pool<D>,
    _permit: SemaphorePermit<'a>,
}

#[expect(clippy::expect_used, reason = "the client is there until this is dropped")]
impl<D: Pooling> Deref for Pooled<'_, D> {
    type Target = D::Client;

    fn deref(&self) -> &D::Client {
        self.client.as_ref().expect("the client is there until this is dropped")
    }
}

#[expect(clippy::expect_used, reason = "the client is there until this is dropped")]
impl<D: Pooling> DerefMut for Pooled<'_, D> {
    fn deref_mut(&mut self) -> &mut D::Client {
        self.client.as_mut().expect("the client is there until this is dropped")
    }
}

impl<D: Pooling> Drop for Pooled<'_, D> {
    fn drop(&mut self) {
        let Some(mut client) = self.client.take() else { return };
        // One with something under way, or left open, is closed.
        if D::is_free(&mut client) {
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
    pub(crate) async fn again<D: Pooling>(
        &mut self,
        pool: &Pool<D>,
        failure: Failure<D::Says>,
    ) -> Result<(), Failure<D::Says>> {
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

/// Does one call of a store's, and gives up when no answer comes.
pub(crate) async fn patiently<T, E: From<Failure<S>>, S>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    in_time(PATIENCE, work).await
}

/// The same, with another limit.
pub(crate) async fn in_time<T, E: From<Failure<S>>, S>(
    limit: Duration,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Lost(format!("no answer within {} s", limit.as_secs())).into()),
    }
}

/// Does something on a connection of a store's pool, and tries it again while that may help.
macro_rules! retried {
    ($store:expr, $client:ident => $work:expr) => {{
        let mut tries = $crate::servers::pool::Tries::default();
        loop {
            let done = match $store.pool.client().await {
                Ok(mut $client) => $crate::servers::pool::patiently::<_, Failure, _>($work).await,
                Err(failure) => Err(failure),
            };
            match done {
                Ok(done) => break Ok(done),
                Err(failure) => {
                    if let Err(failure) = tries.again(&$store.pool, failure).await {
                        break Err(failure);
                    }
                }
            }
        }
    }};
}
pub(crate) use retried;
