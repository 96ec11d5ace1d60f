//! Runs the binary: with a clean environment, output in files, and an end in any case.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::{binary, built};

/// No command of these tests takes nearly as long.
const TOO_LONG: Duration = Duration::from_secs(150);

/// A process of the binary.
#[derive(Debug)]
pub struct Running {
    child: Child,
    line: String,
    stdout: File,
    stderr: File,
    ended: bool,
}

/// What the binary finds in its environment, whoever runs the tests: a path, and folders of its own.
pub fn environment() -> Vec<(&'static str, String)> {
    let home = built::target_folder().join("tmp/sandpiper-tests");
    std::fs::create_dir_all(&home).expect("the target folder can be written");
    let home = home.to_string_lossy().into_owned();
    let cache = format!("{home}/cache");
    let path = std::env::var("PATH").unwrap_or_default();
    vec![("PATH", path), ("HOME", home), ("XDG_CACHE_HOME", cache), ("USER", "tester".to_owned())]
}

impl Running {
    /// Starts the binary in `folder`.
    pub(crate) fn start(folder: &Path, arguments: &[String], variables: &[(String, String)]) -> Self {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(folder).env_clear().envs(environment());
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Self::spawn(command)
    }

    /// Starts any command; its output is collected.
    pub fn spawn(mut command: Command) -> Self {
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        command.stdin(Stdio::null()).stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, line: format!("sandpiper {}", words.join(" ")), stdout, stderr, ended: false }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.ended |= self.child.try_wait().expect("a child can be waited for").is_some();
        self.ended
    }

    /// Ends it at once, as `kill -9` does, and says what it had printed.
    pub fn kill(mut self) -> Outcome {
        self.child.kill().expect("a child can be killed");
        let status = self.child.wait().unwrap();
        self.outcome(status)
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not come.
    pub fn wait(mut self) -> Outcome {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.outcome(status);
            }
            if since.elapsed() > TOO_LONG {
                let line = self.line.clone();
                let outcome = self.kill();
                panic!("`{line}` did not end in {TOO_LONG:?}\n{outcome}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn outcome(&mut self, status: ExitStatus) -> Outcome {
        self.ended = true;
        let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or_default());
        let (stdout, stderr) = (text(&mut self.stdout), text(&mut self.stderr));
        Outcome::new(self.line.clone(), code, stdout, stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            // The test has failed already; what it started must not outlive it.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).expect("output is UTF-8")
}
