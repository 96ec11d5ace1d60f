//! Runs every folder beside this file: its `files` are a project, its `session.txt` is what happens in it.
//!
//! A session holds commands (`$ ..`), their exit codes (`? 1`, only where it is not 0), and what they print on standard
//! output (`| ..`) and standard error (`! ..`). With `SANDPIPER_BLESS=1` the printed part is written anew.

mod diff;
mod mask;
mod session;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use session::Session;

#[test]
fn every_session_goes_as_it_is_written() {
    let folders = scenarios();
    assert!(folders.len() > 5, "the scenarios are found");
    let only = std::env::var("SANDPIPER_SCENARIO").ok();
    let bless = std::env::var_os("SANDPIPER_BLESS").is_some();
    let (next, complaints) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
                    if only.as_ref().is_some_and(|only| *only != name) {
                        continue;
                    }
                    let complaint = std::panic::catch_unwind(|| play(folder, bless));
                    match complaint {
                        Ok(None) => {}
                        Ok(Some(text)) => complaints.lock().unwrap().push(format!("{name}\n{text}")),
                        Err(_) => complaints.lock().unwrap().push(format!("{name} panicked")),
                    }
                }
            });
        }
    });
    let complaints = complaints.into_inner().unwrap();
    assert!(
        complaints.is_empty(),
        "{}\n{} of {} sessions went otherwise; if that is meant: SANDPIPER_BLESS=1 cargo test -p sandpiper-tests --test scenarios",
        complaints.join("\n"),
        complaints.len(),
        folders.len()
    );
}

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"));
    let mut folders: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("session.txt").is_file())
        .collect();
    folders.sort();
    folders
}

/// Plays a session; what went otherwise than it says, if anything did.
fn play(folder: &Path, bless: bool) -> Option<String> {
    let file = folder.join("session.txt");
    let expected = fs::read_to_string(&file).unwrap();
    let actual = Session::parse(&expected).play(&folder.join("files"));
    if actual == expected {
        return None;
    }
    if bless {
        fs::write(&file, actual).unwrap();
        return None;
    }
    Some(diff::diff(&expected, &actual))
}
