//! What the host lends for one call: the borrowed handles are within reach of the engine's functions while it lasts, and
//! those that a change opens itself are given back with the objects that hold them.

use boa_engine::{Finalize, JsData, Trace};
use scoped_tls::scoped_thread_local;

use crate::bindings::{Context, http, sql};

scoped_thread_local!(static CONNECTION: sql::Connection);
scoped_thread_local!(static ENDPOINT: http::Endpoint);
scoped_thread_local!(static CONTEXT: Context);

/// Runs something with a connection at hand.
pub(crate) fn lend_connection<T>(db: &sql::Connection, ctx: &Context, run: impl FnOnce() -> T) -> T {
    CONNECTION.set(db, || CONTEXT.set(ctx, run))
}

/// Runs something with an endpoint at hand.
pub(crate) fn lend_endpoint<T>(api: &http::Endpoint, ctx: &Context, run: impl FnOnce() -> T) -> T {
    ENDPOINT.set(api, || CONTEXT.set(ctx, run))
}

/// The connection that is lent; nothing outside of a call.
pub(crate) fn connection<T>(then: impl FnOnce(&sql::Connection) -> T) -> Option<T> {
    CONNECTION.is_set().then(|| CONNECTION.with(then))
}

/// The endpoint that is lent; nothing outside of a call.
pub(crate) fn endpoint<T>(then: impl FnOnce(&http::Endpoint) -> T) -> Option<T> {
    ENDPOINT.is_set().then(|| ENDPOINT.with(then))
}

/// The context that is lent; nothing outside of a call.
pub(crate) fn context<T>(then: impl FnOnce(&Context) -> T) -> Option<T> {
    CONTEXT.is_set().then(|| CONTEXT.with(then))
}

/// A connection that the change opened.
#[derive(Trace, Finalize, JsData)]
pub(crate) struct OpenConnection(#[unsafe_ignore_trace] pub(crate) sql::Connection);

/// An endpoint that the change opened.
#[derive(Trace, Finalize, JsData)]
pub(crate) struct OpenEndpoint(#[unsafe_ignore_trace] pub(crate) http::Endpoint);

/// The rows of a query, until they are given back.
#[derive(Trace, Finalize, JsData)]
pub(crate) struct OpenCursor(#[unsafe_ignore_trace] pub(crate) Option<sql::Cursor>);
