//! The answer of an API.

use crate::bindings::http::client;
use crate::http::{Error, Header};

/// How many characters of a body an error shows.
const SHOWN: usize = 200;

/// The answer of an API.
#[derive(Debug, Clone, PartialEq)]
pub struct Response(client::Response);

impl Response {
    pub(crate) fn new(response: client::Response) -> Self {
        Self(response)
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Whether the status is one of 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.0.status)
    }

    /// This response if it is a success, else [`Error::Status`].
    pub fn error_for_status(self) -> Result<Self, Error> {
        if self.is_success() {
            return Ok(self);
        }
        let shown = String::from_utf8_lossy(&self.0.body).trim().chars().take(SHOWN).collect();
        Err(Error::Status(self.0.status, shown))
    }

    /// The first header of this name; case does not count.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.0.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value.as_str())
    }

    /// All headers, in the order in which they came.
    pub fn headers(&self) -> &[Header] {
        &self.0.headers
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body, without a copy.
    pub fn into_body(self) -> Vec<u8> {
        self.0.body
    }

    /// The body as text. [`Error::NotText`] when it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.0.body).map_err(|_| Error::NotText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &[u8]) -> Response {
        let header = Header { name: "content-type".into(), value: "text/plain".into() };
        Response::new(client::Response { status, headers: vec![header], body: body.to_vec() })
    }

    #[test]
    fn a_header_is_found_in_any_case() {
        assert_eq!(response(200, b"").header("Content-Type"), Some("text/plain"));
        assert_eq!(response(200, b"").header("etag"), None);
    }

    #[test]
    fn only_a_2xx_is_a_success() {
        assert!(response(204, b"").error_for_status().is_ok());
        assert!(response(302, b"").error_for_status().is_err());
        let error = response(404, b" no such queue\n").error_for_status().unwrap_err();
        assert_eq!(error.to_string(), "the API answered with 404: no such queue");
    }

    #[test]
    fn an_error_shows_the_begin_of_a_long_body() {
        let error = response(500, "\u{e4}".repeat(1_000).as_bytes()).error_for_status().unwrap_err();
        assert_eq!(error, Error::Status(500, "\u{e4}".repeat(SHOWN)));
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_no_text() {
        assert_eq!(response(200, b"ok").text(), Ok("ok"));
        assert_eq!(response(200, b"\xff").text(), Err(Error::NotText));
    }
}
