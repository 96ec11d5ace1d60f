//! What a person sees at a terminal while something runs: drawn in place, cut to its width, and gone at the end.

use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper_tests::{Outcome, Project, Running, binary, component, environment};

/// The columns of the terminal.
const COLUMNS: usize = 50;

/// Starts a command at a terminal; its process is the one whose id it leaves in `pid`.
fn start(project: &Project, variables: &[(&str, &str)], line: &str) -> Running {
    let command = format!("stty cols {COLUMNS} rows 12; echo $$ > pid; exec {} {line}", binary().display());
    let mut script = Command::new("script");
    script.args(["-qec", &command, "/dev/null"]).current_dir(project.folder()).env_clear();
    script.envs(environment()).env("TERM", "xterm").envs(variables.iter().copied());
    Running::spawn(script)
}

/// A terminal: what it shows, and what it showed whenever a frame was complete.
#[derive(Default)]
struct Screen {
    rows: Vec<Vec<char>>,
    row: usize,
    column: usize,
    is_cut: bool,
    frames: Vec<String>,
}

impl Screen {
    fn of(outcome: &Outcome) -> Self {
        let mut screen = Self::default();
        let mut rest = outcome.stdout.chars();
        while let Some(character) = rest.next() {
            match character {
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\u{1b}' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut code = String::new();
                    let end = rest.by_ref().find(|character| {
                        let is_end = character.is_ascii_alphabetic();
                        code.extend((!is_end).then_some(*character));
                        is_end
                    });
                    screen.steer(&code, end.unwrap());
                }
                character => screen.show(character),
            }
        }
        screen
    }

    fn steer(&mut self, code: &str, end: char) {
        match (end, code) {
            ('m', _) => {}
            ('A', count) => self.row -= count.parse::<usize>().unwrap(),
            ('K', "") => self.cut(),
            ('J', "") => {
                self.cut();
                self.rows.truncate(self.row + 1);
            }
            ('l', "?7") => self.is_cut = true,
            ('h', "?7") => {
                self.is_cut = false;
                self.frames.push(self.text());
            }
            other => panic!("the terminal does not know {other:?}"),
        }
    }

    fn cut(&mut self) {
        let column = self.column;
        self.line().truncate(column);
    }

    fn line(&mut self) -> &mut Vec<char> {
        let rows = self.rows.len().max(self.row + 1);
        self.rows.resize(rows, Vec::new());
        let column = self.column;
        let line = &mut self.rows[self.row];
        line.resize(line.len().max(column), ' ');
        line
    }

    fn show(&mut self, character: char) {
        if self.column == COLUMNS {
            assert!(!self.is_cut, "a line of a frame is longer than the terminal is wide");
            (self.row, self.column) = (self.row + 1, 0);
        }
        let column = self.column;
        let line = self.line();
        if column < line.len() {
            line[column] = character;
        } else {
            line.push(character);
        }
        self.column += 1;
    }

    fn text(&self) -> String {
        let lines: Vec<String> = self.rows.iter().map(|row| row.iter().collect()).collect();
        lines.join("\n")
    }
}

/// Two stages, with a database each, in each of which a change takes a second or so.
fn slow() -> Project {
    let project = Project::new(
        "service: tests\n\
         target-systems: { a: { kind: sqlite, path: a.db }, b: { kind: sqlite, path: b.db } }\n\
         pipeline: { stages: [{ name: one, location: one }, { name: two, location: two }] }\n",
    );
    let slow = "CREATE TABLE t AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 4000000) \
                SELECT count(*) AS n FROM c;";
    for (stage, system, id) in
        [("one", "a", "short"), ("two", "b", "an-identity-that-is-longer-than-the-terminal-is-wide")]
    {
        let header = format!("-- sandpiper: id={id} author=tests target-system={system}\n");
        project.write(&format!("{stage}/_0001__Slow.sql"), format!("{header}{slow}\n"));
    }
    project
}

#[test]
fn each_stage_has_a_line_which_is_cut_to_the_width_and_gone_at_the_end() {
    let outcome = start(&slow(), &[], "apply").wait().exits(0);
    let screen = Screen::of(&outcome);
    let is_both =
        |frame: &&String| frame.contains("one: short is running") && frame.contains("  two: an-identity");
    let both = screen.frames.iter().find(is_both).unwrap_or_else(|| panic!("{:#?}", screen.frames));
    let cut = both.lines().find(|line| line.contains("two:")).unwrap();
    assert!(cut.chars().count() == COLUMNS && cut.contains("… is running ("), "{both}");
    let last = screen.text();
    assert!(last.contains("2 applied") && !last.contains("is running") && !last.contains("two:"), "{last}");
    assert!(last.starts_with("  one"), "nothing is left above the result: {last}");
}

#[test]
fn who_wants_no_colours_gets_none_and_a_terminal_that_knows_nothing_gets_lines() {
    let outcome = start(&slow(), &[("NO_COLOR", "1")], "apply").wait().exits(0);
    assert!(Screen::of(&outcome).frames.iter().any(|frame| frame.contains("is running")), "{outcome}");
    let is_color =
        |code: &str| code.split('m').next().is_some_and(|it| it.chars().all(|c| c.is_ascii_digit()));
    assert!(
        !outcome.stdout.split("\u{1b}[").skip(1).any(|code| is_color(code) && code.contains('m')),
        "{outcome}"
    );
    let plain = start(&slow(), &[("TERM", "dumb")], "apply").wait().exits(0);
    assert!(!plain.stdout.contains('\u{1b}') && plain.stdout.contains("2 applied"), "{plain}");
    let elsewhere = slow().run("apply").exits(0);
    assert!(!elsewhere.stderr.contains('\u{1b}') && !elsewhere.stdout.contains('\u{1b}'), "{elsewhere}");
}

#[test]
fn what_is_said_meanwhile_stands_on_a_line_of_its_own() {
    let project = Project::shared();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = start(&project, &[], "apply --set case=wait-for-cancel");
    let since = Instant::now();
    while project.json("status").at("/stages/0/changes/0/state") != "started" {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not start");
    }
    // Until its line is there.
    std::thread::sleep(Duration::from_secs(1));
    Command::new("kill").args(["-s", "TERM", project.read("pid").trim()]).status().unwrap();
    let outcome = running.wait().exits(143);
    let screen = Screen::of(&outcome);
    assert!(screen.frames.iter().any(|frame| frame.contains("is running (")), "{:#?}", screen.frames);
    let last = screen.text();
    assert!(last.lines().any(|line| line.starts_with("stopping: the running change")), "{last}");
    assert!(!last.contains("is running"), "{last}");
}
