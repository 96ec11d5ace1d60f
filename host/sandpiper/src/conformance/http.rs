//! The rules for HTTP APIs, and the server that they are tried on: whoever runs them lets his own answer as [`reply`]
//! says.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_runtime::http::{Header, HttpError, Method, Request, Response};
use sandpiper_runtime::target::{Opening, Session, Target, TargetError};

use super::facts::{attempt, fence, opening, run};

/// A server that answers as [`reply`] says, and remembers what arrives.
pub trait ApiPlace: Send + Sync {
    /// The server as a target system, whose base URL ends with `/base/`.
    fn open(&self) -> Arc<dyn Target>;

    /// A place of this machine where nobody listens, as a target system.
    fn nobody(&self) -> Arc<dyn Target>;

    /// What has arrived, oldest first.
    fn arrived(&self) -> Vec<Arrived>;
}

/// A request that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its method.
    pub method: String,
    /// Path and query, as they came.
    pub target: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Arrived {
    /// The value of a header; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// What a server does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It answers.
    Answer {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: Vec<u8>,
    },
    /// It ends the connection, once it has read the request.
    Close,
    /// It never answers.
    Silence,
}

impl Reply {
    /// An answer with a status and a body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answer { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with one more header.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// Where `/base/elsewhere` sends a reader: nobody must ask there.
pub const ELSEWHERE: &str = "http://elsewhere.invalid/base/secret";

/// What the server of the rules does with a request, which is the first for its method and path or a later one: counted
/// from 0.
pub fn reply(request: &Arrived, earlier: usize) -> Reply {
    let path = request.target.split('?').next().unwrap_or_default();
    match path.strip_prefix("/base/").unwrap_or_default() {
        "teapot" => Reply::new(418, (0..=255).collect::<Vec<u8>>()).with("X-Two", "one").with("X-Two", "two"),
        "elsewhere" => Reply::new(302, "").with("Location", ELSEWHERE),
        "outside" => Reply::new(302, "").with("Location", "/secret"),
        "large" => Reply::new(200, vec![b'a'; 2_000]),
        "close" => Reply::Close,
        "silence" => Reply::Silence,
        "busy" if earlier < 2 => Reply::new(503, "later").with("Retry-After", "0"),
        _ => Reply::new(200, "fine"),
    }
}

fn request(method: Method, path: &str) -> Request {
    let (query, headers) = (Vec::new(), Vec::new());
    Request { method, path: path.to_owned(), query, headers, body: None, timeout: None, max_body: 1_000 }
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

fn session(place: &dyn ApiPlace) -> Box<dyn Session> {
    attempt(&*place.open(), "one", Mode::Direct)
}

fn send(session: &mut dyn Session, request: &Request) -> Result<Response, HttpError> {
    run(session.http().expect("the target system lends HTTP").send(request))
}

/// Below the base URL, with everything that was asked for, to the host of the base URL.
pub fn a_request_arrives_as_it_was_asked_for(place: &dyn ApiPlace) {
    let mut session = session(place);
    let mut asked = request(Method::Patch, "/items/a b/\u{fc}");
    asked.query = vec![("q".to_owned(), "a&b=c d".to_owned()), ("q".to_owned(), "/?#".to_owned())];
    asked.headers =
        vec![header("X-Two", "one"), header("x-two", "two"), header("Content-Type", "text/plain")];
    asked.body = Some(vec![0, 255, b'\n']);
    assert!(!session.has_written());
    assert_eq!(send(&mut *session, &asked).unwrap().status, 200);
    assert!(session.has_written());
    let arrived = place.arrived().pop().unwrap();
    assert_eq!(arrived.method, "PATCH");
    assert_eq!(arrived.target, "/base/items/a%20b/%C3%BC?q=a%26b%3Dc%20d&q=%2F%3F%23");
    assert_eq!(arrived.body, [0, 255, b'\n']);
    let two: Vec<_> = arrived.headers.iter().filter(|(name, _)| name == "x-two").collect();
    assert_eq!(two.len(), 2, "{arrived:?}");
    assert_eq!((arrived.header("content-type"), arrived.header("content-length")), ("text/plain", "3"));
    assert!(!arrived.header("host").is_empty());
}

/// An answer of any status is one.
pub fn an_answer_comes_back_whole(place: &dyn ApiPlace) {
    let mut session = session(place);
    let answer = send(&mut *session, &request(Method::Get, "teapot")).unwrap();
    assert_eq!((answer.status, answer.body), (418, (0..=255).collect::<Vec<u8>>()));
    let two = answer.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("x-two"));
    assert_eq!(two.map(|header| header.value.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let head = send(&mut *session, &request(Method::Head, "items")).unwrap();
    assert!(head.body.is_empty());
    assert!(!session.has_written(), "reading is not writing");
    for number in 0..20 {
        let answer = send(&mut *session, &request(Method::Get, &format!("items/{number}"))).unwrap();
        assert_eq!(answer.body, b"fine");
    }
}

/// However the way out is written.
pub fn nothing_leaves_the_base_url(place: &dyn ApiPlace) {
    let mut session = session(place);
    for path in [
        "..",
        "../secret",
        "a/../../secret",
        "%2e%2e/secret",
        ".%2E/secret",
        "%252e%252e/secret",
        "..%2fsecret",
        "%2fsecret",
        "..%5csecret",
        "..\\secret",
        "..;/secret",
        "//elsewhere.invalid/secret",
        "/\\elsewhere.invalid/",
        "http://elsewhere.invalid/secret",
        "https:elsewhere.invalid",
        "@elsewhere.invalid/secret",
        "a\r\nX-Own: 1",
        "a HTTP/1.1\r\nHost: elsewhere.invalid",
        "a\0",
        "a%00",
        "a%0d%0aX-Own:%201",
        "a#b",
    ] {
        let sent = send(&mut *session, &request(Method::Get, path));
        assert!(matches!(sent, Err(HttpError::Denied(_))), "{path:?}: {sent:?}");
    }
    for method in ["CONNECT", "TRACE", "trace", "GET /secret HTTP/1.1\r\nX:", "", "G T"] {
        let sent = send(&mut *session, &request(Method::Other(method.to_owned()), "items"));
        assert!(matches!(sent, Err(HttpError::Denied(_))), "{method:?}: {sent:?}");
    }
    assert_eq!(place.arrived(), []);
}

/// What decides where a message goes, where it ends, and who sends it.
pub fn headers_of_the_host_are_refused(place: &dyn ApiPlace) {
    let mut session = session(place);
    for (name, value) in [
        ("Host", "elsewhere.invalid"),
        ("authorization", "Bearer mine"),
        ("Proxy-Authorization", "x"),
        ("Connection", "close"),
        ("Content-Length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "h2c"),
        ("TE", "trailers"),
        ("Expect", "100-continue"),
        ("X-Forwarded-Host", "elsewhere.invalid"),
        ("X-Own", "a\r\nHost: elsewhere.invalid"),
        ("X Own", "a"),
    ] {
        let mut asked = request(Method::Post, "items");
        asked.headers = vec![header(name, value)];
        let sent = send(&mut *session, &asked);
        assert!(matches!(sent, Err(HttpError::Denied(_))), "{name}: {sent:?}");
    }
    assert_eq!(place.arrived(), []);
    assert!(!session.has_written());
}

/// They come back as answers.
pub fn redirects_are_not_followed(place: &dyn ApiPlace) {
    let mut session = session(place);
    for path in ["elsewhere", "outside"] {
        assert_eq!(send(&mut *session, &request(Method::Get, path)).unwrap().status, 302);
    }
    assert_eq!(place.arrived().len(), 2);
}

/// Whoever looks later must know whether anything may have been done.
pub fn what_was_not_sent_is_told_from_what_was_not_answered(place: &dyn ApiPlace) {
    let nobody = place.nobody();
    assert!(matches!(run(nobody.check()), Err(TargetError::Unreachable(_))));
    let mut lonely = attempt(&*nobody, "one", Mode::Direct);
    let sent = send(&mut *lonely, &request(Method::Post, "items"));
    assert!(matches!(sent, Err(HttpError::NotSent(_))), "{sent:?}");
    assert!(!lonely.has_written());
    run(place.open().check()).unwrap();
    let mut session = session(place);
    let sent = send(&mut *session, &request(Method::Post, "close"));
    assert!(matches!(sent, Err(HttpError::NoAnswer(_))), "{sent:?}");
    assert!(session.has_written());
    assert_eq!(place.arrived().len(), 1, "it is not sent again");
    assert_eq!(send(&mut *session, &request(Method::Post, "items")).unwrap().status, 200, "the next one is");
}

/// Whatever the server says of its length.
pub fn a_body_over_the_limit_is_not_read(place: &dyn ApiPlace) {
    let mut session = session(place);
    let sent = send(&mut *session, &request(Method::Get, "large"));
    assert!(matches!(&sent, Err(HttpError::LimitExceeded(why)) if why.contains("limits.body")), "{sent:?}");
    let asked = Request { max_body: 2_000, ..request(Method::Get, "large") };
    assert_eq!(send(&mut *session, &asked).unwrap().body.len(), 2_000);
}

/// `verify`, and the systems in `uses` of a transactional change.
pub fn a_session_for_looking_sends_get_and_head_only(place: &dyn ApiPlace) {
    let mut session = run(place.open().open(&Opening::ReadOnly)).unwrap();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "get"] {
        let sent = send(&mut *session, &request(Method::named(method.to_owned()), "items"));
        assert!(
            matches!(&sent, Err(HttpError::Denied(why)) if why.contains("read-only")),
            "{method}: {sent:?}"
        );
    }
    assert_eq!(place.arrived(), []);
    for method in [Method::Get, Method::Head] {
        assert_eq!(send(&mut *session, &request(method, "items")).unwrap().status, 200);
    }
}

/// GET, HEAD, and what says with an `Idempotency-Key` that it may be done twice.
pub fn only_what_may_be_done_twice_is_sent_again(place: &dyn ApiPlace) {
    let mut session = session(place);
    assert_eq!(send(&mut *session, &request(Method::Post, "busy")).unwrap().status, 503);
    assert_eq!(place.arrived().len(), 1);
    assert_eq!(send(&mut *session, &request(Method::Get, "busy")).unwrap().status, 200);
    assert_eq!(place.arrived().len(), 4);
    let mut keyed = request(Method::Put, "busy");
    keyed.headers = vec![header("Idempotency-Key", "one")];
    assert_eq!(send(&mut *session, &keyed).unwrap().status, 200);
    assert_eq!(place.arrived().len(), 7);
}

/// Its own, where it says one.
pub fn a_request_has_its_time(place: &dyn ApiPlace) {
    let mut session = session(place);
    let asked = Request { timeout: Some(Duration::from_millis(300)), ..request(Method::Post, "silence") };
    let sent = send(&mut *session, &asked);
    assert!(matches!(sent, Err(HttpError::NoAnswer(_))), "{sent:?}");
}

/// From another thread, and soon.
pub fn a_running_request_can_be_interrupted(place: &dyn ApiPlace) {
    let mut session = session(place);
    let interrupter = session.interrupter();
    // Nothing runs: nothing happens.
    interrupter.interrupt();
    let since = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            interrupter.interrupt();
        });
        let sent = send(&mut *session, &request(Method::Post, "silence"));
        assert_eq!(sent, Err(HttpError::Interrupted));
    });
    assert!(since.elapsed() < Duration::from_secs(30), "it was not ended, it came to its end");
    assert!(session.has_written());
    assert_eq!(send(&mut *session, &request(Method::Get, "items")).unwrap().status, 200);
}

/// There is nothing to commit, so nobody is kept out, and no marker is left.
pub fn an_api_has_no_transactions(place: &dyn ApiPlace) {
    let target = place.open();
    for mode in [Mode::Shared, Mode::Marked] {
        assert!(matches!(run(target.open(&opening("one", mode, 1))), Err(TargetError::Refused(_))));
    }
    run(target.fence(&fence(2))).unwrap();
    assert_eq!(run(target.has_marker(&AttemptId("one".into()))), Ok(false));
    let mut session = session(place);
    run(session.prove()).unwrap();
    run(session.close()).unwrap();
    assert_eq!(place.arrived(), []);
}
