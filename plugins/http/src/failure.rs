//! What went wrong with a request, as the failure of its step.

use crate::bindings::{Error, Failure, Problem, Response};
use crate::place;

/// How many characters of an answer a message shows.
const SHOWN: usize = 200;

/// A step that is run in spite of its problems fails with the first of them.
pub(crate) fn refuse_first(problems: Vec<Problem>) -> Failure {
    match problems.into_iter().next() {
        Some(Problem { place, message, help }) => {
            let help = help.map_or_else(String::new, |help| format!("; {help}"));
            Failure::FailedAt((format!("{message}{help}"), place))
        }
        None => Failure::Failed("the step cannot be read".into()),
    }
}

/// A failure at a place of the payload.
pub(crate) fn at(pointer: &str, message: impl Into<String>) -> Failure {
    Failure::FailedAt((message.into(), place::at(pointer)))
}

/// Why a request brought no answer. Whether anything was changed before one that was not sent, the host knows.
pub(crate) fn of_send(error: Error, line: &str, pointer: &str) -> Failure {
    let message = match error {
        Error::NotSent(why) => return Failure::Precondition(format!("{line}: it was not sent: {why}")),
        Error::NoAnswer(why) => format!("{line}: no answer came, so what was done is not known: {why}"),
        Error::Denied(why) => return Failure::Precondition(format!("{line}: {why}")),
        Error::LimitExceeded(why) => format!("{line}: {why}"),
        Error::Other((name, why)) => format!("{line}: {name}: {why}"),
    };
    at(pointer, message)
}

/// The begin of an answer's body, in one line.
pub(crate) fn body(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = line.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if shown.is_empty() { String::new() } else { format!(": {shown}") }
}
