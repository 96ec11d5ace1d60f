//! The capability `http`, as a backend implements it: requests to one configured API.

use std::time::Duration;

use async_trait::async_trait;

use crate::limits::Bytes;

/// Requests to the one API of a session.
#[async_trait]
pub trait Http: Send {
    /// Sends a request, with the API's credentials, and reads the whole response. A response of any status is one.
    ///
    /// Paths, names and values are as the guest wrote them: what is no valid request, or would leave the API's base URL,
    /// is [`HttpError::Denied`]. Of the body no more than [`Request::max_body`] is read.
    async fn send(&mut self, request: &Request) -> Result<Response, HttpError>;
}

/// A request to an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What to do there.
    pub method: Method,
    /// Relative to the API's base URL.
    pub path: String,
    /// Names and values, not encoded.
    pub query: Vec<(String, String)>,
    /// In their order; a name may be there more than once.
    pub headers: Vec<Header>,
    /// What is sent with it.
    pub body: Option<Vec<u8>>,
    /// How long to wait for the response, where the guest says so.
    pub timeout: Option<Duration>,
    /// How long the response's body may be, in bytes; a longer one is [`HttpError::body_too_long`].
    pub max_body: usize,
}

impl Request {
    /// Its method, path and query, as the guest wrote them, for people.
    pub fn line(&self) -> String {
        let mut line = format!("{} {}", self.method.as_str(), self.path);
        for (number, (name, value)) in self.query.iter().enumerate() {
            line.push(if number == 0 { '?' } else { '&' });
            line.push_str(name);
            line.push('=');
            line.push_str(value);
        }
        line
    }
}

/// What a request is to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Method {
    /// To read.
    Get,
    /// To read all but the body.
    Head,
    /// To create, or to do something.
    Post,
    /// To create or replace.
    Put,
    /// To change parts.
    Patch,
    /// To remove.
    Delete,
    /// Any other, by its name; none of those above.
    Other(String),
}

impl Method {
    /// The method of a name. Case counts, as it does in HTTP.
    pub fn named(name: String) -> Self {
        match name.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => Self::Other(name),
        }
    }

    /// Its name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Other(name) => name,
        }
    }

    /// Whether a request of it counts as writing: a session that is for looking only refuses it.
    pub fn writes(&self) -> bool {
        !matches!(self, Self::Get | Self::Head)
    }
}

/// A header of a request or response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name, in any case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// What an API answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// In the order in which they came.
    pub headers: Vec<Header>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// Why a request brought no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Nothing was sent.
    #[error("the request was not sent: {0}")]
    NotSent(String),
    /// It was sent and no answer came: its effect is not known.
    #[error("no answer came: {0}")]
    NoAnswer(String),
    /// The host refused the request.
    #[error("{0}")]
    Denied(String),
    /// A limit of the host was reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// The call was ended from outside: deadline, signal, lost lease.
    #[error("the request was interrupted")]
    Interrupted,
}

impl HttpError {
    /// The response's body is longer than [`Request::max_body`].
    pub fn body_too_long(max_body: usize) -> Self {
        Self::LimitExceeded(format!("a response's body is longer than {} (`limits.body`)", Bytes(max_body)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_get_and_head_count_as_writing() {
        let writing = |name: &str| Method::named(name.to_owned()).writes();
        assert!(["GET", "HEAD"].iter().all(|name| !writing(name)));
        assert!(["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", ""].iter().all(|name| writing(name)));
    }

    #[test]
    fn a_method_keeps_its_name() {
        for name in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"] {
            let method = Method::named(name.to_owned());
            assert_eq!(method.as_str(), name);
            assert_eq!(matches!(method, Method::Other(_)), name == "PURGE");
        }
    }
}
