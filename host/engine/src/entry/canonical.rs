//! The text of an entry that is hashed and stored: its canonical form, as RFC 8785 defines it.
//!
//! The standard wants names in order, no blanks, and strings escaped as `serde_json` escapes them. Names in order are
//! all that is left to do, so [`Canonical`] has its fields in that order; a sorting writer costs ten times as much, twice
//! with every change that is applied.

use jiff::Timestamp;
use serde::Serialize;

use super::{AttemptId, FORMAT, Mode, Record, RecordedError, Sequence, State, Token};
use crate::change::{ChangeId, Recovery};
use crate::digest::Digest;
use crate::file_name::Order;
use crate::scope::{Scope, StageName, SystemName};

/// An entry with its fields in the order of their names.
#[derive(Serialize)]
struct Canonical<'a> {
    attempt: Option<u32>,
    attempt_id: &'a Option<AttemptId>,
    author: &'a str,
    calls: u64,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    calls_cut: bool,
    change_id: &'a ChangeId,
    digest: &'a Digest,
    duration_ms: Option<u64>,
    environment: &'a str,
    error: &'a Option<RecordedError>,
    file_name: &'a Option<String>,
    finished_at: &'a Option<Timestamp>,
    format: u32,
    host: &'a str,
    labels: &'a [(String, String)],
    meaning: &'a Digest,
    mode: Option<Mode>,
    name: &'a str,
    operator: &'a str,
    order: &'a Order,
    reason: &'a Option<String>,
    recovery: Recovery,
    run_id: &'a str,
    sequence: Sequence,
    service: &'a str,
    stage: &'a StageName,
    started_at: &'a Timestamp,
    state: Option<State>,
    target_system: &'a SystemName,
    template_digest: &'a Option<Digest>,
    tenant: &'a Option<String>,
    token: Token,
    variables: &'a Option<Digest>,
    version: &'a str,
}

/// The canonical text of an entry.
pub(super) fn text(record: &Record, sequence: Sequence, token: Token) -> serde_json::Result<String> {
    // Field by field, so that none can be forgotten.
    let Record {
        run_id,
        attempt_id,
        scope: Scope { service, environment, tenant },
        change_id,
        stage,
        order,
        file_name,
        name,
        author,
        state,
        attempt,
        target_system,
        mode,
        recovery,
        digest,
        meaning,
        template_digest,
        started_at,
        finished_at,
        duration_ms,
        host,
        operator,
        reason,
        error,
        labels,
        variables,
        calls,
        calls_cut,
        version,
    } = record;
    serde_json::to_string(&Canonical {
        attempt: *attempt,
        attempt_id,
        author,
        calls: *calls,
        calls_cut: *calls_cut,
        change_id,
        digest,
        duration_ms: *duration_ms,
        environment,
        error,
        file_name,
        finished_at,
        format: FORMAT,
        host,
        labels,
        meaning,
        mode: *mode,
        name,
        operator,
        order,
        reason,
        recovery: *recovery,
        run_id,
        sequence,
        service,
        stage,
        started_at,
        state: *state,
        target_system,
        template_digest,
        tenant,
        token,
        variables,
        version,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::tests::record;
    use crate::fault::{Blame, Effect};

    #[test]
    fn the_text_is_what_a_writer_of_the_standard_makes_of_it() {
        let full = Record {
            reason: Some("\u{0}\u{8}\t\n\u{b}\u{c}\r\u{1f}\u{7f}\"\\/ \u{2028} ö \u{1f600}".into()),
            error: Some(RecordedError {
                blame: Blame::Change,
                code: "change::failed".into(),
                effect: Effect::None,
                message: "no such table: \"t\"".into(),
            }),
            template_digest: Some(Digest::of(b"t")),
            finished_at: Some(Timestamp::UNIX_EPOCH),
            duration_ms: Some(7),
            variables: Some(Digest::ZERO),
            calls: 9_007_199_254_740_991,
            ..record("ä", State::Failed)
        };
        for record in [full, record("a", State::Started)] {
            let text = text(&record, Sequence(3), Token(1_795_000_000_000)).unwrap();
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(text, serde_json_canonicalizer::to_string(&value).unwrap());
        }
    }
}
