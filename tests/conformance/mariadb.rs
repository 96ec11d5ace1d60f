//! MariaDB: a server that all rules share, and one that is restarted.

use std::path::Path;
use std::sync::Arc;

use sandpiper::conformance::StorePlace;
use sandpiper_backends::mysql::{Address, Databases, MysqlStore, Times};
use sandpiper_engine::store::Store;
use sandpiper_tests::{Loss, MariaDb, MariaDbDatabase, Proxy};

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

    fn cut_connections(&self) -> bool {
        self.database.cut_connections();
        true
    }

    fn losing_commits(&self, arrives: bool) -> Option<Arc<dyn Store>> {
        let loss = if arrives { Loss::Answer } else { Loss::Request };
        let proxy = Proxy::start(self.database.server.port(), loss);
        // What is encrypted cannot be read on its way.
        Some(store_at(&format!("{}?ssl-mode=disabled", self.database.url_at(proxy.port()))))
    }

    fn refuse_entries(&self, refuse: bool) -> bool {
        let trigger = "CREATE TRIGGER refuses BEFORE INSERT ON sandpiper_entry FOR EACH ROW
             IF NEW.body LIKE '%\"change_id\":\"b\"%' THEN SIGNAL SQLSTATE '45000'; END IF";
        // Under another end of statements than the one within it.
        match refuse {
            true => self.database.rows(&format!("DELIMITER //\n{trigger} //")),
            false => self.database.rows("DROP TRIGGER refuses"),
        };
        true
    }
}

/// A server of its own, which may be restarted.
struct Restarted(MariaDb);

impl StorePlace for Restarted {
    fn open(&self) -> Arc<dyn Store> {
        let (port, password) = (self.0.port(), self.0.password());
        store_at(&format!("mysql://root:{password}@127.0.0.1:{port}/restarted"))
    }

    fn restart(&self) -> bool {
        self.0.crash();
        true
    }
}

mod store {
    sandpiper::store_conformance!(super::place);
}

mod store_faults {
    sandpiper::store_faults_conformance!(super::place);
}

#[test]
fn a_store_on_a_server_that_restarts_forgets_nothing() {
    let server = MariaDb::start(&[], |_| ());
    server.rows("mysql", "CREATE DATABASE restarted");
    sandpiper::conformance::store_faults::a_server_that_restarts_forgets_nothing(&Restarted(server));
}
