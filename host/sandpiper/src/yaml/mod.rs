//! YAML as a small tree that knows where everything stands, so that a message can show the line.

mod locate;
mod parse;
mod reader;
mod scalar;
mod text;

use std::sync::Arc;

use sandpiper_engine::fault::{Place, Problem};

pub(crate) use locate::{child, offset_in_file};
pub(crate) use parse::parse;
pub(crate) use reader::{Fields, Reader, Spelling, kebab, list, one_of, position};
pub(crate) use scalar::{Resolved, Scalar, json_string, resolve, to_json};
pub(crate) use text::utf8;

/// One parsed file: its only document.
#[derive(Debug, Clone)]
pub(crate) struct Document {
    /// The path, as the user would write it.
    pub(crate) file: Arc<str>,
    /// The text, without a byte order mark.
    pub(crate) text: Arc<str>,
    /// The code of problems of syntax: `config::syntax` or `change::syntax`.
    pub(crate) code: &'static str,
    pub(crate) root: Node,
}

impl Document {
    /// The place of a byte of the text.
    pub(crate) fn place(&self, offset: usize) -> Place {
        Place::in_text(&*self.file, &self.text, offset)
    }

    /// A problem of syntax at a byte of the text.
    pub(crate) fn problem(&self, offset: usize, message: impl Into<String>) -> Problem {
        Problem::error(self.code, message).at(self.place(offset))
    }
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// The byte at which it begins: of a block its first line that is not blank. What an alias brought in stands where
    /// its anchor is.
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One key of a mapping with its value. Keys are texts, and no two of a mapping are the same.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) key_at: usize,
    pub(crate) value: Node,
}

impl Node {
    /// Whether nothing stands there: `key:` with no value, `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if matches!(resolve(scalar), Resolved::Null))
    }

    /// What it is, for people.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Scalar(scalar) => match resolve(scalar) {
                Resolved::Null => "nothing",
                Resolved::Bool(_) => "a boolean",
                Resolved::Number(_) | Resolved::NotFinite => "a number",
                Resolved::Text => "a text",
            },
        }
    }
}
