//! Requests to one configured API. The host adds the credentials; a change never sees them.

mod endpoint;
mod error;
mod response;

pub use crate::bindings::http::client::{Header, Method};
pub use endpoint::{Endpoint, Request};
pub use error::Error;
pub use response::Response;
