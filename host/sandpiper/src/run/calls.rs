//! Records the calls that an attempt makes through its handles: what is kept of each, free of secrets.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sandpiper_engine::calls::{Calls, RecordedCall};
use sandpiper_engine::digest::{Digest, Hasher};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::handle_call::{Came, HandleCall, Passed};
use sandpiper_runtime::sql::{Row, Value};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::clock::milliseconds;
use crate::config::Config;
use crate::secrets::{MASK, Secrets};

/// The calls of one attempt.
pub(crate) struct Recorder {
    secrets: Secrets,
    target: SystemName,
    /// The systems whose values are kept with their calls.
    in_full: BTreeSet<SystemName>,
    calls: Mutex<Calls>,
    /// The statement that was sent last to the target system, as it was sent.
    last: Mutex<String>,
}

impl Recorder {
    /// For an attempt on a target system.
    pub(crate) fn new(config: &Config, secrets: Secrets, target: SystemName) -> Self {
        let in_full = config.systems.iter().filter(|system| system.record_full);
        let in_full = in_full.map(|system| system.name.clone()).collect();
        Self { secrets, target, in_full, calls: Mutex::default(), last: Mutex::default() }
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement that was sent last to the target system: for the place of what went wrong, never to be shown.
    pub(crate) fn last_statement(&self) -> String {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records a call; gives what is recorded of it, and nothing of one that is only counted.
    pub(crate) fn record(&self, call: &HandleCall<'_>) -> Option<RecordedCall> {
        if call.system.is_none() {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.clear();
            last.push_str(call.statement);
        }
        // What is only counted need not be looked at.
        if self.calls().is_cut() {
            return self.calls().push(RecordedCall::default());
        }
        let recorded = self.recorded(call);
        self.calls().push(recorded)
    }

    fn recorded(&self, call: &HandleCall<'_>) -> RecordedCall {
        let system = call.system.map(SystemName::from);
        let in_full = self.in_full.contains(system.as_ref().unwrap_or(&self.target));
        let (digest, values) = self.passed(call.passed, in_full);
        let mut recorded = RecordedCall {
            capability: call.capability.as_str().to_owned(),
            operation: call.operation.to_owned(),
            statement: self.secrets.redact(call.statement).into_owned(),
            system,
            digest,
            values,
            duration_ms: milliseconds(call.duration),
            ..RecordedCall::default()
        };
        match call.came {
            Ok(Came::Done) => {}
            Ok(Came::Rows(rows)) => recorded.rows = Some(rows),
            Ok(Came::Response { status, body }) => {
                recorded.status = Some(status);
                let (digest, body) = self.body(body, in_full);
                (recorded.response_digest, recorded.response) = (Some(digest), body);
            }
            Err(error) => recorded.error = Some(self.secrets.redact(error).into_owned()),
        }
        recorded
    }

    /// The digest of what went with a call, and the values themselves where they are kept. A secret is replaced before:
    /// a digest of it could be guessed.
    fn passed(&self, passed: Passed<'_>, in_full: bool) -> (Option<Digest>, Option<Json>) {
        let secrets = &self.secrets;
        let (digest, values) = match passed {
            Passed::Nothing | Passed::Parameters([]) => return (None, None),
            Passed::Parameters(values) => kept(&Values { values, secrets }, in_full),
            Passed::Rows(rows) => kept(&Rows { rows, secrets }, in_full),
            Passed::Body(body) => self.body(body, in_full),
        };
        (Some(digest), values)
    }

    fn body(&self, body: &[u8], in_full: bool) -> (Digest, Option<Json>) {
        match shown(body, &self.secrets) {
            Json::String(text) => (Digest::of(text.as_bytes()), in_full.then_some(Json::String(text))),
            hexadecimal => (Digest::of(body), in_full.then_some(hexadecimal)),
        }
    }
}

/// The digest of values as compact JSON, and that JSON where it is kept.
fn kept(values: &impl Serialize, in_full: bool) -> (Digest, Option<Json>) {
    let mut hasher = Hasher::default();
    // Nothing that is written here can fail: a hasher takes everything, and no key is anything but a text.
    let written = serde_json::to_writer(&mut hasher, values);
    debug_assert!(written.is_ok(), "{written:?}");
    let json = in_full.then(|| serde_json::to_value(values).unwrap_or_default());
    (hasher.finish(), json)
}

/// The parameters of one statement, free of secrets.
struct Values<'a> {
    values: &'a [Value],
    secrets: &'a Secrets,
}

impl Serialize for Values<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|value| One { value, secrets: self.secrets }))
    }
}

/// The parameters of a statement that is run once for each row.
struct Rows<'a> {
    rows: &'a [Row],
    secrets: &'a Secrets,
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.rows.iter().map(|values| Values { values, secrets: self.secrets }))
    }
}

