//! Places in the text of a step: the payload is one string, so that an offset says it all.

use crate::bindings::Place;

/// Some bytes after the start of the text.
pub(crate) fn at(offset: usize) -> Place {
    Place { pointer: String::new(), offset: u32::try_from(offset).ok() }
}

/// The payload as a whole.
pub(crate) fn whole() -> Place {
    Place { pointer: String::new(), offset: None }
}
