//! What a source says of itself, and what is wrong with it.

use boa_engine::object::JsObject;
use boa_engine::{Context, JsResult};

use crate::bindings::{Cadence, ChangeInfo, Inspected, Problem, Recovery, Source};
use crate::engine::{Engine, Wrong};
use crate::script;
use crate::text::{self, Position};
use crate::values::{get, list, object, text};

/// Evaluates a source, lent nothing, and reads what it exports.
pub(crate) fn inspect(source: &Source) -> Result<Inspected, Vec<Problem>> {
    let script = script::of(source).map_err(|wrong| wrong.into_iter().map(of_source).collect::<Vec<_>>())?;
    let mut engine = Engine::new(&script).map_err(|wrong| vec![of_source(wrong)])?;
    let read = engine.inspected().and_then(|(answer, context)| read(&answer, context));
    let read = read.map_err(|error| vec![of_change(&error.to_string(), &script.text)])?;
    read.map_err(|found| found.iter().map(|message| of_change(message, &script.text)).collect())
}

fn read(answer: &JsObject, context: &mut Context) -> JsResult<Result<Inspected, Vec<String>>> {
    let problems = get(answer, "problems", context)?;
    let mut problems = list(&problems, context, text)?;
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let info = object(&get(answer, "info", context)?)?;
    let recovery = optional(&info, "recovery", context)?;
    let recovery = match recovery.as_deref() {
        None => None,
        Some("manual-intervention") => Some(Recovery::ManualIntervention),
        Some("always-retry") => Some(Recovery::AlwaysRetry),
        Some(other) => {
            problems.push(format!("`recovery` is `{other}`; it is `manual-intervention` or `always-retry`"));
            None
        }
    };
    let cadence = optional(&info, "cadence", context)?;
    let cadence = match cadence.as_deref() {
        None => None,
        Some("once") => Some(Cadence::Once),
        Some("on-change") => Some(Cadence::OnChange),
        Some("always") => Some(Cadence::Always),
        Some(other) => {
            problems.push(format!("`cadence` is `{other}`; it is `once`, `on-change` or `always`"));
            None
        }
    };
    let transactional = get(&info, "transactional", context)?;
    if !transactional.is_undefined() && !transactional.is_boolean() {
        problems.push("`transactional` is `true` or `false`".to_owned());
    }
    let uses = get(&info, "uses", context)?;
    let uses = if uses.as_object().is_some() {
        list(&uses, context, text)?
    } else {
        problems.push("`uses` is a list of names: write `uses: [\"crm\"]`".to_owned());
        Vec::new()
    };
    if !problems.is_empty() {
        return Ok(Err(problems));
    }
    let info = ChangeInfo {
        id: text(&get(&info, "id", context)?, context)?,
        author: text(&get(&info, "author", context)?, context)?,
        target_system: text(&get(&info, "targetSystem", context)?, context)?,
        description: optional(&info, "description", context)?,
        transactional: transactional.as_boolean(),
        recovery,
        cadence,
        uses,
        labels: pairs(&info, "labels", context)?,
        options: pairs(&info, "options", context)?,
    };
    let has_rollback = get(answer, "hasRollback", context)?.to_boolean();
    let has_verify = get(answer, "hasVerify", context)?.to_boolean();
    Ok(Ok(Inspected { info, has_rollback, has_verify }))
}

fn optional(object: &JsObject, name: &'static str, context: &mut Context) -> JsResult<Option<String>> {
    let value = get(object, name, context)?;
    if value.is_null_or_undefined() { Ok(None) } else { text(&value, context).map(Some) }
}

fn pairs(object: &JsObject, name: &'static str, context: &mut Context) -> JsResult<Vec<(String, String)>> {
    let pairs = get(object, name, context)?;
    let pairs = list(&pairs, context, |pair, context| list(pair, context, text))?;
    let both = pairs.into_iter().filter_map(|pair| {
        let mut parts = pair.into_iter();
        Some((parts.next()?, parts.next()?))
    });
    Ok(both.collect())
}

/// A problem of the source as a text.
fn of_source(Wrong { message, position, help }: Wrong) -> Problem {
    let Position { line, column } = position.unwrap_or(Position::START);
    Problem { line, column, message, help }
}

/// A problem of what the source exports: it stands where the key does that it begins with, else where the export begins.
fn of_change(message: &str, text: &str) -> Problem {
    let key = message.strip_prefix('`').and_then(|rest| rest.split('`').next());
    let position = key.and_then(|key| text::key(text, key)).unwrap_or_else(|| text::export(text));
    let (message, help) = match message.split_once(": write ") {
        Some((message, help)) => (message, Some(format!("write {help}"))),
        None => (message, None),
    };
    Problem { line: position.line, column: position.column, message: message.to_owned(), help }
}
