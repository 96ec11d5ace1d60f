//! What a host is told of each call that a guest makes through a handle: what it asked for, and what came of it.

use std::time::Duration;

use crate::sql::{Row, Value};
use crate::target::Capability;

/// A call that a guest made through a handle.
#[derive(Debug, Clone, Copy)]
pub struct HandleCall<'a> {
    /// The further system that it went to, by its name; none for the change's target system.
    pub system: Option<&'a str>,
    /// The kind of handle.
    pub capability: Capability,
    /// The function of the handle, as the WIT package names it.
    pub operation: &'static str,
    /// The statement as the guest wrote it, the request line, or the name of the system that was opened.
    pub statement: &'a str,
    /// What went with it.
    pub passed: Passed<'a>,
    /// What came of it; else why it was not done.
    pub came: Result<Came<'a>, &'a str>,
    /// How long it took.
    pub duration: Duration,
}

/// What went with a call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Passed<'a> {
    /// Nothing.
    Nothing,
    /// The parameters of a statement.
    Parameters(&'a [Value]),
    /// The parameters of a statement that is run once for each row.
    Rows(&'a [Row]),
    /// The body of a request.
    Body(&'a [u8]),
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came<'a> {
    /// Nothing but that it was done.
    Done,
    /// So many rows were affected, or fetched.
    Rows(u64),
    /// The API answered.
    Response {
        /// The status code.
        status: u16,
        /// The whole body.
        body: &'a [u8],
    },
}
