//! One request and one answer of HTTP/1.1 on a connection, with limits that a hostile caller cannot pass: the size of
//! the head, the time for it, the time for the answer. Each connection carries one request.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Bytes of a request's head.
const MAX_HEAD: usize = 16 << 10;
/// Headers of a request.
const MAX_HEADERS: usize = 64;
/// How long a caller may take to say what it wants.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a caller may take to hear the answer.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// How long, and how much, is still read of a caller that was answered: closing earlier could lose the answer.
const FAREWELL: Duration = Duration::from_secs(1);
const FAREWELL_SIZE: usize = 64 << 10;

/// What a caller wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// What `Host` says; empty where it says nothing.
    pub(super) host: String,
    /// What `Authorization` says.
    pub(super) authorization: Option<Vec<u8>>,
}

/// What a caller is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

/// The kind of a JSON document.
const JSON: &str = "application/json";

impl Answer {
    /// A JSON document.
    pub(super) fn json(status: u16, body: impl Into<String>) -> Self {
        Self { status, kind: JSON, headers: Vec::new(), body: body.into() }
    }

    /// A JSON object that says what is wrong with the request.
    pub(super) fn refusal(status: u16, message: &str) -> Self {
        let body = serde_json::json!({ "version": 1, "ok": false, "error": { "code": "usage", "message": message } });
        Self::json(status, format!("{body}\n"))
    }
}

/// Reads what the caller wants; an answer where it cannot be read; nothing where nobody is left to be answered.
pub(super) fn read(stream: &mut TcpStream) -> io::Result<Result<Request, Answer>> {
    let until = Instant::now() + HEAD_TIME;
    let mut head = Vec::with_capacity(1 << 10);
    let mut chunk = [0; 2 << 10];
    loop {
        let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
            return Ok(Err(Answer::refusal(408, "the request took too long")));
        };
        stream.set_read_timeout(Some(left))?;
        let count = match stream.read(&mut chunk) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        head.extend_from_slice(chunk.get(..count).unwrap_or_default());
        match parse(&head) {
            Some(parsed) => return Ok(parsed),
            None if head.len() > MAX_HEAD => {
                return Ok(Err(Answer::refusal(431, "the head of the request is too large")));
            }
            None => {}
        }
    }
}

/// The request, once its head is whole.
fn parse(head: &[u8]) -> Option<Result<Request, Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => {
            return Some(Err(Answer::refusal(431, "the request has too many headers")));
        }
        Err(_) => return Some(Err(Answer::refusal(400, "this is no HTTP request"))),
    }
    let target = parsed.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| {
        parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    Some(Ok(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        host: header("host").map(|host| String::from_utf8_lossy(host).into_owned()).unwrap_or_default(),
        authorization: header("authorization").map(<[u8]>::to_vec),
    }))
}

/// Tells the caller, and closes the connection.
pub(super) fn write(stream: &mut TcpStream, answer: &Answer, with_body: bool) -> io::Result<()> {
    let mut text = format!(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n",
        answer.status,
        reason(answer.status),
        answer.kind,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    if with_body {
        text.push_str(&answer.body);
    }
    let until = Instant::now() + ANSWER_TIME;
    let mut left = text.as_bytes();
    while !left.is_empty() {
        let time = until.checked_duration_since(Instant::now()).filter(|time| !time.is_zero());
        stream.set_write_timeout(Some(time.ok_or(io::ErrorKind::TimedOut)?))?;
        let count = match stream.write(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            written => written?,
        };
        left = left.get(count..).unwrap_or_default();
    }
    stream.shutdown(Shutdown::Write)?;
    farewell(stream)
}

fn farewell(stream: &mut TcpStream) -> io::Result<()> {
    let until = Instant::now() + FAREWELL;
    let (mut read, mut chunk) = (0, [0; 4 << 10]);
    while read < FAREWELL_SIZE {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero());
        let Some(left) = left else { break };
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk)? {
            0 => break,
            count => read += count,
        }
    }
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text =
            b"GET /v1/audit?since=24h HTTP/1.1\r\nHOST: localhost:80\r\nauthorization: Bearer x\r\n\r\n";
        assert_eq!(parse(&text[..text.len() - 1]), None);
        let request = parse(text).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.query.as_str()), ("/v1/audit", "since=24h"));
        assert_eq!(
            (request.host.as_str(), request.authorization),
            ("localhost:80", Some(b"Bearer x".to_vec()))
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(parse(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap().unwrap_err().status, 400);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(parse(many.as_bytes()).unwrap().unwrap_err().status, 431);
    }
}
