//! PostgreSQL: databases as target systems and as the audit store.
//!
//! Each attempt has a connection of its own, which is closed after it; the store has a few that it keeps. A store and a
//! target in the same database make the mode `shared` possible: the entries are written inside the change's own
//! transaction. The protocol is spoken here and not left to a driver above it: the state of the transaction comes with
//! every answer, results come as text for every type that a server has, and nothing is kept in a session.

mod address;
mod archive;
mod chain;
mod client;
mod connect;
mod cursor;
mod database;
mod diagnosis;
mod errors;
mod guard;
mod lease;
mod marks;
mod preview;
mod progress;
mod prune;
mod schema;
mod session;
mod statements;
mod states;
mod store;
mod target;
mod values;
mod wire;

pub use address::Address;
pub use database::{Database, Databases, Times};
pub use store::PostgresStore;
pub use target::PostgresTarget;
