//! Changes that do nothing, for all that applies them are comments.

use sandpiper_engine::fault::{Place, Problem};
use sandpiper_sql_syntax::{Dialect, split};

use crate::run::ready::{Program, Ready};
use crate::templates;

/// The warning about a change that does nothing. It counts as done when it is applied, and what is written into it
/// afterwards is an edit.
pub(crate) fn warning(ready: &Ready) -> Option<Problem> {
    let Program::Data(data) = &ready.program else { return None };
    let is_sql = ready.change.template_digest == Some(templates::sql_digest());
    if !is_sql || !data.steps.iter().all(|(apply, _)| is_empty(apply.json(), &data.target_kind)) {
        return None;
    }
    let message = format!("change `{}` does nothing: what applies it has no statement", ready.change.id);
    Some(
        Problem::warning("change::syntax", message)
            .at(Place::file(ready.file.as_str()))
            .help("write what applies it before it is applied: afterwards that would be an edit"),
    )
}

fn is_empty(json: &str, kind: &str) -> bool {
    let Ok(text) = serde_json::from_str::<String>(json) else { return false };
    // Nearly every change begins with its first statement.
    let begins = text.trim_start();
    let may_be = begins.is_empty() || ["--", "/*", "#", ";"].iter().any(|sign| begins.starts_with(sign));
    may_be && split(&text, Dialect::from_kind(kind)).is_ok_and(|statements| statements.is_empty())
}
