//! Times the product over 1,000 changes, as a ratio to a plain program that does the same work in the same run.

mod languages;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::setup;
use crate::shell::{cargo, run as run_command, target};

pub(crate) use languages::languages;

const CHANGES: usize = 1_000;
const RUNS: usize = 31;

/// `cargo xtask bench noop`: a run with nothing to do, beside a plain program that reads the same files, and asks the
/// same database once.
pub(crate) fn noop() -> Result<()> {
    let (sandpiper, folder) = prepared()?;
    apply(&sandpiper, &folder)?;
    // What was touched just now is not remembered: a deployment begins with files that were there before.
    sleep(Duration::from_secs(4));
    apply(&sandpiper, &folder)?;
    let nothing = || Ok(());
    let pairs = pairs(RUNS, nothing, || apply(&sandpiper, &folder), nothing, || plain(&folder))?;
    println!("no-op over {CHANGES} changes: {pairs} of reading the files and asking the database once");
    println!("its peak memory: {:.1} MiB", peak(&sandpiper, &folder)?);
    Ok(())
}

/// `cargo xtask bench apply`: applying all of them, beside SQLite's own shell with one durable transaction a change.
pub(crate) fn apply_all() -> Result<()> {
    let (sandpiper, folder) = prepared()?;
    let script = script(&folder)?;
    let clean = || clean(&folder);
    let pairs = pairs(7, clean, || apply(&sandpiper, &folder), clean, || shell(&folder, &script))?;
    println!("applying {CHANGES} changes: {pairs} of SQLite's shell doing the same");
    Ok(())
}

/// The optimised binary, and a fresh project of 1,000 changes.
fn prepared() -> Result<(PathBuf, PathBuf)> {
    let sandpiper = optimised()?;
    let folder = target().join("bench");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(folder.join("changes"))?;
    std::fs::write(
        folder.join("sandpiper.yaml"),
        "version: 1\nservice: bench\nstore: app\ntarget-systems: { app: { kind: sqlite, path: app.db } }\n\
         pipeline: { stages: [{ name: all, location: changes }] }\n",
    )?;
    for number in 1..=CHANGES {
        let text = format!(
            "-- sandpiper: id=change-{number} author=bench target-system=app\n-- apply\n\
             CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name TEXT NOT NULL, note TEXT);\n\
             -- rollback\nDROP TABLE t{number};\n"
        );
        std::fs::write(folder.join(format!("changes/_{number:04}__Change{number}.sql")), text)?;
    }
    Ok((sandpiper, folder))
}

/// The optimised binary, and all that it needs around it.
fn optimised() -> Result<PathBuf> {
    setup::run()?;
    run_command(cargo(&["build", "--release", "--locked", "--package", "sandpiper-cli"]))?;
    Ok(target().join("release/sandpiper"))
}

fn apply(sandpiper: &Path, folder: &Path) -> Result<()> {
    let status = command(sandpiper, folder).stdout(Stdio::null()).status();
    ensure!(status.context("`sandpiper` could not be started")?.success(), "`sandpiper apply` failed");
    Ok(())
}

/// With a cache of its own, which begins empty.
fn command(sandpiper: &Path, folder: &Path) -> Command {
    let mut command = Command::new(sandpiper);
    command.args(["apply", "--quiet"]).current_dir(folder).env("XDG_CACHE_HOME", folder.join("cache"));
    command
}

/// What whoever wants to know that there is nothing to do has to do at least.
fn plain(folder: &Path) -> Result<()> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder.join("changes"))? {
        bytes += std::fs::read(entry?.path())?.len();
    }
    ensure!(bytes > 0, "nothing was read");
    let states = Command::new("sqlite3")
        .args(["-readonly", "app.db", "SELECT change_id, state, details FROM sandpiper_state"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .status();
    ensure!(states.context("`sqlite3` could not be started")?.success(), "`sqlite3` failed");
    Ok(())
}

/// The peak memory of a run with nothing to do, in MiB.
fn peak(sandpiper: &Path, folder: &Path) -> Result<f64> {
    let mut largest: f64 = 0.0;
    for _ in 0..RUNS {
        largest = largest.max(peak_of(command(sandpiper, folder))?);
    }
    Ok(largest)
}

/// The peak memory of a command, in MiB: what the system last said of the process before it was gone.
fn peak_of(mut command: Command) -> Result<f64> {
    let mut largest: u64 = 0;
    let mut run = command.spawn()?;
    let status = format!("/proc/{}/status", run.id());
    while run.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
        largest = largest.max(kibibytes.unwrap_or_default());
    }
    ensure!(largest > 0, "this system does not tell the peak memory of a process");
    Ok(largest as f64 / 1024.0)
}

fn clean(folder: &Path) -> Result<()> {
    remove(folder, &["app.db", "app.db-wal", "app.db-shm"])
}

/// Removes files that may be there.
fn remove(folder: &Path, names: &[&str]) -> Result<()> {
    for name in names {
        match std::fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}

/// What SQLite's shell is given: the same statements, each in a durable transaction with a row that records it.
fn script(folder: &Path) -> Result<String> {
    let mut script = String::from(
        "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = FULL;\nCREATE TABLE done (id TEXT PRIMARY KEY, at TEXT);\n",
    );
    for number in 1..=CHANGES {
        let text = std::fs::read_to_string(folder.join(format!("changes/_{number:04}__Change{number}.sql")))?;
        let statement =
            text.lines().find(|line| line.starts_with("CREATE")).context("a change without a statement")?;
        script.push_str(&format!(
            "BEGIN IMMEDIATE;\n{statement}\nINSERT INTO done VALUES ('change-{number}', datetime());\nCOMMIT;\n"
        ));
    }
    Ok(script)
}

fn shell(folder: &Path, script: &str) -> Result<()> {
    let mut shell = Command::new("sqlite3")
        .arg("app.db")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .context("`sqlite3` could not be started")?;
    let mut input = shell.stdin.take().context("`sqlite3` takes no input")?;
    std::io::Write::write_all(&mut input, script.as_bytes())?;
    drop(input);
    ensure!(shell.wait()?.success(), "`sqlite3` failed");
    Ok(())
}

/// Two programs, timed in turn, so that a machine that gets slower meanwhile is slower for both.
struct Pairs {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    ratios: Vec<f64>,
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ours, theirs, ratios } = self;
        let (ours, theirs, count) = (median(ours), median(theirs), ratios.len());
        write!(f, "{ours:.1} ms, {:.2} x (medians of {count} pairs) the {theirs:.1} ms", median(ratios))
    }
}

fn pairs(
    runs: usize,
    before_ours: impl Fn() -> Result<()>,
    ours: impl Fn() -> Result<()>,
    before_theirs: impl Fn() -> Result<()>,
    theirs: impl Fn() -> Result<()>,
) -> Result<Pairs> {
    let time = |run: &dyn Fn() -> Result<()>| {
        let begun = Instant::now();
        run().map(|()| begun.elapsed().as_secs_f64() * 1_000.0)
    };
    let mut pairs = Pairs { ours: Vec::new(), theirs: Vec::new(), ratios: Vec::new() };
    for round in 0..=runs {
        before_ours()?;
        let ours = time(&ours)?;
        before_theirs()?;
        let theirs = time(&theirs)?;
        // The first round finds nothing in the caches.
        if round > 0 {
            pairs.ours.push(ours);
            pairs.theirs.push(theirs);
            pairs.ratios.push(ours / theirs);
        }
    }
    Ok(pairs)
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
