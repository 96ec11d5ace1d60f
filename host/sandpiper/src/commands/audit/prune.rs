//! `audit prune`: drops what is old and what nothing applied needs. Entries stay.

use std::time::Duration;

use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::scope::LockKey;
use sandpiper_engine::store::{Holder, Lease, Pruned, Pruning};

use super::super::Sandpiper;
use super::verify::broken;
use super::words::ago;
use crate::clock::since_boot;
use crate::observer::Event;
use crate::process::is_gone;
use crate::report::{Finished, PruneReport};
use crate::stopping::{Asked, Stopper};

impl Sandpiper {
    /// Drops calls of entries, and artifacts that nothing applied or unsettled needs, that are older than this. It waits
    /// until nobody holds a lock of the store: a run keeps its artifacts before the entry that names them.
    pub async fn audit_prune(&self, older_than: Duration) -> Finished<PruneReport> {
        match self.pruned(older_than).await {
            Ok(Pruned { artifacts, calls, bytes }) => Finished::done(PruneReport { artifacts, calls, bytes }),
            Err(fault) => {
                let refused = Finished::refused(self.secrets.redact_fault(fault));
                // A signal that came while it waited decides its exit code.
                let exit = self.stopper.asked().map_or(refused.exit, Asked::exit);
                Finished { exit, ..refused }
            }
        }
    }

    async fn pruned(&self, older_than: Duration) -> Result<Pruned, Fault> {
        let (store, before, times) = (self.store()?, ago(older_than), self.config.lock);
        // What a damaged store says of itself decides nothing: least of all what may be dropped.
        if let Some((sequence, why)) = store.verify(&self.scope()).await?.broken {
            return Err(broken(sequence, &why));
        }
        let begun = since_boot();
        let mut gone = Vec::new();
        loop {
            if self.stopper.asked().is_some() {
                return Err(Stopper::fault("it dropped anything"));
            }
            let (key, holder) = match store.prune(&self.scope(), before, &gone).await? {
                Pruning::Done(pruned) => return Ok(pruned),
                Pruning::Held(key, holder) => (key, holder),
            };
            if holder.owner.process.as_deref().is_some_and(is_gone) {
                gone.push(Lease { key, token: holder.token });
                continue;
            }
            let waited = since_boot().saturating_sub(begun);
            if waited >= times.wait {
                return Err(busy(&key, &holder, waited));
            }
            let who = format!("{} on {}", holder.owner.operator, holder.owner.host);
            self.observer.event(&Event::Waiting { stage: key.stage.as_str(), holder: &who, waited });
            tokio::time::sleep(times.retry.min(times.wait.saturating_sub(waited))).await;
        }
    }
}

fn busy(key: &LockKey, holder: &Holder, waited: Duration) -> Fault {
    let (scope, owner) = (&key.scope, &holder.owner);
    let message = format!(
        "nothing may be dropped while a run is under way, and within {} s there was always one: {} on {} holds the lock of \
         stage `{}` ({} / {}) until {}",
        waited.as_secs(),
        owner.operator,
        owner.host,
        key.stage,
        scope.service,
        scope.environment,
        holder.expires_at,
    );
    Fault::new("lock::busy", Blame::Host, message).with_help("wait for that run to end, or raise `lock.wait`")
}
