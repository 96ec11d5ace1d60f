//! Holding leases: waiting for one, renewing it while changes run, and stopping them when it is lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use sandpiper_backends::crash;
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::scope::LockKey;
use sandpiper_engine::store::{Acquisition, Holder, Lease, Owner, Renewal, Store};
use sandpiper_runtime::stop::{Stop, StopReason};

use crate::clock::since_boot;
use crate::config::LockSettings;
use crate::observer::{Event, Observer};
use crate::process::is_gone;
use crate::stopping::Stopper;

/// The leases of one run, and the thread that renews them. The thread starts with the first lease.
pub(crate) struct Leases {
    store: Arc<dyn Store>,
    owner: Owner,
    times: LockSettings,
    stopper: Stopper,
    observer: Arc<dyn Observer>,
    keeper: Mutex<Option<Keeper>>,
}

/// A lease that this run holds.
pub(crate) struct HeldLease {
    holding: Arc<Holding>,
    /// Who let it run out before, without giving it back.
    pub(crate) expired: Option<Holder>,
}

struct Holding {
    lease: Lease,
    lost: AtomicBool,
    over: AtomicBool,
    state: Mutex<HoldingState>,
}

struct HoldingState {
    /// Until when the lease is certainly ours, counted from before it was asked for.
    valid_until: Duration,
    /// What to stop when it is lost.
    stop: Option<Stop>,
}

struct Keeper {
    shared: Arc<KeeperShared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct KeeperShared {
    holdings: Mutex<(Vec<Arc<Holding>>, bool)>,
    changed: Condvar,
}

impl Leases {
    /// The leases of a run.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        owner: Owner,
        times: LockSettings,
        stopper: Stopper,
        observer: Arc<dyn Observer>,
    ) -> Self {
        Self { store, owner, times, stopper, observer, keeper: Mutex::default() }
    }

    /// Takes a lease, waiting for whoever holds it. The observer hears who that is, each time it was asked.
    ///
    /// # Errors
    ///
    /// `lock::busy` when it was not free in time, and what the store says.
    pub(crate) async fn acquire(&self, key: &LockKey) -> Result<HeldLease, Fault> {
        let begun = since_boot();
        let mut gone = None;
        self.observer.event(&Event::Locking { stage: key.stage.as_str() });
        loop {
            if self.stopper.asked().is_some() {
                return Err(Stopper::fault(&format!("stage `{}` began", key.stage)));
            }
            let asked = since_boot();
            crash::before("acquire");
            let acquired = self.store.acquire(key, &self.owner, self.times.lease, gone).await?;
            crash::after("acquire");
            let holder = match acquired {
                Acquisition::Taken { lease, expired } => {
                    let asked = self.fresh(&lease, asked).await?;
                    return Ok(self.keep(lease, asked, expired));
                }
                Acquisition::Held(holder) => holder,
            };
            // A holder on this machine that was killed gives nothing back: there is nobody to wait for.
            if holder.owner.process.as_deref().is_some_and(is_gone) && gone != Some(holder.token) {
                gone = Some(holder.token);
                continue;
            }
            let waited = since_boot().saturating_sub(begun);
            if waited >= self.times.wait {
                return Err(busy(key, &holder, waited));
            }
            let who = format!("{} on {}", holder.owner.operator, holder.owner.host);
            self.observer.event(&Event::Waiting { stage: key.stage.as_str(), holder: &who, waited });
            tokio::time::sleep(jittered(self.times.retry).min(self.times.wait.saturating_sub(waited))).await;
        }
    }

    /// Since when a lease counts that was just taken. Where the answer took long, because the store was busy, the lease
    /// is renewed at once: it counts from before it was asked for.
    async fn fresh(&self, lease: &Lease, asked: Duration) -> Result<Duration, Fault> {
        if since_boot().saturating_sub(asked) < self.times.lease / 3 {
            return Ok(asked);
        }
        let again = since_boot();
        match self.store.renew(lease, self.times.lease).await? {
            Renewal::Renewed => Ok(again),
            Renewal::Busy | Renewal::Lost => Ok(asked),
        }
    }

    /// Gives a lease back.
    pub(crate) async fn release(&self, held: HeldLease) -> Result<(), Fault> {
        held.holding.over.store(true, Ordering::SeqCst);
        crash::before("release");
        // One that was lost is left alone by the store, which goes by its token.
        self.store.release(&held.holding.lease).await?;
        crash::after("release");
        Ok(())
    }

