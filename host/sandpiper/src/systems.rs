//! The store and the target systems of a configuration, opened when they are first needed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use sandpiper_backends::http::{Apis, BaseUrl, HttpTarget, Settings};
use sandpiper_backends::mysql::{self, MysqlStore, MysqlTarget};
use sandpiper_backends::postgres::{self, Address, PostgresStore, PostgresTarget, Times};
use sandpiper_backends::sqlite::{Databases, Options, SqliteStore, SqliteTarget};
use sandpiper_backends::{KINDS, Role};
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::store::Store;
use sandpiper_runtime::target::Target;

use crate::config::{Auth, Config, StoreConfig, SystemConfig, SystemKind};
use crate::secrets::Secrets;
use crate::stopping::Stopper;

/// The configuration's key of the audit store.
const STORE: &str = "store";

/// Where the store is.
enum StorePlace {
    Sqlite(PathBuf),
    Postgres(Box<Address>),
    Mysql(Box<mysql::Address>),
}

/// The store and the target systems.
pub(crate) struct Systems {
    configured: BTreeMap<SystemName, SystemConfig>,
    /// What files that addresses name are relative to.
    folder: PathBuf,
    store: Arc<dyn Store>,
    place: StorePlace,
    databases: Arc<Databases>,
    servers: postgres::Databases,
    apis: Apis,
    /// Is told what APIs hand out: their tokens.
    secrets: Secrets,
    mysql_servers: mysql::Databases,
    times: Times,
    mysql_times: mysql::Times,
    targets: Mutex<BTreeMap<SystemName, Arc<dyn Target>>>,
    /// Which of the systems share the store, as far as it was asked: each answer is a look at the file system.
    sharing: Mutex<BTreeMap<SystemName, bool>>,
}

/// What the commands of one process have in common, whatever tenant they are for.
#[derive(Clone)]
pub(crate) struct Common {
    /// One file is one database.
    databases: Arc<Databases>,
    /// The store, where it is the same one for all tenants.
    store: Option<Arc<dyn Store>>,
}

impl Common {
    /// Nothing is opened yet.
    pub(crate) fn new(config: &Config, stopper: &Stopper) -> Self {
        let options = Options { busy: config.lock.wait, ..Options::default() };
        let databases = Databases::new(options).hurried_by(stopper.grace_is_over());
        Self { databases: Arc::new(databases), store: None }
    }

    /// The same, with the one store of all tenants.
    pub(crate) fn with_store(&self, store: Arc<dyn Store>) -> Self {
        Self { store: Some(store), ..self.clone() }
    }
}

impl Systems {
    /// Nothing is opened yet.
    pub(crate) fn new(config: &Config, secrets: &Secrets, common: &Common) -> Result<Self, Fault> {
        let databases = common.databases.clone();
        let configured: BTreeMap<SystemName, SystemConfig> =
            config.systems.iter().map(|system| (system.name.clone(), system.clone())).collect();
        let servers = postgres::Databases::new();
        let times = Times { deadline: config.limits.deadline, lease: config.lock.lease };
        let place = match &config.store {
            StoreConfig::Sqlite { path } => StorePlace::Sqlite(path.clone()),
            StoreConfig::Postgres { url } => {
                StorePlace::Postgres(Box::new(address(STORE, url, &config.folder)?))
            }
            StoreConfig::System(name) => match configured.get(name).map(|system| &system.kind) {
                Some(SystemKind::Sqlite { path }) => StorePlace::Sqlite(path.clone()),
                Some(SystemKind::Postgres { url }) => {
                    StorePlace::Postgres(Box::new(address(name.as_str(), url, &config.folder)?))
                }
                Some(SystemKind::Mysql { url }) => {
                    StorePlace::Mysql(Box::new(mysql_address(name.as_str(), url, &config.folder)?))
                }
                Some(other) => return Err(not_built_in(STORE, other.name())),
                None => return Err(Fault::bug(format!("the store names the unknown system `{name}`"))),
            },
            StoreConfig::Mysql { url } => {
                StorePlace::Mysql(Box::new(mysql_address(STORE, url, &config.folder)?))
            }
        };
        let mysql_servers = mysql::Databases::new();
        let mysql_times = mysql::Times { deadline: times.deadline, lease: times.lease };
        let store: Arc<dyn Store> = match (&common.store, &place) {
            (Some(store), _) => store.clone(),
            (None, StorePlace::Sqlite(path)) => Arc::new(SqliteStore::new(databases.database(path))),
            (None, StorePlace::Postgres(address)) => {
                Arc::new(PostgresStore::new(servers.database((**address).clone(), times)))
            }
            (None, StorePlace::Mysql(address)) => {
                Arc::new(MysqlStore::new(mysql_servers.database((**address).clone(), mysql_times)))
            }
        };
        Ok(Self {
            configured,
            folder: config.folder.clone(),
            store,
            place,
            databases,
            servers,
            apis: Apis::new(),
            secrets: secrets.clone(),
            mysql_servers,
            times,
            mysql_times,
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
                let role = role(self.is_store_file(path));
                let database = self.databases.database(path);
                Arc::new(SqliteTarget::new(name.clone(), database, system.settings.clone(), role))
            }
            SystemKind::Postgres { url } => {
                let address = address(name.as_str(), url, &self.folder)?;
                let role = role(self.is_store_database(&address));
                let database = self.servers.database(address, self.times);
                Arc::new(PostgresTarget::new(name.clone(), database, system.settings.clone(), role))
            }
            SystemKind::Http { base_url, auth } => Arc::new(self.api(system, base_url, auth.clone())?),
            SystemKind::Mysql { url } => {
                let address = mysql_address(name.as_str(), url, &self.folder)?;
                let role = role(self.is_store_mysql(&address));
                let database = self.mysql_servers.database(address, self.mysql_times);
                Arc::new(MysqlTarget::new(name.clone(), database, system.settings.clone(), role))
            }
        };
        targets.insert(name.clone(), target.clone());
        Ok(target)
    }

