//! MySQL and MariaDB: databases as the audit store.
//!
//! The store has a few connections that it keeps. The protocol is spoken here and not left to a driver above it: the
//! state of the transaction comes with every answer, results have one form for every type that a server has, and several
//! statements of the host's go out together.

mod address;
mod arguments;
mod authenticate;
mod cells;
mod client;
mod connect;
mod database;
mod errors;
mod server;
mod wire;

pub use address::Address;
pub use database::{Database, Databases, Times};
