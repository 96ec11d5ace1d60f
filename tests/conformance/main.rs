//! Every backend keeps the rules of `sandpiper::conformance`.

mod postgres;
mod sqlite;
