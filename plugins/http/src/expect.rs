//! What is expected of an answer: its status, and what stands at some places of its JSON.

use serde_json::Value;

/// What is expected of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expect {
    /// Ranges, both ends within.
    pub(crate) statuses: Vec<(u16, u16)>,
    /// JSON pointers, and what stands there.
    pub(crate) json: Vec<(String, Value)>,
}

impl Default for Expect {
    fn default() -> Self {
        Self { statuses: vec![(200, 299)], json: Vec::new() }
    }
}

impl Expect {
    /// Whether a status is among those that are expected.
    pub(crate) fn takes(&self, status: u16) -> bool {
        self.statuses.iter().any(|(from, to)| (*from..=*to).contains(&status))
    }

    /// The statuses, for people.
    pub(crate) fn statuses(&self) -> String {
        let shown = self.statuses.iter().map(|(from, to)| match (from, to) {
            (from, to) if from == to => from.to_string(),
            (from, to) if from % 100 == 0 && *to == from + 99 => format!("{}xx", from / 100),
            (from, to) => format!("{from}-{to}"),
        });
        shown.collect::<Vec<_>>().join(" or ")
    }
}

/// Reads a status as a file writes it: `201`, `"2xx"`, `"200-204"`.
pub(crate) fn status(value: &Value) -> Option<(u16, u16)> {
    let number = |text: &str| text.parse::<u16>().ok().filter(|status| (100..=599).contains(status));
    match value {
        Value::Number(value) => number(&value.to_string()).map(|status| (status, status)),
        Value::String(text) => {
            let text = text.trim().to_ascii_lowercase();
            if let Some(class) = text.strip_suffix("xx") {
                return number(&format!("{class}00")).map(|from| (from, from + 99));
            }
            match text.split_once('-') {
                Some((from, to)) => {
                    let range = (number(from.trim())?, number(to.trim())?);
                    (range.0 <= range.1).then_some(range)
                }
                None => number(&text).map(|status| (status, status)),
            }
        }
        _ => None,
    }
}

/// Whether two values are the same; numbers are compared by what they are, not by how they are written.
pub(crate) fn equals(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let [one, other] = [one.to_string(), other.to_string()];
            let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
            // Large whole numbers have more digits than a float.
            one == other
                || !(is_whole(&one) && is_whole(&other)) && one.parse::<f64>() == other.parse::<f64>()
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equals(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let same = |(name, value): (&String, &Value)| other.get(name).is_some_and(|it| equals(value, it));
            one.len() == other.len() && one.iter().all(same)
        }
        (one, other) => one == other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::from_str;

    use super::*;

    #[test]
    fn a_status_is_a_number_a_class_or_a_range() {
        let read = |text: &str| status(&from_str(text).unwrap());
        for (text, expected) in [
            ("201", (201, 201)),
            ("\"2xx\"", (200, 299)),
            ("\"4XX\"", (400, 499)),
            ("\"200-204\"", (200, 204)),
            ("\"204\"", (204, 204)),
        ] {
            assert_eq!(read(text), Some(expected), "{text}");
        }
        for text in
            ["99", "600", "\"ok\"", "\"6xx\"", "\"xx\"", "\"204-200\"", "201.5", "true", "null", "[]", "-200"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn statuses_are_shown_as_they_are_written() {
        let expect = Expect { statuses: vec![(200, 299), (404, 404), (500, 503)], json: Vec::new() };
        assert_eq!(expect.statuses(), "2xx or 404 or 500-503");
        assert!(expect.takes(204) && expect.takes(404) && !expect.takes(403));
    }

    #[test]
    fn numbers_are_compared_by_value_and_members_in_any_order() {
        let same = |one: &str, other: &str| equals(&from_str(one).unwrap(), &from_str(other).unwrap());
        assert!(same("1", "1.0") && same("1e2", "100") && same(r#"{"a":1,"b":[2]}"#, r#"{"b":[2.0],"a":1}"#));
        assert!(
            !same("1", "\"1\"") && !same("9007199254740993", "9007199254740992") && !same("[1]", "[1,2]")
        );
        assert!(!same(r#"{"a":1}"#, r#"{"a":1,"b":2}"#) && !same("null", "false"));
    }
}
