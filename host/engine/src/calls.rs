//! The calls that an attempt made through its handles, as the audit keeps them: gathered while it runs, and written as
//! one text beside each entry that tells how a part of it ended.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::scope::SystemName;

/// The version of the form in which calls are stored.
pub const FORMAT: u32 = 1;

/// How many calls of an attempt are recorded; more are only counted.
pub const MOST_CALLS: u64 = 10_000;

/// How many bytes the recorded calls of an attempt take together; what would not fit is only counted.
pub const MOST_BYTES: usize = 4 << 20;

/// One call that a change made through a handle.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecordedCall {
    /// Its number within the attempt, counted from 1.
    pub number: u64,
    /// The further system that it went to; none for the target system of the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemName>,
    /// The kind of handle: `sql`, `http`.
    pub capability: String,
    /// The function of the handle: `execute`, `send`.
    pub operation: String,
    /// The statement, or the request line; what it was opened for.
    pub statement: String,
    /// The digest of the parameters, or of the request's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// The parameters, or the request's body: only where the system is recorded in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<serde_json::Value>,
    /// How many rows were affected or fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The status of the response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The digest of the response's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_digest: Option<Digest>,
    /// The response's body: only where the system is recorded in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<serde_json::Value>,
    /// Why it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long it took.
    pub duration_ms: u64,
}

/// A stored text of calls that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableCalls {
    /// It is not in the form of calls.
    #[error("the stored calls are damaged: {0}")]
    Damaged(String),
    /// It was written by a newer host.
    #[error("the calls have format {0}, which a newer Sandpiper wrote; this one reads up to {FORMAT}")]
    Newer(u32),
}

/// The calls of one attempt, while it runs.
#[derive(Debug, Default)]
pub struct Calls {
    made: u64,
    /// What was recorded, call by call with a comma behind each.
    text: String,
    /// How much of the text is with an entry already.
    written: usize,
    cut: bool,
}

impl Calls {
    /// Gives a call its number, and records it while there is room; gives what is recorded.
    pub fn push(&mut self, call: RecordedCall) -> Option<RecordedCall> {
        self.made += 1;
        if self.cut || self.made > MOST_CALLS {
            self.cut = true;
            return None;
        }
        let call = RecordedCall { number: self.made, ..call };
        match serde_json::to_string(&call) {
            Ok(text) if self.text.len() + text.len() < MOST_BYTES => {
                self.text.push_str(&text);
                self.text.push(',');
                Some(call)
            }
            _ => {
                self.cut = true;
                None
            }
        }
    }

    /// Whether more calls were made than are recorded.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The recorded calls that are with no entry yet, as a text to be stored.
    pub fn unwritten(&self) -> Option<String> {
        let calls = self.text.get(self.written..)?.strip_suffix(',')?;
        Some(format!("{{\"version\":{FORMAT},\"calls\":[{calls}]}}"))
    }

    /// What was recorded so far is with an entry.
    pub fn are_written(&mut self) {
        self.written = self.text.len();
    }
}

/// Reads calls from their stored text.
///
/// # Errors
///
/// When the text is damaged, or was written by a newer host.
pub fn read(text: &str) -> Result<Vec<RecordedCall>, UnreadableCalls> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    #[derive(Deserialize)]
    struct Stored {
        calls: Vec<RecordedCall>,
    }
    let damaged = |error: serde_json::Error| UnreadableCalls::Damaged(error.to_string());
    let Version { version } = serde_json::from_str(text).map_err(damaged)?;
    if version > FORMAT {
        return Err(UnreadableCalls::Newer(version));
    }
    let Stored { calls } = serde_json::from_str(text).map_err(damaged)?;
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(statement: &str) -> RecordedCall {
        let text = |it: &str| it.to_owned();
        RecordedCall {
            capability: text("sql"),
            operation: text("execute"),
            statement: text(statement),
            ..RecordedCall::default()
        }
    }

    #[test]
    fn calls_are_numbered_and_read_back() {
        let mut calls = Calls::default();
        assert_eq!(calls.unwritten(), None);
        let full = RecordedCall {
            system: Some("second".into()),
            digest: Some(Digest::of(b"x")),
            values: Some(serde_json::json!([1, "ü"])),
            rows: Some(3),
            status: Some(404),
            response_digest: Some(Digest::ZERO),
            response: Some(serde_json::json!("{}")),
            error: Some("no such table".into()),
            duration_ms: 7,
            ..call("INSERT INTO \"a\" VALUES ('\n')")
        };
        calls.push(full.clone());
        calls.push(call("SELECT 1"));
        let read = read(&calls.unwritten().unwrap()).unwrap();
        assert_eq!(
            read,
            [RecordedCall { number: 1, ..full }, RecordedCall { number: 2, ..call("SELECT 1") }]
        );
    }

    #[test]
    fn what_is_with_an_entry_is_not_written_again() {
        let mut calls = Calls::default();
        calls.push(call("SELECT 1"));
        calls.are_written();
        assert_eq!(calls.unwritten(), None);
        calls.push(call("SELECT 2"));
        let read = read(&calls.unwritten().unwrap()).unwrap();
        assert_eq!(read, [RecordedCall { number: 2, ..call("SELECT 2") }]);
    }

    #[test]
    fn no_more_than_ten_thousand_calls_are_recorded() {
        let mut calls = Calls::default();
        for _ in 0..MOST_CALLS {
            calls.push(call("SELECT 1"));
        }
        assert!(!calls.is_cut());
        calls.push(call("SELECT 1"));
        assert!(calls.is_cut());
        assert_eq!(read(&calls.unwritten().unwrap()).unwrap().len() as u64, MOST_CALLS);
    }

    #[test]
    fn no_more_than_four_mebibytes_are_recorded_and_nothing_after_them() {
        let mut calls = Calls::default();
        calls.push(call("SELECT 1"));
        calls.push(call(&"x".repeat(MOST_BYTES)));
        assert!(calls.is_cut());
        calls.push(call("SELECT 2"));
        assert_eq!(read(&calls.unwritten().unwrap()).unwrap().len(), 1);
    }

    #[test]
    fn calls_of_a_newer_host_are_refused_in_words() {
        let error = read(r#"{"version":2,"calls":[],"more":{}}"#).unwrap_err();
        assert!(error.to_string().contains("a newer Sandpiper"), "{error}");
        assert!(matches!(read("x"), Err(UnreadableCalls::Damaged(_))));
    }
}
