//! MySQL and MariaDB through the binary, on real servers of MariaDB.

mod clocks;
mod crash_points;
mod doctor;
mod faults;
mod histories;
mod messages;
mod modes;
mod names;
mod passwords;
mod protection;
mod statements;
mod stores;
mod whole;

use sandpiper_tests::{MariaDb, MariaDbDatabase, Project};

/// Short times, so that what a killed process held is free again soon.
const LOCK: &str = "lock: { lease: 2s, wait: 30s, retry: 50ms }";

/// A project whose target system is an empty database.
struct Place {
    project: Project,
    database: MariaDbDatabase<'static>,
}

impl Place {
    /// In one of the two modes that have a transaction.
    fn new(mode: &str) -> Self {
        let database = MariaDb::shared().database();
        let store = if mode == "shared" { "store: target\n" } else { "" };
        let project = Project::new(&configuration(store, &database.url()));
        Self { project, database }
    }

    /// The same, with the table `orders` and a row in it.
    fn with_orders(mode: &str) -> Self {
        let place = Self::new(mode);
        place.database.rows("CREATE TABLE orders (id INT PRIMARY KEY, note VARCHAR(20)); INSERT INTO orders VALUES (1, 'one')");
        place
    }
}

/// One stage, one database.
fn configuration(more: &str, url: &str) -> String {
    format!(
        "service: tests\n{more}target-systems:\n  target: {{ kind: mysql, url: \"{url}\" }}\n\
         pipeline:\n  stages:\n    - {{ name: main, location: changes }}\n{LOCK}\n"
    )
}
