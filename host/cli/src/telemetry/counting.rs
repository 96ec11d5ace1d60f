//! What of a run is counted and measured.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sandpiper::engine::fault::Fault;
use sandpiper::observer::Event;
use sandpiper::report::{ChangeOutcome, ChangeReport, Exit, StageReport};

use super::call::Call;
use super::meter::{Instrument, Meter, Tags};
use super::word;

/// Bounds of what may take from milliseconds to an hour: those of `/metrics`.
const LONG: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

static RUNS: Instrument =
    Instrument { name: "sandpiper.runs", unit: "{run}", description: "Runs, by exit code.", bounds: &[] };
static RUN_DURATION: Instrument = Instrument {
    name: "sandpiper.run.duration",
    unit: "s",
    description: "How long runs took.",
    bounds: LONG,
};
static CHANGES: Instrument = Instrument {
    name: "sandpiper.changes",
    unit: "{change}",
    description: "Changes that runs had to do with, by outcome.",
    bounds: &[],
};
static CHANGE_DURATION: Instrument = Instrument {
    name: "sandpiper.change.duration",
    unit: "s",
    description: "How long the attempts of changes took.",
    bounds: LONG,
};
static RETRIES: Instrument = Instrument {
    name: "sandpiper.change.retries",
    unit: "{attempt}",
    description: "Attempts that were made again.",
    bounds: &[],
};
static LOCK_WAIT: Instrument = Instrument {
    name: "sandpiper.lock.wait.duration",
    unit: "s",
    description: "How long stages waited for their locks.",
    bounds: LONG,
};
static CALLS: Instrument = Instrument {
    name: "sandpiper.calls",
    unit: "{call}",
    description: "Calls that changes made, by system.",
    bounds: &[],
};
/// The convention's.
static STATEMENT_DURATION: Instrument = Instrument {
    name: "db.client.operation.duration",
    unit: "s",
    description: "Duration of database client operations.",
    bounds: &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0],
};
/// The convention's.
static REQUEST_DURATION: Instrument = Instrument {
    name: "http.client.request.duration",
    unit: "s",
    description: "Duration of HTTP client requests.",
    bounds: &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
};

/// The tenant, empty where there is none, and the stage.
type Place = (String, String);

/// Counts what happens.
pub(super) struct Counting {
    meter: Arc<Mutex<Meter>>,
    /// Since when a stage waits for its lock.
    waiting: BTreeMap<Place, Instant>,
    /// The stages that this run has told the end of.
    told: BTreeSet<Place>,
    since: Instant,
}

impl Counting {
    /// Adds to a meter.
    pub(super) fn new(meter: Arc<Mutex<Meter>>) -> Self {
        Self { meter, waiting: BTreeMap::new(), told: BTreeSet::new(), since: Instant::now() }
    }

    /// A run begins.
    pub(super) fn begins(&mut self) {
        self.since = Instant::now();
        self.waiting.clear();
        self.told.clear();
    }

    /// The run is over.
    pub(super) fn ends(&mut self, command: &'static str, exit: Exit, error: Option<&Fault>) {
        let took = self.since.elapsed();
        let tags = || {
            let mut tags: Tags = vec![
                ("sandpiper.command", command.into()),
                ("sandpiper.exit_code", u64::from(exit.code()).into()),
            ];
            tags.extend(error.map(|error| ("error.type", error.code.into())));
            tags
        };
        self.meter(|meter| {
            meter.count(&RUNS, tags());
            meter.measure(&RUN_DURATION, tags(), took);
        });
    }

    /// What happens in it, for a tenant: empty where there is none.
    pub(super) fn event(&mut self, tenant: &str, event: &Event<'_>) {
        let place = |stage: &str| (tenant.to_owned(), stage.to_owned());
        match event {
            Event::Locking { stage } => drop(self.waiting.insert(place(stage), Instant::now())),
            Event::StageStarted { stage } => self.waited(&place(stage)),
            Event::StageFinished(stage) => {
                self.waited(&place(&stage.name));
                self.changes(stage);
                self.told.insert(place(&stage.name));
            }
            Event::RunFinished(finished) => {
                for stage in &finished.body.stages {
                    if self.told.insert(place(&stage.name)) {
                        self.changes(stage);
                    }
                }
                self.told.retain(|(of, _)| of != tenant);
            }
            Event::ChangeRetried { stage, .. } => {
                self.meter(|meter| meter.count(&RETRIES, vec![("sandpiper.stage", (*stage).into())]));
            }
            Event::Called { system, kind, address, call, took, .. } => {
                let described = call.map(|call| Call::of(kind, *address, call));
                self.meter(|meter| {
                    meter.count(&CALLS, vec![("sandpiper.target_system", (*system).into())]);
                    match described {
                        Some(call) if call.is_statement() => {
                            meter.measure(&STATEMENT_DURATION, call.tags(), *took);
                        }
                        Some(call) if call.is_request() => {
                            meter.measure(&REQUEST_DURATION, call.tags(), *took);
                        }
                        _ => {}
                    }
                });
            }
            _ => {}
        }
    }

    fn waited(&mut self, place: &Place) {
        if let Some(since) = self.waiting.remove(place) {
            let (_, stage) = place;
            let tags = vec![("sandpiper.stage", stage.as_str().into())];
            self.meter(|meter| meter.measure(&LOCK_WAIT, tags, since.elapsed()));
        }
    }

    /// The changes of a stage that the run had to do with.
    fn changes(&self, stage: &StageReport) {
        for change in stage.changes.iter().filter(|change| is_of_run(change)) {
            let tags = || {
                let mut tags: Tags = vec![
                    ("sandpiper.change.outcome", word(&change.outcome).as_str().into()),
                    ("sandpiper.stage", stage.name.as_str().into()),
                    ("sandpiper.target_system", change.target_system.as_str().into()),
                ];
                tags.extend(change.error.as_ref().map(|error| ("error.type", error.code.into())));
                tags
            };
            self.meter(|meter| {
                meter.count(&CHANGES, tags());
                if let Some(took) = change.duration_ms {
                    meter.measure(&CHANGE_DURATION, tags(), Duration::from_millis(took));
                }
            });
        }
    }

    fn meter(&self, with: impl FnOnce(&mut Meter)) {
        with(&mut self.meter.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Not those that stand there as they stood before.
fn is_of_run(change: &ChangeReport) -> bool {
    use ChangeOutcome::{AlreadyApplied, NotReached, Skipped};
    !matches!(change.outcome, AlreadyApplied | NotReached | Skipped)
}
