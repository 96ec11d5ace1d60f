//! Server programs: found, started as a user that they accept, and ended with the process that runs the tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

/// How long a server may take to answer.
const STARTING: Duration = Duration::from_secs(60);

/// The path of a program.
///
/// # Panics
///
/// With the command that installs it, when it is missing.
pub(super) fn find(name: &str, folders: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = PathBuf::from("/usr/sbin");
    let folders = folders.iter().cloned().chain(std::env::split_paths(&path)).chain([sbin]);
    let mut found = folders.map(|folder| folder.join(name)).filter(|program| program.is_file());
    found.next().unwrap_or_else(|| panic!("`{name}` is missing: install it with `cargo xtask setup`"))
}

/// The account that servers run as, where we are root: they refuse to be.
const ACCOUNT: &str = "postgres";

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

/// A program, to be run as a user that servers accept.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args([&format!("--reuid={ACCOUNT}"), &format!("--regid={ACCOUNT}"), "--clear-groups"]);
    }
    command.args(["--pdeathsig", "QUIT"]).arg(program);
    command
}

/// Lets that user have a file or folder.
pub(super) fn give(path: &Path) {
    if is_root() {
        run(Command::new("chown").arg("-R").arg(ACCOUNT).arg(path));
    }
}

/// Runs a program to its end.
#[track_caller]
pub(super) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// A server that runs. It ends when this is dropped, or with the thread that started it, which ends with the process.
#[derive(Debug)]
pub(super) struct Server {
    id: u32,
    ended: Mutex<mpsc::Receiver<()>>,
}

impl Server {
    /// Starts a server, and waits until it answers.
    pub(super) fn start(mut command: Command, answers: impl Fn() -> bool) -> Self {
        let (send_id, id) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let shown = format!("{command:?}");
        std::thread::spawn(move || {
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            send_id.send(child.id()).unwrap();
            let _ = child.wait();
            let _ = end.send(());
        });
        let server = Self { id: id.recv().unwrap(), ended: Mutex::new(ended) };
        let since = Instant::now();
        while !answers() {
            assert!(server.ended.lock().unwrap().try_recv().is_err(), "{shown} ended at once");
            assert!(since.elapsed() < STARTING, "{shown} does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Ends it by a signal, and waits for its end.
    pub(super) fn end(&self, signal: &str) {
        let ended = self.ended.lock().unwrap();
        // One that has ended has no number any more.
        if matches!(ended.try_recv(), Err(mpsc::TryRecvError::Empty)) {
            let _ = Command::new("kill").args([&format!("-{signal}"), &self.id.to_string()]).status();
            let _ = ended.recv_timeout(STARTING);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("QUIT");
    }
}
