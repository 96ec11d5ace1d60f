//! Places in the payload of a step, and what is wrong there.

use crate::bindings::{Place, Problem};

/// The place of a JSON pointer.
pub(crate) fn at(pointer: impl Into<String>) -> Place {
    Place { pointer: pointer.into(), offset: None }
}

/// The pointer of a member, or of an element.
pub(crate) fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// What is wrong at a place.
pub(crate) fn problem(
    pointer: impl Into<String>,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Problem {
    Problem { place: at(pointer), message: message.into(), help: Some(help.into()) }
}
