//! A client for what the host itself sends: to one address, without a target system's credentials.
//!
//! No redirect is followed, no proxy of the environment is asked, and nothing is sent twice: whoever uses it knows what
//! may be repeated, and when.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{HOST, USER_AGENT};

use super::base::BaseUrl;
use super::connection::{Broken, Connection, Wire};
use super::retry;
use super::settings::Settings;

/// As much of an answer's body as is read.
const MAX_ANSWER: usize = 64 << 10;

/// Who sends.
const OURSELVES: &str = concat!("sandpiper/", env!("CARGO_PKG_VERSION"));

/// An address with its path and query, which may be secret: only the host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    base: BaseUrl,
    /// Path and query.
    target: String,
}

impl Address {
    /// Reads `https://host:port/path?query`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, for whoever wrote it. The text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let authority = text.split_once("://").map_or("", |(_, rest)| rest);
        if authority.split(['/', '?', '#']).next().unwrap_or_default().contains('@') {
            return Err("it holds a user, which is not sent: leave it out".to_owned());
        }
        let (base, target) = BaseUrl::with_target(text)?;
        Ok(Self { base, target })
    }

    /// Host and port, as they are shown.
    pub fn host(&self) -> String {
        self.base.authority()
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.host())
    }
}

/// Sends to one address, over one connection that is kept.
pub struct Client {
    address: Address,
    wire: Wire,
    kept: Option<Connection>,
}

/// What was answered, whatever the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// How long to wait before the same is sent again: `Retry-After`.
    pub retry_after: Option<Duration>,
    /// The beginning of the body: at most 64 KiB.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unanswered {
    /// In words.
    pub why: String,
    /// Whether the same may succeed when it is sent again; else somebody has to mend something first. It may have
    /// arrived all the same.
    pub may_pass: bool,
}

impl Client {
    /// To an address; nothing is connected to yet. Of the settings count certificates and `connect_timeout`.
    /// `untrusted` says how to name the root of a certificate that is not trusted.
    pub fn new(address: Address, settings: Settings, untrusted: &'static str) -> Self {
        Self { address, wire: Wire::new(settings, untrusted), kept: None }
    }

    /// Sends a body once, and waits for the answer. The executor that polls this must have I/O and time.
    ///
    /// # Errors
    ///
    /// Nobody is there, the connection was cut or is not safe, the time was over, or a header is none.
    pub async fn post(
        &mut self,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
        timeout: Duration,
    ) -> Result<Reply, Unanswered> {
        let request = headers.iter().fold(
            Request::post(&self.address.target)
                .header(HOST, self.address.host())
                .header(USER_AGENT, OURSELVES),
            |request, (name, value)| request.header(*name, *value),
        );
        let request = request
            .body(Full::new(body.into()))
            .map_err(|error| Unanswered { why: error.to_string(), may_pass: false })?;
        self.sent(request, Instant::now() + timeout).await.map_err(|broken| match broken {
            Broken::NotSent(why) | Broken::NoAnswer(why) => Unanswered { why, may_pass: true },
            Broken::Refused(why) | Broken::TooLong(why) => Unanswered { why, may_pass: false },
        })
    }

    async fn sent(&mut self, request: Request<Full<Bytes>>, until: Instant) -> Result<Reply, Broken> {
        let kept = self.kept.take().filter(|connection| connection.is_good_for(false));
        let mut connection = match kept {
            Some(connection) => connection,
            None => {
                match tokio::time::timeout_at(until.into(), self.wire.connect(&self.address.base)).await {
                    Ok(connected) => connected?,
                    Err(_) => return Err(Broken::NotSent("its time was over".to_owned())),
                }
            }
        };
        let answer = connection.exchange_briefly(request, MAX_ANSWER, until).await?;
        self.kept = Some(connection);
        Ok(Reply { status: answer.status, retry_after: retry::asked(&answer.headers), body: answer.body })
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// A server that gives these answers, one connection each; and what it was sent.
    fn server(answers: &[&str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
        let serve = move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"{}") {
                    let mut chunk = [0; 4096];
                    let count = socket.read(&mut chunk).unwrap();
                    request.extend_from_slice(&chunk[..count]);
                }
                requests.push(String::from_utf8(request).unwrap());
                // Who has read enough of it closes.
                let _ = socket.write_all(answer.as_bytes());
            }
            requests
        };
        (address, std::thread::spawn(serve))
    }

    fn post(url: &str) -> Result<Reply, Unanswered> {
        let mut client = Client::new(Address::parse(url).unwrap(), Settings::default(), "name it");
        let executor = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let headers = [("content-type", "application/json"), ("x-own", "1")];
        executor.block_on(client.post(&headers, "{}", Duration::from_secs(5)))
    }

    #[test]
    fn a_body_is_sent_with_path_query_and_headers() {
        let (host, served) = server(&["HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok"]);
        let reply = post(&format!("http://{host}/hooks/a%20b?token=x")).unwrap();
        assert_eq!(reply, Reply { status: 202, retry_after: None, body: b"ok".to_vec() });
        let request = served.join().unwrap().remove(0);
        assert!(request.starts_with("POST /hooks/a%20b?token=x HTTP/1.1\r\n"), "{request}");
        for line in [&format!("host: {host}"), "x-own: 1", &format!("user-agent: {OURSELVES}")] {
            assert!(request.contains(line), "{line}: {request}");
        }
    }

    #[test]
    fn a_redirect_is_an_answer_and_patience_may_be_asked_for() {
        let moved = "HTTP/1.1 307 Temporary Redirect\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n";
        let (host, served) = server(&[moved]);
        assert_eq!(post(&format!("http://{host}/")).unwrap().status, 307);
        assert_eq!(served.join().unwrap().len(), 1);
        let (host, _served) = server(&["HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"]);
        let reply = post(&format!("http://{host}/")).unwrap();
        assert_eq!((reply.status, reply.retry_after), (429, Some(Duration::from_secs(7))));
    }

    #[test]
    fn of_a_long_answer_only_the_beginning_is_read() {
        let length = 1 << 20;
        let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", "x".repeat(length));
        let (host, _served) = server(&[&long]);
        let reply = post(&format!("http://{host}/")).unwrap();
        assert_eq!((reply.status, reply.body.len()), (200, MAX_ANSWER));
    }

    #[test]
    fn who_is_not_there_may_be_there_later() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap();
        drop(listener);
        assert!(post(&format!("http://{host}/")).unwrap_err().may_pass);
    }

    #[test]
    fn of_an_address_only_the_host_is_shown() {
        let address = Address::parse("https://hooks.example/T0/secret1?key=secret1").unwrap();
        assert_eq!(format!("{address:?}"), "Address(hooks.example)");
        for wrong in
            ["hooks.example", "https://me:secret1@hooks.example/", "https://h/#secret1", "ftp://h/secret1"]
        {
            let why = Address::parse(wrong).unwrap_err();
            assert!(!why.contains("secret1"), "{why}");
        }
    }
}
