//! PostgreSQL through the binary, on real servers.

mod clocks;
mod doctor;
mod faults;
mod messages;
mod modes;
mod preview;
mod protection;
mod statements;
mod waiting;

use sandpiper_tests::{Postgres, PostgresDatabase, Project};

/// Short times, so that what a killed process held is free again soon.
const LOCK: &str = "lock: { lease: 2s, wait: 30s, retry: 50ms }";

/// A project whose target system is an empty database.
struct Place {
    project: Project,
    database: PostgresDatabase<'static>,
}

impl Place {
    /// In one of the two modes that have a transaction.
    fn new(mode: &str) -> Self {
        let database = Postgres::shared().database();
        let store = if mode == "shared" { "store: target\n" } else { "" };
        let project = Project::new(&configuration(store, &database.url()));
        Self { project, database }
    }
}

/// One stage, one database.
fn configuration(more: &str, url: &str) -> String {
    format!(
        "service: tests\n{more}target-systems:\n  target: {{ kind: postgres, url: \"{url}\" }}\n\
         pipeline:\n  stages:\n    - {{ name: main, location: changes }}\n{LOCK}\n"
    )
}
