//! One connection, and one request at a time on it: what went out is told from what did not.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HeaderMap;
use hyper::rt::ReadBufCursor;
use hyper::{Request, Response};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::base::BaseUrl;
use super::settings::Settings;
use super::tls;

/// Bytes of the head of an answer.
const MAX_HEAD: usize = 256 << 10;

/// Headers of an answer.
const MAX_HEADERS: usize = 200;

/// How long a connection may have rested before it carries a request that must not be sent twice: servers close those
/// that rest, and one that is sent at that very moment is neither answered nor known to be lost.
const SHORT_REST: Duration = Duration::from_secs(1);

/// Why a request brought no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Nothing was sent, for nobody was there.
    NotSent(String),
    /// Nothing was sent, and nothing will be until somebody mends it.
    Refused(String),
    /// It was sent, in part at least.
    NoAnswer(String),
    /// It was sent, and its answer is larger than we take.
    TooLong(String),
}

/// What an API answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// How connections are made.
pub(crate) struct Wire {
    settings: Settings,
    /// How to name the root of a certificate that is not trusted.
    untrusted: &'static str,
    /// Made for the first encrypted one.
    tls: OnceLock<Result<Arc<ClientConfig>, String>>,
}

impl Wire {
    pub(crate) fn new(settings: Settings, untrusted: &'static str) -> Self {
        Self { settings, untrusted, tls: OnceLock::new() }
    }

    /// Connects to the host of a base URL, and to no other.
    pub(crate) async fn connect(&self, base: &BaseUrl) -> Result<Connection, Broken> {
        let limit = self.settings.connect_timeout;
        match tokio::time::timeout(limit, self.open(base)).await {
            Ok(connected) => connected,
            Err(_) => Err(Broken::NotSent(format!("no connection within {} s", limit.as_secs()))),
        }
    }

    async fn open(&self, base: &BaseUrl) -> Result<Connection, Broken> {
        let not_sent = |error: io::Error| Broken::NotSent(error.to_string());
        let socket = TcpStream::connect((base.host(), base.port())).await.map_err(not_sent)?;
        // Small messages must not wait for more; a connection that cannot be tuned works all the same.
        drop(socket.set_nodelay(true));
        if !base.is_encrypted() {
            return Connection::begin(Box::new(socket)).await;
        }
        let configuration = self.tls.get_or_init(|| tls::configuration(&self.settings).map(Arc::new));
        let configuration = configuration.as_ref().map_err(|why| Broken::Refused(why.clone()))?;
        let name = ServerName::try_from(base.host().to_owned())
            .map_err(|_| Broken::Refused("its host is no name that a certificate can be for".to_owned()))?;
        let stream = TlsConnector::from(configuration.clone()).connect(name, socket).await;
        let stream = stream.map_err(|error| Broken::Refused(tls::explained(&error, self.untrusted)))?;
        Connection::begin(Box::new(stream)).await
    }
}

/// How much of the body of an answer is taken.
#[derive(Clone, Copy)]
struct Room {
    bytes: usize,
    /// Whether the beginning of a longer one is enough.
    takes_beginning: bool,
}

/// A connection to an API.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// Whether a byte of the request that runs was written.
    has_written: Arc<AtomicBool>,
    rests_since: Instant,
    driver: JoinHandle<()>,
}

impl Connection {
    async fn begin(socket: Box<dyn Socket>) -> Result<Self, Broken> {
        let has_written = Arc::new(AtomicBool::new(false));
        let socket = Watched { socket, has_written: has_written.clone() };
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .handshake(socket)
            .await
            .map_err(|error| Broken::NotSent(error.to_string()))?;
        // How it ends is told to whoever waits for an answer.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Self { sender, has_written, rests_since: Instant::now(), driver })
    }

    /// Whether a request may go over it that may, or may not, be sent twice.
    pub(crate) fn is_good_for(&self, may_repeat: bool) -> bool {
        !self.sender.is_closed() && (may_repeat || self.rests_since.elapsed() < SHORT_REST)
    }

    /// Sends a request and reads its whole answer, until a time is over.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Full<Bytes>>,
        max_body: usize,
        until: Instant,
    ) -> Result<Answer, Broken> {
        self.exchanged(request, Room { bytes: max_body, takes_beginning: false }, until).await
    }

    /// The same where the beginning of a long answer is enough; the connection is not used again then.
    pub(crate) async fn exchange_briefly(
        &mut self,
        request: Request<Full<Bytes>>,
        bytes: usize,
        until: Instant,
    ) -> Result<Answer, Broken> {
        self.exchanged(request, Room { bytes, takes_beginning: true }, until).await
    }

    async fn exchanged(
        &mut self,
        request: Request<Full<Bytes>>,
        room: Room,
        until: Instant,
    ) -> Result<Answer, Broken> {
        self.has_written.store(false, Ordering::Release);
        let answered = async {
            if let Err(error) = self.sender.ready().await {
                return Err(self.broken(&error));
            }
            let response = self.sender.send_request(request).await.map_err(|error| self.broken(&error))?;
            self.read(response, room).await
        };
        let answer = match tokio::time::timeout_at(until.into(), answered).await {
            Ok(answer) => answer,
            Err(_) if self.has_written.load(Ordering::Acquire) => {
                Err(Broken::NoAnswer("its time was over".to_owned()))
            }
            Err(_) => Err(Broken::NotSent("its time was over".to_owned())),
        };
        self.rests_since = Instant::now();
        answer
    }

    async fn read(&self, response: Response<Incoming>, room: Room) -> Result<Answer, Broken> {
        let too_long = || Broken::TooLong(String::new());
        let (head, mut incoming) = response.into_parts();
        let announced = hyper::body::Body::size_hint(&incoming).lower();
        if usize::try_from(announced).unwrap_or(usize::MAX) > room.bytes && !room.takes_beginning {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| self.broken(&error))?;
            let Some(data) = frame.data_ref() else { continue };
            let left = room.bytes.saturating_sub(body.len());
            match data.get(..left) {
                Some(beginning) if data.len() > left && room.takes_beginning => {
                    body.extend_from_slice(beginning);
                    break;
                }
                Some(_) if data.len() > left => return Err(too_long()),
                _ => body.extend_from_slice(data),
            }
        }
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    fn broken(&self, error: &hyper::Error) -> Broken {
        use std::error::Error as _;
        // Only servers may ask hyper for it by name.
        if error.is_parse() && error.to_string().contains("too large") {
            return Broken::TooLong(
                "the head of the response is longer than 256 KiB, or has more than 200 headers".to_owned(),
            );
        }
        let why = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        if self.has_written.load(Ordering::Acquire) { Broken::NoAnswer(why) } else { Broken::NotSent(why) }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection of either kind.
trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

/// Tells hyper what tokio has to say, and remembers whether anything was written.
struct Watched {
    socket: Box<dyn Socket>,
    has_written: Arc<AtomicBool>,
}

/// Read at once.
const CHUNK: usize = 16 << 10;

impl hyper::rt::Read for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        let room = into.remaining().min(CHUNK);
        let mut buffer = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
        let read = Pin::new(&mut self.socket).poll_read(context, &mut buffer);
        into.put_slice(buffer.filled());
        read
    }
}

impl hyper::rt::Write for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(context, bytes);
        if matches!(written, Poll::Ready(Ok(count)) if count > 0) {
            self.has_written.store(true, Ordering::Release);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
