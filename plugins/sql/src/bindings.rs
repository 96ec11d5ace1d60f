//! The contract of `wit/` as Rust, made by a macro.

wit_bindgen::generate!({
    world: "sandpiper:sql/sql-template-with-verify",
    path: "../../wit",
    additional_derives: [PartialEq],
    generate_all,
});

pub(crate) use exports::sandpiper::change::template::{Action, Assessment, Info, Problem, Step};
pub(crate) use exports::sandpiper::{change::template, sql::runner, sql::step_verifier};
pub(crate) use sandpiper::change::execution::Context;
pub(crate) use sandpiper::change::types::{Failure, Place, Verdict};
pub(crate) use sandpiper::sql::client::{Connection, DatabaseError, Error, Row, Value};
