//! The application that applies its changes itself: what its pages tell, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sandpiper_tests::{Project, environment, example_application};
use serde_json::Value;

/// The application, which ends with the test.
struct Notes {
    process: Child,
    address: String,
}

impl Notes {
    fn start(project: &Project) -> Self {
        let mut command = Command::new(example_application());
        command.args([".", "127.0.0.1:0"]).current_dir(project.folder()).env_clear().envs(environment());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        // What it says later is read, so that it never waits for a reader.
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let address =
            line.trim().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line}")).to_owned();
        Self { process, address }
    }

    /// The status and the body of a page.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{text}"));
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// What it tells of its changes once they were tried.
    fn readiness(&self) -> (u16, Value) {
        let since = Instant::now();
        loop {
            let (status, body) = self.get("/readyz");
            let told: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
            if told["applying"] == false || since.elapsed() > Duration::from_secs(60) {
                return (status, told);
            }
            assert_eq!((status, &told["ready"]), (503, &Value::from(false)));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as an orchestrator does; gives its exit code.
    fn terminate(mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_application_applies_its_changes_and_its_health_page_tells() {
    let project = crate::example("axum");
    let notes = Notes::start(&project);
    let (status, told) = notes.readiness();
    assert_eq!(
        (status, told["ready"].as_bool(), told["pending"].as_u64()),
        (200, Some(true), Some(0)),
        "{told}"
    );
    assert_eq!(notes.get("/"), (200, "your notes".to_owned()));
    assert_eq!(project.json("status --check").exits(0).of("add-pinned", "state"), "applied");

    project.write(
        "changes/schema/_0003__Later.sql",
        "-- sandpiper: id=later author=me target-system=notes-db\nCREATE TABLE later (id INTEGER);\n",
    );
    let (status, told) = notes.readiness();
    assert_eq!((status, &told["pending"], &told["error"]), (503, &1.into(), &"plan::pending".into()));
    assert_eq!(notes.get("/healthz").0, 200);
    assert_eq!(notes.terminate(), Some(0));

    // The next release applies what is new, and nothing twice.
    let notes = Notes::start(&project);
    assert_eq!(notes.readiness().0, 200);
    assert_eq!(project.json("audit show create-notes").exits(0).at("/history").as_array().unwrap().len(), 2);
}

#[test]
fn an_application_whose_change_fails_stays_and_says_so() {
    let project = crate::example("axum");
    project.write(
        "changes/schema/_0002__AddPinned.sql",
        "-- sandpiper: id=add-pinned author=me target-system=notes-db\nALTER TABLE nowhere ADD COLUMN pinned;\n",
    );
    let notes = Notes::start(&project);
    let (status, told) = notes.readiness();
    assert_eq!((status, &told["pending"], &told["error"]), (503, &1.into(), &"change::failed".into()));
    assert_eq!((notes.get("/").0, notes.get("/healthz").0), (503, 200));
    assert_eq!(notes.terminate(), Some(0));
}