struct One<'a> {
    value: &'a Value,
    secrets: &'a Secrets,
}

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_unit(),
            Value::Boolean(value) => serializer.serialize_bool(*value),
            Value::Integer(value) => serializer.serialize_i64(*value),
            // What JSON has no number for is written out.
            Value::Double(value) if !value.is_finite() => serializer.collect_str(value),
            Value::Double(value) => serializer.serialize_f64(*value),
            Value::Bytes(bytes) => shown(bytes, self.secrets).serialize(serializer),
            Value::Decimal(text)
            | Value::Text(text)
            | Value::Uuid(text)
            | Value::Date(text)
            | Value::Time(text)
            | Value::Timestamp(text)
            | Value::Json(text)
            | Value::Other(_, text) => serializer.serialize_str(&self.secrets.redact(text)),
        }
    }
}

/// Bytes as text, where they are one; else in hexadecimal digits. A secret within what is no text hides all of it.
fn shown(bytes: &[u8], secrets: &Secrets) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(secrets.redact(text)),
        Err(_) => match secrets.redact(&String::from_utf8_lossy(bytes)) {
            Cow::Owned(_) => json!(MASK),
            Cow::Borrowed(_) => {
                json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use sandpiper_runtime::target::Capability;

    use super::*;

    fn recorder(in_full: &[&str]) -> Recorder {
        let secrets = Secrets::new();
        secrets.add("hunter22");
        Recorder {
            secrets,
            target: "db".into(),
            in_full: in_full.iter().map(|name| SystemName::from(*name)).collect(),
            calls: Mutex::default(),
            last: Mutex::default(),
        }
    }

    fn call<'a>(statement: &'a str, passed: Passed<'a>, came: Result<Came<'a>, &'a str>) -> HandleCall<'a> {
        let duration = Duration::from_millis(3);
        let (capability, operation) = (Capability::Sql, "execute");
        HandleCall { system: None, capability, operation, statement, passed, came, duration }
    }

    #[test]
    fn values_are_kept_by_their_digest_unless_the_system_is_recorded_in_full() {
        let values = [
            Value::Integer(1),
            Value::Text("ü".into()),
            Value::Null,
            Value::Double(f64::INFINITY),
            Value::Bytes(vec![0, 255]),
            Value::Bytes(b"text".to_vec()),
        ];
        let call = call("INSERT", Passed::Parameters(&values), Ok(Came::Rows(1)));
        let digest = recorder(&["other"]).recorded(&call);
        assert_eq!((digest.values, digest.rows, digest.duration_ms), (None, Some(1), 3));
        let full = recorder(&["db"]).recorded(&call);
        assert_eq!(full.values, Some(json!([1, "ü", null, "inf", { "hex": "00ff" }, "text"])));
        let text = full.values.unwrap().to_string();
        assert_eq!((full.digest, digest.digest), (Some(Digest::of(text.as_bytes())), full.digest));
    }

    #[test]
    fn a_further_system_has_a_rule_of_its_own() {
        let values = [Value::Integer(1)];
        let call =
            HandleCall { system: Some("api"), ..call("x", Passed::Parameters(&values), Ok(Came::Done)) };
        assert_eq!(recorder(&["db"]).recorded(&call).values, None);
        assert_eq!(recorder(&["api"]).recorded(&call).values, Some(json!([1])));
    }

    #[test]
    fn a_request_and_its_response_are_kept_alike() {
        let answer = Came::Response { status: 201, body: b"\x00\xff" };
        let call = call("POST items", Passed::Body(b"{\"a\": 1}"), Ok(answer));
        let digest = recorder(&[]).recorded(&call);
        assert_eq!((digest.status, digest.values, digest.response), (Some(201), None, None));
        assert_eq!(digest.digest, Some(Digest::of(b"{\"a\": 1}")));
        assert_eq!(digest.response_digest, Some(Digest::of(b"\x00\xff")));
        let full = recorder(&["db"]).recorded(&call);
        assert_eq!((full.values, full.response), (Some(json!("{\"a\": 1}")), Some(json!({ "hex": "00ff" }))));
    }

    #[test]
    fn no_secret_is_recorded_wherever_it_was() {
        let recorder = recorder(&["db"]);
        let row = vec![Value::Text("x hunter22".into()), Value::Bytes(b"\xffhunter22".to_vec())];
        let rows = [row];
        let refused = Err("near \"hunter22\": syntax error");
        recorder.record(&call("SELECT 'hunter22'", Passed::Rows(&rows), refused));
        let body = Came::Response { status: 200, body: b"hunter22" };
        recorder.record(&call("GET items?key=hunter22", Passed::Body(b"hunter22"), Ok(body)));
        let text = recorder.calls().unwritten().unwrap();
        assert!(!text.contains("hunter22") && text.contains(r#"[["x ***","***"]]"#), "{text}");
        assert!(!text.contains(&Digest::of(b"hunter22").to_string()), "{text}");
    }
}