    fn keep(&self, lease: Lease, asked: Duration, expired: Option<Holder>) -> HeldLease {
        let state = HoldingState { valid_until: asked + self.times.lease, stop: None };
        let holding = Arc::new(Holding {
            lease,
            lost: AtomicBool::new(false),
            over: AtomicBool::new(false),
            state: Mutex::new(state),
        });
        let mut keeper = lock(&self.keeper);
        let keeper = keeper.get_or_insert_with(|| Keeper::start(self.store.clone(), self.times.lease));
        lock(&keeper.shared.holdings).0.push(holding.clone());
        keeper.shared.changed.notify_all();
        HeldLease { holding, expired }
    }
}

impl HeldLease {
    /// The lease itself.
    pub(crate) fn lease(&self) -> &Lease {
        &self.holding.lease
    }

    /// Whether it was lost, or is too old to be relied on: nothing may be done under it any more.
    pub(crate) fn is_lost(&self) -> bool {
        self.holding.is_lost()
    }

    /// Stops `stop` when the lease is lost; at once when it is lost already.
    pub(crate) fn guards(&self, stop: &Stop) {
        lock(&self.holding.state).stop = Some(stop.clone());
        let holding = Arc::downgrade(&self.holding);
        stop.needs_lease(move || holding.upgrade().is_some_and(|holding| !holding.is_lost()));
        if self.is_lost() {
            stop.now(StopReason::LeaseLost);
        }
    }
}

impl Holding {
    fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst) || since_boot() >= lock(&self.state).valid_until
    }

    fn lose(&self) {
        self.lost.store(true, Ordering::SeqCst);
        let stop = lock(&self.state).stop.clone();
        if let Some(stop) = stop {
            stop.now(StopReason::LeaseLost);
        }
    }
}

impl Keeper {
    fn start(store: Arc<dyn Store>, length: Duration) -> Self {
        let shared = Arc::new(KeeperShared::default());
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("leases".to_owned())
                .spawn(move || keep(&*store, length, &shared))
                .ok()
        };
        Self { shared, thread }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        lock(&self.shared.holdings).1 = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A keeper that panicked has nothing more to say.
            drop(thread.join());
        }
    }
}

/// Renews every lease at a third of its length, until the run is over.
fn keep(store: &dyn Store, length: Duration, shared: &KeeperShared) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    // The first renewal is a third of a lease away from the first acquisition; then they go on at that pace, and
    // faster while one fails.
    let pace = length / 3;
    let mut wait = pace;
    loop {
        let holdings = {
            let guard = lock(&shared.holdings);
            let (mut guard, _) = shared
                .changed
                .wait_timeout_while(guard, wait, |(_, over)| !*over)
                .unwrap_or_else(PoisonError::into_inner);
            if guard.1 {
                return;
            }
            guard.0.retain(|holding| !holding.over.load(Ordering::SeqCst));
            guard.0.clone()
        };
        wait = pace;
        for holding in holdings {
            let asked = since_boot();
            crash::before("renew");
            let renewed = runtime.block_on(store.renew(&holding.lease, length));
            crash::after("renew");
            match renewed {
                Ok(Renewal::Renewed) => lock(&holding.state).valid_until = asked + length,
                // Nobody can take the lease while our own change holds the store; it is asked for again soon, and
                // what the lease counts for meanwhile is checked inside the change's transaction.
                Ok(Renewal::Busy) => {
                    lock(&holding.state).valid_until = asked + length;
                    wait = wait.min(length / 20);
                }
                Ok(Renewal::Lost) => holding.lose(),
                Err(_) => wait = wait.min(length / 20),
            }
            let left = lock(&holding.state).valid_until.saturating_sub(since_boot());
            if left < length / 10 {
                holding.lose();
            }
        }
    }
}

fn busy(key: &LockKey, holder: &Holder, waited: Duration) -> Fault {
    let Owner { operator, host, .. } = &holder.owner;
    let message = format!(
        "the lock of stage `{}` was not free within {} s: {operator} on {host} holds it until {}",
        key.stage,
        waited.as_secs(),
        holder.expires_at,
    );
    Fault::new("lock::busy", Blame::Host, message).with_help(
        "wait for that run to end, or raise `lock.wait`; when it is certainly dead, `sandpiper lock release --reason ..` \
         takes the lock from it",
    )
}

/// A duration give or take a fifth, so that contenders do not ask in step.
fn jittered(duration: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_fields().1;
    duration.mul_f64(0.8 + 0.4 * f64::from(random) / f64::from(u16::MAX))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
