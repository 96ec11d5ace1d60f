//! `run`: sends the statements of a step to the database, one after the other.

use sandpiper_sql_syntax::Dialect;

use crate::bindings::{Error, Failure, Step};
use crate::input::{self, Input};
use crate::{failure, place};

/// A script of this many statements shows its progress once: shorter ones are over before anybody looks.
const SHOWN_AFTER: usize = 10;

/// The most often that a script shows its progress.
const MAX_PROGRESS_CALLS: usize = 100;

/// What a run needs of the host: the database, and the change's context.
pub(crate) trait Host {
    /// Runs one statement.
    fn execute(&self, statement: &str) -> Result<(), Box<Error>>;
    /// Runs a text of any number of statements.
    fn run_script(&self, script: &str) -> Result<(), Box<Error>>;
    /// Whether the step is to end at the next safe point.
    fn is_cancelled(&self) -> bool;
    /// Shows how far the step is.
    fn progress(&self, done: usize, total: usize);
}

/// Runs a step, from the statement on that an earlier attempt did not finish.
///
/// # Errors
///
/// The first statement that did not succeed; those after it are not sent.
pub(crate) fn run(step: &Step, host: &impl Host) -> Result<(), Failure> {
    let input = Input::read(step).map_err(input::refuse_first)?;
    let finished = usize::try_from(step.finished_statements).unwrap_or(usize::MAX);
    if !input.configuration.split_statements {
        return run_whole(&input, finished, host);
    }
    let statements = input.statements().map_err(input::refuse)?;
    let total = statements.len();
    check_finished(finished, total)?;
    let interval = total.div_ceil(MAX_PROGRESS_CALLS).max(SHOWN_AFTER);
    for (number, statement) in (1..).zip(&statements).skip(finished) {
        if number > finished + 1 && host.is_cancelled() {
            return Err(Failure::Failed(format!("stopped before statement {number} of {total}")));
        }
        // SQLite's own shell sends the terminator too, and the schema keeps what stands before it.
        let sent = if input.dialect == Dialect::Sqlite { statement.terminated } else { statement.text };
        host.execute(sent)
            .map_err(|error| failure::of_statement(*error, statement.text, statement.offset))?;
        if number % interval == 0 {
            host.progress(number, total);
        }
    }
    Ok(())
}

/// Sends the text as it stands. To the host it is one statement.
fn run_whole(input: &Input<'_>, finished: usize, host: &impl Host) -> Result<(), Failure> {
    let is_empty = input.statements().is_ok_and(|statements| statements.is_empty());
    check_finished(finished, 1)?;
    if is_empty || finished == 1 {
        return Ok(());
    }
    host.run_script(&input.text).map_err(|error| failure::of_statement(*error, &input.text, 0))
}

