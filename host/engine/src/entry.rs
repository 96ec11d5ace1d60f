//! The audit: an append-only chain of entries, each hashed together with the one before it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

mod canonical;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{ChangeId, Recovery};
use crate::digest::Digest;
use crate::fault::{Blame, Effect, Fault};
use crate::file_name::Order;
use crate::scope::{Scope, StageName, SystemName};

/// The version of the form in which entries are hashed and stored.
pub const FORMAT: u32 = 1;

/// The position of an entry in the chain of its scope, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number that fences a lease: it rises with each acquisition and never repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub u64);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The random identity of one attempt: only a marker that carries it counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(pub Arc<str>);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an entry says of its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// An attempt began; its end is not recorded.
    Started,
    /// Done.
    Applied,
    /// Apply ended with an error; its effect may remain where there is no transaction.
    Failed,
    /// The effect of a failed attempt is gone.
    RolledBack,
    /// The rollback of a failed attempt went wrong.
    RollbackFailed,
    /// An undo began; its end is not recorded.
    Undoing,
    /// It was applied, and a person or policy had it rolled back.
    Undone,
    /// Undoing it went wrong.
    UndoFailed,
    /// A person said that it is applied.
    MarkedApplied,
    /// A person said that its effect is gone.
    MarkedRolledBack,
    /// A person said that it may go on after its last finished step.
    MarkedResumable,
    /// It counts as applied because it was there before Sandpiper.
    Baselined,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Started,
        Self::Applied,
        Self::Failed,
        Self::RolledBack,
        Self::RollbackFailed,
        Self::Undoing,
        Self::Undone,
        Self::UndoFailed,
        Self::MarkedApplied,
        Self::MarkedRolledBack,
        Self::MarkedResumable,
        Self::Baselined,
    ];

    /// Whether it says that the change is applied.
    pub fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::MarkedApplied | Self::Baselined)
    }

    /// The state's name in entries and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Applied => "applied",
            Self::Failed => "failed",
            Self::RolledBack => "rolled-back",
            Self::RollbackFailed => "rollback-failed",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::UndoFailed => "undo-failed",
            Self::MarkedApplied => "marked-applied",
            Self::MarkedRolledBack => "marked-rolled-back",
            Self::MarkedResumable => "marked-resumable",
            Self::Baselined => "baselined",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| format!("no state is called `{text}`"))
    }
}

/// How an attempt is kept apart from a half-done one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The audit's entry is written inside the change's own transaction.
    Shared,
    /// A marker row is written inside the change's transaction, in the target system.
    Marked,
    /// Calls take effect one by one.
    Direct,
}

impl Mode {
    /// Whether the attempt runs in one transaction of the target system.
    pub fn is_transactional(self) -> bool {
        self != Self::Direct
    }

    /// The mode's name in entries and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Marked => "marked",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Shared, Self::Marked, Self::Direct]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| format!("no mode is called `{text}`"))
    }
}

/// An error as it is kept in the audit. Its fields stand in the order of their names, as they are hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    /// Who has to act.
    pub blame: Blame,
    /// Stable, for programs.
    pub code: String,
    /// What it left behind.
    pub effect: Effect,
    /// What went wrong; secrets are replaced before it comes here.
    pub message: String,
}

impl From<&Fault> for RecordedError {
    fn from(fault: &Fault) -> Self {
        let message = match &fault.place {
            Some(place) => format!("{} ({place})", fault.message),
            None => fault.message.clone(),
        };
        Self { blame: fault.blame, code: fault.code.to_owned(), effect: fault.effect, message }
    }
}

/// Everything that an entry says, before the store gives it its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Record {
    /// One execution of the host over the pipeline.
    pub run_id: String,
    /// One try of the change; none where nothing was tried.
    pub attempt_id: Option<AttemptId>,
    /// Whose change it is.
    #[serde(flatten)]
    pub scope: Scope,
    /// The change; empty only in notes about a stage.
    pub change_id: ChangeId,
    /// Its stage.
    pub stage: StageName,
    /// Its order there.
    pub order: Order,
    /// The name of the file that ran: with the kept bytes all that is needed to run it again.
    pub file_name: Option<String>,
    /// Its name, from the file's.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// The state that this entry gives the change; none for a note, which is never newest.
    pub state: Option<State>,
    /// Counted from 1 since the change was last applied or taken back; none in a note.
    pub attempt: Option<u32>,
    /// The system that it is applied to.
    pub target_system: SystemName,
    /// How the attempt is kept apart from a half-done one; none in a note.
    pub mode: Option<Mode>,
    /// What its author wants after an attempt without a known result.
    pub recovery: Recovery,
    /// The digest of the change's file.
    pub digest: Digest,
    /// The digest of what was meant.
    pub meaning: Digest,
    /// The digest of the template or language plugin.
    pub template_digest: Option<Digest>,
    /// When the attempt began. Never used for ordering.
    pub started_at: Timestamp,
    /// When what this entry tells was over.
    pub finished_at: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// The machine.
    pub host: String,
    /// Who ran it.
    pub operator: String,
    /// Why, where a person or a recovery decided.
    pub reason: Option<String>,
    /// What went wrong.
    pub error: Option<RecordedError>,
    /// Free-form names and values of the change.
    pub labels: Vec<(String, String)>,
    /// The digest of the variables that the change could see.
    pub variables: Option<Digest>,
    /// How many calls it made through its handles.
    pub calls: u64,
    /// Whether there were more than are recorded one by one.
    #[serde(default)]
    pub calls_cut: bool,
    /// The version of Sandpiper.
    pub version: String,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the chain of its scope.
    pub sequence: Sequence,
    /// The token of the lease under which it was written.
    pub token: Token,
    /// What it says.
    pub record: Record,
    /// `sha256(previous hash || canonical form)`.
    pub hash: Digest,
}

