//! The language plugin `javascript` as a component: joins the contract's functions and handles to an engine that runs the
//! source of a change, and the SDK for JavaScript with it.

mod bindings;
mod describe;
mod engine;
mod host;
mod modules;
mod natives;
mod script;
mod text;
mod values;

use bindings::{
    Context, Failure, Info, Inspected, Problem, Source, Verdict, http, http_runner, language, sql, sql_runner,
};
use engine::{Engine, Function};

/// The language plugin.
#[derive(Debug, Clone, Copy)]
pub struct JavaScript;

impl language::Guest for JavaScript {
    fn describe() -> Info {
        Info { name: "javascript".into(), extensions: vec!["js".into(), "ts".into()] }
    }

    fn inspect(source: Source) -> Result<Inspected, Vec<Problem>> {
        describe::inspect(&source)
    }
}

impl sql_runner::Guest for JavaScript {
    fn apply(source: Source, db: &sql::Connection, ctx: &Context) -> Result<(), Failure> {
        host::lend_connection(db, ctx, || Engine::call(&source, "sql", Function::Apply)).map(|_| ())
    }

    fn rollback(source: Source, db: &sql::Connection, ctx: &Context) -> Result<(), Failure> {
        host::lend_connection(db, ctx, || Engine::call(&source, "sql", Function::Rollback)).map(|_| ())
    }

    fn verify(source: Source, db: &sql::Connection, ctx: &Context) -> Result<Option<Verdict>, Failure> {
        host::lend_connection(db, ctx, || Engine::call(&source, "sql", Function::Verify))
    }
}

impl http_runner::Guest for JavaScript {
    fn apply(source: Source, api: &http::Endpoint, ctx: &Context) -> Result<(), Failure> {
        host::lend_endpoint(api, ctx, || Engine::call(&source, "http", Function::Apply)).map(|_| ())
    }

    fn rollback(source: Source, api: &http::Endpoint, ctx: &Context) -> Result<(), Failure> {
        host::lend_endpoint(api, ctx, || Engine::call(&source, "http", Function::Rollback)).map(|_| ())
    }

    fn verify(source: Source, api: &http::Endpoint, ctx: &Context) -> Result<Option<Verdict>, Failure> {
        host::lend_endpoint(api, ctx, || Engine::call(&source, "http", Function::Verify))
    }
}

#[expect(unsafe_code, reason = "generated code")]
mod exported {
    use super::JavaScript;

    crate::bindings::export!(JavaScript with_types_in crate::bindings);
}
