//! An API, and the requests that are made to it.

use crate::bindings::http::client;
use crate::http::{Error, Header, Method, Response};
use crate::lent::lent;
use std::time::Duration;

/// A configured API. Paths are relative to its base URL, which a request cannot leave.
#[derive(Debug)]
#[repr(transparent)]
pub struct Endpoint(client::Endpoint);

lent!(Endpoint, client::Endpoint);

impl Endpoint {
    /// Opens a further system that the change declared in `uses`.
    pub fn open(system: &str) -> Result<Self, Error> {
        Ok(Self(client::Endpoint::open(system)?))
    }

    /// A GET request.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.request(Method::Get, path)
    }

    /// A HEAD request.
    pub fn head(&self, path: &str) -> Request<'_> {
        self.request(Method::Head, path)
    }

    /// A POST request.
    pub fn post(&self, path: &str) -> Request<'_> {
        self.request(Method::Post, path)
    }

    /// A PUT request.
    pub fn put(&self, path: &str) -> Request<'_> {
        self.request(Method::Put, path)
    }

    /// A PATCH request.
    pub fn patch(&self, path: &str) -> Request<'_> {
        self.request(Method::Patch, path)
    }

    /// A DELETE request.
    pub fn delete(&self, path: &str) -> Request<'_> {
        self.request(Method::Delete, path)
    }

    /// A request of any method.
    pub fn request(&self, method: Method, path: &str) -> Request<'_> {
        let request = client::Request {
            method,
            path: path.to_owned(),
            query: Vec::new(),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
        };
        Request { endpoint: self, request }
    }
}

/// A request that is being put together:
///
/// ```
/// # fn create(api: &sandpiper_sdk::http::Endpoint, key: &str) -> sandpiper_sdk::Result {
/// let answer = api.post("queues").header("Idempotency-Key", key).json(r#"{"name": "mail"}"#).send()?;
/// answer.error_for_status()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing until `send` is called"]
pub struct Request<'e> {
    endpoint: &'e Endpoint,
    request: client::Request,
}

impl Request<'_> {
    /// Adds a parameter to the query; the host encodes it.
    pub fn query(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.request.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.request.headers.push(Header { name: name.into(), value: value.to_string() });
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.request.body = Some(body.into());
        self
    }

    /// Sets the body to a JSON document, given as text, with the `Content-Type` that goes with it.
    pub fn json(self, document: impl Into<String>) -> Self {
        self.header("Content-Type", "application/json").body(document.into())
    }

    /// How long to wait for the answer; at most 49 days.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout_ms = Some(timeout.as_millis().try_into().unwrap_or(u32::MAX));
        self
    }

    /// Sends the request. An answer of any status is a [`Response`]:
    /// [`error_for_status`](Response::error_for_status) turns all but 2xx into an error.
    pub fn send(self) -> Result<Response, Error> {
        Ok(Response::new(self.endpoint.0.send(&self.request)?))
    }
}
