//! Histories as real projects have them: what we make of the files is what SQLite's own shell makes of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sandpiper_tests::{MARKED, Project, SHARED, rows, schema};

/// The files of a history, oldest first.
fn files(history: &str) -> Vec<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/histories")).join(history);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the files of `{history}` are there");
    files
}

/// What SQLite's shell makes of them, file by file.
fn with_the_shell(database: &Path, files: &[PathBuf]) {
    for file in files {
        let mut shell = Command::new("sqlite3");
        shell.arg("-bail").arg(database).stdin(Stdio::from(fs::File::open(file).unwrap()));
        let output = shell
            .output()
            .unwrap_or_else(|error| panic!("{error}: install it with `apt-get install sqlite3`"));
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {output:?}", file.display());
    }
}

/// Everything in a database that is not ours: its schema, and the rows of its tables.
fn content(database: &Path) -> Vec<String> {
    // The shell makes one kind of line ending of all that it reads; we send what is in the file.
    let mut content: Vec<String> = schema(database).iter().map(|line| line.replace("\r\n", "\n")).collect();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sandpiper\\_%' ESCAPE '\\' ORDER BY name";
    for table in rows(database, tables) {
        content.push(format!("-- {table}"));
        let mut rows = rows(database, &format!("SELECT * FROM \"{table}\""));
        rows.sort();
        content.extend(rows);
    }
    content
}

fn same_as_the_shell(history: &str) {
    let files = files(history);
    for (configuration, mode) in [(SHARED, "shared"), (MARKED, "marked")] {
        let project = Project::new(configuration);
        with_the_shell(&project.path("shell.db"), &files);
        for file in &files {
            let stem = file.file_stem().unwrap().to_str().unwrap();
            let (order, name) = stem.split_once('_').unwrap();
            let header = format!("-- sandpiper: id={stem} author=history target-system=target\n");
            let text = [header.into_bytes(), fs::read(file).unwrap()].concat();
            project.write(&format!("changes/_{order}__{name}.sql"), text);
        }
        let outcome = project.applied();
        let applied = outcome.at("/stages/0/changes");
        for change in applied.as_array().unwrap() {
            assert_eq!((&change["outcome"], &change["mode"]), (&"applied".into(), &mode.into()), "{change}");
        }
        let (ours, shells) = (content(&project.path("target.db")), content(&project.path("shell.db")));
        let only = |these: &[String], those: &[String]| {
            these.iter().filter(|line| !those.contains(line)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(
            (only(&ours, &shells), only(&shells, &ours)),
            (vec![], vec![]),
            "{mode}: ours, and the shell's"
        );
        assert_eq!(ours, shells);
        assert_eq!(project.rows("PRAGMA integrity_check"), ["ok"]);
        assert_eq!(project.applied().counts()[1], files.len() as u64, "a second run has nothing to do");
    }
}

#[test]
fn a_history_of_rebuilt_tables_triggers_and_full_text_search() {
    same_as_the_shell("notes");
}

#[test]
fn a_history_of_copied_tables_and_renamed_columns() {
    same_as_the_shell("vault");
}
