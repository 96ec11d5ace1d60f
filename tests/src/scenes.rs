//! Scenes that are the same with every server: a database that cannot be had, and runs that are killed.

use std::time::Instant;

use crate::{Outcome, Project};

/// Changes that are added before each kill.
const ADDED: usize = 3;

/// Applies to a database that cannot be had: what is said of it, with nothing secret in any command's output, nor in any
/// file of a store.
#[track_caller]
pub fn is_told(project: &Project, is_store: bool, code: &str, words: &[&str], secrets: &[&str]) {
    let outcome = project.json("apply").exits(7);
    let error = outcome.at("/error");
    assert_eq!(error["code"], format!("{}::{code}", if is_store { "store" } else { "target" }), "{outcome}");
    assert!(error["help"].as_str().is_some_and(|help| !help.is_empty()), "{outcome}");
    let message = error["message"].as_str().unwrap();
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    for line in ["apply -vv", "status", "plan", "lock status"] {
        is_silent(&project.run(line), secrets);
    }
    is_silent(&outcome, secrets);
    for file in project.tree().paths().into_iter().filter(|path| path.contains(".db")) {
        let bytes = std::fs::read(project.path(file)).unwrap_or_default();
        for secret in secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "in `{file}`");
        }
    }
}

/// Nothing secret was said.
#[track_caller]
pub fn is_silent(outcome: &Outcome, secrets: &[&str]) {
    for secret in secrets {
        assert!(!outcome.stdout.contains(secret) && !outcome.stderr.contains(secret), "{outcome}");
    }
}

/// A wrong address is a problem at its line, told without its password.
#[track_caller]
pub fn is_a_problem(project: &Project, word: &str, secrets: &[&str]) {
    let outcome = project.json("validate").exits(2);
    let problem = outcome.at("/problems/0");
    assert!(problem["message"].as_str().unwrap().contains(word), "{outcome}");
    assert_eq!(problem["line"], 3, "{outcome}");
    is_silent(&outcome, secrets);
}

/// A project whose changes `c1`, `c2`, .. each write two rows, `cN|1` and `cN|2`.
pub struct Log<'a> {
    /// The project.
    pub project: &'a Project,
    /// The rows, in the order in which they were written.
    pub rows: &'a dyn Fn() -> Vec<String>,
    /// Writes the file of a change.
    pub add: &'a dyn Fn(usize),
    /// How many other changes are applied.
    pub others: usize,
}

impl Log<'_> {
    /// Every change so far was applied once, and the audit says so.
    #[track_caller]
    pub fn exactly_once(&self, last: usize) {
        let expected: Vec<String> =
            (1..=last).flat_map(|number| [format!("c{number}|1"), format!("c{number}|2")]).collect();
        assert_eq!((self.rows)(), expected);
        let audit = self.project.json("audit list --history").exits(0);
        let entries = audit.at("/entries");
        let applied = entries.as_array().unwrap().iter().filter(|entry| entry["state"] == "applied").count();
        assert_eq!(applied, last + self.others, "one `applied` entry each");
        assert_eq!(self.project.json("audit verify").exits(0).at("/valid"), true);
        assert_eq!(self.project.json("status --check").exits(0).at("/issues"), 0);
    }

    /// Kills so many runs, each a little later than the one before: the next one needs no person.
    pub fn survives(&self, kills: usize) {
        let mut last = ADDED;
        (1..=last).for_each(|number| (self.add)(number));
        // The first run compiles; how long one takes is measured with the second.
        self.project.applied();
        (1..=ADDED).for_each(|more| (self.add)(last + more));
        last += ADDED;
        let since = Instant::now();
        self.project.applied();
        let usual = since.elapsed();
        self.exactly_once(last);
        for kill in 0..kills {
            for _ in 0..ADDED {
                last += 1;
                (self.add)(last);
            }
            let running = self.project.start("apply --format json");
            std::thread::sleep(usual * u32::try_from(kill + 1).unwrap() / u32::try_from(kills).unwrap());
            drop(running.kill());
            self.project.applied();
            self.exactly_once(last);
        }
    }

    /// Eight processes at once apply what is pending, each change once.
    pub fn is_shared_by_eight(&self, changes: usize) {
        (1..=changes).for_each(|number| (self.add)(number));
        let running: Vec<_> = (0..8).map(|_| self.project.start("apply --format json")).collect();
        let applied: u64 = running.into_iter().map(|running| running.wait().exits(0).counts()[0]).sum();
        let expected = u64::try_from(changes + self.others).unwrap();
        assert_eq!(applied, expected, "each is reported by the one that applied it");
        self.exactly_once(changes);
        assert_eq!(self.project.json("lock status").exits(0).at("/locks/0/held"), false);
    }
}
