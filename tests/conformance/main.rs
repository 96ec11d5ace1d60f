//! Every backend keeps the rules of `sandpiper::conformance`.

mod mariadb;
mod mariadb_target;
mod postgres;
mod sqlite;
