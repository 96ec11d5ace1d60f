//! A running `sandpiper serve`, asked over HTTP.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{binary, environment};

/// A server that ends with the test.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Starts it on a free port.
    pub fn start(folder: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.current_dir(folder).env_clear().envs(environment()).stderr(Stdio::piped());
        let mut child = command.args(["serve", "--listen", "127.0.0.1:0"]).args(options).spawn().unwrap();
        let mut line = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}"));
        let address = address.to_owned();
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        Self { child, address }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it answers to the text of a request.
    pub fn send(&self, request: &str) -> (u16, String) {
        self.try_send(request).unwrap_or_else(|| panic!("no answer to {request}"))
    }

    /// What it answers; nothing when it sends the caller away.
    pub fn try_send(&self, request: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Status and body of a path.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
    }

    /// The same of a path that answers JSON.
    pub fn json(&self, path: &str) -> (u16, Value) {
        let (status, body) = self.get(path);
        (status, serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}")))
    }

    /// Waits until a path has a status, and gives its body.
    pub fn until(&self, path: &str, status: u16) -> Value {
        let since = Instant::now();
        loop {
            let (got, body) = self.json(path);
            if got == status {
                return body;
            }
            assert!(since.elapsed() < Duration::from_secs(60), "{path} stays {got}: {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends it a signal; gives its exit code.
    pub fn stop(mut self, signal: &str) -> Option<i32> {
        Command::new("kill").args(["-s", signal, &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
