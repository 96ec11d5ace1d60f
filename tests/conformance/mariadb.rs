//! MariaDB: a server that all rules share, and one that is restarted.

use std::path::Path;
use std::sync::Arc;

use sandpiper::conformance::StorePlace;
use sandpiper_backends::mysql::{Address, Databases, MysqlStore, Times};
use sandpiper_engine::store::Store;
use sandpiper_tests::{MariaDb, MariaDbDatabase};

struct Place {
    database: MariaDbDatabase<'static>,
}

fn place() -> Place {
    Place { database: MariaDb::shared().database() }
}

fn store_at(url: &str) -> Arc<dyn Store> {
    let address = Address::parse(url, Path::new("/")).unwrap();
    Arc::new(MysqlStore::new(Databases::new().database(address, Times::default())))
}

impl StorePlace for Place {
    fn open(&self) -> Arc<dyn Store> {
        store_at(&self.database.url())
    }
}

mod store {
    sandpiper::store_conformance!(super::place);
}
