//! Every backend keeps the rules of `sandpiper::conformance`.

mod http;
mod postgres;
mod sqlite;
