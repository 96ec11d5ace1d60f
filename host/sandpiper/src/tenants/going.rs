//! The tenants one after the other, several at a time: who is next, who has to wait, and when no further one begins.

use std::collections::VecDeque;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandpiper_engine::fault::Fault;

use super::Rollout;
use crate::commands::Sandpiper;
use crate::config::Config;
use crate::observer::Event;
use crate::report::{Exit, Finished, Summed};
use crate::secrets::Secrets;

/// A command that is done for each tenant.
pub(super) struct Going<W> {
    /// What all tenants share.
    pub(super) base: Sandpiper,
    /// Each tenant's own.
    pub(super) tenants: Vec<(Config, Secrets)>,
    pub(super) work: W,
    pub(super) rollout: Rollout,
}

/// A tenant that is to go.
struct Next<B> {
    index: usize,
    /// How it ended before, when a lock was left to another run.
    earlier: Option<Finished<B>>,
}

/// What the threads share.
struct Shared<B> {
    queue: Mutex<VecDeque<Next<B>>>,
    /// No further one begins, for one has failed.
    is_over: AtomicBool,
    ended: Mutex<Vec<Option<Finished<B>>>>,
}

impl<W> Going<W> {
    /// Goes through all of them. Gives how each ended; none for one that was not begun.
    pub(super) fn run<B>(self) -> Result<Vec<Option<Finished<B>>>, Fault>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B> + Send + Sync,
    {
        let count = self.tenants.len();
        let alone = self.rollout.canary.unwrap_or(0).min(count);
        let shared = Shared {
            queue: Mutex::default(),
            is_over: AtomicBool::new(false),
            ended: Mutex::new((0..count).map(|_| None).collect()),
        };
        for part in [0..alone, alone..count] {
            let went_well = self.go(part, &shared)?;
            if !went_well {
                break;
            }
        }
        Ok(shared.ended.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes through a part of them; gives whether all of it went well.
    fn go<B>(&self, part: Range<usize>, shared: &Shared<B>) -> Result<bool, Fault>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B> + Send + Sync,
    {
        let width = self.base.config().parallel_tenants.min(part.len());
        locked(&shared.queue).extend(part.clone().map(|index| Next { index, earlier: None }));
        std::thread::scope(|scope| {
            for number in 0..width {
                let name = format!("tenants {number}");
                let begun = std::thread::Builder::new().name(name).spawn_scoped(scope, || self.some(shared));
                match begun {
                    Ok(_) => {}
                    // Fewer threads do the same work.
                    Err(_) if number > 0 => break,
                    Err(error) => return Err(Fault::bug(format!("no thread for the tenants: {error}"))),
                }
            }
            Ok(())
        })?;
        // What those did that are not come back to is told all the same.
        for Next { index, earlier } in std::mem::take(&mut *locked(&shared.queue)) {
            if let Some(earlier) = earlier {
                self.over(index, earlier, shared);
            }
        }
        let ended = locked(&shared.ended);
        let mut of_part = ended.iter().skip(part.start).take(part.len());
        Ok(of_part.all(|ended| ended.as_ref().is_some_and(|ended| ended.exit == Exit::Done)))
    }

    /// Goes through tenants until none is left.
    fn some<B>(&self, shared: &Shared<B>)
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B>,
    {
        loop {
            if self.base.is_told_to_stop() || shared.is_over.load(Ordering::SeqCst) {
                return;
            }
            let next = locked(&shared.queue).pop_front();
            let Some(Next { index, earlier }) = next else { return };
            let Some((config, secrets)) = self.tenants.get(index) else { return };
            // Whoever has waited for nothing yet has other work to do meanwhile.
            let yields = B::CAN_GO_ON && earlier.is_none();
            let tenant = config.tenant.as_deref().unwrap_or_default();
            let finished = self.one(config, secrets, yields);
            if yields && finished.exit == Exit::Lock {
                self.base.tell(&Event::TenantDeferred { tenant });
                locked(&shared.queue).push_back(Next { index, earlier: Some(finished) });
                continue;
            }
            let finished = match earlier {
                Some(earlier) => Finished { body: finished.body.going_on(earlier.body), ..finished },
                None => finished,
            };
            if self.rollout.fail_fast && finished.exit != Exit::Done {
                shared.is_over.store(true, Ordering::SeqCst);
            }
            self.over(index, finished, shared);
        }
    }

    /// The command for one tenant.
    fn one<B>(&self, config: &Config, secrets: &Secrets, yields: bool) -> Finished<B>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B>,
    {
        let one = self.base.for_tenant(config, secrets, yields);
        let work = || {
            let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let executor =
                executor.map_err(|error| Fault::bug(format!("no executor for the tenant: {error}")))?;
            Ok(executor.block_on((self.work)(&one)))
        };
        // What breaks down for one tenant is no reason to give up the others.
        let done = catch_unwind(AssertUnwindSafe(work));
        let broken = || Err(Fault::bug("the command broke down for this tenant"));
        done.unwrap_or_else(|_| broken()).unwrap_or_else(Finished::refused)
    }

    fn over<B>(&self, index: usize, finished: Finished<B>, shared: &Shared<B>) {
        let tenant =
            self.tenants.get(index).and_then(|(config, _)| config.tenant.as_deref()).unwrap_or_default();
        let (exit, error) = (finished.exit, finished.error.clone());
        let mut ended = locked(&shared.ended);
        if let Some(place) = ended.get_mut(index) {
            *place = Some(finished);
        }
        let (done, count) = (ended.iter().flatten().count(), ended.len());
        // Told in the order in which they are counted.
        self.base.tell(&Event::TenantFinished { tenant, exit, error: error.as_ref(), done, count });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
