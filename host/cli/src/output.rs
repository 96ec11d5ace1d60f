//! Prints what a command gives: for people or as JSON, results to standard output and the rest to standard error.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sandpiper::engine::fault::{Blame, Effect, Fault, Severity};
use sandpiper::report::{Exit, Finished};

use crate::args::{Colors, Format, Global};
use crate::document::document;
use crate::render::style::Palette;
use crate::render::{Body, Nothing, View, fault};
use crate::scan::Scan;

/// How a command prints.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The command, as documents name it.
    pub(crate) command: String,
    /// For people, or as JSON.
    pub(crate) format: Format,
    /// Only errors.
    pub(crate) quiet: bool,
    /// How much more than usual.
    pub(crate) verbose: u8,
    colors: Colors,
    /// Whether standard output is somebody else's, so that results go to standard error too.
    is_beside: bool,
    /// Whether the one document of the process was printed, or is being printed: also a signal may end it.
    has_printed: Arc<AtomicBool>,
}

/// What goes where.
#[derive(Debug, PartialEq, Eq, Default)]
struct Printed {
    before: String,
    result: String,
    after: String,
}

impl Output {
    /// What is known before the arguments are parsed.
    pub(crate) fn new(scan: &Scan) -> Self {
        Self {
            command: scan.command.clone(),
            format: scan.format,
            quiet: false,
            verbose: 0,
            colors: scan.color,
            // Standard output belongs to the command that the process becomes.
            is_beside: scan.command == "exec",
            has_printed: Arc::default(),
        }
    }

    /// The same, with what the arguments say.
    #[must_use]
    pub(crate) fn with(mut self, global: &Global) -> Self {
        (self.format, self.quiet, self.verbose, self.colors) =
            (global.format, global.quiet, global.verbose, global.color);
        self
    }

    /// The same for another result, which goes to standard error: standard output is for something else.
    #[must_use]
    pub(crate) fn beside(self) -> Self {
        Self { is_beside: true, has_printed: Arc::default(), ..self }
    }

    /// The colours of standard error.
    pub(crate) fn error_palette(&self) -> Palette {
        self.palette(io::stderr().is_terminal())
    }

    fn palette(&self, terminal: bool) -> Palette {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let colors = match self.colors {
            Colors::Always => true,
            Colors::Never => false,
            Colors::Auto => {
                terminal && !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
            }
        };
        Palette { colors }
    }

    /// Prints a command that has ended, and gives the exit code of the process.
    pub(crate) fn finish<B: Body>(&self, finished: &Finished<B>) -> u8 {
        let code = finished.exit.code();
        let printed = match self.format {
            Format::Json if self.has_printed.swap(true, Ordering::SeqCst) => return code,
            Format::Json => match document(&self.command, finished) {
                Ok(result) => Printed { result, ..Printed::default() },
                Err(bug) => {
                    self.has_printed.store(false, Ordering::SeqCst);
                    return self.finish(&Finished::<Nothing>::refused(bug));
                }
            },
            Format::Human => self.human(finished),
        };
        write(&mut io::stderr().lock(), &printed.before);
        let written = match self.is_beside {
            true => write(&mut io::stderr().lock(), &printed.result),
            false => write(&mut io::stdout().lock(), &printed.result),
        };
        write(&mut io::stderr().lock(), &printed.after);
        if written { code } else { unwritten(code) }
    }

    /// Prints a fault of a command that did nothing, and gives the exit code.
    pub(crate) fn refuse(&self, fault: Fault) -> u8 {
        self.finish(&Finished::<Nothing>::refused(fault))
    }

    /// Prints the one document of a process that a second signal ends at once, unless it was printed already.
    pub(crate) fn end_at_once(&self, exit: Exit) {
        if self.format == Format::Json {
            let message = "a second signal ended it at once, as a crash would have";
            let fault = Fault::new("interrupted", Blame::User, message)
                .with_effect(Effect::Unknown)
                .with_help("run the same command again: it finds out what became of what was under way");
            self.finish(&Finished::<Nothing> { exit, ..Finished::refused(fault) });
        }
    }

    /// Prints text that is not a document, whatever the format.
    pub(crate) fn raw(&self, text: &str) -> u8 {
        let written = write(&mut io::stdout().lock(), text);
        if written { Exit::Done.code() } else { unwritten(0) }
    }

