//! MySQL and MariaDB: databases as target systems and as the audit store.
//!
//! Each attempt has a connection of its own, which is closed after it; the store has a few that it keeps. The protocol is
//! spoken here and not left to a driver above it: the state of the transaction comes with every answer, results have one
//! form for every type that a server has, and several statements of the host's go out together.

mod address;
mod archive;
mod arguments;
mod authenticate;
mod cells;
mod chain;
mod client;
mod connect;
mod cursor;
mod database;
mod diagnosis;
mod errors;
mod grants;
mod guard;
mod lease;
mod marks;
mod place;
mod progress;
mod prune;
mod rights;
mod schema;
mod server;
mod session;
mod settings;
mod statements;
mod states;
mod store;
mod target;
mod values;
mod whole;
mod wire;

pub use address::Address;
pub use database::{Database, Databases, Times};
pub use schema::LONGEST_NAME;
pub use store::MysqlStore;
pub use target::MysqlTarget;
