//! What a change is, as its author declared it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::file_name::Order;
use crate::scope::SystemName;

/// The identity of a change: unique in the whole pipeline, and never reused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(Arc<str>);

/// The longest id and author, in characters.
pub const MAX_NAME: usize = 255;

impl ChangeId {
    /// Takes 1 to 255 visible characters.
    ///
    /// # Errors
    ///
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, String> {
        visible("id", text).map(|()| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks an author: 1 to 255 characters, none of them a control character.
///
/// # Errors
///
/// Says which rule the text breaks.
pub fn check_author(text: &str) -> Result<(), String> {
    length("author", text)?;
    if text.chars().any(char::is_control) {
        return Err("`author` holds a control character".to_owned());
    }
    Ok(())
}

fn visible(what: &str, text: &str) -> Result<(), String> {
    // Nearly every id, of which there may be thousands.
    if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    length(what, text)?;
    match text.chars().find(|c| c.is_whitespace() || c.is_control() || is_invisible(*c)) {
        Some(' ') => Err(format!("`{what}` holds a blank: write `{}`", text.trim().replace(' ', "-"))),
        Some(other) => Err(format!("`{what}` holds the invisible character U+{:04X}", u32::from(other))),
        None => Ok(()),
    }
}

fn length(what: &str, text: &str) -> Result<(), String> {
    match text.chars().count() {
        _ if text.trim().is_empty() => Err(format!("`{what}` is empty")),
        count if count > MAX_NAME => Err(format!("`{what}` has {count} characters; {MAX_NAME} are allowed")),
        _ => Ok(()),
    }
}

/// Characters that take no room on a screen, and those that turn the direction of what follows.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}')
}

/// What the host does after an attempt that ended without a known result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recovery {
    /// Apply again on the next run: the author promises that this is safe.
    AlwaysRetry,
    /// Stop, and wait for a person to look at the target system.
    #[default]
    ManualIntervention,
}

impl Recovery {
    /// The stricter of two strategies.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        self.max(other)
    }
}

/// When a change that is applied already runs again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cadence {
    /// Never.
    #[default]
    Once,
    /// When it was modified since it was applied.
    OnChange,
    /// On every run.
    Always,
}

/// The facts about a change that deciding what to do with it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its identity.
    pub id: ChangeId,
    /// Its place in the stage.
    pub order: Order,
    /// Its name, from the file's.
    pub name: Arc<str>,
    /// Who wrote it.
    pub author: Arc<str>,
    /// The system that it is applied to.
    pub target_system: SystemName,
    /// The digest of its file's bytes.
    pub digest: Digest,
    /// The digest of what was meant: of a text without regard to line endings, of the sources of a component that
    /// says from which it was built.
    pub meaning: Digest,
    /// The digest of the template or language plugin that runs it.
    pub template_digest: Option<Digest>,
    /// What to do after an attempt without a known result.
    pub recovery: Recovery,
    /// When it runs again.
    pub cadence: Cadence,
    /// Free-form names and values.
    pub labels: Vec<(String, String)>,
    /// Why it does not take part in this run, if its condition or its stage's does not hold.
    pub excluded: Option<Cow<'static, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_1_to_255_visible_characters() {
        assert!(ChangeId::new("create-orders").is_ok());
        assert!(ChangeId::new("Ümläut/№1").is_ok());
        assert!(ChangeId::new(&"é".repeat(255)).is_ok());
        assert!(ChangeId::new(&"é".repeat(256)).unwrap_err().contains("256 characters"));
        assert!(ChangeId::new("").unwrap_err().contains("empty"));
        assert!(ChangeId::new("two words").unwrap_err().contains("`two-words`"));
        assert!(ChangeId::new("a\tb").is_err());
        assert!(ChangeId::new("a\u{200b}b").unwrap_err().contains("U+200B"));
        assert!(ChangeId::new("a\u{1b}[31m").is_err());
    }

    #[test]
    fn an_author_may_have_blanks_but_no_control_characters() {
        assert!(check_author("Ada Lovelace <ada@example.org>").is_ok());
        assert!(check_author(" ").is_err());
        assert!(check_author("a\nb").is_err());
        assert!(check_author(&"a".repeat(256)).is_err());
    }

    #[test]
    fn manual_intervention_is_the_stricter_strategy() {
        use Recovery::{AlwaysRetry, ManualIntervention};
        assert_eq!(AlwaysRetry.stricter(ManualIntervention), ManualIntervention);
        assert_eq!(ManualIntervention.stricter(AlwaysRetry), ManualIntervention);
        assert_eq!(AlwaysRetry.stricter(AlwaysRetry), AlwaysRetry);
    }
}
