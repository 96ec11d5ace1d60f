//! The contract of `wit/` as Rust, made by a macro.

wit_bindgen::generate!({
    world: "sandpiper:http/http-template-with-verify",
    path: "../../wit",
    additional_derives: [PartialEq],
    generate_all,
});

pub(crate) use exports::sandpiper::change::template::{Action, Assessment, Info, Problem, Step};
pub(crate) use exports::sandpiper::{change::template, http::runner, http::step_verifier};
pub(crate) use sandpiper::change::execution::Context;
pub(crate) use sandpiper::change::types::{Failure, Place, Verdict};
pub(crate) use sandpiper::http::client::{Endpoint, Error, Header, Method, Request as Sent, Response};
