//! Every backend keeps the rules of `sandpiper::conformance`.

mod mariadb;
mod postgres;
mod sqlite;
