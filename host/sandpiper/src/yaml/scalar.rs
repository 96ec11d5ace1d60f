//! What a scalar means by the core schema of YAML 1.2, and values as JSON.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Node, Value};

/// A scalar as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub(crate) text: Arc<str>,
    pub(crate) style: Style,
    /// `!!str`: a text, however it looks.
    pub(crate) is_text: bool,
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
    Folded,
}

/// What a scalar means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolved {
    Null,
    Bool(bool),
    /// As JSON writes it, with every digit kept.
    Number(String),
    /// Infinite, or not a number: JSON has neither.
    NotFinite,
    Text,
}

/// Resolves a scalar: only what is written without quotes can be anything but a text.
pub(crate) fn resolve(scalar: &Scalar) -> Resolved {
    if scalar.is_text || scalar.style != Style::Plain {
        return Resolved::Text;
    }
    resolve_plain(&scalar.text)
}

fn resolve_plain(text: &str) -> Resolved {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
        "true" | "True" | "TRUE" => return Resolved::Bool(true),
        "false" | "False" | "FALSE" => return Resolved::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Resolved::NotFinite,
        _ => {}
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
        return Resolved::NotFinite;
    }
    if let Some(number) = based(text, "0o", 8).or_else(|| based(text, "0x", 16)) {
        return Resolved::Number(number);
    }
    decimal(unsigned, text.starts_with('-')).map_or(Resolved::Text, Resolved::Number)
}

fn based(text: &str, prefix: &str, radix: u32) -> Option<String> {
    let digits = text.strip_prefix(prefix)?;
    let plain = digits.bytes().all(|digit| digit.is_ascii_alphanumeric());
    plain.then(|| u128::from_str_radix(digits, radix).ok())?.map(|number| number.to_string())
}

/// `[0-9]+ (\. [0-9]*)? | \. [0-9]+`, with an exponent or without, as JSON writes it.
fn decimal(unsigned: &str, negative: bool) -> Option<String> {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digits = !whole.is_empty() || fraction.is_some_and(|fraction| !fraction.is_empty());
    if !has_digits || !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    let mut json = String::with_capacity(unsigned.len() + 3);
    if negative {
        json.push('-');
    }
    let whole = whole.trim_start_matches('0');
    json.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    if let Some(exponent) = exponent {
        let unsigned = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        if unsigned.is_empty() || !digits(unsigned) {
            return None;
        }
        json.push('e');
        json.push_str(exponent);
    }
    Some(json)
}

/// The value as JSON, each text as `text` gives it: called with the node's pointer below `node` and the scalar.
/// Infinities and "not a number" become texts.
pub(crate) fn to_json(node: &Node, text: &mut dyn FnMut(&str, &Node, &Scalar) -> String) -> String {
    let mut json = String::new();
    write_json(node, &mut String::new(), &mut json, text);
    json
}

fn write_json(
    node: &Node,
    pointer: &mut String,
    json: &mut String,
    text: &mut dyn FnMut(&str, &Node, &Scalar) -> String,
) {
    let length = pointer.len();
    match &node.value {
        Value::Scalar(scalar) => match resolve(scalar) {
            Resolved::Null => json.push_str("null"),
            Resolved::Bool(truth) => json.push_str(if truth { "true" } else { "false" }),
            Resolved::Number(number) => json.push_str(&number),
            Resolved::NotFinite | Resolved::Text => json.push_str(&json_string(&text(pointer, node, scalar))),
        },
        Value::Sequence(items) => {
            json.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                let _ = write!(pointer, "/{index}");
                write_json(item, pointer, json, text);
                pointer.truncate(length);
            }
            json.push(']');
        }
        Value::Mapping(entries) => {
            json.push('{');
            for (index, entry) in entries.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                json.push_str(&json_string(&entry.key));
                json.push(':');
                pointer.push('/');
                pointer.push_str(&entry.key.replace('~', "~0").replace('/', "~1"));
                write_json(&entry.value, pointer, json, text);
                pointer.truncate(length);
            }
            json.push('}');
        }
    }
}

/// A text as JSON writes it.
pub(crate) fn json_string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Resolved {
        resolve(&Scalar { text: text.into(), style: Style::Plain, is_text: false })
    }

    fn number(text: &str) -> Resolved {
        Resolved::Number(text.to_owned())
    }

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        assert_eq!(plain("~"), Resolved::Null);
        assert_eq!(plain(""), Resolved::Null);
        assert_eq!(plain("True"), Resolved::Bool(true));
        assert_eq!(plain("0x1F"), number("31"));
        assert_eq!(plain("0o17"), number("15"));
        assert_eq!(plain("-.INF"), Resolved::NotFinite);
        for (yaml, json) in
            [("+12", "12"), ("007", "7"), ("-0", "-0"), (".5", "0.5"), ("1.", "1.0"), ("1e3", "1e3")]
        {
            assert_eq!(plain(yaml), number(json), "{yaml}");
        }
    }

    #[test]
    fn the_words_of_older_yaml_are_texts() {
        for word in
            ["yes", "no", "on", "off", "y", "0b11", "1_000", "12:30:45", "1.2.3", ".", "-", "0x", "e5", "1e"]
        {
            assert_eq!(plain(word), Resolved::Text, "{word}");
        }
    }

    #[test]
    fn every_digit_of_a_number_is_kept() {
        assert_eq!(plain("123456789012345678901234567890"), number("123456789012345678901234567890"));
        assert_eq!(plain("1.10"), number("1.10"));
    }

    #[test]
    fn what_is_quoted_is_a_text() {
        for style in [Style::SingleQuoted, Style::DoubleQuoted, Style::Literal, Style::Folded] {
            assert_eq!(resolve(&Scalar { text: "true".into(), style, is_text: false }), Resolved::Text);
        }
        assert_eq!(
            resolve(&Scalar { text: "12".into(), style: Style::Plain, is_text: true }),
            Resolved::Text
        );
    }
}
