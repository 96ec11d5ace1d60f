//! The one JSON document that a command prints.

use sandpiper::engine::fault::{Fault, Problem};
use sandpiper::report::Finished;
use serde::Serialize;

use crate::render::Body;

/// The version of all documents.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a, B> {
    version: u32,
    command: &'a str,
    ok: bool,
    error: Option<&'a Fault>,
    #[serde(flatten)]
    body: &'a B,
    warnings: &'a [Problem],
}

/// The document of a command, as one line; of a body that cannot be written, the fault that says so.
pub(crate) fn document<B: Body>(command: &str, finished: &Finished<B>) -> Result<String, Fault> {
    let document = Document {
        version: VERSION,
        command,
        ok: finished.exit.code() == 0,
        error: finished.error.as_ref(),
        body: &finished.body,
        warnings: &finished.warnings,
    };
    let mut line = serde_json::to_string(&document).map_err(|error| Fault::bug(error.to_string()))?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use sandpiper::report::{Exit, PlanReport, ValidateReport};

    use super::*;

    #[test]
    fn a_document_has_the_common_fields_and_those_of_its_body() {
        let mut finished = Finished::done(PlanReport::default());
        let expected =
            r#"{"version":1,"command":"plan","ok":true,"error":null,"stages":[],"pending":0,"warnings":[]}"#;
        assert_eq!(document("plan", &finished).unwrap().trim_end(), expected);
        finished.exit = Exit::Pending;
        assert!(document("plan", &finished).unwrap().contains(r#""ok":false,"error":null"#));
    }

    #[test]
    fn an_error_says_where_and_what_else() {
        let fault = Fault::from_problems(vec![Problem::error("config::syntax", "it is bad")]);
        let text = document("validate", &Finished::<ValidateReport>::refused(fault)).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (value["ok"].as_bool(), value["error"]["code"].as_str()),
            (Some(false), Some("config::syntax"))
        );
        for field in ["message", "blame", "effect", "help", "file", "line", "column", "problems"] {
            assert!(value["error"].get(field).is_some(), "{field}");
        }
        assert_eq!(value["problems"].as_array().map(Vec::len), Some(0));
    }
}
