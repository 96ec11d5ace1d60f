//! The sandbox from outside: shapes of components, descriptions, and guests that behave well and badly, against a
//! session that lives in memory.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what tests do; clippy exempts only the test functions themselves"
)]

mod calls;
mod describe;
mod handles;
mod http;
mod limits;
mod outside;
mod records;
mod shapes;
mod stops;
mod support;
