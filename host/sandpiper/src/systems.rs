//! The store and the target systems of a configuration, opened when they are first needed.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use sandpiper_backends::KINDS;
use sandpiper_backends::sqlite::{Databases, Options, Role, SqliteStore, SqliteTarget};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::store::Store;
use sandpiper_runtime::target::Target;

use crate::config::{Config, StoreConfig, SystemConfig, SystemKind};

/// The configuration's key of the audit store.
const STORE: &str = "store";

/// The store and the target systems.
pub(crate) struct Systems {
    configured: BTreeMap<SystemName, SystemConfig>,
    store: Arc<dyn Store>,
    store_file: Option<std::path::PathBuf>,
    databases: Databases,
    targets: Mutex<BTreeMap<SystemName, Arc<dyn Target>>>,
    /// Which of the systems share the store, as far as it was asked: each answer is a look at the file system.
    sharing: Mutex<BTreeMap<SystemName, bool>>,
}

impl Systems {
    /// Nothing is opened yet.
    pub(crate) fn new(config: &Config) -> Result<Self, Fault> {
        let databases = Databases::new(Options { busy: config.lock.wait, ..Options::default() });
        let configured: BTreeMap<SystemName, SystemConfig> =
            config.systems.iter().map(|system| (system.name.clone(), system.clone())).collect();
        let path = match &config.store {
            StoreConfig::Sqlite { path } => path.clone(),
            StoreConfig::System(name) => match configured.get(name).map(|system| &system.kind) {
                Some(SystemKind::Sqlite { path }) => path.clone(),
                Some(other) => return Err(not_built_in(STORE, other.name())),
                None => return Err(Fault::bug(format!("the store names the unknown system `{name}`"))),
            },
            StoreConfig::Postgres { .. } => return Err(not_built_in(STORE, "postgres")),
            StoreConfig::Mysql { .. } => return Err(not_built_in(STORE, "mysql")),
        };
        let store = Arc::new(SqliteStore::new(databases.database(&path)));
        Ok(Self {
            configured,
            store,
            store_file: Some(path),
            databases,
            targets: Mutex::default(),
            sharing: Mutex::default(),
        })
    }

    /// The audit store.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The system, ready to be connected to.
    ///
    /// # Errors
    ///
    /// When this build has no driver for it.
    pub(crate) fn target(&self, name: &SystemName) -> Result<Arc<dyn Target>, Fault> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = targets.get(name) {
            return Ok(target.clone());
        }
        let Some(system) = self.configured.get(name) else {
            return Err(Fault::bug(format!("the target system `{name}` is not configured")));
        };
        let target: Arc<dyn Target> = match &system.kind {
            SystemKind::Sqlite { path } => {
                let role = if self.is_store(path) { Role::Store } else { Role::Apart };
                Arc::new(SqliteTarget::new(
                    name.clone(),
                    self.databases.database(path),
                    system.settings.clone(),
                    role,
                ))
            }
            other => return Err(not_built_in(name.as_str(), other.name())),
        };
        targets.insert(name.clone(), target.clone());
        Ok(target)
    }

    /// Whether a change to this system commits together with its entry in the audit.
    pub(crate) fn shares_store(&self, name: &SystemName) -> bool {
        let mut sharing = self.sharing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sharing.get(name) {
            return *known;
        }
        let shares = match self.configured.get(name).map(|system| &system.kind) {
            Some(SystemKind::Sqlite { path }) => self.is_store(path),
            _ => false,
        };
        sharing.insert(name.clone(), shares);
        shares
    }

    fn is_store(&self, path: &Path) -> bool {
        // One file has one database, whatever path leads to it.
        let database = self.databases.database(path);
        self.store_file
            .as_deref()
            .is_some_and(|store| Arc::ptr_eq(&database, &self.databases.database(store)))
    }
}

fn not_built_in(what: &str, kind: &str) -> Fault {
    let is_store = what == STORE;
    let known =
        KINDS.iter().filter(|known| known.can_be_store || !is_store).map(|known| format!("`{}`", known.name));
    let known = known.collect::<Vec<_>>().join(", ");
    Fault::new(
        "config::not-found",
        Blame::User,
        format!("`{what}` is of kind `{kind}`, for which this build has no driver"),
    )
    .with_help(format!("this release works with {known}"))
}
