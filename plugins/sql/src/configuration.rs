//! What a change may say under `configuration`.

use crate::json::{self, Json};

/// The JSON Schema of `configuration`. Flamingock writes its keys in camelCase.
pub(crate) const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "description": "How the template `sql` runs its text.",
  "type": ["object", "null"],
  "properties": {
    "split-statements": {
      "description": "Send the statements one by one (the default), or the whole text at once.",
      "type": "boolean",
      "default": true
    },
    "splitStatements": {
      "description": "The same as `split-statements`.",
      "type": "boolean"
    }
  },
  "not": { "required": ["split-statements", "splitStatements"] },
  "additionalProperties": false
}"#;

/// The settings of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Whether statements are sent one by one.
    pub(crate) split_statements: bool,
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What it is.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

impl Default for Configuration {
    fn default() -> Self {
        Self { split_statements: true }
    }
}

impl Configuration {
    /// Reads the JSON that the host gives a step; `null` where the change has no configuration.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it, in the order of the text.
    pub(crate) fn read(text: &str) -> Result<Self, Vec<Fault>> {
        let mut configuration = Self::default();
        let members = match json::read(text) {
            Ok(Json::Null) => return Ok(configuration),
            Ok(Json::Object(members)) => members,
            Ok(other) => return Err(vec![not_an_object(other.kind())]),
            Err(json::Malformed) => return Err(vec![not_an_object("no JSON")]),
        };
        let mut faults = Vec::new();
        let mut is_given = false;
        for (key, value) in &members {
            if !matches!(&**key, "split-statements" | "splitStatements") {
                faults.push(unknown_key(key));
                continue;
            }
            if is_given {
                faults.push(given_twice());
            }
            is_given = true;
            match value {
                Json::Boolean(wanted) => configuration.split_statements = *wanted,
                other => faults.push(not_a_boolean(key, other.kind())),
            }
        }
        if faults.is_empty() { Ok(configuration) } else { Err(faults) }
    }
}

fn not_an_object(kind: &str) -> Fault {
    Fault {
        message: format!("`configuration` is {kind}, but must be an object"),
        help: "write `configuration: { split-statements: false }`, or leave it out".into(),
    }
}

fn unknown_key(key: &str) -> Fault {
    Fault {
        message: format!("unknown key `{key}` in `configuration`"),
        help: "did you mean `split-statements`? the template `sql` has no other".into(),
    }
}

fn given_twice() -> Fault {
    Fault {
        message: "`split-statements` is given twice in `configuration`".into(),
        help: "keep one; `splitStatements` is another way to write it".into(),
    }
}

fn not_a_boolean(key: &str, kind: &str) -> Fault {
    Fault {
        message: format!("`{key}` in `configuration` is {kind}, but must be a boolean"),
        help: format!("write `{key}: true` or `{key}: false`, without quotes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        Configuration::read(text).unwrap_err().into_iter().map(|fault| fault.message).collect()
    }

    #[test]
    fn statements_are_split_unless_the_configuration_says_otherwise() {
        for (text, expected) in [
            ("null", true),
            ("{}", true),
            (r#"{"split-statements":true}"#, true),
            (r#"{"split-statements":false}"#, false),
            (r#"{"splitStatements":false}"#, false),
        ] {
            assert_eq!(Configuration::read(text), Ok(Configuration { split_statements: expected }), "{text}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_one_that_exists() {
        let faults = Configuration::read(r#"{"split-statement":false,"delimiter":";"}"#).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert_eq!(faults[0].message, "unknown key `split-statement` in `configuration`");
        assert!(faults[0].help.contains("did you mean `split-statements`?"));
    }

    #[test]
    fn a_value_of_another_type_is_named() {
        assert_eq!(messages("[]"), ["`configuration` is an array, but must be an object"]);
        assert_eq!(messages("{"), ["`configuration` is no JSON, but must be an object"]);
        assert_eq!(
            messages(r#"{"splitStatements":"false"}"#),
            ["`splitStatements` in `configuration` is a string, but must be a boolean"]
        );
    }

    #[test]
    fn both_spellings_at_once_are_refused() {
        assert_eq!(
            messages(r#"{"splitStatements":true,"split-statements":false}"#),
            ["`split-statements` is given twice in `configuration`"]
        );
    }

    #[test]
    fn the_schema_is_json() {
        assert!(matches!(json::read(SCHEMA), Ok(Json::Object(_))));
    }
}
