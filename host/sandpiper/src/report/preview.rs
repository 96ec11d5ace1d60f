//! What running a change, to roll it back, has shown.

use sandpiper_engine::fault::Fault;
use serde::Serialize;

use super::CallReport;

/// What running a change, to roll it back, has shown.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Preview {
    /// The calls that it made, as the audit would keep them.
    pub calls: Vec<CallReport>,
    /// Whether it made more than are listed.
    pub calls_cut: bool,
    /// How it went; null for a change that `apply` would not run.
    pub preview: Option<PreviewOutcome>,
    /// Why it was not run.
    pub preview_reason: Option<String>,
    /// How long it took.
    pub duration_ms: Option<u64>,
    /// What went wrong with it.
    pub error: Option<Fault>,
}

impl Preview {
    /// A change that cannot be previewed, or not any more.
    pub(crate) fn not_run(reason: String) -> Self {
        Self { preview: Some(PreviewOutcome::NotRun), preview_reason: Some(reason), ..Self::default() }
    }
}

/// How the preview of a change went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PreviewOutcome {
    /// It ran, and could have been committed.
    Passed,
    /// It failed.
    Failed,
    /// It was not run.
    NotRun,
}
