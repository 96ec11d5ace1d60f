//! Errors as data: what went wrong, whose fault it is, what is known of its effect, and what to do next.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who has to act so that it does not happen again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Blame {
    /// Whoever wrote the configuration or gave the command.
    User,
    /// The author of the change.
    Change,
    /// The author of a template or language plugin.
    Plugin,
    /// The target system.
    Target,
    /// The audit store.
    Store,
    /// Sandpiper itself, or the machine that it runs on.
    Host,
}

/// What is known about what a failure left behind in the target system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing was changed, or all of it was taken back.
    None,
    /// Something may have been changed.
    Unknown,
    /// The change took effect.
    Applied,
}

/// Where in a file it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The file's path, as the user would write it.
    pub file: String,
    /// Counted from 1.
    pub line: Option<u32>,
    /// In characters, counted from 1.
    pub column: Option<u32>,
    /// The line itself, for people.
    #[serde(skip)]
    pub excerpt: Option<String>,
}

/// So many characters of a line are shown.
const EXCERPT: usize = 200;

impl Place {
    /// A file as a whole.
    pub fn file(file: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, column: None, excerpt: None }
    }

    /// A place given by a byte offset into the text of a file.
    pub fn in_text(file: impl Into<String>, text: &str, offset: usize) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let (before, after) = text.split_at_checked(offset).unwrap_or((text, ""));
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let (earlier, begun) = before.split_at_checked(start).unwrap_or((before, ""));
        let line = earlier.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = begun.trim_start_matches('\u{feff}').chars().count() + 1;
        // A line may be as long as the file, and only its beginning is shown.
        let end = start + begun.len() + after.find('\n').unwrap_or(after.len());
        let whole = text.get(start..end).unwrap_or_default();
        let shown =
            whole.char_indices().nth(EXCERPT).map_or(whole, |(at, _)| whole.get(..at).unwrap_or(whole));
        Self {
            file: file.into(),
            line: u32::try_from(line).ok(),
            column: u32::try_from(column).ok(),
            excerpt: (start < text.len()).then(|| shown.strip_suffix('\r').unwrap_or(shown).to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
            if let Some(column) = self.column {
                write!(f, ":{column}")?;
            }
        }
        Ok(())
    }
}

/// Whether a problem stops the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// It does.
    Error,
    /// It is only said.
    Warning,
}

/// A fault that is found before anything is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Stable, for programs: `change::duplicate-id`.
    pub code: &'static str,
    /// Whether it stops the command.
    pub severity: Severity,
    /// A lower-case fragment, identifiers in backticks.
    pub message: String,
    /// Where it is.
    #[serde(flatten, serialize_with = "flat_place")]
    pub place: Option<Place>,
    /// What to do next.
    pub help: Option<String>,
}

fn flat_place<S: serde::Serializer>(place: &Option<Place>, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeStruct as _;
    let place = place.as_ref();
    let mut fields = serializer.serialize_struct("Place", 3)?;
    fields.serialize_field("file", &place.map(|place| &place.file))?;
    fields.serialize_field("line", &place.and_then(|place| place.line))?;
    fields.serialize_field("column", &place.and_then(|place| place.column))?;
    fields.end()
}

impl Problem {
    /// A problem that stops the command.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), place: None, help: None }
    }

    /// A problem that is only said.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// The same problem, with its place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same problem, with what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Something that went wrong, in the one form that reports, documents and the audit show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Stable, for programs: `change::failed`.
    pub code: &'static str,
    /// A lower-case fragment, identifiers in backticks.
    pub message: String,
    /// Who has to act.
    pub blame: Blame,
    /// What it left behind.
    pub effect: Effect,
    /// What to do next.
    pub help: Option<String>,
    /// Where it is.
    #[serde(flatten, serialize_with = "flat_place")]
    pub place: Option<Place>,
    /// All that was found, when several things are wrong at once.
    pub problems: Vec<Problem>,
    /// Whether the same may succeed when it is tried again, as far as the change or its system can tell.
    #[serde(skip)]
    pub transient: bool,
}

impl Fault {
    /// A fault without effect; the other fields are set by the methods below.
    pub fn new(code: &'static str, blame: Blame, message: impl Into<String>) -> Self {
        let message = message.into();
        let (effect, problems) = (Effect::None, Vec::new());
        Self { code, message, blame, effect, help: None, place: None, problems, transient: false }
    }

    /// A mistake in how a command was given.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", Blame::User, message)
    }

    /// A fault made of problems, named after the first that is an error.
    pub fn from_problems(problems: Vec<Problem>) -> Self {
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let first = problems.iter().find(|problem| problem.severity == Severity::Error);
        let code = first.map_or("usage", |problem| problem.code);
        let message = match first {
            Some(only) if errors == 1 => only.message.clone(),
            _ => format!("{errors} problems were found, and nothing was done"),
        };
        let single = first.filter(|_| errors == 1);
        Self {
            help: single.and_then(|problem| problem.help.clone()),
            place: single.and_then(|problem| problem.place.clone()),
            problems,
            ..Self::new(code, Blame::User, message)
        }
    }

    /// A bug of ours: something that cannot be was.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new("bug", Blame::Host, message)
            .with_help("this is a bug of Sandpiper: please report it, with the command and its output")
    }

    /// The same fault, with what it left behind.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    /// The same fault, with what to do next.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same fault, which may be gone on the next attempt, if so.
    #[must_use]
    pub fn with_transience(mut self, transient: bool) -> Self {
        self.transient = transient;
        self
    }

    /// The same fault, with its place.
    #[must_use]
    pub fn with_place(mut self, place: Option<Place>) -> Self {
        self.place = place.or(self.place);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "\u{feff}a\r\nöb;\r\n";
        let place = Place::in_text("x.sql", text, text.find('b').unwrap());
        assert_eq!(place.to_string(), "x.sql:2:2");
        assert_eq!(place.excerpt.as_deref(), Some("öb;"));
        assert_eq!(Place::in_text("x.sql", text, 3).to_string(), "x.sql:1:1");
        assert_eq!(Place::in_text("x.sql", text, 9999).line, Some(3));
    }

    #[test]
    fn a_fault_of_one_problem_is_that_problem() {
        let problem = Problem::error("change::syntax", "it is bad").help("mend it").at(Place::file("x"));
        let fault = Fault::from_problems(vec![Problem::warning("a", "b"), problem]);
        assert_eq!((fault.code, fault.message.as_str()), ("change::syntax", "it is bad"));
        assert_eq!(fault.help.as_deref(), Some("mend it"));
    }

    #[test]
    fn a_place_is_flat_in_json() {
        let problem = Problem::error("change::syntax", "it is bad").at(Place::in_text("x", "a", 0));
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!((json["file"].as_str(), json["line"].as_u64()), (Some("x"), Some(1)));
        assert!(serde_json::to_value(Problem::error("a", "b")).unwrap()["file"].is_null());
    }
}
