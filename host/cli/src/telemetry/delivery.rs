//! One batch on its way: encoded, sent, sent again where that may help, and what did not arrive.

use std::time::{Duration, Instant};

use prost::Message;
use sandpiper_backends::http::{Client, Unanswered};
use serde::Serialize;
use tokio::sync::watch;

use super::otlp::{
    Metric, MetricsRequest, Resource, ResourceMetrics, ResourceSpans, Scope, ScopeMetrics, ScopeSpans, Span,
    TraceRequest, attribute,
};
use super::variables::{Destination, Settings};

/// How often the same is sent at most, and the pause after the first time, which doubles.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How the root of a collector's certificate is named.
const UNTRUSTED: &str = "name the root with `OTEL_EXPORTER_OTLP_CERTIFICATE`";

/// Sends batches.
pub(super) struct Delivery {
    resource: Resource,
    scope: Scope,
    traces: Option<Way>,
    metrics: Option<Way>,
    /// What did not arrive.
    pub(super) failures: Failures,
}

/// Where one kind of telemetry goes.
struct Way {
    shown: String,
    client: Client,
    headers: Vec<(String, String)>,
    timeout: Duration,
    is_json: bool,
    /// Until when everything has to be sent; none while there is time.
    end: watch::Receiver<Option<Instant>>,
}

impl Delivery {
    /// As the settings say, until the end that is told.
    pub(super) fn new(settings: Settings, end: watch::Receiver<Option<Instant>>) -> Self {
        let attributes = settings.resource.iter().map(|(key, value)| attribute(key, value.as_str()));
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Self {
            resource: Resource { attributes: attributes.collect() },
            scope: Scope { name: "sandpiper".to_owned(), version },
            traces: settings.traces.map(|traces| Way::new(traces, end.clone())),
            metrics: settings.metrics.map(|metrics| Way::new(metrics, end)),
            failures: Failures::default(),
        }
    }

    /// Where it sends, as it may be shown.
    pub(super) fn shown(&self) -> Vec<String> {
        self.traces.iter().chain(&self.metrics).map(|way| format!("`{}`", way.shown)).collect()
    }

    /// Sends spans that are over.
    pub(super) async fn spans(&mut self, spans: Vec<Span>) {
        let Some(way) = self.traces.as_mut().filter(|_| !spans.is_empty()) else { return };
        let count = spans.len();
        let scope_spans = vec![ScopeSpans { scope: Some(self.scope.clone()), spans }];
        let of_resource = ResourceSpans { resource: Some(self.resource.clone()), scope_spans };
        let sent = way.send(&TraceRequest { resource_spans: vec![of_resource] }, TRIES).await;
        self.failures.spans.came(&way.shown, count, sent);
    }

    /// Sends what was counted.
    pub(super) async fn metrics(&mut self, metrics: Vec<Metric>) {
        self.metrics_within(metrics, TRIES).await;
    }

    /// The same once no span follows. A collector may serve one connection after the other, and one that has just taken
    /// no spans is asked once.
    pub(super) async fn last_metrics(&mut self, metrics: Vec<Metric>) {
        self.traces = None;
        let tries = if self.failures.spans.last.is_some() { 1 } else { TRIES };
        self.metrics_within(metrics, tries).await;
    }

    async fn metrics_within(&mut self, metrics: Vec<Metric>, tries: u32) {
        let Some(way) = self.metrics.as_mut().filter(|_| !metrics.is_empty()) else { return };
        let scope_metrics = vec![ScopeMetrics { scope: Some(self.scope.clone()), metrics }];
        let of_resource = ResourceMetrics { resource: Some(self.resource.clone()), scope_metrics };
        let sent = way.send(&MetricsRequest { resource_metrics: vec![of_resource] }, tries).await;
        self.failures.metrics.came(&way.shown, 0, sent);
    }
}

impl Way {
    fn new(destination: Destination, end: watch::Receiver<Option<Instant>>) -> Self {
        let Destination { shown, address, http, mut headers, timeout, is_json } = destination;
        let kind = if is_json { "application/json" } else { "application/x-protobuf" };
        headers.push(("content-type".to_owned(), kind.to_owned()));
        Self { shown, client: Client::new(address, http, UNTRUSTED), headers, timeout, is_json, end }
    }

