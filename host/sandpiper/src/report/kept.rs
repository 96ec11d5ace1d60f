//! What is kept beside the entries of the audit: calls and artifacts, and what was dropped of them.

use sandpiper_engine::calls::RecordedCall;
use sandpiper_engine::digest::Digest;
use serde::Serialize;

/// A call that an attempt made through a handle.
#[derive(Debug, Clone, Serialize)]
pub struct CallReport {
    /// Its number within the attempt, counted from 1.
    pub number: u64,
    /// The kind of handle: `sql`, `http`.
    pub capability: String,
    /// The function of the handle: `execute`, `send`.
    pub operation: String,
    /// The system that it went to.
    pub system: String,
    /// The statement, or the request line; of `open` the system.
    pub statement: String,
    /// How many rows were affected or fetched.
    pub rows: Option<u64>,
    /// The status of the response.
    pub status: Option<u16>,
    /// How long it took.
    pub duration_ms: u64,
    /// The digest of the parameters, or of the request's body.
    pub digest: Option<Digest>,
    /// The digest of the response's body.
    pub response_digest: Option<Digest>,
    /// The parameters, or the request's body: only where the system was recorded in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<serde_json::Value>,
    /// The response's body: only where the system was recorded in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<serde_json::Value>,
    /// Why it was not done.
    pub error: Option<String>,
}

impl CallReport {
    /// A call of a change to a target system.
    pub(crate) fn new(call: RecordedCall, target: &str) -> Self {
        Self {
            number: call.number,
            capability: call.capability,
            operation: call.operation,
            system: call.system.map_or_else(|| target.to_owned(), |system| system.as_str().to_owned()),
            statement: call.statement,
            rows: call.rows,
            status: call.status,
            duration_ms: call.duration_ms,
            digest: call.digest,
            response_digest: call.response_digest,
            values: call.values,
            response: call.response,
            error: call.error,
        }
    }
}

/// A file that was written from the archive.
#[derive(Debug, Clone, Serialize)]
pub struct ArtifactReport {
    /// Where.
    pub file: String,
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub size: u64,
}

/// What `audit prune` gives.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct PruneReport {
    /// How many artifacts were dropped.
    pub artifacts: u64,
    /// Of how many entries the calls were dropped.
    pub calls: u64,
    /// How many bytes all of that took in the store.
    pub bytes: u64,
}
