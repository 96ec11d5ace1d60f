//! What `warm` gives.

use serde::Serialize;

/// What `warm` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WarmReport {
    /// Where compiled code is kept.
    pub folder: String,
    /// How many components had which outcome.
    pub counts: WarmCounts,
    /// The components of the stages in their order, then the plugins.
    pub components: Vec<WarmComponent>,
}

/// How many components had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct WarmCounts {
    /// Compiled, and kept.
    pub compiled: usize,
    /// Compiled before.
    pub cached: usize,
    /// Compiled for nothing.
    pub not_kept: usize,
}

/// A component that is ready to run.
#[derive(Debug, Clone, Serialize)]
pub struct WarmComponent {
    /// Its file, or the name of a plugin that is built in.
    pub name: String,
    /// `change`, `template` or `language`.
    pub kind: String,
    /// The digest of its bytes.
    pub digest: String,
    /// What became of it.
    pub outcome: WarmOutcome,
    /// How long it took.
    pub duration_ms: u64,
}

/// What became of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarmOutcome {
    /// It was compiled, and is kept.
    Compiled,
    /// It was compiled before.
    Cached,
    /// It was compiled, and could not be kept.
    NotKept,
}
