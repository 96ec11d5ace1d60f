//! The standard's environment variables, and what is wrong with them: nothing of that stops a run.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use sandpiper_backends::http::{Address, Settings as HttpSettings};

use super::trace_context::{Parent, Sampler};

/// Where OTLP over HTTP goes unless it is said.
const USUAL_ENDPOINT: &str = "http://localhost:4318";

/// The variable, unless it is empty: that counts as none.
pub(super) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What is told, and how.
pub(super) struct Settings {
    pub(super) traces: Option<Destination>,
    pub(super) metrics: Option<Destination>,
    /// Of the resource, with `service.name`.
    pub(super) resource: Vec<(String, String)>,
    pub(super) sampler: Sampler,
    pub(super) parent: Option<Parent>,
    pub(super) batch: Batch,
    /// How often metrics are told while the process runs.
    pub(super) interval: Duration,
    /// Whether each report tells what was counted since the one before.
    pub(super) is_delta: bool,
    /// How many characters of a text are told.
    pub(super) longest_value: usize,
}

/// How spans are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    /// How long a span waits at most while the process runs.
    pub(super) delay: Duration,
    /// How long the end of the process waits at most.
    pub(super) at_end: Duration,
    /// How many wait; what is more is lost.
    pub(super) queue: usize,
    /// How many go at a time.
    pub(super) size: usize,
}

/// Where one kind of telemetry goes.
pub(super) struct Destination {
    /// The endpoint, as it may be shown.
    pub(super) shown: String,
    pub(super) address: Address,
    pub(super) http: HttpSettings,
    pub(super) headers: Vec<(String, String)>,
    pub(super) timeout: Duration,
    /// JSON instead of protobuf.
    pub(super) is_json: bool,
}

/// Reads them; none where nothing is to be told. What is wrong is added to `warnings`.
pub(super) fn read(lookup: Lookup<'_>, warnings: &mut BTreeSet<String>) -> Option<Settings> {
    let is_off = lookup("OTEL_SDK_DISABLED").is_some_and(|off| off.trim().eq_ignore_ascii_case("true"));
    if is_off {
        return None;
    }
    let mut reader = Reader { lookup, warnings };
    let traces = reader.destination("TRACES", "traces");
    let metrics = reader.destination("METRICS", "metrics");
    if traces.is_none() && metrics.is_none() {
        return None;
    }
    let longest = ["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"];
    let longest = longest.into_iter().find_map(|name| reader.number(name)).unwrap_or(4096);
    let milliseconds =
        |number: Option<u64>, usual: u64| Duration::from_millis(number.unwrap_or(usual).max(1));
    let count = |number: Option<u64>, usual: usize| {
        number.map_or(usual, |number| usize::try_from(number).unwrap_or(usize::MAX).max(1))
    };
    let queue = count(reader.number("OTEL_BSP_MAX_QUEUE_SIZE"), 2048);
    Some(Settings {
        resource: reader.resource(),
        sampler: reader.sampler(),
        parent: reader.parent(),
        batch: Batch {
            delay: milliseconds(reader.number("OTEL_BSP_SCHEDULE_DELAY"), 5_000),
            at_end: milliseconds(reader.number("OTEL_BSP_EXPORT_TIMEOUT"), 5_000),
            queue,
            size: count(reader.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE"), 512).min(queue),
        },
        interval: milliseconds(reader.number("OTEL_METRIC_EXPORT_INTERVAL"), 60_000),
        is_delta: reader.is_delta(),
        longest_value: usize::try_from(longest).unwrap_or(usize::MAX),
        traces,
        metrics,
    })
}

struct Reader<'a> {
    lookup: Lookup<'a>,
    warnings: &'a mut BTreeSet<String>,
}

