//! The systems that Sandpiper changes, and those that keep its audit: one folder each.
//!
//! The only crate that sees drivers. A technology is one folder with a target and, where it can be one, an audit
//! store, behind one cargo feature; [`KINDS`] is the registry of those that this build knows.
//!
//! | folder | target | audit store | feature |
//! | --- | --- | --- | --- |
//! | [`http`] | [`http::HttpTarget`] | | `http` |
//! | [`mysql`] | [`mysql::MysqlTarget`] | [`mysql::MysqlStore`] | `mysql` |
//! | [`postgres`] | [`postgres::PostgresTarget`] | [`postgres::PostgresStore`] | `postgres` |
//! | [`sqlite`] | [`sqlite::SqliteTarget`] | [`sqlite::SqliteStore`] | `sqlite` |

mod chain;
mod compression;
pub mod crash;
mod diagnosis;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "network")]
mod network;
#[cfg(feature = "postgres")]
pub mod postgres;
mod pruning;
#[cfg(any(feature = "mysql", feature = "postgres"))]
mod servers;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod sum;

/// A kind of system, as the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name in `target-systems`.
    pub name: &'static str,
    /// Whether it can keep the audit.
    pub can_be_store: bool,
}

/// The kinds that this build knows.
pub const KINDS: &[Kind] = &[
    #[cfg(feature = "http")]
    Kind { name: "http", can_be_store: false },
    #[cfg(feature = "mysql")]
    Kind { name: "mysql", can_be_store: true },
    #[cfg(feature = "mysql")]
    Kind { name: "mariadb", can_be_store: true },
    #[cfg(feature = "postgres")]
    Kind { name: "postgres", can_be_store: true },
    #[cfg(feature = "sqlite")]
    Kind { name: "sqlite", can_be_store: true },
];

/// What a database is besides a target system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The audit is kept in it: changes to it are `shared`.
    Store,
    /// The audit is kept elsewhere: changes to it are `marked`.
    Apart,
}
