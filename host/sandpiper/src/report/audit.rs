//! What the commands give that read the audit, or write to it: its entries.

use jiff::Timestamp;
use sandpiper_engine::change::Recovery;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Mode, RecordedError, Sequence, State};
use serde::Serialize;

use super::{ArtifactReport, CallReport};

/// What `audit list`, `issue resolve`, `lock release` and the like give.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntriesReport {
    /// Newest last.
    pub entries: Vec<EntryReport>,
}

/// What `audit show` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HistoryReport {
    /// The newest entry with a state.
    pub entry: Option<EntryReport>,
    /// All entries of the change, newest last.
    pub history: Vec<EntryReport>,
    /// The calls of an attempt, where they were asked for: of the newest, or of the one that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallReport>>,
    /// The file that was written, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactReport>,
}

/// An entry of the audit.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of `sandpiper_engine::entry::Record`, which documents them"
)]
pub struct EntryReport {
    pub sequence: Sequence,
    pub run_id: String,
    pub attempt_id: Option<String>,
    pub service: String,
    pub environment: String,
    pub tenant: Option<String>,
    pub change_id: String,
    pub stage: String,
    pub order: String,
    pub name: String,
    pub author: String,
    pub state: Option<State>,
    pub attempt: Option<u32>,
    pub target_system: String,
    pub mode: Option<Mode>,
    pub recovery: Recovery,
    pub digest: Digest,
    pub template_digest: Option<Digest>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub host: String,
    pub operator: String,
    pub reason: Option<String>,
    pub token: u64,
    pub error: Option<RecordedError>,
    pub labels: serde_json::Map<String, serde_json::Value>,
    pub calls: u64,
    pub calls_cut: bool,
    pub version: String,
    pub hash: Digest,
}

impl From<Entry> for EntryReport {
    fn from(entry: Entry) -> Self {
        let Entry { sequence, token, record, hash } = entry;
        Self {
            sequence,
            run_id: record.run_id,
            attempt_id: record.attempt_id.map(|id| id.0.as_ref().to_owned()),
            service: record.scope.service,
            environment: record.scope.environment,
            tenant: record.scope.tenant,
            change_id: record.change_id.as_str().to_owned(),
            stage: record.stage.as_str().to_owned(),
            order: record.order.as_str().to_owned(),
            name: record.name,
            author: record.author,
            state: record.state,
            attempt: record.attempt,
            target_system: record.target_system.as_str().to_owned(),
            mode: record.mode,
            recovery: record.recovery,
            digest: record.digest,
            template_digest: record.template_digest,
            started_at: record.started_at,
            finished_at: record.finished_at,
            duration_ms: record.duration_ms,
            host: record.host,
            operator: record.operator,
            reason: record.reason,
            token: token.0,
            error: record.error,
            labels: record.labels.into_iter().map(|(name, value)| (name, value.into())).collect(),
            calls: record.calls,
            calls_cut: record.calls_cut,
            version: record.version,
            hash,
        }
    }
}

/// What `audit verify` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// Whether the whole chain fits.
    pub valid: bool,
    /// How many entries were read.
    pub entries: u64,
    /// The first entry that does not fit.
    pub first_broken: Option<Sequence>,
}