    /// Sends it until it was taken, or that has no prospect any more.
    async fn send(&mut self, message: &(impl Message + Serialize), tries: u32) -> Result<(), String> {
        let body = match self.is_json {
            true => serde_json::to_vec(message).map_err(|error| error.to_string())?,
            false => message.encode_to_vec(),
        };
        let begun = Instant::now();
        let (mut tried, mut pause) = (0, FIRST_PAUSE);
        loop {
            tried += 1;
            let until = self.until(begun);
            let left = until.saturating_duration_since(Instant::now());
            let headers: Vec<(&str, &str)> =
                self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let (why, asked) = match self.client.post(&headers, body.clone(), left).await {
                Ok(reply) if (200..300).contains(&reply.status) => return Ok(()),
                Ok(reply) => {
                    let why = format!("the collector answered with status {}", reply.status);
                    // The standard's: what is taken later, and nothing else.
                    if !matches!(reply.status, 429 | 502 | 503 | 504) {
                        return Err(why);
                    }
                    (why, reply.retry_after)
                }
                Err(Unanswered { why, may_pass: false }) => return Err(why),
                Err(Unanswered { why, may_pass: true }) => (why, None),
            };
            let wait = asked.map_or(pause, |asked| asked.max(pause));
            if tried >= tries || !self.waits(wait, begun).await {
                return Err(why);
            }
            pause *= 2;
        }
    }

    /// Until when something may take that was begun then.
    fn until(&self, begun: Instant) -> Instant {
        let own = begun + self.timeout;
        self.end.borrow().map_or(own, |end| end.min(own))
    }

    /// Waits before the same is sent again; false where it would be too late then. When the end is told meanwhile, it
    /// is sent again at once.
    async fn waits(&mut self, pause: Duration, begun: Instant) -> bool {
        if Instant::now() + pause >= self.until(begun) {
            return false;
        }
        let has_ended = self.end.borrow().is_some();
        let mut end = self.end.clone();
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = end.wait_for(Option::is_some), if !has_ended => {}
        }
        true
    }
}

/// What did not arrive: of spans, and of what was counted.
#[derive(Default)]
pub(super) struct Failures {
    spans: Failure,
    metrics: Failure,
}

#[derive(Default)]
struct Failure {
    /// Where it should have arrived, and why the last one did not.
    last: Option<(String, String)>,
    /// How many spans.
    count: usize,
    /// Whether it does not work now, and that was said.
    is_said: bool,
}

impl Failure {
    fn came(&mut self, shown: &str, count: usize, sent: Result<(), String>) {
        match sent {
            Ok(()) => self.is_said = false,
            Err(why) => {
                self.last = Some((shown.to_owned(), why));
                self.count += count;
            }
        }
    }
}

impl Failures {
    /// Nothing arrived.
    pub(super) fn of_everything(shown: &[String], why: &str) -> Self {
        let last = Some((shown.join(" and "), why.to_owned()));
        Self { spans: Failure { last, ..Failure::default() }, metrics: Failure::default() }
    }

    /// What is to be said now, because it does not work any more: once, until it works again.
    pub(super) fn news(&mut self) -> Option<String> {
        let is_news = [&self.spans, &self.metrics].iter().any(|it| it.last.is_some() && !it.is_said);
        let said = is_news.then(|| self.in_words()).flatten();
        for failure in [&mut self.spans, &mut self.metrics] {
            if failure.last.take().is_some() {
                failure.is_said = true;
            }
            failure.count = 0;
        }
        said
    }

    /// All of it, in one sentence.
    pub(super) fn in_words(&self) -> Option<String> {
        let mut parts = Vec::new();
        for failure in [&self.spans, &self.metrics] {
            let Some((shown, why)) = failure.last.as_ref().filter(|_| !failure.is_said) else { continue };
            let lost = match failure.count {
                0 => String::new(),
                1 => " (1 span)".to_owned(),
                count => format!(" ({count} spans)"),
            };
            parts.push(format!("`{shown}`{lost}: {why}"));
        }
        (!parts.is_empty()).then(|| format!("telemetry did not arrive at {}", parts.join("; nor at ")))
    }
}
