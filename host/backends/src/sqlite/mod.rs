//! SQLite: files as target systems and as the audit store.
//!
//! [`Databases`] keeps one [`Database`] for each file of the process. A store and a target of the same file share it,
//! which is what makes the mode `shared` possible: the entries are written on the very connection that the change ran
//! on. Everything here blocks the thread that it is called on.

mod archive;
mod calls;
mod chain;
mod connection;
mod cursor;
mod database;
mod details;
mod diagnosis;
mod errors;
mod foreign_keys;
mod guard;
mod known;
mod lease;
mod ledger;
mod marks;
mod preview;
mod progress;
mod prune;
mod query;
mod schema;
mod session;
mod statements;
mod states;
mod store;
mod target;
mod values;

#[cfg(test)]
mod tests;

pub use database::{Database, Databases, Options};
pub use store::SqliteStore;
pub use target::SqliteTarget;
