//! Reads a session, and plays it in a project of its own.
//!
//! Besides `sandpiper` a few commands put the project into another state: `rm`, `mv FROM TO`, `append FILE TEXT`,
//! `write FILE TEXT` (with `\n`), `ls`, `mkdir FOLDER`, `cat FILE`, and `sqlite FILE QUERY`. `| first N` after a command keeps the first
//! lines of what it prints.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sandpiper_tests::{Outcome, Project, copy_folder, rows, words};

use crate::mask;

/// A session: commands, and what is written between them.
pub(crate) struct Session {
    lines: Vec<Line>,
}

enum Line {
    Text(String),
    Command(String),
}

/// What came of a command.
struct Answer {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Session {
    /// Reads a session without what was printed in it.
    pub(crate) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !["| ", "! ", "? "].iter().any(|mark| line.starts_with(mark)));
        let lines = lines.filter(|line| !["|", "!"].contains(line));
        let lines = lines.map(|line| match line.strip_prefix("$ ") {
            Some(command) => Line::Command(command.to_owned()),
            None => Line::Text(line.to_owned()),
        });
        Self { lines: lines.collect() }
    }

    /// Plays it on a copy of the files; gives the session as it went.
    pub(crate) fn play(&self, files: &Path) -> String {
        let project = Project::empty();
        if files.is_dir() {
            copy_folder(files, project.folder());
        }
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Text(line) => writeln!(text, "{line}").unwrap(),
                Line::Command(command) => {
                    writeln!(text, "$ {command}").unwrap();
                    let answer = run(&project, command);
                    if answer.code != 0 {
                        writeln!(text, "? {}", answer.code).unwrap();
                    }
                    for (mark, printed) in [('|', answer.stdout), ('!', answer.stderr)] {
                        for line in printed.lines() {
                            let blank = if line.is_empty() { "" } else { " " };
                            writeln!(text, "{mark}{blank}{line}").unwrap();
                        }
                    }
                }
            }
        }
        text
    }
}

fn run(project: &Project, command: &str) -> Answer {
    let (command, first) = match command.rsplit_once(" | first ") {
        Some((command, count)) => (command, count.parse().expect("a number of lines")),
        None => (command, usize::MAX),
    };
    let mut answer = match command.split_once(' ') {
        Some(("sandpiper", rest)) => printed(project, project.run(rest)),
        _ => Answer { code: 0, stdout: other(project, &words(command)), stderr: String::new() },
    };
    answer.stdout = answer.stdout.lines().take(first).map(|line| format!("{line}\n")).collect();
    answer
}

fn printed(project: &Project, outcome: Outcome) -> Answer {
    let folder = project.folder().to_string_lossy();
    let stdout =
        mask::json(&outcome.stdout, &folder).unwrap_or_else(|| mask::human(&outcome.stdout, &folder));
    Answer { code: outcome.code, stdout, stderr: mask::human(&outcome.stderr, &folder) }
}

fn other(project: &Project, words: &[String]) -> String {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["rm", file] => drop(project.remove(file)),
        ["mv", from, to] => drop(project.rename(from, to)),
        ["write", file, text] => drop(project.write(file, text.replace("\\n", "\n"))),
        ["append", file, text] => {
            let before = project.read(file);
            project.write(file, before + &text.replace("\\n", "\n"));
        }
        ["mkdir", folder] => fs::create_dir_all(project.path(folder)).unwrap(),
        ["cat", file] => return project.read(file),
        ["ls"] => return project.tree().paths().join("\n"),
        ["sqlite", file, query] => return rows(&project.path(file), query).join("\n"),
        _ => panic!("no session knows the command `{}`", words.join(" ")),
    }
    String::new()
}