/// The part of an entry that is hashed, as it is read back.
#[derive(Deserialize)]
struct Hashed {
    sequence: Sequence,
    token: Token,
    #[serde(flatten)]
    record: Record,
}

/// An entry's stored text that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableEntry {
    /// It is not in the form of an entry.
    #[error("the stored entry is damaged: {0}")]
    Damaged(String),
    /// It was written by a newer host.
    #[error("the entry has format {0}, which a newer Sandpiper wrote; this one reads up to {FORMAT}")]
    Newer(u32),
}

impl Entry {
    /// Links a record to the chain: gives the entry and its canonical text (RFC 8785), which the store keeps as it is.
    ///
    /// # Errors
    ///
    /// When the record has no canonical form, which no record of ours is without.
    pub fn link(
        record: Record,
        sequence: Sequence,
        token: Token,
        previous: Digest,
    ) -> Result<(Self, String), String> {
        let text = canonical::text(&record, sequence, token).map_err(|error| error.to_string())?;
        let hash = Self::hash(previous, &text);
        Ok((Self { sequence, token, record, hash }, text))
    }

    /// The hash that a stored text has after a given one.
    pub fn hash(previous: Digest, text: &str) -> Digest {
        Digest::of_parts(&[previous.as_bytes(), text.as_bytes()])
    }

    /// Reads an entry from its stored text.
    ///
    /// # Errors
    ///
    /// When the text is damaged, or was written by a newer host.
    pub fn read(text: &str, hash: Digest) -> Result<Self, UnreadableEntry> {
        let damaged = |error: serde_json::Error| UnreadableEntry::Damaged(error.to_string());
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(text).map_err(damaged)?;
        if format > FORMAT {
            return Err(UnreadableEntry::Newer(format));
        }
        let Hashed { sequence, token, record } = serde_json::from_str(text).map_err(damaged)?;
        Ok(Self { sequence, token, record, hash })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn record(id: &str, state: State) -> Record {
        Record {
            run_id: "run".into(),
            attempt_id: Some(AttemptId("attempt".into())),
            scope: Scope { service: "orders".into(), environment: "test".into(), tenant: None },
            change_id: ChangeId::new(id).unwrap(),
            stage: "schema".into(),
            order: "0001".parse().unwrap(),
            file_name: Some("_0001__A.sql".into()),
            name: "Name".into(),
            author: "ada".into(),
            state: Some(state),
            attempt: Some(1),
            target_system: "db".into(),
            mode: Some(Mode::Shared),
            recovery: Recovery::ManualIntervention,
            digest: Digest::of(b"x"),
            meaning: Digest::of(b"x"),
            template_digest: None,
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: None,
            duration_ms: None,
            host: "h".into(),
            operator: "o".into(),
            reason: None,
            error: None,
            labels: vec![("ü".into(), "\u{1f600}\u{7}".into())],
            variables: None,
            calls: 0,
            calls_cut: false,
            version: "0.1.0".into(),
        }
    }

    #[test]
    fn an_entry_is_read_back_from_the_text_that_was_hashed() {
        let (entry, text) =
            Entry::link(record("a", State::Applied), Sequence(7), Token(1_795_000_000_000), Digest::ZERO)
                .unwrap();
        assert_eq!(Entry::hash(Digest::ZERO, &text), entry.hash);
        assert_eq!(Entry::read(&text, entry.hash).unwrap(), entry);
    }

    #[test]
    fn the_hashed_text_is_canonical() {
        let (_, text) =
            Entry::link(record("a", State::Applied), Sequence(1), Token(2), Digest::ZERO).unwrap();
        assert!(
            text.starts_with(r#"{"attempt":1,"attempt_id":"attempt","author":"ada","calls":0,"#),
            "{text}"
        );
        assert!(!text.contains(": ") && !text.contains('\n'));
        let keys: Vec<String> = serde_json::from_str::<serde_json::Map<_, _>>(&text)
            .unwrap()
            .into_iter()
            .map(|(key, _)| key)
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
    }

    #[test]
    fn every_bit_of_an_entry_is_in_its_hash() {
        let hash = |record, sequence, token, previous| {
            Entry::link(record, sequence, token, previous).unwrap().0.hash
        };
        let base = hash(record("a", State::Applied), Sequence(1), Token(2), Digest::ZERO);
        assert_ne!(base, hash(record("b", State::Applied), Sequence(1), Token(2), Digest::ZERO));
        assert_ne!(base, hash(record("a", State::Failed), Sequence(1), Token(2), Digest::ZERO));
        assert_ne!(base, hash(record("a", State::Applied), Sequence(2), Token(2), Digest::ZERO));
        assert_ne!(base, hash(record("a", State::Applied), Sequence(1), Token(3), Digest::ZERO));
        assert_ne!(base, hash(record("a", State::Applied), Sequence(1), Token(2), base));
    }

    #[test]
    fn an_entry_of_a_newer_host_is_refused_in_words() {
        let (entry, text) =
            Entry::link(record("a", State::Applied), Sequence(1), Token(2), Digest::ZERO).unwrap();
        let newer = text.replace(r#""format":1"#, r#""format":2"#);
        let error = Entry::read(&newer, entry.hash).unwrap_err();
        assert!(error.to_string().contains("a newer Sandpiper"), "{error}");
    }

    #[test]
    fn states_are_written_as_the_documents_name_them() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
        }
    }
}
