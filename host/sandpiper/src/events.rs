//! Events as lines of JSON, for programs that follow a run: `apply --events FILE|-`.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::clock::{milliseconds, now};
use crate::observer::{Event, Level, Observer};

/// The version of the lines.
const VERSION: u32 = 1;

/// Writes every event as a line of JSON.
///
/// Each line has `version`, `event`, `at` (UTC, RFC 3339) and, once a run began, `run_id`, `command`, `service` and
/// `environment`; what is about one tenant has `tenant`; the other fields are the event's own. A line that cannot be
/// written is told once, and stops nothing.
pub struct JsonLines {
    state: Mutex<State>,
}

struct State {
    to: Box<dyn Write + Send>,
    lines: Lines,
    has_failed: bool,
}

/// Makes the lines of events, each with what is known of its run.
#[derive(Default)]
pub(crate) struct Lines {
    run: Option<Map<String, Value>>,
    /// For whom all of the run is, where one tenant was chosen.
    chosen: Option<String>,
}

/// An event as programs read it.
pub(crate) struct Line {
    /// Its name.
    pub(crate) event: &'static str,
    /// All of it.
    pub(crate) fields: Map<String, Value>,
}

impl Lines {
    /// The line of an event; none for one that programs are not told of.
    pub(crate) fn line(&mut self, event: &Event<'_>) -> Option<Line> {
        if let Event::RunStarted { run_id, command, service, environment, tenant } = event {
            let run = [
                ("run_id", *run_id),
                ("command", *command),
                ("service", *service),
                ("environment", *environment),
            ];
            self.run = Some(run.map(|(key, value)| (key.to_owned(), value.into())).into_iter().collect());
            self.chosen = tenant.map(str::to_owned);
        }
        let (tenant, event) = match event {
            Event::OfTenant { tenant, event } => (Some(*tenant), *event),
            event => (None, event),
        };
        let (name, own) = named(event, tenant.is_some())?;
        let mut fields = Map::new();
        fields.insert("version".to_owned(), VERSION.into());
        fields.insert("event".to_owned(), name.into());
        fields.insert("at".to_owned(), now().to_string().into());
        match &self.run {
            Some(run) => fields.extend(run.clone()),
            None => drop(fields.insert("run_id".to_owned(), Value::Null)),
        }
        if let Some(tenant) = tenant.or(self.chosen.as_deref()) {
            fields.insert("tenant".to_owned(), tenant.into());
        }
        if let Value::Object(own) = own {
            fields.extend(own);
        }
        Some(Line { event: name, fields })
    }
}

impl JsonLines {
    /// Writes there, line by line.
    pub fn new(to: impl Write + Send + 'static) -> Self {
        Self { state: Mutex::new(State { to: Box::new(to), lines: Lines::default(), has_failed: false }) }
    }
}

impl Observer for JsonLines {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(line) = state.lines.line(event) else { return };
        let text = format!("{}\n", Value::Object(line.fields));
        let written = state.to.write_all(text.as_bytes()).and_then(|()| state.to.flush());
        if let Err(error) = written
            && !std::mem::replace(&mut state.has_failed, true)
        {
            eprintln!("warning: events cannot be written, and are left out: {error}");
        }
    }
}

