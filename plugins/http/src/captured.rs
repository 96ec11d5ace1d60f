//! Values that were captured of answers: how they are written in a request, and how they are kept until the change is
//! undone.

use serde_json::{Map, Value, json};

/// A text in which captured values may stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Text(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Captured(String),
}

const OPEN: &str = "${captured.";

/// Reads a text. Any other `${..}` is plain.
///
/// # Errors
///
/// A reference that names nothing, or does not end.
pub(crate) fn read(text: &str) -> Result<Text, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("`{OPEN}` has no `}}`"))?;
        if !is_name(name) {
            return Err(format!("`{OPEN}{name}}}` names nothing that can be captured"));
        }
        if !before.is_empty() {
            parts.push(Part::Plain(before.to_owned()));
        }
        parts.push(Part::Captured(name.to_owned()));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Plain(rest.to_owned()));
    }
    Ok(Text(parts))
}

/// Whether a value can be captured under a name.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// What is kept of a change: what it captured, and which of its steps did nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Kept {
    values: Map<String, Value>,
    refused: Vec<u32>,
}

impl Kept {
    /// From a checkpoint; what cannot be read is as good as none.
    pub(crate) fn read(checkpoint: Option<&[u8]>) -> Self {
        let read = checkpoint.and_then(|data| serde_json::from_slice::<Value>(data).ok()).unwrap_or_default();
        let values = read.get("captured").and_then(Value::as_object).cloned().unwrap_or_default();
        let refused = read.get("refused").and_then(Value::as_array).into_iter().flatten();
        let refused = refused.filter_map(|step| u32::try_from(step.as_u64()?).ok()).collect();
        Self { values, refused }
    }

    /// As a checkpoint.
    pub(crate) fn write(&self) -> Vec<u8> {
        json!({ "version": 1, "captured": self.values, "refused": self.refused }).to_string().into_bytes()
    }

    /// Keeps a value.
    pub(crate) fn keep(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// Whether the API refused the step, so that nothing of it is there.
    pub(crate) fn is_refused(&self, step: u32) -> bool {
        self.refused.contains(&step)
    }

    /// Remembers whether the API refused a step. Gives whether that is news.
    pub(crate) fn refuses(&mut self, step: u32, is_refused: bool) -> bool {
        let was_refused = self.is_refused(step);
        self.refused.retain(|it| *it != step);
        if is_refused {
            self.refused.push(step);
        }
        was_refused != is_refused
    }

    /// A text with its values; `encode` is applied to each of them.
    ///
    /// # Errors
    ///
    /// A value that was not captured, or is no text.
    pub(crate) fn fill(
        &self,
        text: &Text,
        encode: impl Fn(&str) -> Result<String, String>,
    ) -> Result<String, String> {
        let mut filled = String::new();
        for part in &text.0 {
            match part {
                Part::Plain(text) => filled.push_str(text),
                Part::Captured(name) => {
                    let value = self.value(name)?;
                    let text = crate::request::plain(value).ok_or_else(|| {
                        format!(
                            "`captured.{name}` is {}, and no text can be made of it",
                            crate::request::kind(value)
                        )
                    })?;
                    filled.push_str(&encode(&text).map_err(|why| format!("`captured.{name}` {why}"))?);
                }
            }
        }
        Ok(filled)
    }

    /// A JSON value with its values: a text that is nothing but one reference becomes what was captured, as it was.
    ///
    /// # Errors
    ///
    /// A value that was not captured, or is no text where it is a part of one.
    pub(crate) fn fill_json(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => {
                let text = read(text)?;
                match text.0.as_slice() {
                    [Part::Captured(name)] => self.value(name)?.clone(),
                    _ => Value::String(self.fill(&text, |text| Ok(text.to_owned()))?),
                }
            }
            Value::Array(items) => {
                Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((name.clone(), self.fill_json(value)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            plain => plain.clone(),
        })
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        self.values.get(name).ok_or_else(|| {
            format!(
                "`captured.{name}` has no value: the request that captures it was not answered as expected"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept() -> Kept {
        let mut kept = Kept::default();
        kept.keep("id", json!(5));
        kept.keep("name", json!("a/b"));
        kept.keep("all", json!({ "x": [1] }));
        kept
    }

    fn filled(text: &str) -> Result<String, String> {
        kept().fill(&read(text)?, |text| Ok(text.to_owned()))
    }

    #[test]
    fn values_stand_within_a_text() {
        assert_eq!(filled("items/${captured.id}/${captured.name}?x"), Ok("items/5/a/b?x".to_owned()));
        assert_eq!(filled("${other} $${x} {captured.id}"), Ok("${other} $${x} {captured.id}".to_owned()));
        assert!(filled("${captured.nothing}").unwrap_err().contains("has no value"));
        assert!(filled("${captured.all}").unwrap_err().contains("is a mapping"));
    }

    #[test]
    fn a_text_that_is_one_reference_becomes_the_value_itself() {
        let body = json!({ "parent": "${captured.id}", "tags": ["${captured.all}", "no ${captured.id}"], "n": null });
        let filled = kept().fill_json(&body).unwrap();
        assert_eq!(filled, json!({ "parent": 5, "tags": [{ "x": [1] }, "no 5"], "n": null }));
    }

    #[test]
    fn what_is_kept_survives_the_way_through_a_checkpoint() {
        let mut kept = kept();
        assert!(kept.refuses(3, true) && !kept.refuses(3, true));
        let read = Kept::read(Some(&kept.write()));
        assert_eq!(read, kept);
        assert!(read.is_refused(3) && !read.is_refused(0));
        assert_eq!(Kept::read(None), Kept::default());
        assert_eq!(Kept::read(Some(b"no json")), Kept::default());
    }
}