impl Reader<'_> {
    fn get(&self, name: &str) -> Option<String> {
        (self.lookup)(name)
    }

    fn warn(&mut self, warning: String) {
        self.warnings.insert(warning);
    }

    /// The variable of one kind of telemetry, else that of all: its name and its value.
    fn of_signal(&self, signal: &str, what: &str) -> Option<(String, String)> {
        [format!("OTEL_EXPORTER_OTLP_{signal}_{what}"), format!("OTEL_EXPORTER_OTLP_{what}")]
            .into_iter()
            .find_map(|name| Some((name.clone(), self.get(&name)?)))
    }

    /// A number that is none is told, and not used.
    fn number(&mut self, name: &str) -> Option<u64> {
        let text = self.get(name)?;
        let number = text.trim().parse().ok();
        if number.is_none() {
            self.warn(format!("`{name}` is no whole number, and is not used"));
        }
        number
    }

    /// Where one kind of telemetry goes, if it goes anywhere: an exporter or an endpoint is named.
    fn destination(&mut self, signal: &str, path: &str) -> Option<Destination> {
        let exporter = format!("OTEL_{signal}_EXPORTER");
        let endpoint = self.of_signal(signal, "ENDPOINT");
        match self.get(&exporter) {
            None if endpoint.is_none() => return None,
            None => {}
            Some(names) => {
                let names: Vec<&str> = names.split(',').map(str::trim).collect();
                for other in names.iter().filter(|name| !matches!(**name, "otlp" | "none")) {
                    let other: String = other.chars().filter(|it| !it.is_control()).take(40).collect();
                    self.warn(format!(
                        "`{exporter}` names `{other}`, which is not there; there are `otlp` and `none`"
                    ));
                }
                if !names.contains(&"otlp") {
                    return None;
                }
            }
        }
        let is_json = self.is_json(signal)?;
        let (name, url) = match endpoint {
            // The one of a signal is used as it is; to the one of all, the path of the signal is added.
            Some((name, url)) if name.contains(signal) => (name, url.trim().to_owned()),
            Some((name, url)) => (name, below(url.trim(), path)),
            None => ("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), below(USUAL_ENDPOINT, path)),
        };
        let address = match Address::parse(&url) {
            Ok(address) => address,
            Err(why) => {
                self.warn(format!("`{name}` cannot be used, and nothing is sent there: {why}"));
                return None;
            }
        };
        let timeout = self.of_signal(signal, "TIMEOUT").and_then(|(name, _)| self.number(&name));
        let file = |value: Option<(String, String)>| value.map(|(_, file)| PathBuf::from(file));
        let certificate = self.of_signal(signal, "CLIENT_CERTIFICATE");
        let key = self.of_signal(signal, "CLIENT_KEY");
        if let (Some((name, _)), None) | (None, Some((name, _))) = (&certificate, &key) {
            self.warn(format!("`{name}` is not used: a client certificate and its key go together"));
        }
        let http = HttpSettings {
            root_certificate: file(self.of_signal(signal, "CERTIFICATE")),
            client: file(certificate).zip(file(key)),
            ..HttpSettings::default()
        };
        Some(Destination {
            shown: shown(&url),
            address,
            http,
            headers: self.headers(signal),
            timeout: Duration::from_millis(timeout.unwrap_or(10_000).max(1)),
            is_json,
        })
    }

    /// Whether it is told as JSON; none where it is in no way that we have.
    fn is_json(&mut self, signal: &str) -> Option<bool> {
        let Some((name, protocol)) = self.of_signal(signal, "PROTOCOL") else { return Some(false) };
        match protocol.trim() {
            "http/protobuf" => Some(false),
            "http/json" => Some(true),
            "grpc" => {
                self.warn(format!(
                    "`{name}` is `grpc`, which is not spoken here, and nothing is sent by it: set it to `http/protobuf` or \
                     `http/json`, and the endpoint to the port that the collector has for HTTP (4318)"
                ));
                None
            }
            _ => {
                self.warn(format!(
                    "`{name}` is neither `http/protobuf` nor `http/json`, and nothing is sent by it"
                ));
                None
            }
        }
    }

    fn headers(&mut self, signal: &str) -> Vec<(String, String)> {
        let Some((name, text)) = self.of_signal(signal, "HEADERS") else { return Vec::new() };
        let headers = pairs(&text).and_then(|pairs| pairs.into_iter().map(header).collect());
        headers.unwrap_or_else(|| {
            self.warn(format!("`{name}` is not of the form `name=value,name=value`, and is not used"));
            Vec::new()
        })
    }

    /// What the telemetry is of: the variable for its name goes before the one for all.
    fn resource(&mut self) -> Vec<(String, String)> {
        let name = "OTEL_RESOURCE_ATTRIBUTES";
        let given = self.get(name).map(|text| pairs(&text));
        if let Some(None) = given {
            self.warn(format!("`{name}` is not of the form `name=value,name=value`, and is not used"));
        }
        let mut attributes = given.flatten().unwrap_or_default();
        if let Some(service) = self.get("OTEL_SERVICE_NAME") {
            attributes.retain(|(key, _)| key != "service.name");
            attributes.insert(0, ("service.name".to_owned(), service));
        } else if !attributes.iter().any(|(key, _)| key == "service.name") {
            attributes.insert(0, ("service.name".to_owned(), "sandpiper".to_owned()));
        }
        attributes
    }

    fn sampler(&mut self) -> Sampler {
        let usual = Sampler { by_parent: true, ratio: 1.0 };
        let Some(name) = self.get("OTEL_TRACES_SAMPLER") else { return usual };
        let argument = self.get("OTEL_TRACES_SAMPLER_ARG").map(|text| text.trim().parse::<f64>());
        let argument = match argument {
            Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => Some(ratio),
            Some(_) => {
                self.warn("`OTEL_TRACES_SAMPLER_ARG` is no number from 0 to 1, and is not used".to_owned());
                None
            }
            None => None,
        };
        Sampler::named(name.trim(), argument).unwrap_or_else(|| {
            self.warn(
                "`OTEL_TRACES_SAMPLER` names no sampler that is there, and `parentbased_always_on` is used"
                    .to_owned(),
            );
            usual
        })
    }

    fn parent(&self) -> Option<Parent> {
        let knows = self.get("OTEL_PROPAGATORS");
        if knows.is_some_and(|names| !names.split(',').any(|name| name.trim() == "tracecontext")) {
            return None;
        }
        Parent::read(&self.get("TRACEPARENT")?, self.get("TRACESTATE").as_deref())
    }

    fn is_delta(&mut self) -> bool {
        let name = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        match self.get(name).map(|text| text.trim().to_ascii_lowercase()).as_deref() {
            None | Some("cumulative") => false,
            // What is counted here is told alike by both.
            Some("delta" | "lowmemory") => true,
            Some(_) => {
                self.warn(format!("`{name}` is none of `cumulative`, `delta`, `lowmemory`, and is not used"));
                false
            }
        }
    }
}

