//! A collector of OTLP over HTTP on this machine, and what it was sent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sandpiper::conformance::http::{Arrived, Reply};
use sandpiper_tests::{Api, Project};
use serde_json::Value;

/// A collector, which ends with the test.
pub(super) struct Collector(pub(super) Api);

/// A span, as it arrived.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) trace: String,
    pub(super) id: String,
    /// Empty where there is none.
    pub(super) parent: String,
    pub(super) name: String,
    /// All of it.
    pub(super) json: Value,
    /// What is said of it.
    pub(super) attributes: BTreeMap<String, Value>,
}

impl Collector {
    /// One that takes everything.
    pub(super) fn start() -> Self {
        Self(Api::start(|_, _| Reply::new(200, "{}")))
    }

    /// Has the commands of a project tell it everything, as JSON.
    pub(super) fn is_told_by(&self, project: &mut Project) {
        project.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &self.0.url(""));
        project.set_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json");
    }

    /// What arrived at a path.
    pub(super) fn at(&self, path: &str) -> Vec<Arrived> {
        let is_there = |it: &Arrived| it.method == "POST" && it.target == path;
        self.0.arrived().into_iter().filter(is_there).collect()
    }

    /// The spans, in the order in which they came.
    pub(super) fn spans(&self) -> Vec<Span> {
        let bodies = self.at("/v1/traces").into_iter().map(|it| json(&it));
        let scopes =
            bodies.flat_map(|body| all(&body, "/resourceSpans")).flat_map(|it| all(&it, "/scopeSpans"));
        scopes.flat_map(|scope| all(&scope, "/spans")).map(Span::new).collect()
    }

    /// The one span of a name.
    pub(super) fn span(&self, name: &str) -> Span {
        let spans = self.spans();
        let mut of_name = spans.iter().filter(|span| span.name == name);
        match (of_name.next(), of_name.next()) {
            (Some(span), None) => span.clone(),
            _ => panic!("not one span `{name}` in {:?}", names(&spans)),
        }
    }

    /// The points of a metric that arrived last.
    pub(super) fn points(&self, name: &str) -> Vec<Value> {
        let body = self.at("/v1/metrics").pop().map(|it| json(&it)).unwrap_or_default();
        let scopes = all(&body, "/resourceMetrics").into_iter().flat_map(|it| all(&it, "/scopeMetrics"));
        let metrics = scopes.flat_map(|scope| all(&scope, "/metrics")).filter(|it| it["name"] == name);
        let points = |it: Value| [all(&it, "/sum/dataPoints"), all(&it, "/histogram/dataPoints")].concat();
        metrics.flat_map(points).collect()
    }

    /// Waits until something is so.
    pub(super) fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let since = Instant::now();
        while !is_so(self) {
            assert!(since.elapsed() < Duration::from_secs(60), "{what}: {:?}", self.0.lines());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Span {
    fn new(json: Value) -> Self {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        let [trace, id, parent, name] = ["traceId", "spanId", "parentSpanId", "name"].map(text);
        Self { trace, id, parent, name, attributes: attributes(&json), json }
    }

    /// An attribute, as a text.
    pub(super) fn says(&self, key: &str) -> String {
        self.attributes.get(key).map_or(String::new(), |value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }
}

/// The names of spans.
pub(super) fn names(spans: &[Span]) -> Vec<&str> {
    spans.iter().map(|span| span.name.as_str()).collect()
}

/// The attributes of a span, an event or a point.
pub(super) fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let pairs = all(of, "/attributes").into_iter().map(|pair| {
        let value = pair["value"].as_object().and_then(|value| value.values().next()).cloned();
        (pair["key"].as_str().unwrap().to_owned(), value.unwrap())
    });
    let pairs: Vec<_> = pairs.collect();
    let count = pairs.len();
    let attributes: BTreeMap<_, _> = pairs.into_iter().collect();
    assert_eq!(attributes.len(), count, "no attribute is said twice: {of}");
    attributes
}

fn json(arrived: &Arrived) -> Value {
    assert_eq!(arrived.header("content-type"), "application/json");
    serde_json::from_slice(&arrived.body).unwrap()
}

fn all(of: &Value, pointer: &str) -> Vec<Value> {
    of.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The fields of a message of protobuf: their numbers, and their bytes.
pub(super) fn fields(mut message: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let length = match key & 7 {
            0 => {
                let value = varint(&mut message).to_le_bytes().to_vec();
                fields.push((key >> 3, value));
                continue;
            }
            1 => 8,
            2 => usize::try_from(varint(&mut message)).unwrap(),
            5 => 4,
            other => panic!("no type {other}"),
        };
        let (value, rest) = message.split_at(length);
        fields.push((key >> 3, value.to_vec()));
        message = rest;
    }
    fields
}

/// The messages that lie in others at these numbers.
pub(super) fn within(message: &[u8], path: &[u64]) -> Vec<Vec<u8>> {
    path.iter().fold(vec![message.to_vec()], |messages, number| {
        let of = |message: Vec<u8>| fields(&message).into_iter().filter(|(known, _)| known == number);
        messages.into_iter().flat_map(of).map(|(_, value)| value).collect()
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for place in 0.. {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u64::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}
