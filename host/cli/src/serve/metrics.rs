//! What `/metrics` tells, in the text form of OpenMetrics 1.0.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sandpiper::observer::{Event, Observer, Usage};
use sandpiper::report::ChangeOutcome;

/// Upper bounds of the buckets of durations, in seconds.
const BOUNDS: [f64; 10] = [0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

/// Counts what happens in the runs of this process.
#[derive(Default)]
pub(super) struct Metrics(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    runs: BTreeMap<u8, u64>,
    changes: BTreeMap<&'static str, u64>,
    retries: u64,
    durations: Histogram,
    waits: Histogram,
    guests: Usage,
    /// Since when a stage waits for its lock.
    waiting: BTreeMap<Place, Instant>,
    /// Whether the lease of a stage is held; of tenants, of which there may be many, only those that are.
    leases: BTreeMap<Place, bool>,
}

/// The tenant, empty where there is none, and the stage.
type Place = (String, String);

#[derive(Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

impl Histogram {
    fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        for (count, bound) in self.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(seconds <= bound);
        }
        self.count += 1;
        self.sum += seconds;
    }

    fn write(&self, text: &mut String, name: &str, help: &str) {
        family(text, name, "histogram", Some("seconds"), help);
        for (count, bound) in self.counts.iter().zip(BOUNDS) {
            sample(text, &format!("{name}_bucket{{le=\"{bound:?}\"}}"), count);
        }
        sample(text, &format!("{name}_bucket{{le=\"+Inf\"}}"), &self.count);
        sample(text, &format!("{name}_sum"), &self.sum);
        sample(text, &format!("{name}_count"), &self.count);
    }
}

/// What is known of the changes right now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gauges {
    pub(super) ready: bool,
    pub(super) applying: bool,
    /// Pending, blocked and failed changes; none while that cannot be found out.
    pub(super) changes: Option<(usize, usize, usize)>,
}

