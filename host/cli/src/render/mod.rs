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
pub(crate) mod tenants;
pub(crate) mod undo;
pub(crate) mod validate;
pub(crate) mod warm;

use std::borrow::Cow;

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
    /// Whether it is a terminal, on which long names are shortened so that a row stays one line.
    pub(crate) terminal: bool,
}

/// How long a name may be on a terminal, in characters.
const MOST_OF_A_NAME: usize = 40;

impl View {
    /// A name as it is shown: on a terminal one that is very long without its middle, for its ends tell it apart.
    pub(crate) fn name(self, name: &str) -> Cow<'_, str> {
        let length = name.chars().count();
        if !self.terminal || length <= MOST_OF_A_NAME {
            return Cow::Borrowed(name);
        }
        let half = MOST_OF_A_NAME / 2;
        let begin: String = name.chars().take(half).collect();
        let end: String = name.chars().skip(length - half + 1).collect();
        Cow::Owned(format!("{begin}…{end}"))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn very_long_names_lose_their_middle_on_a_terminal_and_nowhere_else() {
        let long = format!("{}ö-end", "a".repeat(250));
        let terminal = View { terminal: true, ..View::default() };
        let shown = terminal.name(&long);
        assert!(shown.chars().count() == MOST_OF_A_NAME && shown.ends_with("aö-end"), "{shown}");
        assert_eq!(terminal.name("add-status"), "add-status");
        assert_eq!(View::default().name(&long), long);
    }
}