/// The address of one kind of telemetry below the one of all.
fn below(url: &str, path: &str) -> String {
    let (address, query) = match url.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (url, String::new()),
    };
    format!("{}/v1/{path}{query}", address.trim_end_matches('/'))
}

/// An endpoint without who calls and without its query: both may be secret.
fn shown(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = url.split_once("://") else { return String::new() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// `name=value,name=value`, both percent-encoded; none where it is something else.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let read = pairs.map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let (name, value) = (decoded(name.trim())?, decoded(value.trim())?);
        (!name.is_empty()).then_some((name, value))
    });
    read.collect()
}

/// A pair that can be a header.
fn header((name, value): (String, String)) -> Option<(String, String)> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let is_header = name.bytes().all(is_name) && !value.bytes().any(|byte| byte < b' ' || byte == 0x7f);
    is_header.then_some((name.to_ascii_lowercase(), value))
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = (byte == b'%').then(|| rest.get(..2)).flatten();
        let escaped = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = rest.get(2..).unwrap_or_default();
            }
            None => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn told(variables: &[(&str, &str)]) -> (Option<Settings>, Vec<String>) {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let lookup = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let mut warnings = BTreeSet::new();
        let settings = read(&lookup, &mut warnings);
        (settings, warnings.into_iter().collect())
    }

    fn settings(variables: &[(&str, &str)]) -> Settings {
        let (settings, warnings) = told(variables);
        assert_eq!(warnings, Vec::<String>::new());
        settings.unwrap()
    }

    const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
    const SOMEWHERE: (&str, &str) = (ENDPOINT, "http://collector:4318");

    #[test]
    fn nothing_is_told_unless_an_endpoint_or_an_exporter_is_named() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "orders"), ("TRACEPARENT", "x")],
            &[SOMEWHERE, ("OTEL_SDK_DISABLED", "TRUE")],
            &[SOMEWHERE, ("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")],
        ] {
            assert!(told(variables).0.is_none(), "{variables:?}");
        }
        let both = settings(&[SOMEWHERE]);
        assert_eq!(both.traces.unwrap().shown, "http://collector:4318/v1/traces");
        assert_eq!(both.metrics.unwrap().shown, "http://collector:4318/v1/metrics");
        let usual = settings(&[("OTEL_TRACES_EXPORTER", "otlp")]);
        assert_eq!(usual.traces.unwrap().shown, "http://localhost:4318/v1/traces");
        assert!(usual.metrics.is_none());
    }

    #[test]
    fn a_signal_may_have_an_endpoint_a_protocol_headers_and_a_timeout_of_its_own() {
        let both = settings(&[
            (ENDPOINT, "https://collector/otlp/"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:9/in?key=k1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, X-Team = orders"),
            ("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "authorization=Bearer%20x="),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "250"),
        ]);
        let (traces, metrics) = (both.traces.unwrap(), both.metrics.unwrap());
        assert_eq!((traces.shown.as_str(), traces.is_json), ("http://traces:9/in", true));
        assert_eq!((metrics.shown.as_str(), metrics.is_json), ("https://collector/otlp/v1/metrics", false));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(traces.headers, [pair("api-key", "a b"), pair("x-team", "orders")]);
        assert_eq!(metrics.headers, [pair("authorization", "Bearer x=")]);
        assert_eq!(traces.timeout, Duration::from_millis(250));
        assert_eq!(metrics.timeout, Duration::from_secs(10));
    }

    #[test]
    fn what_is_wrong_is_told_without_its_value_and_stops_nothing_else() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=secret1"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "secret1"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "secret1"),
            ("OTEL_TRACES_SAMPLER", "secret1"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "secret1"),
        ] {
            let (settings, warnings) = told(&[SOMEWHERE, (name, value)]);
            assert!(settings.is_some_and(|it| it.traces.is_some()), "{name}");
            assert!(
                matches!(warnings.as_slice(), [one] if one.contains(name) && !one.contains("secret1")),
                "{warnings:?}"
            );
        }
        let (settings, warnings) = told(&[(ENDPOINT, "http://me:secret1@collector:4318")]);
        assert!(settings.is_none());
        assert!(warnings.iter().all(|it| it.contains(ENDPOINT) && !it.contains("secret1")), "{warnings:?}");
    }

    #[test]
    fn grpc_is_refused_once_with_what_to_do() {
        let (settings, warnings) = told(&[SOMEWHERE, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")]);
        assert!(settings.is_some_and(|it| it.traces.is_none() && it.metrics.is_some()));
        assert!(
            matches!(warnings.as_slice(), [one] if one.contains("`http/protobuf`") && one.contains("4318")),
            "{warnings:?}"
        );
    }

    #[test]
    fn the_resource_has_a_name() {
        let of = |variables: &[_]| settings(&[&[SOMEWHERE], variables].concat()).resource;
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(of(&[]), [pair("service.name", "sandpiper")]);
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=b%2Cc");
        assert_eq!(
            of(&[attributes]),
            [pair("service.name", "a"), pair("deployment.environment.name", "b,c")]
        );
        assert_eq!(of(&[attributes, ("OTEL_SERVICE_NAME", "z")])[0], pair("service.name", "z"));
    }

    #[test]
    fn no_secret_of_an_endpoint_is_shown() {
        assert_eq!(shown("https://u:p@h:1/a/b?c=d"), "https://h:1/a/b");
        assert_eq!(shown("http://h"), "http://h");
    }
}
