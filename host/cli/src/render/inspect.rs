//! What a component is, and what it may touch.

use sandpiper::report::{InspectReport, RunBy};
use serde_json::Value;

use super::style::Ink;
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for InspectReport {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        let mut fact = |name: &str, value: String| {
            if !value.is_empty() {
                table.row(0, vec![Cell::new(name).ink(Ink::Faint), Cell::new(value)]);
            }
        };
        fact("kind", self.kind.clone());
        fact("may touch", self.may_touch.clone());
        for (name, value) in self.info.as_object().into_iter().flatten() {
            fact(&name.replace('_', " "), words(value));
        }
        fact("run by", self.run_by.as_ref().map(run_by).unwrap_or_default());
        fact("language", self.language.clone().unwrap_or_default());
        fact("made with", self.toolchain.join(", "));
        fact("digest", self.digest.clone());
        fact("size", format!("{} bytes", self.size));
        for (name, interfaces) in [("imports", &self.imports), ("exports", &self.exports)] {
            for (number, interface) in interfaces.iter().enumerate() {
                fact(if number == 0 { name } else { " " }, interface.clone());
            }
        }
        table.render(view.palette)
    }

    fn is_empty(&self) -> bool {
        self.kind.is_empty()
    }
}

fn run_by(plugin: &RunBy) -> String {
    let file = plugin.file.as_deref().unwrap_or("built in");
    format!("{} {}, {file}, {}", plugin.kind, plugin.name, plugin.digest)
}

/// A value as people would write it; what is nested stays JSON.
fn words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.iter().all(|value| !value.is_object() && !value.is_array()) => {
            values.iter().map(words).collect::<Vec<_>>().join(", ")
        }
        Value::Object(members) if members.is_empty() => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_component_tells_what_it_is() {
        let report = InspectReport {
            kind: "change".to_owned(),
            info: json!({"id": "backfill", "target_system": "db", "uses": ["a", "b"], "rollback": true, "options": {}}),
            digest: "ab12".to_owned(),
            size: 61_440,
            imports: vec!["sandpiper:sql/client".to_owned(), "wasi:io/streams".to_owned()],
            exports: vec![],
            language: Some("Rust".to_owned()),
            toolchain: vec!["rustc 1.95.0".to_owned(), "wit-component 0.254.2".to_owned()],
            may_touch: "the database `db`".to_owned(),
            run_by: Some(RunBy {
                kind: "template".to_owned(),
                name: "seed".to_owned(),
                digest: "cd34".to_owned(),
                file: Some("plugins/seed.wasm".to_owned()),
            }),
        };
        let expected = "\
kind           change
may touch      the database `db`
id             backfill
target system  db
uses           a, b
rollback       true
run by         template seed, plugins/seed.wasm, cd34
language       Rust
made with      rustc 1.95.0, wit-component 0.254.2
digest         ab12
size           61440 bytes
imports        sandpiper:sql/client
               wasi:io/streams
";
        assert_eq!(report.text(View::default()), expected);
    }
}
