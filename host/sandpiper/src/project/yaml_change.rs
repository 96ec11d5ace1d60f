//! Changes written as YAML: what they declare, and their steps.

use std::sync::Arc;

use sandpiper_engine::fault::Problem;
use sandpiper_engine::file_name::FileName;

use super::info::{ChangeInfo, Declaration, KEYS};
use super::{DataChange, DataFile, Payload, StepPair, retry};
use crate::config::{Condition, Config};
use crate::yaml::{Document, Fields, Node, Reader, Spelling, Value};

/// The keys of the steps.
const STEP_KEYS: [&str; 4] = ["apply", "rollback", "steps", "verify"];

/// Reads everything but the payloads; every problem of the file is told.
pub(super) fn read(document: Document, name: &FileName, problems: &mut Vec<Problem>) -> Option<DataFile> {
    let (info, template, found) = declared(&document, name);
    problems.extend(found);
    Some(DataFile { info: Arc::new(info?), template, form: super::Form::Yaml(Arc::new(document)) })
}

fn declared(document: &Document, name: &FileName) -> (Option<ChangeInfo>, Option<String>, Vec<Problem>) {
    let mut reader = Reader::new(document);
    let root = &document.root;
    if root.is_null() {
        reader.problem(
            0,
            "the file is empty",
            "write `id: ..`, `author: ..`, `target-system: ..` and `apply: ..`",
        );
        return (None, None, reader.problems);
    }
    let known: Vec<&str> = KEYS.into_iter().chain(STEP_KEYS).collect();
    let Some(fields) = reader.mapping(root, "a change", &known, Spelling::KebabOrCamel) else {
        return (None, None, reader.problems);
    };
    let mut declaration = Declaration::new(&document.file, &document.text);
    for key in ["id", "author", "description", "template", "retry"] {
        take(&mut reader, &mut declaration, &fields, key);
    }
    inner(&mut reader, &mut declaration, &fields, "target-system", "id");
    inner(&mut reader, &mut declaration, &fields, "recovery", "strategy");
    take(&mut reader, &mut declaration, &fields, "cadence");
    if let Some(node) = fields.get("transactional")
        && let Some(truth) = reader.boolean(node, "`transactional`")
    {
        declaration.take("transactional", if truth { "true" } else { "false" }, node.at);
    }
    if let Some(node) = fields.get("order")
        && let Some(order) = reader.text(node, "`order`")
    {
        declaration.check_order(order, name.order.as_str(), node.at);
    }
    for item in fields.get("uses").and_then(|node| reader.items(node, "`uses`")).unwrap_or_default() {
        if let Some(text) = reader.text(item, "`uses`") {
            declaration.take("uses", text, item.at);
        }
    }
    labels(&mut reader, &mut declaration, &fields);
    when(&mut reader, &mut declaration, &fields);
    check_steps(&mut reader, &fields);
    if let Some(node) = fields.get("configuration") {
        reader.entries(node, "`configuration`");
    }
    let mut problems = reader.problems;
    declaration.problems.append(&mut problems);
    let template = declaration.template.take();
    let (info, problems) = declaration.finish(root.at, &name.name, |key, value| format!("{key}: {value}"));
    (info, template, problems)
}

fn take<'d>(reader: &mut Reader<'d>, declaration: &mut Declaration<'_>, fields: &Fields<'d>, key: &str) {
    let Some(node) = fields.get(key) else { return };
    if key == "retry" && matches!(node.value, Value::Mapping(_)) {
        let Some(inner) = reader.mapping(node, "`retry`", &retry::KEYS, Spelling::KebabOrCamel) else {
            return;
        };
        declaration.take(key, "", node.at);
        for key in retry::KEYS {
            let Some(node) = inner.get(key) else { continue };
            if let Some(text) = reader.text(node, &format!("`{key}`")) {
                declaration.set_retry(key, text, node.at);
            }
        }
        return;
    }
    match reader.text(node, &format!("`{key}`")) {
        Some(text) => declaration.take(key, text, node.at),
        None => declaration.was_there(key),
    }
}

/// A text, or a mapping with the text under a key of its own: `target-system: { id: orders-db }`.
fn inner<'d>(
    reader: &mut Reader<'d>,
    declaration: &mut Declaration<'_>,
    fields: &Fields<'d>,
    key: &str,
    inner: &str,
) {
    let Some(node) = fields.get(key) else { return };
    let what = format!("`{key}`");
    let text_node = match &node.value {
        Value::Mapping(_) => {
            let Some(found) = reader.mapping(node, &what, &[inner], Spelling::KebabOrCamel) else {
                return;
            };
            if found.get(inner).is_none() {
                reader.problem(
                    node.at,
                    format!("{what} has no `{inner}`"),
                    format!("write `{key}: {{ {inner}: .. }}`"),
                );
            }
            found.get(inner)
        }
        _ => Some(node),
    };
    match text_node.and_then(|node| Some((reader.text(node, &what)?, node.at))) {
        Some((text, at)) => declaration.take(key, text, at),
        None => declaration.was_there(key),
    }
}

