//! One change in every language, measured in turn: what its component takes, beside the one in Rust of the same run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::{median, optimised, peak_of};
use crate::languages::toolchains;
use crate::shell::{root, target};

/// Each with the name of its folder and the file of its change. The first is what the others are compared with.
const LANGUAGES: [(&str, &str, &str); 5] = [
    ("Rust", "rust", "src/lib.rs"),
    ("C", "c", "change.c"),
    ("Go", "go", "change.go"),
    ("JavaScript", "javascript", "change.js"),
    ("Python", "python", "change.py"),
];
const PROJECT: &str = "_0001__Calls";
const CALLS: usize = 10_000;
const ROUNDS: usize = 3;

/// What is measured, with its unit and the digits after the point.
const COLUMNS: [(&str, &str, usize); 6] = [
    ("component", "kB", 0),
    ("build", "s", 1),
    ("compile once", "ms", 0),
    ("cached start", "ms", 0),
    ("10,000 calls", "ms", 0),
    ("memory", "MiB", 0),
];

/// `cargo xtask bench languages`. `SANDPIPER_BIN` names another binary than the optimised one.
pub(crate) fn languages() -> Result<()> {
    let sandpiper = match std::env::var_os("SANDPIPER_BIN") {
        Some(given) => std::path::absolute(given)?,
        None => optimised()?,
    };
    let mut places = Vec::new();
    for (_, language, file) in LANGUAGES {
        places.push(Place::prepared(&sandpiper, language, file)?);
    }
    let mut measured = vec![[const { Vec::new() }; COLUMNS.len()]; LANGUAGES.len()];
    for round in 0..ROUNDS {
        // In turn, so that a machine that gets slower meanwhile is slower for all.
        for (place, columns) in places.iter().zip(&mut measured) {
            let values = place.measure()?;
            eprintln!("round {} of {ROUNDS}: {}", round + 1, place.folder.display());
            columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
    }
    let medians: Vec<Vec<f64>> =
        measured.iter().map(|row| row.iter().map(|all| median(all)).collect()).collect();
    print!("{}", table(&medians));
    Ok(())
}

/// As Markdown: absolute numbers, and how many times those of the first row they are.
fn table(rows: &[Vec<f64>]) -> String {
    let names: String = COLUMNS.iter().map(|(name, ..)| format!(" {name} |")).collect();
    let mut text = format!("| language |{names}\n| --- |{}\n", " --- |".repeat(COLUMNS.len()));
    let first = rows.first().cloned().unwrap_or_default();
    for ((name, ..), row) in LANGUAGES.iter().zip(rows) {
        text.push_str(&format!("| {name} |"));
        for (((_, unit, digits), value), base) in COLUMNS.iter().zip(row).zip(&first) {
            text.push_str(&format!(" {value:.digits$} {unit}, {:.1} x |", value / base));
        }
        text.push('\n');
    }
    text
}

/// A project with the change in one language.
struct Place<'a> {
    sandpiper: &'a Path,
    folder: PathBuf,
    source: PathBuf,
}

impl<'a> Place<'a> {
    fn prepared(sandpiper: &'a Path, language: &str, file: &str) -> Result<Self> {
        let folder = target().join("bench-languages").join(language);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let project = folder.join("changes/src").join(PROJECT);
        copy(&root().join("tests/released/sources").join(language).join(PROJECT), &project)?;
        std::fs::write(
            folder.join("sandpiper.yaml"),
            "version: 1\nservice: bench\nstore: target\nlimits: { deadline: 10m }\n\
             target-systems: { target: { kind: sqlite, path: target.db } }\n\
             pipeline: { stages: [{ name: all, location: changes }] }\n",
        )?;
        let place = Self { sandpiper, source: project.join(file), folder };
        // The first build fills the caches of the tools.
        place.timed(place.command(&["build"]))?;
        Ok(place)
    }

    /// One value for each column.
    fn measure(&self) -> Result<[f64; COLUMNS.len()]> {
        let mut text = std::fs::read_to_string(&self.source)?;
        let comment = if self.source.extension().is_some_and(|it| it == "py") { '#' } else { '/' };
        writeln!(text, "{comment}{comment} {}", text.len())?;
        std::fs::write(&self.source, text)?;
        let build = self.timed(self.command(&["build"]))?;
        let file = format!("changes/{PROJECT}.wasm");
        let size = std::fs::metadata(self.folder.join(&file))?.len();

        let cache = self.folder.join("cache");
        if cache.exists() {
            std::fs::remove_dir_all(&cache)?;
        }
        let inspect = || self.timed(self.command(&["inspect", &file]));
        let (cold, cached) = (inspect()?, inspect()?);

        let apply = |count: usize| {
            super::remove(&self.folder, &["target.db", "target.db-wal", "target.db-shm"])?;
            Ok::<_, anyhow::Error>(self.command(&["apply", "--set", &format!("count={count}")]))
        };
        let none = self.timed(apply(0)?)?;
        let all = self.timed(apply(CALLS)?)?;
        let memory = peak_of(apply(CALLS)?)?;
        Ok([
            size as f64 / 1_000.0,
            build,
            (cold - cached) * 1_000.0,
            cached * 1_000.0,
            (all - none) * 1_000.0,
            memory,
        ])
    }

    /// With the tools of the languages, and a cache of compiled code of its own.
    fn command(&self, arguments: &[&str]) -> Command {
        let own = [toolchains().join("javascript/node_modules/.bin"), toolchains().join("python/bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path)));
        let mut command = Command::new(self.sandpiper);
        command.args(arguments).current_dir(&self.folder);
        // The tools that build keep theirs.
        if arguments != ["build"] {
            command.env("XDG_CACHE_HOME", self.folder.join("cache"));
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.envs(path.map(|path| ("PATH", path)));
        command
    }

    /// How many seconds a command takes.
    fn timed(&self, mut command: Command) -> Result<f64> {
        let begun = Instant::now();
        let status = command.status().context("`sandpiper` could not be started")?;
        ensure!(status.success(), "{command:?} failed in `{}`", self.folder.display());
        Ok(begun.elapsed().as_secs_f64())
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("`{}` cannot be read", from.display()))? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else {
            std::fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_stands_beside_how_many_times_that_of_rust_it_is() {
        let rows = [vec![60.0, 4.0, 50.0, 10.0, 20.0, 30.0], vec![6.0, 1.0, 10.0, 10.0, 30.0, 30.0]];
        let table = table(&rows);
        assert!(table.starts_with("| language | component | build |"), "{table}");
        assert!(table.contains("\n| Rust | 60 kB, 1.0 x | 4.0 s, 1.0 x | 50 ms, 1.0 x |"), "{table}");
        assert!(table.ends_with("| C | 6 kB, 0.1 x | 1.0 s, 0.2 x | 10 ms, 0.2 x | 10 ms, 1.0 x | 30 ms, 1.5 x | 30 MiB, 1.0 x |\n"), "{table}");
    }
}
