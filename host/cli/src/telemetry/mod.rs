//! OpenTelemetry: traces and metrics of runs, told as the standard's environment variables say.
//!
//! [`Telemetry`] hears the events of runs. [`spans`] and [`counting`] make of them what is told, in the words of the
//! semantic conventions ([`call`]); [`export`] gathers that, and [`delivery`] sends it, on a thread of its own, as
//! messages of OTLP over HTTP ([`otlp`]). Where no variable asks for it, there is nothing of all this.

mod call;
mod counting;
mod delivery;
mod export;
mod meter;
mod moment;
mod otlp;
mod spans;
mod trace_context;
mod variables;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sandpiper::Sandpiper;
use sandpiper::engine::fault::Fault;
use sandpiper::observer::{Event, Observer};
use sandpiper::report::Exit;
use serde::Serialize;
use serde_json::Value;

use counting::Counting;
use export::Exporter;
use meter::Meter;
use spans::Spans;

/// Tells of runs, one after the other.
pub(crate) struct Telemetry {
    command: &'static str,
    listening: Mutex<Listening>,
    exporter: Exporter,
    is_quiet: bool,
}

/// What is made of what happens; none of what is not told.
struct Listening {
    spans: Option<Spans>,
    counting: Option<Counting>,
}

impl Telemetry {
    /// Tells of the runs of a command, if the environment asks for it. A process that goes on says `at_once` what it
    /// cannot send, any other at the end.
    pub(crate) fn of(command: &'static str, is_quiet: bool, at_once: bool) -> Option<Self> {
        let lookup = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let mut warnings = BTreeSet::new();
        let settings = variables::read(&lookup, &mut warnings);
        if !is_quiet {
            warnings.iter().for_each(|warning| complain(warning));
        }
        let mut settings = settings?;
        let meter = Arc::new(Mutex::new(Meter::new(settings.is_delta)));
        let spans = settings
            .traces
            .is_some()
            .then(|| Spans::new(settings.sampler, settings.parent.take(), settings.longest_value));
        let counting = settings.metrics.is_some().then(|| Counting::new(meter.clone()));
        let complains: Option<fn(&str)> = if at_once && !is_quiet { Some(complain) } else { None };
        let exporter = Exporter::new(settings, meter, complains);
        let listening = Mutex::new(Listening { spans, counting });
        Some(Self { command, listening, exporter, is_quiet })
    }

    /// A run begins.
    pub(crate) fn begins(&self) {
        let mut listening = self.listening();
        if let Some(spans) = &mut listening.spans {
            spans.begins(self.command);
        }
        if let Some(counting) = &mut listening.counting {
            counting.begins();
        }
    }

    /// Whose changes the run is about.
    pub(crate) fn is_about(&self, project: &Sandpiper) {
        if let Some(spans) = &mut self.listening().spans {
            spans.is_about(project);
        }
    }

    /// The run is over.
    pub(crate) fn ends(&self, exit: Exit, error: Option<&Fault>) {
        let mut listening = self.listening();
        if let Some(counting) = &mut listening.counting {
            counting.ends(self.command, exit, error);
        }
        let spans = listening.spans.as_mut().map(|spans| spans.ends(exit, error)).unwrap_or_default();
        drop(listening);
        spans.into_iter().for_each(|span| self.exporter.take(span));
        // What is counted is told now and then, also where no spans are.
        self.exporter.begin();
    }

    /// Has all of it sent, within a limited time, and warns of what was not. Nothing is told after it.
    pub(crate) fn closes(&self) {
        if let Some(warning) = self.exporter.end().filter(|_| !self.is_quiet) {
            complain(&warning);
        }
    }

    fn listening(&self) -> MutexGuard<'_, Listening> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Telemetry {
    fn event(&self, event: &Event<'_>) {
        let (tenant, event) = match event {
            Event::OfTenant { tenant, event } => (*tenant, *event),
            event => ("", event),
        };
        let mut listening = self.listening();
        if let Some(counting) = &mut listening.counting {
            counting.event(tenant, event);
        }
        let spans = listening.spans.as_mut().map(|spans| spans.event(tenant, event)).unwrap_or_default();
        drop(listening);
        spans.into_iter().for_each(|span| self.exporter.take(span));
    }
}

fn complain(warning: &str) {
    eprintln!("warning: {warning}");
}

/// The word that documents have for a value.
fn word(of: &impl Serialize) -> String {
    match serde_json::to_value(of) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}
