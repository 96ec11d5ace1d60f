//! The harness of the black-box tests: temporary projects, the binary that is run in them, and what came of it.

mod built;
mod clocks;
mod database;
mod languages;
mod outcome;
mod process;
mod project;
pub mod scenes;
mod server;
mod servers;
mod tree;
mod words;

pub use built::{
    binary, binary_with_crash_points, component, component_with_id, example_application, language_plugin,
    plugin, target_folder,
};
pub use clocks::{Clocks, DAY};
pub use database::{open, rows, schema};
pub use languages::{LANGUAGES, SOURCES, language_http_project, language_project, toolchain_path};
pub use outcome::Outcome;
pub use process::{Running, environment};
pub use project::{MARKED, Project, SHARED};
pub use server::Server;
pub use servers::{
    Api, Certificates, Loss, MariaDb, MariaDbDatabase, PgBouncer, Postgres, PostgresDatabase, Proxy,
    Starting, Things,
};
pub use tree::{Tree, copy_folder};
pub use words::words;
