//! What a change may say under `configuration`.

use serde_json::Value;

use crate::bindings::Problem;
use crate::place::problem;

/// The JSON Schema of `configuration`.
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "How the template `http` sends its requests.",
  "type": ["object", "null"],
  "properties": {
    "idempotency-key": {
      "description": "Send the header `Idempotency-Key` with each request that writes: the same in every attempt.",
      "type": "boolean",
      "default": false
    },
    "idempotencyKey": { "description": "The same as `idempotency-key`.", "type": "boolean" },
    "timeout": {
      "description": "Seconds that each request may take.",
      "type": "integer",
      "minimum": 1
    }
  },
  "not": { "required": ["idempotency-key", "idempotencyKey"] },
  "additionalProperties": false
}"#;

/// The settings of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Configuration {
    /// Whether requests that write say that they may be sent twice.
    pub(crate) idempotency_key: bool,
    /// How long each request may take, in seconds.
    pub(crate) timeout: Option<u32>,
}

impl Configuration {
    /// Reads the JSON that the host gives a step; `null` where the change has no configuration. What the schema refuses
    /// was told by the host.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let wrong = || problem("", "`configuration` cannot be read", "leave it out");
        let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
        let flag = |name: &str| value.get(name).and_then(Value::as_bool);
        let timeout = value.get("timeout").and_then(Value::as_u64);
        Ok(Self {
            idempotency_key: flag("idempotency-key").or_else(|| flag("idempotencyKey")).unwrap_or_default(),
            timeout: timeout.and_then(|seconds| u32::try_from(seconds).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_twice_unless_the_configuration_says_so() {
        assert_eq!(Configuration::read("null"), Ok(Configuration::default()));
        for key in ["idempotency-key", "idempotencyKey"] {
            let read = Configuration::read(&format!(r#"{{"{key}":true,"timeout":5}}"#));
            assert_eq!(read, Ok(Configuration { idempotency_key: true, timeout: Some(5) }));
        }
    }

    #[test]
    fn the_schemas_are_json() {
        for schema in [SCHEMA, crate::schema::PAYLOAD] {
            assert!(serde_json::from_str::<Value>(schema).unwrap().is_object());
        }
    }
}
