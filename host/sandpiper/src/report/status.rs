//! What `status` gives.

use jiff::Timestamp;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::State;
use sandpiper_runtime::guest::Verdict;
use serde::Serialize;

/// What `status` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StatusReport {
    /// Stage by stage; applied changes without a file stand in the stage where they were applied.
    pub stages: Vec<StatusStage>,
    /// How many changes are not applied.
    pub pending: usize,
    /// How many need a person.
    pub issues: usize,
    /// The changes that count as applied, and whose `verify` says otherwise; none where they were not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
}

/// A change that counts as applied, and whose `verify` says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// The change.
    pub id: String,
    /// What its `verify` says: `not-applied`, `partly-applied`, or `unknown` where it cannot tell.
    pub verdict: Verdict,
    /// Why it cannot tell.
    pub message: Option<String>,
}

/// A stage with the states of its changes.
#[derive(Debug, Clone, Serialize)]
pub struct StatusStage {
    /// Its name.
    pub name: String,
    /// Its changes, in order.
    pub changes: Vec<StatusChange>,
}

/// A change with its state.
#[derive(Debug, Clone, Serialize)]
pub struct StatusChange {
    /// Its identity.
    pub id: String,
    /// Its place in the stage.
    pub order: String,
    /// Its name; where there is no file, the one that was recorded.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// The system that it is applied to.
    pub target_system: String,
    /// What the audit says of it; null when it was never tried.
    pub state: Option<State>,
    /// The digest of its file, or of what was applied where there is none.
    pub digest: Digest,
    /// It was edited since it was applied.
    pub modified: bool,
    /// It is applied, and there is no file.
    pub missing: bool,
    /// It was only built again, or its line endings changed.
    pub rebuilt: bool,
    /// Whether a person has to look at it.
    pub blocked: bool,
    /// Whether its condition, or its stage's, leaves it out.
    pub excluded: bool,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// How long that took.
    pub duration_ms: Option<u64>,
}