/// An earlier attempt cannot have finished more than there is: then the text is not the one that it ran.
fn check_finished(finished: usize, total: usize) -> Result<(), Failure> {
    if finished <= total {
        return Ok(());
    }
    let message = format!(
        "an earlier attempt finished {finished} statements, but there are only {total}; \
         restore the text that it ran, or resolve the issue"
    );
    Err(Failure::FailedAt((message, place::whole())))
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::tests::{refused_at, step};

    /// Remembers what it was asked, refuses what contains `wrong`.
    #[derive(Default)]
    struct Recorder {
        calls: RefCell<Vec<String>>,
        progress: RefCell<Vec<(usize, usize)>>,
        cancelled_after: Option<usize>,
        questions: Cell<usize>,
    }

    impl Recorder {
        fn record(&self, operation: &str, text: &str) -> Result<(), Box<Error>> {
            self.calls.borrow_mut().push(format!("{operation}: {text}"));
            text.find("wrong").map_or(Ok(()), |position| Err(Box::new(refused_at(position))))
        }
    }

    impl Host for Recorder {
        fn execute(&self, statement: &str) -> Result<(), Box<Error>> {
            self.record("execute", statement)
        }

        fn run_script(&self, script: &str) -> Result<(), Box<Error>> {
            self.record("script", script)
        }

        fn is_cancelled(&self) -> bool {
            self.questions.set(self.questions.get() + 1);
            self.cancelled_after.is_some_and(|after| self.calls.borrow().len() >= after)
        }

        fn progress(&self, done: usize, total: usize) {
            self.progress.borrow_mut().push((done, total));
        }
    }

    fn unsplit(text: &str) -> Step {
        Step { configuration: r#"{"split-statements":false}"#.into(), ..step(text) }
    }

    fn failed_at(failure: Failure) -> (String, Option<u32>) {
        match failure {
            Failure::FailedAt((message, place)) => (message, place.offset),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn statements_are_sent_one_by_one_in_order() {
        let host = Recorder::default();
        run(&step("CREATE TABLE a (b);\n-- then\nINSERT INTO a VALUES (';');\n-- end\n"), &host).unwrap();
        let calls = host.calls.into_inner();
        assert_eq!(calls.len(), 2);
        assert!(calls[0].starts_with("execute: CREATE TABLE a (b)"), "{calls:?}");
        assert!(calls[1].contains("INSERT INTO a VALUES (';')"), "{calls:?}");
    }

    #[test]
    fn a_text_without_a_statement_does_nothing() {
        for text in ["", " \n", "-- nothing\n", "/* nothing */;;"] {
            let host = Recorder::default();
            run(&step(text), &host).unwrap();
            run(&unsplit(text), &host).unwrap();
            assert_eq!(host.calls.into_inner(), [""; 0], "{text}");
        }
    }

    #[test]
    fn statements_that_an_earlier_attempt_finished_are_not_sent_again() {
        let host = Recorder::default();
        run(&Step { finished_statements: 2, ..step("SELECT 1; SELECT 2; SELECT 3") }, &host).unwrap();
        assert_eq!(host.calls.into_inner(), ["execute: SELECT 3"]);
    }

    #[test]
    fn more_finished_statements_than_there_are_fail_the_step() {
        let host = Recorder::default();
        let failure = run(&Step { finished_statements: 3, ..step("SELECT 1; SELECT 2") }, &host).unwrap_err();
        assert!(
            failed_at(failure)
                .0
                .starts_with("an earlier attempt finished 3 statements, but there are only 2")
        );
        assert_eq!(host.calls.into_inner(), [""; 0]);
    }

    #[test]
    fn a_refusal_names_its_place_in_the_text_and_ends_the_step() {
        let host = Recorder::default();
        let text = "SELECT 1;\nSELECT wrong;\nSELECT 3;";
        let (message, offset) = failed_at(run(&step(text), &host).unwrap_err());
        assert_eq!(message, "no such column (42703)");
        assert_eq!(offset.and_then(|offset| text.get(offset as usize..)), Some("wrong;\nSELECT 3;"));
        assert_eq!(host.calls.into_inner().len(), 2);
    }

    #[test]
    fn a_text_that_cannot_be_split_reaches_no_database() {
        let host = Recorder::default();
        let failure = run(&step("SELECT 1; SELECT 'unfinished"), &host).unwrap_err();
        assert_eq!(failed_at(failure).1, Some(17));
        assert_eq!(host.calls.into_inner(), [""; 0]);
    }

    #[test]
    fn an_unsplit_text_is_sent_byte_for_byte() {
        let host = Recorder::default();
        let text = "-- first\r\nSELECT 1;\r\nSELECT 2;\r\n";
        run(&unsplit(text), &host).unwrap();
        assert_eq!(host.calls.into_inner(), [format!("script: {text}")]);
        let (_, offset) = failed_at(run(&unsplit("SELECT 1; wrong"), &Recorder::default()).unwrap_err());
        assert_eq!(offset, Some(10));
    }

    #[test]
    fn an_unsplit_text_that_was_finished_is_not_sent_again() {
        let host = Recorder::default();
        run(&Step { finished_statements: 1, ..unsplit("SELECT 1; SELECT 2") }, &host).unwrap();
        assert_eq!(host.calls.into_inner(), [""; 0]);
    }

    #[test]
    fn a_cancelled_step_stops_between_statements() {
        let host = Recorder { cancelled_after: Some(1), ..Recorder::default() };
        let failure = run(&step("SELECT 1; SELECT 2; SELECT 3"), &host).unwrap_err();
        assert_eq!(failure, Failure::Failed("stopped before statement 2 of 3".into()));
        assert_eq!(host.calls.into_inner(), ["execute: SELECT 1;"]);
    }

    #[test]
    fn a_single_statement_costs_one_call_of_the_host() {
        let host = Recorder::default();
        run(&step("SELECT 1"), &host).unwrap();
        assert_eq!((host.calls.borrow().len(), host.questions.get()), (1, 0));
        assert!(host.progress.into_inner().is_empty());
    }

    #[test]
    fn only_a_long_script_shows_its_progress_and_never_more_than_needed() {
        let progress = |statements: usize| {
            let host = Recorder::default();
            run(&step(&"SELECT 1;".repeat(statements)), &host).unwrap();
            host.progress.into_inner()
        };
        assert_eq!(progress(9), []);
        assert_eq!(progress(25), [(10, 25), (20, 25)]);
        let long = progress(10_000);
        assert_eq!((long.len(), long.last()), (100, Some(&(10_000, 10_000))));
    }
}
