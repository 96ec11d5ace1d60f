//! What came of a command: its exit code, what it printed, and the JSON document in it.

use std::fmt;

use serde_json::Value;

/// What came of a command.
#[derive(Debug, Clone)]
pub struct Outcome {
    line: String,
    /// Its exit code; the number of the signal that ended it, negative, if one did.
    pub code: i32,
    /// What it printed on standard output.
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
}

impl Outcome {
    pub(crate) fn new(line: String, code: i32, stdout: String, stderr: String) -> Self {
        Self { line, code, stdout, stderr }
    }

    /// The same, if this is its exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "the exit code of\n{self}");
        self
    }

    /// Its one JSON document.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("one JSON document: {error}\n{self}"))
    }

    /// A part of its JSON document by JSON pointer; null when there is none.
    #[track_caller]
    pub fn at(&self, pointer: &str) -> Value {
        self.json().pointer(pointer).cloned().unwrap_or_default()
    }

    /// A text of its JSON document by JSON pointer; empty when there is none.
    #[track_caller]
    pub fn text(&self, pointer: &str) -> String {
        self.at(pointer).as_str().unwrap_or_default().to_owned()
    }

    /// The code of its error; empty when there is none.
    #[track_caller]
    pub fn error(&self) -> String {
        self.text("/error/code")
    }

    /// Every error code in it: its own, and those of its problems, stages and changes.
    #[track_caller]
    pub fn codes(&self) -> Vec<String> {
        let mut codes = Vec::new();
        collect_codes(&self.json(), &mut codes);
        codes
    }

    /// Its change with that id.
    #[track_caller]
    pub fn change(&self, id: &str) -> Value {
        let stages = self.at("/stages");
        let mut changes =
            stages.as_array().into_iter().flatten().filter_map(|stage| stage["changes"].as_array()).flatten();
        changes
            .find(|change| change["id"] == id)
            .cloned()
            .unwrap_or_else(|| panic!("no change `{id}` in\n{self}"))
    }

    /// A text of its change with that id; empty when it is null.
    #[track_caller]
    pub fn of(&self, id: &str, field: &str) -> String {
        let change = self.change(id);
        change
            .pointer(field)
            .or_else(|| change.get(field))
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }

    /// The outcome of its stage with that name.
    #[track_caller]
    pub fn stage(&self, name: &str) -> String {
        let stages = self.at("/stages");
        let found = stages.as_array().into_iter().flatten().find(|stage| stage["name"] == name);
        let found = found.unwrap_or_else(|| panic!("no stage `{name}` in\n{self}"));
        found["outcome"].as_str().unwrap_or_default().to_owned()
    }

    /// Its counts: applied, skipped, failed, not reached, blocked.
    #[track_caller]
    pub fn counts(&self) -> [u64; 5] {
        ["applied", "skipped", "failed", "not_reached", "blocked"].map(|name| {
            let count = self.at(&format!("/counts/{name}"));
            count.as_u64().unwrap_or_else(|| panic!("no count `{name}` in\n{self}"))
        })
    }
}

fn collect_codes(value: &Value, codes: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let (Some(Value::String(code)), true) = (map.get("code"), map.contains_key("message")) {
                codes.push(code.clone());
            }
            map.values().for_each(|value| collect_codes(value, codes));
        }
        Value::Array(values) => values.iter().for_each(|value| collect_codes(value, codes)),
        _ => {}
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "$ {}\n-> {}", self.line, self.code)?;
        let document = serde_json::from_str::<Value>(&self.stdout)
            .and_then(|value| serde_json::to_string_pretty(&value));
        writeln!(out, "--- stdout\n{}", document.as_deref().unwrap_or(&self.stdout))?;
        writeln!(out, "--- stderr\n{}", self.stderr)
    }
}