fn labels<'d>(reader: &mut Reader<'d>, declaration: &mut Declaration<'_>, fields: &Fields<'d>) {
    let Some(node) = fields.get("labels") else { return };
    if let Value::Mapping(entries) = &node.value {
        for entry in entries {
            if let Some(value) = reader.text(&entry.value, &format!("the label `{}`", entry.key)) {
                declaration.add_label(&entry.key, value);
            }
        }
        return;
    }
    for item in reader.items(node, "`labels`").unwrap_or_default() {
        if let Some(text) = reader.text(item, "a label") {
            declaration.take("labels", text, item.at);
        }
    }
}

fn when<'d>(reader: &mut Reader<'d>, declaration: &mut Declaration<'_>, fields: &Fields<'d>) {
    let Some(node) = fields.get("when") else { return };
    if let Value::Mapping(entries) = &node.value {
        let all = entries.iter().map(|entry| {
            let items = reader.items(&entry.value, &format!("`{}`", entry.key)).unwrap_or_default();
            let values =
                items.iter().filter_map(|item| reader.text(item, "a value of `when`").map(str::to_owned));
            Condition::In(entry.key.to_string(), values.collect())
        });
        declaration.set_when(Condition::All(all.collect()), node.at);
    } else if let Some(text) = reader.text(node, "`when`") {
        declaration.take("when", text, node.at);
    }
}

/// Either `apply` with perhaps a `rollback`, or `steps`.
fn check_steps<'d>(reader: &mut Reader<'d>, fields: &Fields<'d>) {
    let Some(steps) = fields.entry("steps") else {
        if fields.get("apply").is_none() {
            reader.problem(
                fields.at,
                "`apply` is missing",
                "write `apply: ..`, or `steps: [{ apply: .. }, ..]`",
            );
        }
        return;
    };
    for other in ["apply", "rollback"] {
        if let Some(entry) = fields.entry(other) {
            let help = "write the step's own `apply` and `rollback` inside of `steps`";
            reader.problem(entry.key_at, format!("`{other}` stands beside `steps`"), help);
        }
    }
    let Value::Sequence(items) = &steps.value.value else {
        let message = format!("`steps` is {}, but a list is expected", steps.value.kind());
        reader.problem(steps.value.at, message, "write `steps: [{ apply: .., rollback: .. }, ..]`");
        return;
    };
    if items.is_empty() {
        reader.problem(
            steps.value.at,
            "`steps` is empty",
            "write `steps: [{ apply: .., rollback: .. }, ..]`",
        );
    }
    for item in items.iter().filter(|item| !is_request(item)) {
        let Some(step) = reader.mapping(item, "a step", &["apply", "rollback"], Spelling::Kebab) else {
            continue;
        };
        if step.get("apply").is_none() {
            reader.problem(item.at, "a step has no `apply`", "write `- apply: ..`");
        }
    }
}

/// Whether a step is a request itself, with what takes it back beside its own keys: the template looks at these.
fn is_request(step: &Node) -> bool {
    let has = |key: &str| member(step, key).is_some();
    has("method") && !has("apply")
}

/// The value of a key, where it is there.
fn member<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Mapping(entries) = &node.value else { return None };
    entries.iter().find(|entry| &*entry.key == key && !entry.value.is_null()).map(|entry| &entry.value)
}

/// A request without what takes it back.
fn request(step: &Node) -> Node {
    let mut request = step.clone();
    if let Value::Mapping(entries) = &mut request.value {
        entries.retain(|entry| &*entry.key != "rollback");
    }
    request
}

/// The steps, with variables replaced.
pub(super) fn steps(
    file: &DataFile,
    document: &Arc<Document>,
    template: &str,
    config: &Config,
) -> Result<DataChange, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut payload = |node: &Node| Payload::of_yaml(document, node, config, &mut problems);
    let root = &document.root;
    let pairs = match member(root, "steps").map(|node| &node.value) {
        Some(Value::Sequence(items)) => items.as_slice(),
        _ => std::slice::from_ref(root),
    };
    let steps = pairs
        .iter()
        .filter_map(|pair| {
            let apply = match member(pair, "apply") {
                None if is_request(pair) => payload(&request(pair)),
                apply => payload(apply?),
            };
            Some(StepPair { apply, rollback: member(pair, "rollback").map(&mut payload) })
        })
        .collect();
    let verify = member(root, "verify").map(&mut payload);
    let configuration = match member(root, "configuration") {
        Some(node) => payload(node),
        None => Payload::absent(document.place(root.at)),
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(DataChange { info: file.info.clone(), template: template.to_owned(), configuration, steps, verify })
}
