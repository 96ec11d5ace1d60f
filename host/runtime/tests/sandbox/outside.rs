//! What is outside of the sandbox, and stays there; and what is kept of compiled code.

use sandpiper_runtime::guest::Level;
use sandpiper_runtime::{Runtime, Settings};

use crate::support::{Attempt, block_on, guest, limits};

#[test]
fn a_guest_sees_nothing_of_the_machine() {
    let attempt = Attempt::new(guest("sandbox"));
    attempt.run().done();
    let seen = |name: &str| attempt.database.seen(name);
    assert_eq!(
        (seen("env"), seen("args"), seen("stdin")),
        ("[]".to_owned(), "[]".to_owned(), "Ok(0) \"\"".to_owned())
    );
    for denied in ["read-root", "read-here", "read-file", "write-file", "connect", "listen", "udp", "resolve"]
    {
        assert!(seen(denied) != "allowed", "{denied}: {}", seen(denied));
    }
    assert_eq!(seen("clock-after-2020"), "true");
    let again = Attempt::new(guest("sandbox"));
    again.run().done();
    assert_ne!(again.database.seen("random"), seen("random"));
}

#[test]
fn standard_streams_are_lines_of_the_log() {
    let attempt = Attempt::case("stdout");
    attempt.run().done();
    let lines = attempt.host.lines.lock().unwrap().clone();
    let line = |level, text: &str| (level, text.to_owned());
    assert_eq!(lines[0], line(Level::Info, "a line on stdout"));
    assert_eq!(lines[1].0, Level::Warn);
    assert!(lines[1].1.starts_with(r"a line on stderr \u{1b}[2J"), "{:?}", lines[1]);
    let rest =
        ["not utf-8: \u{fffd}\u{fffd}", "two", "lines", "no newline"].map(|text| line(Level::Info, text));
    assert_eq!(lines[2..], rest);
}

#[test]
fn compiled_code_is_kept_and_found_by_the_next_run() {
    let folder = tempfile::tempdir().unwrap();
    let cache_dir = folder.path().join("code");
    let files = || walk(&cache_dir.join("modules"));
    let describe = || {
        let runtime = Runtime::new(Settings { cache_dir: Some(cache_dir.clone()), limits: limits() });
        let minimal = guest("minimal");
        let component = runtime.load(minimal.bytes().clone(), minimal.digest()).unwrap();
        assert!(!cache_dir.exists() || !files().is_empty(), "loading alone makes no cache");
        block_on(runtime.describe_change(&component)).unwrap();
        assert_eq!(runtime.cache_warning(), None);
    };
    assert!(!cache_dir.exists());
    describe();
    let first = files();
    assert!(!first.is_empty());
    describe();
    let code =
        |files: &[String]| files.iter().filter(|name| !name.ends_with(".stats")).cloned().collect::<Vec<_>>();
    assert_eq!(code(&files()), code(&first), "the second run compiled anew");
}

#[test]
fn a_cache_that_cannot_be_used_is_a_warning() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let runtime = Runtime::new(Settings { cache_dir: Some(file.path().join("x")), limits: limits() });
    let minimal = guest("minimal");
    let component = runtime.load(minimal.bytes().clone(), minimal.digest()).unwrap();
    block_on(runtime.describe_change(&component)).unwrap();
    assert_eq!(runtime.cache_warning().unwrap().code, "config::cache");
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path.display().to_string());
        }
    }
    files.sort();
    files
}
