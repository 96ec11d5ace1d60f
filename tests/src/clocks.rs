//! Hosts whose time of day is another one than that of the server which is their store.

use std::process::Command;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::Value;

use crate::Project;

/// How far off a clock is.
pub const DAY: i64 = 86_400;
/// The lease of the projects here, in seconds.
const LEASE: i64 = 2;
/// How long a machine with much to do may take for what a lease decides.
const PATIENCE: Duration = Duration::from_secs(30);

/// A project with the lease of 2 s and little patience, of which each command may have a time of day of its own.
pub struct Clocks {
    project: Project,
    /// How a change sleeps for four seconds.
    sleep: &'static str,
}

impl Clocks {
    /// `configuration` has one stage, and lacks `lock:`.
    pub fn new(configuration: &str, sleep: &'static str) -> Self {
        let mut project =
            Project::new(&format!("{configuration}lock: {{ lease: {LEASE}s, wait: 500ms, retry: 50ms }}\n"));
        let (source, library) = (project.path("clock.c"), project.path("clock.so"));
        std::fs::write(&source, include_str!("shifted_clock.c")).unwrap();
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source);
        let status = cc.status().expect("`cc` starts: install it with `cargo xtask setup`");
        assert!(status.success(), "{cc:?}");
        project.set_variable("LD_PRELOAD", &library.to_string_lossy());
        Self { project, sleep }
    }

    /// One host holds a lock at work, then frozen; both have the time of day so many seconds ahead of the server's. The
    /// other one sees the lock held as long as the first renews it, and free once the lease is over: by the server's
    /// clock, whatever their own say.
    pub fn go_by_the_servers(mut self, holder: i64, other: i64) {
        self.change(1);
        self.ahead(holder);
        let mut running = self.project.start("apply --format json");
        self.ahead(other);
        self.until_held(true);
        // It would be over by now, had nobody renewed it.
        std::thread::sleep(Duration::from_secs(LEASE.unsigned_abs()));
        let left = seconds_ahead(&self.lock("expires_at"));
        assert!((0..=LEASE).contains(&left), "the lease lasts {left} s");
        assert_eq!(self.project.json("apply").exits(5).error(), "lock::busy");
        assert!(!running.has_ended(), "others were asked while it worked");
        assert_eq!(running.wait().exits(0).counts()[0], 1);
        let entry = self.project.json("audit show c1").exits(0).at("/history/0/started_at");
        // The times of an entry are those of the host that made it.
        let off = seconds_ahead(&entry);
        assert!((off - holder).abs() < DAY / 2, "the holder's clock was {off} s ahead");

        self.change(2);
        self.ahead(holder);
        let running = self.project.start("apply --format json");
        self.ahead(other);
        self.until_held(true);
        let frozen = Command::new("kill").args(["-STOP", &running.id().to_string()]).status().unwrap();
        assert!(frozen.success());
        self.until_held(false);
        drop(running.kill());
        // The server may be at the statement of the killed one.
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(self.project.applied().counts()[0], 1);
        // Whichever clock is ahead: the later entry counts.
        assert_eq!(self.project.state("c2"), "applied");
        assert_eq!(self.project.json("audit verify").exits(0).at("/valid"), true);
    }

    fn change(&self, number: usize) {
        let path = format!("changes/_{number:04}__C{number}");
        self.project.sql(&path, &format!("c{number}"), &format!("SELECT {};", self.sleep));
    }

    fn ahead(&mut self, seconds: i64) {
        self.project.set_variable("CLOCK_SHIFT", &seconds.to_string());
    }

    fn lock(&self, field: &str) -> Value {
        self.project.json("lock status").exits(0).at(&format!("/locks/0/{field}"))
    }

    #[track_caller]
    fn until_held(&self, held: bool) {
        let since = Instant::now();
        while self.lock("held") != held {
            assert!(since.elapsed() < PATIENCE, "held is not {held} after {PATIENCE:?}");
        }
    }
}

/// How many seconds a time is ahead of this machine's, which is the servers' too.
#[track_caller]
fn seconds_ahead(time: &Value) -> i64 {
    let calculator = Connection::open_in_memory().unwrap();
    let ahead = "SELECT unixepoch(?1) - unixepoch('now')";
    calculator.query_row(ahead, [time.as_str().expect("a time")], |row| row.get(0)).expect("a time")
}
