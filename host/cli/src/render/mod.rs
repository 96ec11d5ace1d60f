//! What people read: one module for each kind of result.

pub(crate) mod apply;
pub(crate) mod audit;
mod calls;
pub(crate) mod doctor;
pub(crate) mod fault;
pub(crate) mod inspect;
pub(crate) mod issue;
pub(crate) mod lock;
pub(crate) mod made;
pub(crate) mod plan;
mod preview;
pub(crate) mod status;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod undo;
pub(crate) mod validate;

use sandpiper::engine::fault::{Fault, Problem};
use serde::Serialize;

use style::Palette;

/// How a result is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    /// Its colours.
    pub(crate) palette: Palette,
    /// Whether to show also what was left alone.
    pub(crate) verbose: bool,
}

/// The result of a command, for programs by its fields and for people by its text.
pub(crate) trait Body: Serialize {
    /// Its text for people.
    fn text(&self, view: View) -> String;

    /// Whether it is what a command gives that could not even begin: then its text would tell a lie.
    fn is_empty(&self) -> bool;

    /// The faults that the text shows.
    fn faults(&self) -> Vec<&Fault> {
        Vec::new()
    }

    /// The problems that the text shows.
    fn problems(&self) -> &[Problem] {
        &[]
    }
}

/// The result of a command that gives nothing but its success.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Nothing {}

impl Body for Nothing {
    fn text(&self, _: View) -> String {
        String::new()
    }

    fn is_empty(&self) -> bool {
        true
    }
}