/// The name of an event, and its fields.
fn named(event: &Event<'_>, is_of_tenant: bool) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::RunStarted { .. } if is_of_tenant => ("tenant-started", json!({})),
        // Told as the end of the tenant, unless it is come back to.
        Event::RunFinished(_) if is_of_tenant => return None,
        Event::Tenants { count } => ("tenants", json!({ "count": count })),
        Event::TenantDeferred { tenant } => ("tenant-deferred", json!({ "tenant": tenant })),
        Event::TenantFinished { tenant, exit, error, done, count } => {
            let fields = json!({
                "tenant": tenant,
                "ok": exit.code() == 0,
                "exit_code": exit.code(),
                "error": value(error),
                "done": done,
                "count": count,
            });
            ("tenant-finished", fields)
        }
        // What it is stands in every line.
        Event::RunStarted { .. } => ("run-started", json!({})),
        Event::RunFinished(finished) => {
            let fields = json!({
                "ok": finished.exit.code() == 0,
                "exit_code": finished.exit.code(),
                "duration_ms": finished.body.duration_ms,
                "counts": value(&finished.body.counts),
                "error": value(&finished.error),
            });
            ("run-finished", fields)
        }
        Event::Warning(problem) => ("warning", json!({ "problem": value(problem) })),
        Event::Awaiting { what, answer, waited, limit } => {
            let (waited, limit) = (milliseconds(*waited), milliseconds(*limit));
            let fields = json!({ "what": what, "answer": answer, "waited_ms": waited, "limit_ms": limit });
            ("awaiting", fields)
        }
        Event::CameUp { what, waited } => {
            ("came-up", json!({ "what": what, "waited_ms": milliseconds(*waited) }))
        }
        Event::Locking { stage } => ("locking", json!({ "stage": stage })),
        Event::Waiting { stage, holder, waited } => {
            let fields = json!({ "stage": stage, "holder": holder, "waited_ms": milliseconds(*waited) });
            ("waiting", fields)
        }
        Event::StageStarted { stage } => ("stage-started", json!({ "stage": stage })),
        Event::ChangeStarted { stage, id, mode } => {
            ("change-started", json!({ "stage": stage, "id": id, "mode": value(mode) }))
        }
        Event::Log { id, level, line } => {
            ("log", json!({ "id": id, "level": level_name(*level), "line": line }))
        }
        Event::Progress { id, done, total } => {
            ("progress", json!({ "id": id, "done": done, "total": total }))
        }
        Event::ChangeRetried { stage, id, failed, attempts, pause, error } => {
            let fields = json!({
                "stage": stage,
                "id": id,
                "failed": failed,
                "attempts": attempts,
                "pause_ms": milliseconds(*pause),
                "error": value(error),
            });
            ("change-retried", fields)
        }
        Event::ChangeFinished { stage, change } => {
            ("change-finished", json!({ "stage": stage, "change": value(change) }))
        }
        Event::StageFinished(stage) => {
            let fields = json!({
                "stage": stage.name,
                "outcome": value(&stage.outcome),
                "error": value(&stage.error),
            });
            ("stage-finished", fields)
        }
        // Of `plan --preview`, which has no events for programs; no tenant has tenants; calls are in the audit, and what
        // guests took is for metrics; what was not delivered is told where it was to be delivered from.
        Event::PreviewStarted { .. }
        | Event::PreviewFinished { .. }
        | Event::OfTenant { .. }
        | Event::Called { .. }
        | Event::GuestsTook(_)
        | Event::Undelivered(_) => return None,
    })
}

fn value(of: &impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or_default()
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_and_names_its_run() {
        let kept = Kept::default();
        let lines = JsonLines::new(kept.clone());
        lines.event(&Event::RunStarted {
            run_id: "r1",
            command: "apply",
            service: "orders",
            environment: "test",
            tenant: None,
        });
        lines.event(&Event::Log { id: "a", level: Level::Warn, line: "two\nlines" });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let parsed: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(parsed.len(), 2);
        assert_eq!((&parsed[0]["event"], &parsed[0]["service"]), (&json!("run-started"), &json!("orders")));
        assert_eq!((&parsed[1]["run_id"], &parsed[1]["line"]), (&json!("r1"), &json!("two\nlines")));
        assert!(parsed[1]["at"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_reader_that_went_away_stops_nothing() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let lines = JsonLines::new(Gone);
        for _ in 0..2 {
            lines.event(&Event::Locking { stage: "main" });
        }
        assert!(lines.state.lock().unwrap().has_failed);
    }
}
