//! A project in a temporary folder, and the commands that are run in it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::outcome::Outcome;
use crate::process::Running;
use crate::{Tree, rows, words};

/// One stage, one SQLite file, which is the store too.
pub const SHARED: &str = "\
service: tests
store: target
target-systems:
  target: { kind: sqlite, path: target.db }
pipeline:
  stages:
    - { name: main, location: changes }
";

/// One stage, one SQLite file, and the store in another.
pub const MARKED: &str = "\
service: tests
target-systems:
  target: { kind: sqlite, path: target.db }
pipeline:
  stages:
    - { name: main, location: changes }
";

/// A project in a temporary folder.
#[derive(Debug)]
pub struct Project {
    _parent: TempDir,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Default for Project {
    fn default() -> Self {
        Self::empty()
    }
}

impl Project {
    /// An empty folder, which is called `project`.
    pub fn empty() -> Self {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("project");
        fs::create_dir(&folder).unwrap();
        Self { _parent: parent, folder, variables: Vec::new() }
    }

    /// A project with this configuration, and the empty folder `changes`.
    pub fn new(configuration: &str) -> Self {
        let project = Self::empty();
        project.write("sandpiper.yaml", configuration);
        fs::create_dir(project.path("changes")).unwrap();
        project
    }

    /// A project whose store is its one target.
    pub fn shared() -> Self {
        Self::new(SHARED)
    }

    /// A project whose store is a file of its own.
    pub fn marked() -> Self {
        Self::new(MARKED)
    }

    /// Adds lines to the configuration.
    pub fn configure(&self, lines: &str) -> &Self {
        let before = fs::read_to_string(self.path("sandpiper.yaml")).unwrap();
        self.write("sandpiper.yaml", format!("{before}{lines}\n"))
    }

    /// Sets a variable of the environment for all commands.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A path in it.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Writes a file, and the folders above it.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Writes a `.sql` change to `target`: `PATH/_ORDER__Name` gives its file, `id` its identity, `body` the rest.
    pub fn sql(&self, path: &str, id: &str, body: &str) -> &Self {
        let header = format!("-- sandpiper: id={id} author=tests target-system=target\n");
        self.write(&format!("{path}.sql"), format!("{header}{body}\n"))
    }

    /// The same, outside of a transaction.
    pub fn direct_sql(&self, path: &str, id: &str, body: &str) -> &Self {
        let header = format!("-- sandpiper: id={id} author=tests target-system=target transactional=false\n");
        self.write(&format!("{path}.sql"), format!("{header}{body}\n"))
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) -> &Self {
        fs::remove_file(self.path(path)).unwrap();
        self
    }

    /// Renames a file.
    pub fn rename(&self, from: &str, to: &str) -> &Self {
        fs::rename(self.path(from), self.path(to)).unwrap();
        self
    }

    /// Whether a path is there.
    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Runs the binary with the arguments of a line.
    pub fn run(&self, line: &str) -> Outcome {
        self.start(line).wait()
    }

    /// The same with `--format json`.
    pub fn json(&self, line: &str) -> Outcome {
        self.run(&format!("{line} --format json"))
    }

    /// Starts the binary with the arguments of a line.
    pub fn start(&self, line: &str) -> Running {
        Running::start(self.folder(), &words(line), &self.variables)
    }

    /// Applies, and sees that this went well.
    #[track_caller]
    pub fn applied(&self) -> Outcome {
        self.json("apply").exits(0)
    }

    /// The rows of a query of `target.db`.
    #[track_caller]
    pub fn rows(&self, query: &str) -> Vec<String> {
        rows(&self.path("target.db"), query)
    }

    /// The names of the tables of `target.db` that are not ours.
    #[track_caller]
    pub fn tables(&self) -> Vec<String> {
        self.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sandpiper%' \
             AND name NOT LIKE 'sqlite%' ORDER BY name",
        )
    }

    /// A picture of the folder.
    pub fn tree(&self) -> Tree {
        Tree::of(self.folder())
    }

    /// The state that `status` shows of a change; empty when it was never tried.
    #[track_caller]
    pub fn state(&self, id: &str) -> String {
        self.json("status").exits(0).of(id, "state")
    }

    /// The states that the audit holds of a change, oldest first; a note is `null`.
    #[track_caller]
    pub fn history(&self, id: &str) -> Vec<String> {
        let shown = self.json(&format!("audit show {id}")).exits(0);
        let history = shown.at("/history");
        let entries = history.as_array().unwrap_or_else(|| panic!("no history in\n{shown}"));
        entries.iter().map(|entry| entry["state"].as_str().unwrap_or("null").to_owned()).collect()
    }
}
