//! Reads the requests of a step: everything that is wrong with them, each at its place.

use serde_json::{Map, Value};

use crate::bindings::{Problem, Step};
use crate::captured::{self, Text};
use crate::expect::{self, Expect};
use crate::place::{below, problem};
use crate::pointer;

/// One request of a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// Where it stands in the payload.
    pub(crate) pointer: String,
    pub(crate) method: String,
    pub(crate) path: Text,
    pub(crate) query: Vec<(String, Text)>,
    pub(crate) headers: Vec<(String, Text)>,
    pub(crate) body: Option<Value>,
    pub(crate) expect: Expect,
    /// Names, and pointers into the answer.
    pub(crate) capture: Vec<(String, String)>,
}

const KEYS: [&str; 7] = ["method", "path", "query", "headers", "body", "expect", "capture"];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// How near a wrong key must be to one that exists.
const NEAR: usize = 3;

impl Request {
    /// Whether it may change anything.
    pub(crate) fn writes(&self) -> bool {
        !matches!(self.method.as_str(), "GET" | "HEAD")
    }
}

/// The requests of a step.
///
/// # Errors
///
/// Everything that is wrong with them.
pub(crate) fn read(step: &Step) -> Result<Vec<Request>, Vec<Problem>> {
    let mut reader = Reader { problems: Vec::new() };
    let payload: Value = serde_json::from_str(&step.payload).unwrap_or_default();
    let requests = match &payload {
        Value::Array(items) if items.is_empty() => {
            reader.wrong(
                "",
                "there is no request in the list",
                "write `{ method: POST, path: items }`, or leave it out",
            );
            Vec::new()
        }
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.filter_map(|(index, item)| reader.request(format!("/{index}"), item)).collect()
        }
        one => reader.request(String::new(), one).into_iter().collect(),
    };
    if reader.problems.is_empty() { Ok(requests) } else { Err(reader.problems) }
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn wrong(&mut self, pointer: impl Into<String>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.push(problem(pointer, message, help));
    }

    fn request(&mut self, pointer: String, value: &Value) -> Option<Request> {
        let Value::Object(members) = value else {
            let message = format!("a request is {}, but must be a mapping", kind(value));
            self.wrong(pointer, message, "write `{ method: POST, path: items, body: { .. } }`");
            return None;
        };
        self.known(&pointer, members, &KEYS, "a request");
        let method =
            self.required(&pointer, members, "method", "POST").map(|method| self.method(&pointer, &method));
        let path = self
            .required(&pointer, members, "path", "items")
            .map(|path| self.text(&below(&pointer, "path"), &path));
        let query = self.values(&pointer, members, "query");
        let headers = self.values(&pointer, members, "headers");
        let body = members.get("body").filter(|body| !body.is_null()).cloned();
        if let Some(body) = &body {
            self.references(&below(&pointer, "body"), body);
        }
        let expect = self.expect(&below(&pointer, "expect"), members.get("expect"));
        let capture = self.capture(&below(&pointer, "capture"), members.get("capture"));
        Some(Request { pointer, method: method?, path: path?, query, headers, body, expect, capture })
    }

    /// Every key that is none, with the nearest that is one.
    fn known(&mut self, pointer: &str, members: &Map<String, Value>, known: &[&str], what: &str) {
        for name in members.keys().filter(|name| !known.contains(&name.as_str())) {
            let distance = |key: &&&str| strsim::damerau_levenshtein(key, name);
            let nearest = known.iter().min_by_key(distance).filter(|key| distance(key) <= NEAR);
            let help = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("{what} has {}", list(known)),
            };
            self.wrong(below(pointer, name), format!("unknown key `{name}` in {what}"), help);
        }
    }

    fn required(
        &mut self,
        pointer: &str,
        members: &Map<String, Value>,
        key: &str,
        example: &str,
    ) -> Option<String> {
        match members.get(key) {
            Some(Value::String(text)) => return Some(text.clone()),
            Some(other) if !other.is_null() => {
                let message = format!("`{key}` is {}, but must be a text", kind(other));
                self.wrong(below(pointer, key), message, format!("write `{key}: {example}`"));
            }
            _ => self.wrong(pointer, format!("`{key}` is missing"), format!("write `{key}: {example}`")),
        }
        None
    }

    /// A method is an ordinary word; the usual ones may be written in lower case.
    fn method(&mut self, pointer: &str, method: &str) -> String {
        let usual = METHODS.iter().find(|usual| usual.eq_ignore_ascii_case(method));
        if usual.is_none()
            && (method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
        {
            self.wrong(
                below(pointer, "method"),
                format!("`{method}` is no method"),
                format!("write one of {}", list(&METHODS)),
            );
        }
        usual.map_or_else(|| method.to_owned(), |usual| (*usual).to_owned())
    }

    /// A text in which `${captured.NAME}` may stand.
    fn text(&mut self, pointer: &str, text: &str) -> Text {
        captured::read(text).unwrap_or_else(|message| {
            self.wrong(
                pointer,
                message,
                "write `${captured.NAME}`, with a name of letters, digits, `_` and `-`",
            );
            Text::default()
        })
    }

    /// Names with a value each, or with a list of them.
    fn values(&mut self, pointer: &str, members: &Map<String, Value>, key: &str) -> Vec<(String, Text)> {
        let pointer = below(pointer, key);
        let members = match members.get(key) {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                let message = format!("`{key}` is {}, but must be a mapping", kind(other));
                self.wrong(pointer, message, format!("write `{key}: {{ name: value }}`"));
                return Vec::new();
            }
        };
        let mut values = Vec::new();
        for (name, value) in members {
            let place = below(&pointer, name);
            let items = match value {
                Value::Array(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            for item in items {
                match plain(item) {
                    Some(text) => values.push((name.clone(), self.text(&place, &text))),
                    None => {
                        let message = format!("the value of `{name}` is {}, but must be a text", kind(item));
                        self.wrong(&place, message, "write a text, a number, or a list of these");
                    }
                }
            }
        }
        values
    }

    /// The texts of a body, which is filled in when it is sent.
    fn references(&mut self, pointer: &str, value: &Value) {
        match value {
            Value::String(text) => drop(self.text(pointer, text)),
            Value::Array(items) => {
                items
                    .iter()
                    .enumerate()
                    .for_each(|(index, item)| self.references(&format!("{pointer}/{index}"), item));
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| self.references(&below(pointer, name), value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn expect(&mut self, pointer: &str, value: Option<&Value>) -> Expect {
        let members = match value {
            None | Some(Value::Null) => return Expect::default(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                let message = format!("`expect` is {}, but must be a mapping", kind(other));
                self.wrong(pointer, message, "write `expect: { status: 201, json: { /name: mail } }`");
                return Expect::default();
            }
        };
        self.known(pointer, members, &["status", "json"], "`expect`");
        let mut expect = Expect::default();
        if let Some(value) = members.get("status").filter(|value| !value.is_null()) {
            expect.statuses = self.statuses(&below(pointer, "status"), value);
        }
        let place = below(pointer, "json");
        match members.get("json") {
            None | Some(Value::Null) => {}
            Some(Value::Object(members)) => {
                for (at, value) in members {
                    self.pointer(&below(&place, at), at);
                    self.references(&below(&place, at), value);
                    expect.json.push((at.clone(), value.clone()));
                }
            }
            Some(other) => {
                let message = format!("`json` is {}, but must be a mapping", kind(other));
                self.wrong(
                    place,
                    message,
                    "write `json: { /data/name: mail }`: places in the answer, and what stands there",
                );
            }
        }
        expect
    }

    fn statuses(&mut self, pointer: &str, value: &Value) -> Vec<(u16, u16)> {
        let items = match value {
            Value::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut statuses = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let place = if value.is_array() { format!("{pointer}/{index}") } else { pointer.to_owned() };
            match expect::status(item) {
                Some(status) => statuses.push(status),
                None => {
                    let shown = plain(item).map_or_else(|| kind(item).to_owned(), |text| format!("`{text}`"));
                    self.wrong(
                        place,
                        format!("{shown} is no status"),
                        "write `201`, `2xx`, `200-204`, or a list of these",
                    );
                }
            }
        }
        if items.is_empty() {
            self.wrong(pointer, "no status is expected", "write `201`, `2xx`, `200-204`, or a list of these");
        }
        statuses
    }

    fn capture(&mut self, pointer: &str, value: Option<&Value>) -> Vec<(String, String)> {
        let members = match value {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Object(members)) => members,
            Some(other) => {
                let message = format!("`capture` is {}, but must be a mapping", kind(other));
                self.wrong(pointer, message, "write `capture: { id: /data/id }`");
                return Vec::new();
            }
        };
        let mut capture = Vec::new();
        for (name, value) in members {
            let place = below(pointer, name);
            if !captured::is_name(name) {
                self.wrong(
                    &place,
                    format!("`{name}` is no name"),
                    "give it a name of letters, digits, `_` and `-`",
                );
            }
            match value {
                Value::String(at) => {
                    self.pointer(&place, at);
                    capture.push((name.clone(), at.clone()));
                }
                other => {
                    let message = format!("the pointer of `{name}` is {}, but must be a text", kind(other));
                    self.wrong(place, message, "write a JSON pointer into the answer: `/data/id`");
                }
            }
        }
        capture
    }

    fn pointer(&mut self, place: &str, at: &str) {
        if let Some(fault) = pointer::fault(at) {
            let message = format!("the JSON pointer `{at}` {fault}");
            self.wrong(
                place,
                message,
                "write `/data/id` for `id` within `data`; `/` in a name is `~1`, and `~` is `~0`",
            );
        }
    }
}

/// A value that is one text.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// What a value is, for a message.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bindings::Action;

    /// A step that applies a payload.
    pub(crate) fn step(payload: &str) -> Step {
        Step {
            action: Action::Apply,
            index: 0,
            target_kind: "http".into(),
            configuration: "null".into(),
            payload: payload.into(),
            finished_statements: 0,
        }
    }

    fn problems(payload: &str) -> Vec<(String, String)> {
        let problems = read(&step(payload)).unwrap_err();
        problems.into_iter().map(|problem| (problem.place.pointer, problem.message)).collect()
    }

    #[test]
    fn every_key_of_a_request_is_read() {
        let payload = r#"{"method":"post","path":"items","query":{"a":[1,"b"]},"headers":{"X-A":true},"body":{"n":1.10},
            "expect":{"status":[201,"2xx"],"json":{"/n":1}},"capture":{"id":"/data/id"}}"#;
        let [request] = <[Request; 1]>::try_from(read(&step(payload)).unwrap()).unwrap();
        assert_eq!((request.method.as_str(), request.query.len(), request.headers.len()), ("POST", 2, 1));
        assert_eq!(request.body.unwrap().to_string(), r#"{"n":1.10}"#);
        assert_eq!(request.expect.statuses, [(201, 201), (200, 299)]);
        assert_eq!(request.capture, [("id".to_owned(), "/data/id".to_owned())]);
    }

    #[test]
    fn all_problems_are_told_at_their_places() {
        let payload = r#"[{"method":"POST","path":"items","expct":{},"bogus-key":1},
            {"path":5,"method":"a b","expect":{"status":"ok","json":{"id":1},"body":1},"capture":{"a b":"id","c":1}}]"#;
        let found = problems(payload);
        let places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(
            places,
            [
                "/0/expct",
                "/0/bogus-key",
                "/1/method",
                "/1/path",
                "/1/expect/body",
                "/1/expect/status",
                "/1/expect/json/id",
                "/1/capture/a b",
                "/1/capture/a b",
                "/1/capture/c"
            ]
        );
        let help = read(&step(payload)).unwrap_err().remove(0).help;
        assert_eq!(help.as_deref(), Some("did you mean `expect`?"));
    }

    #[test]
    fn what_is_no_request_is_a_problem() {
        for payload in ["null", "\"GET /items\"", "7", "[]", "[null]", "{}"] {
            assert!(!problems(payload).is_empty(), "{payload}");
        }
        assert_eq!(problems("{}").len(), 2);
    }

    #[test]
    fn a_reference_that_does_not_end_is_a_problem_wherever_it_stands() {
        let payload = r#"{"method":"PUT","path":"${captured.id","query":{"q":"${captured.}"},"body":[{"a":"${captured.a b}"}]}"#;
        let found = problems(payload);
        let places: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
        assert_eq!(places, ["/path", "/query/q", "/body/0/a"]);
    }
}
