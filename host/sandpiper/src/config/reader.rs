//! Reads the values of the configuration: references replaced, types checked, every problem with its place.

use std::path::PathBuf;
use std::time::Duration;

use super::context::{Context, Expansion, Value};
use super::units;
use crate::yaml::{Document, Fields, Node, Reader, Spelling, offset_in_file};

/// Reads the configuration's tree.
pub(super) struct Settings<'d> {
    pub(super) yaml: Reader<'d>,
    pub(super) context: &'d Context,
    /// Whether what comes from the process's variables is secret here.
    secret: bool,
}

impl<'d> Settings<'d> {
    pub(super) fn new(document: &'d Document, context: &'d Context) -> Self {
        Self { yaml: Reader::new(document), context, secret: false }
    }

    /// Reads a part in which what comes from the process's variables is secret.
    pub(super) fn secretly<T>(&mut self, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.secret, true);
        let read = read(self);
        self.secret = before;
        read
    }

    pub(super) fn mapping(&mut self, node: &'d Node, what: &str, known: &[&str]) -> Option<Fields<'d>> {
        self.yaml.mapping(node, what, known, Spelling::Kebab)
    }

    pub(super) fn problem(&mut self, at: usize, message: impl Into<String>, help: impl Into<String>) {
        self.yaml.problem(at, message, help);
    }

    /// A text with its references replaced.
    pub(super) fn value(&mut self, node: &'d Node, what: &str) -> Option<Value> {
        let scalar = self.yaml.scalar(node, what)?;
        let mut expansion = Expansion::new(self.context, self.secret);
        let variables = &self.context.variables;
        expansion.expand(&scalar.text, &mut |name| variables.get(name).cloned());
        let Expansion { problems, value, .. } = expansion;
        let failed = !problems.is_empty();
        for (offset, problem) in problems {
            let document = self.yaml.document;
            let at = offset_in_file(&document.text, node.at, scalar, offset);
            self.yaml.problems.push(problem.at(document.place(at)));
        }
        if self.secret {
            self.context.secrets.add_passwords_of(&value.text);
        }
        (!failed).then_some(value)
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, node: &'d Node, what: &str) -> Option<String> {
        let value = self.value(node, what)?;
        self.not_empty(node, what, value).map(|value| value.text)
    }

    /// The same, with what is known of its references.
    pub(super) fn filled(&mut self, node: &'d Node, what: &str) -> Option<Value> {
        let value = self.value(node, what)?;
        self.not_empty(node, what, value)
    }

    fn not_empty(&mut self, node: &Node, what: &str, value: Value) -> Option<Value> {
        if !value.text.trim().is_empty() {
            return Some(value);
        }
        let help = if value.replaced { "what its reference names has no value" } else { "write a value" };
        self.problem(node.at, format!("{what} is empty"), help);
        None
    }

    /// A text under a key, if it is there.
    pub(super) fn optional_text(&mut self, fields: &Fields<'d>, key: &str) -> Option<String> {
        self.text(fields.get(key)?, &format!("`{key}`"))
    }

    /// A text under a key that must be there.
    pub(super) fn required_text(&mut self, fields: &Fields<'d>, key: &str, example: &str) -> Option<String> {
        self.required(fields, key, example).and_then(|node| self.text(node, &format!("`{key}`")))
    }

    /// The value of a key that must be there.
    pub(super) fn required(&mut self, fields: &Fields<'d>, key: &str, example: &str) -> Option<&'d Node> {
        let node = fields.get(key);
        if node.is_none() {
            self.problem(fields.at, format!("`{key}` is missing"), format!("write `{key}: {example}`"));
        }
        node
    }

    pub(super) fn boolean(&mut self, fields: &Fields<'d>, key: &str) -> Option<bool> {
        let node = fields.get(key)?;
        let what = format!("`{key}`");
        let value = self.value(node, &what)?;
        match value.text.as_str() {
            "true" if value.replaced => Some(true),
            "false" if value.replaced => Some(false),
            text if value.replaced => self.yaml.no_boolean(node, &what, text),
            _ => self.yaml.boolean(node, &what),
        }
    }

    /// A number of things: at least 1.
    pub(super) fn count(&mut self, fields: &Fields<'d>, key: &str, most: u64) -> Option<u64> {
        let node = fields.get(key)?;
        let text = self.text(node, &format!("`{key}`"))?;
        match text.parse::<u64>() {
            Ok(count) if (1..=most).contains(&count) => Some(count),
            _ => {
                let message = format!("`{key}` is `{text}`, no number from 1 to {most}");
                self.problem(node.at, message, format!("write `{key}: 4`"));
                None
            }
        }
    }

    pub(super) fn duration(&mut self, fields: &Fields<'d>, key: &str, least: Duration) -> Option<Duration> {
        let node = fields.get(key)?;
        let text = self.text(node, &format!("`{key}`"))?;
        match units::duration(&text) {
            Ok(duration) if duration >= least => Some(duration),
            Ok(_) => {
                self.problem(
                    node.at,
                    format!("`{key}` is `{text}`"),
                    format!("at least {least:?} is needed"),
                );
                None
            }
            Err(why) => {
                self.problem(node.at, format!("`{key}`: {why}"), "a duration is a number with its unit");
                None
            }
        }
    }

    pub(super) fn size(&mut self, fields: &Fields<'d>, key: &str) -> Option<u64> {
        let node = fields.get(key)?;
        let text = self.text(node, &format!("`{key}`"))?;
        match units::size(&text) {
            Ok(size) if size > 0 => Some(size),
            Ok(_) => {
                self.problem(node.at, format!("`{key}` is 0"), "write how much is allowed: `256MiB`");
                None
            }
            Err(why) => {
                self.problem(node.at, format!("`{key}`: {why}"), "a size is a number with its unit");
                None
            }
        }
    }

    /// One of a few words: its position.
    pub(super) fn word(&mut self, fields: &Fields<'d>, key: &str, words: &[&str]) -> Option<usize> {
        let node = fields.get(key)?;
        let what = format!("`{key}`");
        let text = self.text(node, &what)?;
        self.yaml.word(node, &what, &text, words)
    }

    /// A path, relative to the configuration's folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.context.folder.join(text)
    }
}
