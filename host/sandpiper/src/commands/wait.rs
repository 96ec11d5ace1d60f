//! `--wait`: commands wait for the systems that they need to come up.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::store::{Store, StoreError};
use sandpiper_runtime::target::Target;

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

    /// Waits for one target system, from now on.
    pub(crate) async fn await_target(
        &self,
        name: &SystemName,
        target: &Arc<dyn Target>,
    ) -> Result<(), Fault> {
        let patience = Patience::new(self.wait);
        if patience.is_none() {
            return Ok(());
        }
        self.waiting(patience).until_up(vec![Awaited::Target(name.clone(), target.clone())]).await
    }

    /// The audit store, once it is up.
    pub(crate) async fn store_that_is_up(&self) -> Result<Arc<dyn Store>, Fault> {
        let systems = self.systems_of(&self.config)?;
        match systems.store().states(&self.scope()).await {
            Err(StoreError::Unreachable(_)) if !self.wait.is_zero() => {
                self.await_store(&systems, Patience::new(self.wait)).await?;
            }
            Err(error) => return Err(error.into()),
            Ok(_) => {}
        }
        Ok(systems.store().clone())
    }

    fn waiting(&self, patience: Patience) -> Waiting<'_> {
        let (stopper, observer, secrets) = (&self.stopper, &*self.observer, &self.secrets);
        Waiting { patience, stopper, observer, secrets }
    }
}
