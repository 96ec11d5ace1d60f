//! What a step of a data file hands to its template: JSON, and the way back from a place in it to the file.

use std::sync::Arc;

use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::suggest::nearest;

use crate::config::{Config, Expanded, Source, closing_brace};
use crate::yaml::{Document, Node, Value, child, json_string, offset_in_file, to_json};

/// The data of one step.
#[derive(Debug, Clone)]
pub struct Payload {
    /// As JSON, with variables replaced.
    json: String,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum Origin {
    /// Nothing was written: the place that would hold it.
    Absent(Place),
    Yaml {
        document: Arc<Document>,
        node: Node,
        expanded: Vec<(String, Expanded)>,
    },
    Sql {
        file: Arc<str>,
        text: Arc<str>,
        start: usize,
        expanded: Expanded,
    },
}

impl Payload {
    /// The payload as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Where something in the payload stands in the file: a JSON pointer (empty for the whole), and a byte of the
    /// text that stands there. What does not exist leads to the nearest thing above it.
    pub fn locate(&self, pointer: &str, offset: Option<usize>) -> Place {
        match &self.origin {
            Origin::Absent(place) => place.clone(),
            Origin::Sql { file, text, start, expanded } => {
                Place::in_text(&**file, text, start + expanded.original(offset.unwrap_or_default()))
            }
            Origin::Yaml { document, node, expanded } => {
                let (found, exact) = child(node, pointer);
                let at = match (&found.value, offset.filter(|_| exact)) {
                    (Value::Scalar(scalar), Some(offset)) => {
                        let replaced = expanded.iter().find(|(at, _)| at == pointer);
                        let offset = replaced.map_or(offset, |(_, expanded)| expanded.original(offset));
                        offset_in_file(&document.text, found.at, scalar, offset)
                    }
                    _ => found.at,
                };
                document.place(at)
            }
        }
    }

    /// No payload: JSON's `null`.
    pub(super) fn absent(place: Place) -> Self {
        Self { json: "null".to_owned(), origin: Origin::Absent(place) }
    }

    /// A value whose places are all one.
    pub(super) fn at_one_place(node: &Node, place: Place) -> Self {
        let json = to_json(node, &mut |_, _, scalar| scalar.text.to_string());
        Self { json, origin: Origin::Absent(place) }
    }

    /// A value of a YAML file. Variables are replaced in texts, never in keys, and never change what is a text.
    pub(super) fn of_yaml(
        document: &Arc<Document>,
        node: &Node,
        config: &Config,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut all = Vec::new();
        let json = to_json(node, &mut |pointer, node, scalar| {
            let mut found = Vec::new();
            let Some(expanded) = expand(&scalar.text, config, &mut found) else {
                return scalar.text.to_string();
            };
            problems.extend(found.into_iter().map(|(offset, problem)| {
                problem.at(document.place(offset_in_file(&document.text, node.at, scalar, offset)))
            }));
            let text = expanded.text.clone();
            all.push((pointer.to_owned(), expanded));
            text
        });
        let document = Arc::clone(document);
        Self { json, origin: Origin::Yaml { document, node: node.clone(), expanded: all } }
    }

    /// A section of a SQL file, as one text.
    pub(super) fn of_sql(
        file: &Arc<str>,
        text: &Arc<str>,
        body: &str,
        start: usize,
        config: &Config,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let mut found = Vec::new();
        let expanded = expand(body, config, &mut found).unwrap_or_else(|| {
            let mut same = Expanded::default();
            same.push(body, 0, true);
            same
        });
        problems.extend(
            found
                .into_iter()
                .map(|(offset, problem)| problem.at(Place::in_text(&**file, text, start + offset))),
        );
        let json = json_string(&expanded.text);
        Self { json, origin: Origin::Sql { file: Arc::clone(file), text: Arc::clone(text), start, expanded } }
    }
}

/// The longest reference, in bytes: what is longer is text.
const MAX_REFERENCE: usize = 1_024;

/// Replaces `${var:x}` in a payload's text; `${env:..}` and `${file:..}` are problems, and everything else stays, so
/// also `$${` but before one of these. None when there is nothing to do.
fn expand(text: &str, config: &Config, problems: &mut Vec<(usize, Problem)>) -> Option<Expanded> {
    let mut expanded = None::<Expanded>;
    let (mut done, mut from) = (0, 0);
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("${")) {
        let at = from + found;
        from = at + 2;
        let inside = text.get(from..).unwrap_or_default();
        let Some((source, after)) = Source::of(inside) else {
            continue;
        };
        if text.get(done..at).is_some_and(|before| before.ends_with('$')) {
            let target = expanded.get_or_insert_default();
            target.push(text.get(done..at - 1).unwrap_or_default(), done, true);
            target.push("${", at - 1, false);
            done = from;
            continue;
        }
        let Some(end) = end_of_reference(inside) else {
            continue;
        };
        let skipped = inside.len() - after.len();
        let (name, default) = match inside.get(skipped..end).unwrap_or_default().split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside.get(skipped..end).unwrap_or_default(), None),
        };
        let value = match (source, config.variables.get(name), default) {
            (Source::Env | Source::File, ..) => Err(refused(source, name)),
            (Source::Var, Some(value), _) => Ok(value.as_str()),
            (Source::Var, None, _) if config.awaited_variables.iter().any(|awaited| awaited == name) => {
                from += end + 1;
                continue;
            }
            (Source::Var, None, Some(default)) => Ok(default),
            (Source::Var, None, None) => Err(unset(name, config)),
        };
        match value {
            Ok(value) => {
                let target = expanded.get_or_insert_default();
                target.push(text.get(done..at).unwrap_or_default(), done, true);
                target.push(value, at, false);
                done = from + end + 1;
            }
            Err(problem) => problems.push((at, problem)),
        }
        from += end + 1;
    }
    if expanded.is_none() && !problems.is_empty() {
        expanded = Some(Expanded::default());
    }
    let mut expanded = expanded?;
    expanded.push(text.get(done..).unwrap_or_default(), done, true);
    Some(expanded)
}

/// The `}` of a reference: near, and in the same line.
fn end_of_reference(inside: &str) -> Option<usize> {
    let mut most = inside.len().min(MAX_REFERENCE);
    while !inside.is_char_boundary(most) {
        most -= 1;
    }
    let near = inside.get(..most)?;
    closing_brace(near.split('\n').next()?)
}

fn refused(source: Source, name: &str) -> Problem {
    let word = if source == Source::Env { "env" } else { "file" };
    let message = format!("`${{{word}:{name}}}` may not stand in a change");
    let help = format!(
        "name a variable, `${{var:x}}`, and set it in the configuration; `$${{{word}:` is plain text"
    );
    Problem::error("change::syntax", message).help(help)
}

fn unset(name: &str, config: &Config) -> Problem {
    let help = match nearest(name, config.variables.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean `${{var:{meant}}}`?"),
        None => format!(
            "add it below `variables:`, give `--set {name}=VALUE`, or write `$${{var:` for plain text"
        ),
    };
    Problem::error("config::unset-variable", format!("the variable `{name}` is not set")).help(help)
}
