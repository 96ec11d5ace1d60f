//! What the host gives a step, read: its text, its configuration, the dialect of its target.

use std::borrow::Cow;

use sandpiper_sql_syntax::{Dialect, Statement, split};

use crate::bindings::{Failure, Problem, Step};
use crate::configuration::{Configuration, Fault};
use crate::json::{self, Json};
use crate::place;

/// The JSON Schema of a payload.
pub(crate) const PAYLOAD_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "SQL: any number of statements; of `verify`, one query that gives one boolean.",
  "type": "string"
}"#;

/// A step that can be worked on.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    /// The SQL as its author wrote it.
    pub(crate) text: Cow<'a, str>,
    /// The settings of the change.
    pub(crate) configuration: Configuration,
    /// How the text is to be read.
    pub(crate) dialect: Dialect,
}

impl<'a> Input<'a> {
    /// Reads a step.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it apart from its SQL.
    pub(crate) fn read(step: &'a Step) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let text = match json::read(&step.payload) {
            Ok(Json::Text(text)) => text,
            other => {
                problems.push(no_text(other.map_or("no JSON", |value| value.kind())));
                Cow::default()
            }
        };
        let configuration = Configuration::read(&step.configuration).unwrap_or_else(|faults| {
            problems.extend(faults.into_iter().map(of_configuration));
            Configuration::default()
        });
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self { text, configuration, dialect: Dialect::from_kind(&step.target_kind) })
    }

    /// The statements of the text.
    ///
    /// # Errors
    ///
    /// They cannot be told apart.
    pub(crate) fn statements(&self) -> Result<Vec<Statement<'_>>, Problem> {
        split(&self.text, self.dialect).map_err(|error| Problem {
            place: place::at(error.offset),
            message: error.message,
            help: Some(error.help),
        })
    }
}

/// The failure of a step that is run in spite of its problems: the first of them.
pub(crate) fn refuse_first(problems: Vec<Problem>) -> Failure {
    let first = problems.into_iter().next();
    first.map_or_else(|| Failure::Failed("the step cannot be read".into()), refuse)
}

/// The failure of a step that is run in spite of a problem.
pub(crate) fn refuse(problem: Problem) -> Failure {
    let message = match problem.help {
        Some(help) => format!("{}; {help}", problem.message),
        None => problem.message,
    };
    Failure::FailedAt((message, problem.place))
}

fn of_configuration(fault: Fault) -> Problem {
    Problem { place: place::whole(), message: fault.message, help: Some(fault.help) }
}

fn no_text(kind: &str) -> Problem {
    Problem {
        place: place::whole(),
        message: format!("the SQL is {kind}, but must be a string"),
        help: Some("write the statements as text: after `|`, on the lines below the key".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::step;

    #[test]
    fn escapes_of_json_are_no_part_of_the_text() {
        let step = Step { payload: r#""SELECT \"a\";\r\n-- \u00e9""#.into(), ..step("") };
        assert_eq!(Input::read(&step).unwrap().text, "SELECT \"a\";\r\n-- é");
    }

    #[test]
    fn all_problems_are_listed_at_once() {
        let step = Step { configuration: r#"{"delimiter":"//"}"#.into(), payload: "7".into(), ..step("") };
        let problems = Input::read(&step).unwrap_err();
        assert_eq!(
            problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>(),
            ["the SQL is a number, but must be a string", "unknown key `delimiter` in `configuration`"]
        );
    }

    #[test]
    fn a_step_that_is_run_with_a_problem_fails_with_it() {
        let step = Step { payload: "null".into(), ..step("") };
        let failure = refuse_first(Input::read(&step).unwrap_err());
        let Failure::FailedAt((message, place)) = failure else { panic!("{failure:?}") };
        assert!(
            message.starts_with("the SQL is null, but must be a string; write the statements"),
            "{message}"
        );
        assert_eq!(place, place::whole());
    }

    #[test]
    fn the_payload_schema_is_json() {
        assert!(matches!(json::read(PAYLOAD_SCHEMA), Ok(Json::Object(_))));
    }
}