impl Metrics {
    /// The whole text.
    pub(super) fn text(&self, gauges: Gauges) -> String {
        let counted = self.counted();
        let mut text = String::new();
        family(&mut text, "sandpiper_build", "info", None, "The version of Sandpiper.");
        sample(&mut text, &format!("sandpiper_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), &1);
        family(&mut text, "sandpiper_ready", "gauge", None, "Whether nothing is pending, blocked or failed.");
        sample(&mut text, "sandpiper_ready", &u8::from(gauges.ready));
        family(&mut text, "sandpiper_applying", "gauge", None, "Whether changes are being applied.");
        sample(&mut text, "sandpiper_applying", &u8::from(gauges.applying));
        if let Some((pending, blocked, failed)) = gauges.changes {
            for (name, count, help) in [
                ("sandpiper_pending_changes", pending, "Changes that are not applied."),
                ("sandpiper_blocked_changes", blocked, "Changes that need a person."),
                ("sandpiper_failed_changes", failed, "Changes whose last attempt failed."),
            ] {
                family(&mut text, name, "gauge", None, help);
                sample(&mut text, name, &count);
            }
        }
        family(&mut text, "sandpiper_runs", "counter", None, "Runs of this process, by exit code.");
        for (code, count) in &counted.runs {
            sample(&mut text, &format!("sandpiper_runs_total{{exit_code=\"{code}\"}}"), count);
        }
        family(&mut text, "sandpiper_changes", "counter", None, "Changes of these runs, by outcome.");
        for (outcome, count) in &counted.changes {
            sample(&mut text, &format!("sandpiper_changes_total{{outcome=\"{outcome}\"}}"), count);
        }
        family(&mut text, "sandpiper_retries", "counter", None, "Attempts that were made again.");
        sample(&mut text, "sandpiper_retries_total", &counted.retries);
        counted.durations.write(
            &mut text,
            "sandpiper_change_duration_seconds",
            "How long the attempts of changes took.",
        );
        counted.waits.write(
            &mut text,
            "sandpiper_lock_wait_seconds",
            "How long stages waited for their locks.",
        );
        let guests = &counted.guests;
        family(
            &mut text,
            "sandpiper_compiled_components",
            "counter",
            None,
            "Components that were compiled, or found compiled in the cache.",
        );
        sample(&mut text, "sandpiper_compiled_components_total", &guests.components);
        family(&mut text, "sandpiper_compile_seconds", "counter", Some("seconds"), "How long that took.");
        sample(&mut text, "sandpiper_compile_seconds_total", &guests.compile_time.as_secs_f64());
        family(
            &mut text,
            "sandpiper_guest_memory_peak_bytes",
            "gauge",
            Some("bytes"),
            "The most memory that one guest took.",
        );
        sample(&mut text, "sandpiper_guest_memory_peak_bytes", &guests.peak_memory);
        family(
            &mut text,
            "sandpiper_lease_held",
            "gauge",
            None,
            "Whether this process holds the lock of a stage.",
        );
        for ((tenant, stage), held) in &counted.leases {
            let stage = format!("stage=\"{}\"", label(stage));
            let sampled = match tenant.as_str() {
                "" => format!("sandpiper_lease_held{{{stage}}}"),
                tenant => format!("sandpiper_lease_held{{tenant=\"{}\",{stage}}}", label(tenant)),
            };
            sample(&mut text, &sampled, &u8::from(*held));
        }
        text.push_str("# EOF\n");
        text
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Metrics {
    fn event(&self, event: &Event<'_>) {
        let mut counted = self.counted();
        let (tenant, event) = match event {
            Event::OfTenant { tenant, event } => (*tenant, *event),
            event => ("", event),
        };
        let place = |stage: &str| (tenant.to_owned(), stage.to_owned());
        match event {
            Event::Locking { stage } => {
                counted.waiting.insert(place(stage), Instant::now());
            }
            Event::StageStarted { stage } => {
                if let Some(since) = counted.waiting.remove(&place(stage)) {
                    counted.waits.add(since.elapsed());
                }
                counted.leases.insert(place(stage), true);
            }
            Event::StageFinished(stage) => {
                if let Some(since) = counted.waiting.remove(&place(&stage.name)) {
                    counted.waits.add(since.elapsed());
                }
                match tenant {
                    "" => drop(counted.leases.insert(place(&stage.name), false)),
                    _ => drop(counted.leases.remove(&place(&stage.name))),
                }
            }
            Event::ChangeRetried { .. } => counted.retries += 1,
            Event::GuestsTook(took) => {
                counted.guests.components += took.components;
                counted.guests.compile_time += took.compile_time;
                counted.guests.peak_memory = counted.guests.peak_memory.max(took.peak_memory);
            }
            Event::ChangeFinished { change, .. } => {
                if let Some(took) = change.duration_ms {
                    counted.durations.add(Duration::from_millis(took));
                }
            }
            // The run over all tenants has no stages of its own, and ends once.
            Event::RunFinished(finished) if !tenant.is_empty() => {
                for change in finished.body.stages.iter().flat_map(|stage| &stage.changes) {
                    *counted.changes.entry(word(change.outcome)).or_default() += 1;
                }
            }
            Event::RunFinished(finished) => {
                *counted.runs.entry(finished.exit.code()).or_default() += 1;
                for change in finished.body.stages.iter().flat_map(|stage| &stage.changes) {
                    *counted.changes.entry(word(change.outcome)).or_default() += 1;
                }
                counted.waiting.clear();
                counted.leases.values_mut().for_each(|held| *held = false);
            }
            _ => {}
        }
    }
}

fn family(text: &mut String, name: &str, kind: &str, unit: Option<&str>, help: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "# TYPE {name} {kind}");
    if let Some(unit) = unit {
        let _ = writeln!(text, "# UNIT {name} {unit}");
    }
    let _ = writeln!(text, "# HELP {name} {help}");
}

fn sample(text: &mut String, name: &str, value: &impl std::fmt::Display) {
    let _ = writeln!(text, "{name} {value}");
}

/// The value of a label, escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn word(outcome: ChangeOutcome) -> &'static str {
    match outcome {
        ChangeOutcome::Applied => "applied",
        ChangeOutcome::AlreadyApplied => "already-applied",
        ChangeOutcome::Failed => "failed",
        ChangeOutcome::RolledBack => "rolled-back",
        ChangeOutcome::RollbackFailed => "rollback-failed",
        ChangeOutcome::Blocked => "blocked",
        ChangeOutcome::NotReached => "not-reached",
        ChangeOutcome::Recovered => "recovered",
        ChangeOutcome::Skipped => "skipped",
        ChangeOutcome::Undone => "undone",
        ChangeOutcome::UndoFailed => "undo-failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_cumulative_and_the_text_ends() {
        let metrics = Metrics::default();
        metrics.counted().durations.add(Duration::from_millis(50));
        metrics.event(&Event::Locking { stage: "a\"b" });
        metrics.event(&Event::StageStarted { stage: "a\"b" });
        let text = metrics.text(Gauges::default());
        for line in [
            "sandpiper_change_duration_seconds_bucket{le=\"0.025\"} 0",
            "sandpiper_change_duration_seconds_bucket{le=\"0.1\"} 1",
            "sandpiper_change_duration_seconds_bucket{le=\"+Inf\"} 1",
            "sandpiper_change_duration_seconds_count 1",
            "sandpiper_lease_held{stage=\"a\\\"b\"} 1",
            "sandpiper_ready 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n") && !text.contains("sandpiper_pending_changes"));
    }
}
