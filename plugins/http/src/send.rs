//! From a request of a file to one that is sent, and from its answer to what was expected of it.

use serde_json::Value;

use crate::bindings::{Failure, Header, Method, Response, Sent};
use crate::captured::Kept;
use crate::configuration::Configuration;
use crate::expect::equals;
use crate::failure;
use crate::place::below;
use crate::request::Request;

/// The request as it is sent, with what was captured before.
///
/// # Errors
///
/// A value that was not captured, or cannot stand where it is asked for.
pub(crate) fn made(
    request: &Request,
    kept: &Kept,
    configuration: Configuration,
    key: Option<String>,
) -> Result<Sent, Failure> {
    let wrong = |member: &str| {
        let pointer = below(&request.pointer, member);
        move |why: String| failure::at(&pointer, why)
    };
    let path = kept.fill(&request.path, segment).map_err(wrong("path"))?;
    // The query of a path was written as a URL has it; the host encodes it no more.
    let as_it_is = |text: &str| Ok(text.to_owned());
    let mut query = Vec::new();
    for (name, value) in &request.query {
        query.push((name.clone(), kept.fill(value, as_it_is).map_err(wrong("query"))?));
    }
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        headers.push(Header {
            name: name.clone(),
            value: kept.fill(value, as_it_is).map_err(wrong("headers"))?,
        });
    }
    let body = request.body.as_ref().map(|body| kept.fill_json(body)).transpose().map_err(wrong("body"))?;
    let mut usual = |name: &str, value: String| {
        if !headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
            headers.push(Header { name: name.to_owned(), value });
        }
    };
    let is_text = matches!(request.body, Some(Value::String(_)));
    let body = match body {
        None => None,
        Some(Value::String(text)) if is_text => Some(text.into_bytes()),
        Some(value) if is_text => Some(value.to_string().into_bytes()),
        Some(value) => {
            usual("Content-Type", "application/json".to_owned());
            Some(value.to_string().into_bytes())
        }
    };
    if !request.expect.json.is_empty() || !request.capture.is_empty() {
        usual("Accept", "application/json".to_owned());
    }
    if let (true, Some(key)) = (request.writes(), key) {
        usual("Idempotency-Key", key);
    }
    let timeout_ms = configuration.timeout.map(|seconds| seconds.saturating_mul(1_000));
    Ok(Sent { method: method(&request.method), path, query, headers, body, timeout_ms })
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        other => Method::Other(other.to_owned()),
    }
}

/// A value as one segment of a path. Without any text the path would be another one.
fn segment(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("is empty, and cannot stand in a path".to_owned());
    }
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(encoded)
}

/// The request in one line, for messages.
pub(crate) fn line(request: &Request, sent: &Sent) -> String {
    format!("{} {}", request.method, sent.path)
}

/// Why an answer is not what was expected: the place of the expectation, and what came in its stead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unmet {
    pub(crate) pointer: String,
    pub(crate) message: String,
    /// Whether it is the answer that could not be read, so that nothing can be told from it.
    pub(crate) is_unreadable: bool,
}

/// Compares an answer with what is expected of it. Gives its JSON where that is needed.
///
/// # Errors
///
/// The first expectation that is not met; and a captured value within one that is not there.
pub(crate) fn meets(request: &Request, kept: &Kept, response: &Response) -> Result<Value, Unmet> {
    let expect = below(&request.pointer, "expect");
    let unmet = |pointer: String, message: String| Unmet { pointer, message, is_unreadable: false };
    if !request.expect.takes(response.status) {
        let message = format!(
            "the status is {}, not {}{}",
            response.status,
            request.expect.statuses(),
            failure::body(response)
        );
        return Err(unmet(below(&expect, "status"), message));
    }
    if request.expect.json.is_empty() && request.capture.is_empty() {
        return Ok(Value::Null);
    }
    let json: Value = serde_json::from_slice(&response.body).map_err(|_| {
        let key = if request.expect.json.is_empty() {
            below(&request.pointer, "capture")
        } else {
            below(&expect, "json")
        };
        let message =
            format!("the answer, with status {}, is no JSON{}", response.status, failure::body(response));
        Unmet { pointer: key, message, is_unreadable: true }
    })?;
    for (at, expected) in &request.expect.json {
        let place = || below(&below(&expect, "json"), at);
        let expected = kept.fill_json(expected).map_err(|why| unmet(place(), why))?;
        match json.pointer(at) {
            Some(found) if equals(found, &expected) => {}
            Some(found) => {
                let found: String = found.to_string().chars().take(200).collect();
                return Err(unmet(
                    place(),
                    format!("at `{at}` of the answer stands {found}, not {expected}"),
                ));
            }
            None => {
                return Err(unmet(
                    place(),
                    format!("the answer holds nothing at `{at}`, but {expected} is expected"),
                ));
            }
        }
    }
    Ok(json)
}
