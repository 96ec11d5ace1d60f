//! Every backend keeps the rules of `sandpiper::conformance`.

mod http;
mod mariadb;
mod mariadb_target;
mod postgres;
mod sqlite;
