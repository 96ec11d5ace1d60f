//! A proxy that loses commits: the connection ends when one is sent.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It reaches the server, and the answer is lost.
    Answer,
    /// It does not reach the server.
    Request,
}

/// A proxy in front of a port of this machine. It lasts as long as the process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
}

/// A statement `COMMIT`: as PostgreSQL's protocol sends it, and as that of MySQL does, alone or after others.
const COMMITS: [&[u8]; 3] = [b"\0COMMIT\0", b"\x03COMMIT", b";\nCOMMIT"];

fn commits(sent: &[u8]) -> bool {
    COMMITS.iter().any(|commit| sent.windows(commit.len()).any(|window| window == *commit))
}

impl Proxy {
    /// Starts it.
    pub fn start(upstream: u16, loss: Loss) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) else { continue };
                let (answers, answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || copy(answers, answered));
                std::thread::spawn(move || watch(client, server, loss));
            }
        });
        Self { port }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

pub(super) fn copy(mut from: TcpStream, mut to: TcpStream) {
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

fn watch(mut client: TcpStream, mut server: TcpStream, loss: Loss) {
    let mut buffer = [0; 65_536];
    while let Ok(read) = client.read(&mut buffer) {
        let sent = &buffer[..read];
        let commits = commits(sent);
        if commits {
            // The answer must not get through, so nothing does any more.
            let _ = client.shutdown(Shutdown::Both);
        }
        if read == 0 || (commits && loss == Loss::Request) || server.write_all(sent).is_err() {
            break;
        }
        if commits {
            std::thread::sleep(Duration::from_millis(300));
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
}
