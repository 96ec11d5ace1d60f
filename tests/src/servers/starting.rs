//! A PostgreSQL that starts or stops: to some who come it says so, the others it lets through to a server that is up.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::proxy::copy;

/// What a client may ask before it says who it is.
const ENCRYPTION: [u8; 4] = 80_877_103_u32.to_be_bytes();

/// In front of a port of this machine. It lasts as long as the process.
#[derive(Debug)]
pub struct Starting {
    port: u16,
    refusing: Arc<AtomicUsize>,
}

impl Starting {
    /// Lets everybody through at first. `said` is what it will say to others.
    pub fn start(upstream: u16, said: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let refusing = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&refusing);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let taken = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if taken.is_ok() {
                    std::thread::spawn(move || refuse(client, said));
                    continue;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", upstream)) else { continue };
                let (answers, answered) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || copy(answers, answered));
                std::thread::spawn(move || copy(client, server));
            }
        });
        Self { port, refusing }
    }

    /// Refuses the next so many connections.
    pub fn refuse(&self, count: usize) {
        self.refusing.store(count, Ordering::SeqCst);
    }

    /// How many it is still to refuse.
    pub fn left(&self) -> usize {
        self.refusing.load(Ordering::SeqCst)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Answers the first message with 57P03, as a server does that has not come up or is on its way down.
fn refuse(mut client: TcpStream, said: &str) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut message = vec![0; usize::try_from(u32::from_be_bytes(length)).unwrap() - length.len()];
        client.read_exact(&mut message)?;
        if message != ENCRYPTION {
            break;
        }
        client.write_all(b"N")?;
    }
    let fields = format!("SFATAL\0VFATAL\0C57P03\0M{said}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    client.write_all(&[b"E", &length[..], fields.as_bytes()].concat())
}