    /// Prints bytes as they are, and gives the exit code.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> u8 {
        let written = write(&mut io::stdout().lock(), bytes);
        if written { Exit::Done.code() } else { unwritten(0) }
    }

    fn human<B: Body>(&self, finished: &Finished<B>) -> Printed {
        let (errors, body) = (self.error_palette(), &finished.body);
        let (faults, problems) = (body.faults(), body.problems());
        let mut printed = Printed::default();
        if self.quiet {
            let of_body = problems.iter().filter(|problem| problem.severity == Severity::Error);
            printed.after.extend(of_body.map(|problem| fault::problem(problem, 0, errors)));
            printed.after.extend(faults.iter().map(|it| fault::fault(it, 0, errors)));
        } else {
            let told = finished.error.as_ref().map_or(&[][..], |error| &error.problems);
            let untold = |warning: &&_| !told.contains(warning) && !problems.contains(warning);
            let warnings = finished.warnings.iter().filter(untold);
            printed.before = warnings.map(|warning| fault::problem(warning, 0, errors)).collect();
            if finished.error.is_none() || !body.is_empty() {
                let terminal =
                    if self.is_beside { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
                let view = View { palette: self.palette(terminal), verbose: self.verbose > 0, terminal };
                printed.result = body.text(view);
            }
        }
        if let Some(error) = &finished.error {
            let of_problems =
                !error.problems.is_empty() && error.problems.iter().all(|it| problems.contains(it));
            let of_problem = problems.iter().any(|it| it.code == error.code && it.message == error.message);
            if !faults.contains(&error) && !of_problems && !of_problem {
                printed.after.push_str(&fault::fault(error, 0, errors));
            }
        }
        printed
    }
}

/// Writes all of it at once; false if a reader that is still there did not get it.
fn write(to: &mut impl Write, text: impl AsRef<[u8]>) -> bool {
    let text = text.as_ref();
    if text.is_empty() {
        return true;
    }
    match to.write_all(text).and_then(|()| to.flush()) {
        Ok(()) => true,
        // `sandpiper status | head -1`: who asked has seen enough.
        Err(error) => error.kind() == ErrorKind::BrokenPipe,
    }
}

/// The exit code of a command whose result could not be written: what it did still comes first.
fn unwritten(code: u8) -> u8 {
    write(&mut io::stderr().lock(), "error: the result could not be written to standard output\n");
    if code == 0 { Exit::Bug.code() } else { code }
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::fault::{Blame, Problem};
    use sandpiper::report::{PlanReport, Report, StageOutcome, StageReport, ValidateReport};

    use super::*;

    fn output() -> Output {
        Output { colors: Colors::Never, ..Output::new(&Scan::default()) }
    }

    fn quiet() -> Output {
        Output { quiet: true, ..output() }
    }

    #[test]
    fn a_refused_command_prints_only_its_error() {
        let printed = output().human(&Finished::<PlanReport>::refused(Fault::usage("it is bad")));
        assert_eq!(printed, Printed { after: "error[usage]: it is bad\n".to_owned(), ..Printed::default() });
    }

    #[test]
    fn an_error_that_the_tree_shows_is_not_said_again() {
        let fault = Fault::new("lock::busy", Blame::Host, "held");
        let stage = StageReport {
            name: "s".to_owned(),
            outcome: StageOutcome::Failed,
            error: Some(fault.clone()),
            changes: vec![],
        };
        let mut finished = Finished::done(Report { stages: vec![stage], ..Report::default() });
        finished.error = Some(fault);
        let printed = output().human(&finished);
        assert!(
            printed.result.contains("error[lock::busy]: held") && printed.after.is_empty(),
            "{printed:?}"
        );
        let printed = quiet().human(&finished);
        assert_eq!((printed.result.as_str(), printed.after.as_str()), ("", "error[lock::busy]: held\n"));
    }

    #[test]
    fn a_problem_is_said_once() {
        let problems = vec![Problem::error("a", "one"), Problem::warning("b", "two")];
        let mut finished = Finished::<ValidateReport>::refused(Fault::from_problems(problems.clone()));
        finished.warnings = vec![problems[1].clone()];
        let printed = output().human(&finished);
        assert_eq!((printed.before.as_str(), printed.result.as_str()), ("", ""));
        assert_eq!(printed.after, "error[a]: one\nwarning[b]: two\n");
        finished.body = ValidateReport { problems, changes: 1 };
        let printed = output().human(&finished);
        assert!(printed.result.starts_with("error[a]: one\nwarning[b]: two\n"), "{printed:?}");
        assert_eq!((printed.before.as_str(), printed.after.as_str()), ("", ""));
    }

    #[test]
    fn a_quiet_success_prints_nothing() {
        let mut finished = Finished::done(PlanReport::default());
        finished.warnings.push(Problem::warning("b", "two"));
        assert_eq!(quiet().human(&finished), Printed::default());
        assert_eq!(output().human(&finished).before, "warning[b]: two\n");
    }

    #[test]
    fn a_reader_that_went_away_is_no_failure() {
        struct Gone(ErrorKind);
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write(&mut Gone(ErrorKind::BrokenPipe), "x"));
        assert!(!write(&mut Gone(ErrorKind::StorageFull), "x"));
    }
}
