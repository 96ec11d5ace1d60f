//! An API on a free port of this machine: it answers as a test says, and remembers what arrived.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sandpiper::conformance::http::{Arrived, Reply};

type Answers = dyn Fn(&Arrived, usize) -> Reply + Send + Sync;

/// An API, which ends with the test.
pub struct Api {
    port: u16,
    is_encrypted: bool,
    shared: Arc<Shared>,
}

struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    is_over: AtomicBool,
    answers: Box<Answers>,
}

impl Api {
    /// Starts one. `answers` is told what arrived, and how often the same method and path did before.
    pub fn start(answers: impl Fn(&Arrived, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::serve(answers, None)
    }

    /// The same, encrypted, with what [`Certificates`](crate::Certificates) made in a folder. A client certificate is
    /// asked for where `asks_client` says so.
    pub fn start_encrypted(
        folder: &Path,
        asks_client: bool,
        answers: impl Fn(&Arrived, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = if asks_client {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(folder.join("root.crt")).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let certificate = CertificateDer::from_pem_file(folder.join("server.crt")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).unwrap();
        let configuration = builder.with_single_cert(vec![certificate], key).unwrap();
        Self::serve(answers, Some(Arc::new(configuration)))
    }

    fn serve(
        answers: impl Fn(&Arrived, usize) -> Reply + Send + Sync + 'static,
        encryption: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_over, answers) = (AtomicBool::new(false), Box::new(answers));
        let shared = Arc::new(Shared { arrived: Mutex::default(), is_over, answers });
        let is_encrypted = encryption.is_some();
        let serving = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::Acquire) {
                    return;
                }
                let (serving, encryption) = (serving.clone(), encryption.clone());
                std::thread::spawn(move || match encryption {
                    None => serving.talk(client.try_clone().unwrap(), &client),
                    Some(configuration) => {
                        let connection = ServerConnection::new(configuration).unwrap();
                        serving.talk(StreamOwned::new(connection, client.try_clone().unwrap()), &client);
                    }
                });
            }
        });
        Self { port, is_encrypted, shared }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, with this path: the host is a name where it has a certificate for it.
    pub fn url(&self, path: &str) -> String {
        let (scheme, host) = if self.is_encrypted { ("https", "localhost") } else { ("http", "127.0.0.1") };
        format!("{scheme}://{host}:{}{path}", self.port)
    }

    /// What has arrived, oldest first.
    pub fn arrived(&self) -> Vec<Arrived> {
        self.shared.arrived.lock().unwrap().clone()
    }

    /// The same, each as its method and target.
    pub fn lines(&self) -> Vec<String> {
        self.arrived().iter().map(|arrived| format!("{} {}", arrived.method, arrived.target)).collect()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Release);
        // Wakes the thread that listens.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    fn talk(&self, stream: impl Read + Write, socket: &TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(arrived) = read(&mut stream) {
            let is_head = arrived.method == "HEAD";
            let earlier = {
                let mut all = self.arrived.lock().unwrap();
                let path = |it: &Arrived| it.target.split('?').next().unwrap_or_default().to_owned();
                let is_same = |it: &&Arrived| it.method == arrived.method && path(it) == path(&arrived);
                let earlier = all.iter().filter(is_same).count();
                all.push(arrived.clone());
                earlier
            };
            match (self.answers)(&arrived, earlier) {
                Reply::Answer { status, headers, body } => {
                    let mut answer = format!("HTTP/1.1 {status} -\r\nContent-Length: {}\r\n", body.len());
                    headers.iter().for_each(|(name, value)| answer.push_str(&format!("{name}: {value}\r\n")));
                    answer.push_str("\r\n");
                    let mut bytes = answer.into_bytes();
                    if !is_head {
                        bytes.extend(body);
                    }
                    if stream.get_mut().write_all(&bytes).and_then(|()| stream.get_mut().flush()).is_err() {
                        break;
                    }
                }
                Reply::Close => break,
                Reply::Silence => {
                    // Until the client has enough of it.
                    let mut nothing = [0; 1];
                    let _ = stream.read(&mut nothing);
                    break;
                }
            }
        }
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// One request; none when the connection has ended.
fn read(stream: &mut BufReader<impl Read>) -> Option<Arrived> {
    let mut line = || {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let line = line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut arrived = Arrived { method, target, headers, body: Vec::new() };
    let length: usize = arrived.header("content-length").parse().unwrap_or_default();
    assert_eq!(arrived.header("transfer-encoding"), "", "a body of known length is announced");
    arrived.body = vec![0; length];
    stream.read_exact(&mut arrived.body).ok()?;
    Some(arrived)
}

/// A store of things, as small APIs have one: `POST /base/items` makes one with an id, `GET`, `PUT` and `DELETE` of
/// `/base/items/ID` read, replace and remove it, `GET /base/items` lists all.
#[derive(Debug, Default, Clone)]
pub struct Things(Arc<Mutex<BTreeMap<u64, serde_json::Value>>>);

impl Things {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// What there is, as JSON.
    pub fn all(&self) -> Vec<serde_json::Value> {
        self.0.lock().unwrap().values().cloned().collect()
    }

    /// What comes of a request.
    pub fn answer(&self, request: &Arrived) -> Reply {
        let mut things = self.0.lock().unwrap();
        let path = request.target.split('?').next().unwrap_or_default();
        let Some(rest) = path.strip_prefix("/base/items") else { return Reply::new(404, "no such path") };
        let id = rest.strip_prefix('/').and_then(|id| id.parse::<u64>().ok());
        let json = |status: u16, value: &serde_json::Value| {
            Reply::new(status, value.to_string()).with("Content-Type", "application/json")
        };
        let body = || serde_json::from_slice::<serde_json::Value>(&request.body).ok();
        match (request.method.as_str(), id) {
            ("GET", None) => json(200, &things.values().cloned().collect()),
            ("POST", None) => match body() {
                Some(mut thing) if thing.is_object() => {
                    let id = things.keys().next_back().map_or(1, |last| last + 1);
                    thing["id"] = id.into();
                    things.insert(id, thing.clone());
                    json(201, &serde_json::json!({ "data": thing }))
                }
                _ => Reply::new(422, "a thing is an object"),
            },
            ("GET", Some(id)) => {
                things.get(&id).map_or_else(|| Reply::new(404, "none"), |thing| json(200, thing))
            }
            ("PUT", Some(id)) => match (things.contains_key(&id), body()) {
                (true, Some(thing)) => {
                    things.insert(id, thing.clone());
                    json(200, &thing)
                }
                _ => Reply::new(404, "none"),
            },
            ("DELETE", Some(id)) => match things.remove(&id) {
                Some(_) => Reply::new(204, ""),
                None => Reply::new(404, "none"),
            },
            _ => Reply::new(405, "not that"),
        }
    }
}
