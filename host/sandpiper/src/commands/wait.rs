//! `--wait`: commands wait for the systems that they need to come up.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::Fault;

use super::{Opened, Sandpiper};
use crate::run::ready::Ready;
use crate::systems::Systems;
use crate::waiting::{Awaited, Patience, Waiting};

impl Sandpiper {
    /// Waits for the audit store.
    pub(super) async fn await_store(&self, systems: &Systems, patience: Patience) -> Result<(), Fault> {
        let store = Awaited::Store(systems.store().clone(), self.scope());
        self.waiting(patience).until_up(vec![store]).await
    }

    /// Waits for every target system that changes need which are about to run.
    pub(super) async fn await_targets(
        &self,
        opened: &Opened,
        readied: &BTreeMap<ChangeId, Arc<Ready>>,
    ) -> Result<(), Fault> {
        if opened.patience.is_none() {
            return Ok(());
        }
        let mut targets = BTreeMap::new();
        for ready in readied.values() {
            targets.extend(ready.systems().map(|(name, target)| (name.clone(), target.clone())));
        }
        let targets = targets.into_iter().map(|(name, target)| Awaited::Target(name, target));
        self.waiting(opened.patience).until_up(targets.collect()).await
    }

    fn waiting(&self, patience: Patience) -> Waiting<'_> {
        let (stopper, observer, secrets) = (&self.stopper, &*self.observer, &self.secrets);
        Waiting { patience, stopper, observer, secrets }
    }
}