    fn api(&self, system: &SystemConfig, base_url: &str, auth: Option<Auth>) -> Result<HttpTarget, Fault> {
        let name = &system.name;
        let unreadable = |why: String| {
            Fault::new("config::syntax", Blame::User, format!("the API `{name}` cannot be read: {why}"))
                .with_help("write `base-url: https://host/path/`, and see that `auth` and `settings` fit it")
        };
        let base = BaseUrl::parse(base_url).map_err(unreadable)?;
        let settings = Settings::read(&system.settings, &self.folder).map_err(unreadable)?;
        let secrets = self.secrets.clone();
        let tell = move |secret: &str| secrets.add(secret);
        Ok(self.apis.target(name.clone(), base, auth, settings, self.times.deadline, tell))
    }

    /// Whether a change to this system commits together with its entry in the audit.
    pub(crate) fn shares_store(&self, name: &SystemName) -> bool {
        let mut sharing = self.sharing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = sharing.get(name) {
            return *known;
        }
        let shares = match self.configured.get(name).map(|system| &system.kind) {
            Some(SystemKind::Sqlite { path }) => self.is_store_file(path),
            Some(SystemKind::Postgres { url }) => address(name.as_str(), url, &self.folder)
                .is_ok_and(|address| self.is_store_database(&address)),
            Some(SystemKind::Mysql { url }) => mysql_address(name.as_str(), url, &self.folder)
                .is_ok_and(|address| self.is_store_mysql(&address)),
            _ => false,
        };
        sharing.insert(name.clone(), shares);
        shares
    }

    /// Whether two systems are the same database, so that transactions of both would wait for each other.
    pub(crate) fn are_one(&self, one: &SystemName, other: &SystemName) -> bool {
        let kind = |name| self.configured.get(name).map(|system| &system.kind);
        match (kind(one), kind(other)) {
            (Some(SystemKind::Sqlite { path: one }), Some(SystemKind::Sqlite { path: other })) => {
                Arc::ptr_eq(&self.databases.database(one), &self.databases.database(other))
            }
            (Some(SystemKind::Postgres { url: one }), Some(SystemKind::Postgres { url: other })) => {
                let [one, other] = [one, other].map(|url| Address::parse(url, &self.folder));
                matches!((one, other), (Ok(one), Ok(other)) if one.is_same_place(&other))
            }
            (Some(SystemKind::Mysql { url: one }), Some(SystemKind::Mysql { url: other })) => {
                let [one, other] = [one, other].map(|url| mysql::Address::parse(url, &self.folder));
                matches!((one, other), (Ok(one), Ok(other)) if one.is_same_place(&other))
            }
            _ => false,
        }
    }

    fn is_store_file(&self, path: &Path) -> bool {
        // One file has one database, whatever path leads to it.
        let StorePlace::Sqlite(store) = &self.place else { return false };
        Arc::ptr_eq(&self.databases.database(path), &self.databases.database(store))
    }

    fn is_store_database(&self, address: &Address) -> bool {
        matches!(&self.place, StorePlace::Postgres(store) if store.is_same_database(address))
    }

    fn is_store_mysql(&self, address: &mysql::Address) -> bool {
        matches!(&self.place, StorePlace::Mysql(store) if store.is_same_database(address))
    }
}

fn role(is_store: bool) -> Role {
    if is_store { Role::Store } else { Role::Apart }
}

fn address(name: &str, url: &str, folder: &Path) -> Result<Address, Fault> {
    Address::parse(url, folder).map_err(|why| {
        Fault::new("config::syntax", Blame::User, format!("the address of `{name}` cannot be read: {why}"))
            .with_help("write `postgres://user:password@host:port/database`")
    })
}

fn mysql_address(name: &str, url: &str, folder: &Path) -> Result<mysql::Address, Fault> {
    mysql::Address::parse(url, folder).map_err(|why| {
        Fault::new("config::syntax", Blame::User, format!("the address of `{name}` cannot be read: {why}"))
            .with_help("write `mysql://user:password@host:port/database`")
    })
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
