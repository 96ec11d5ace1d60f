//! The spans of a run: of itself, of its tenants, stages and changes, and of each call.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sandpiper::Sandpiper;
use sandpiper::engine::fault::Fault;
use sandpiper::observer::Event;
use sandpiper::report::{ChangeOutcome, ChangeReport, Exit, Report, StageOutcome, StageReport};

use super::call::{Call, beginning};
use super::moment::{nanoseconds, now};
use super::otlp::{ERROR, KeyValue, Kind, Span, SpanEvent, Status, Value, attribute};
use super::trace_context::{Parent, Sampler, Trace, span_id};
use super::word;

/// The bits that say that it is known whether the parent is in another process, and that it is.
const KNOWS_WHERE: u32 = 0x100;
const IS_ELSEWHERE: u32 = 0x200;

/// Makes spans of what happens.
pub(super) struct Spans {
    sampler: Sampler,
    /// Of the first run of the process; a later one begins a trace of its own.
    parent: Option<Parent>,
    longest: usize,
    /// None while no run is recorded.
    run: Option<Run>,
}

/// The spans of a run that are not over.
struct Run {
    trace: Trace,
    span: Open,
    tenants: BTreeMap<String, Open>,
    /// By tenant, which is empty where there is none, and name.
    stages: BTreeMap<Place, OpenStage>,
    /// By tenant and identity.
    changes: BTreeMap<Place, Open>,
}

type Place = (String, String);

struct OpenStage {
    span: Open,
    /// Whether its lock is taken.
    has_begun: bool,
}

/// A span that is not over.
struct Open {
    id: [u8; 8],
    parent: Option<[u8; 8]>,
    name: String,
    start: u64,
    since: Instant,
    attributes: Vec<KeyValue>,
    events: Vec<SpanEvent>,
}

impl Open {
    fn new(name: String, parent: Option<[u8; 8]>, attributes: Vec<KeyValue>) -> Self {
        let (start, since) = (now(), Instant::now());
        Self { id: span_id(), parent, name, start, since, attributes, events: Vec::new() }
    }

    /// What is said again takes the place of what was said before.
    fn says(&mut self, key: &str, value: impl Into<Value>) {
        self.attributes.retain(|known| known.key != key);
        self.attributes.push(attribute(key, value));
    }

    fn happens(&mut self, name: &str, attributes: Vec<KeyValue>) {
        self.events.push(SpanEvent { time_unix_nano: now(), name: name.to_owned(), attributes });
    }

    /// It is over now.
    fn end(mut self, trace: &Trace, error: Option<&Fault>, longest: usize) -> Span {
        let status = error.map(|error| {
            self.attributes.extend(of_error(error));
            let message = format!("{}: {}", error.code, error.message);
            Status { message: beginning(&message, longest).to_owned(), code: ERROR }
        });
        let ended = self.start.saturating_add(nanoseconds(self.since.elapsed()));
        self.span(trace, Kind::Internal, ended, status)
    }

    fn span(self, trace: &Trace, kind: Kind, end: u64, status: Option<Status>) -> Span {
        let is_elsewhere = self.parent.is_some() && self.parent == trace.parent;
        let place = if is_elsewhere { KNOWS_WHERE | IS_ELSEWHERE } else { KNOWS_WHERE };
        Span {
            trace_id: trace.id.to_vec(),
            span_id: self.id.to_vec(),
            trace_state: trace.state.clone(),
            parent_span_id: self.parent.map(Vec::from).unwrap_or_default(),
            name: self.name,
            kind: kind.into(),
            start_time_unix_nano: self.start,
            end_time_unix_nano: end,
            attributes: self.attributes,
            events: self.events,
            status,
            flags: u32::from(trace.flags) | place,
        }
    }
}

fn of_error(error: &Fault) -> [KeyValue; 3] {
    [
        attribute("error.type", error.code),
        attribute("sandpiper.error.blame", word(&error.blame)),
        attribute("sandpiper.error.effect", word(&error.effect)),
    ]
}

impl Spans {
    /// Of the runs that the sampler takes, the first one below the parent.
    pub(super) fn new(sampler: Sampler, parent: Option<Parent>, longest: usize) -> Self {
        Self { sampler, parent, longest, run: None }
    }

    /// A run of a command begins.
    pub(super) fn begins(&mut self, command: &'static str) {
        self.run = Trace::begin(self.sampler, self.parent.take()).map(|trace| {
            let attributes = vec![attribute("sandpiper.command", command)];
            Run {
                span: Open::new(format!("sandpiper {command}"), trace.parent, attributes),
                trace,
                tenants: BTreeMap::new(),
                stages: BTreeMap::new(),
                changes: BTreeMap::new(),
            }
        });
    }

    /// Whose changes the run is about.
    pub(super) fn is_about(&mut self, project: &Sandpiper) {
        let Some(Run { span, .. }) = &mut self.run else { return };
        let config = project.config();
        span.says("sandpiper.run_id", project.run_id());
        span.says("sandpiper.service", config.service.as_str());
        span.says("sandpiper.environment", config.environment.as_str());
        if let Some(tenant) = &config.tenant {
            span.says("sandpiper.tenant", tenant.as_str());
        }
    }

    /// The run is over, and with it all that began in it; gives the spans.
    pub(super) fn ends(&mut self, exit: Exit, error: Option<&Fault>) -> Vec<Span> {
        let Some(Run { trace, mut span, tenants, stages, changes }) = self.run.take() else {
            return Vec::new();
        };
        span.says("sandpiper.exit_code", u64::from(exit.code()));
        // A lock that was taken for a stage that had nothing to do is no stage of the run.
        let stages = stages.into_values().filter(|stage| stage.has_begun).map(|stage| stage.span);
        let left = changes.into_values().chain(stages).chain(tenants.into_values());
        let mut spans: Vec<Span> = left.map(|open| open.end(&trace, error, self.longest)).collect();
        spans.push(span.end(&trace, error, self.longest));
        spans
    }

    /// What happens in it, for a tenant: empty where there is none. Gives the spans that are over.
    pub(super) fn event(&mut self, tenant: &str, event: &Event<'_>) -> Vec<Span> {
        let longest = self.longest;
        let Some(run) = &mut self.run else { return Vec::new() };
        let place = |name: &str| (tenant.to_owned(), name.to_owned());
        match event {
            Event::Tenants { count } => {
                run.span.says("sandpiper.tenants", u64::try_from(*count).unwrap_or(u64::MAX));
            }
            Event::RunStarted { .. } if !tenant.is_empty() => drop(run.tenant(tenant)),
            Event::Locking { stage } => run.locks(place(stage)),
            Event::StageStarted { stage } => run.stage_begins(place(stage)),
            Event::ChangeStarted { stage, id, mode } => {
                let key = place(id);
                if !run.changes.contains_key(&key) {
                    let attributes = vec![
                        attribute("sandpiper.change.id", *id),
                        attribute("sandpiper.stage", *stage),
                        attribute("sandpiper.mode", mode.as_str()),
                    ];
                    let parent = run.stage(place(stage));
                    run.open(key, format!("change {id}"), parent, attributes);
                }
            }
            Event::ChangeRetried { id, failed, error, .. } => {
                if let Some(change) = run.changes.get_mut(&place(id)) {
                    let mut attributes = vec![attribute("sandpiper.attempts", u64::from(*failed))];
                    attributes.extend(error.iter().flat_map(|error| of_error(error)));
                    change.happens("attempt failed", attributes);
                }
            }
            Event::Called { stage, id, system, kind, address, call: Some(call), took } => {
                let parent = match run.changes.get(&place(id)) {
                    Some(change) => change.id,
                    None => run.stage(place(stage)),
                };
                let call = Call::of(kind, *address, call);
                return vec![run.call(tenant, parent, system, &call, *took, longest)];
            }
            Event::ChangeFinished { change, .. } => {
                let ended = run.changes.remove(&place(change.id.as_str()));
                return ended
                    .map(|open| ended_change(open, &run.trace, change, longest))
                    .into_iter()
                    .collect();
            }
            Event::StageFinished(stage) => return run.stage_ends(tenant, stage, longest),
            Event::RunFinished(finished) => run.counted(tenant, &finished.body),
            Event::TenantFinished { tenant, exit, error, .. } => {
                run.tenant(tenant);
                let Some(mut open) = run.tenants.remove(*tenant) else { return Vec::new() };
                open.says("sandpiper.exit_code", u64::from(exit.code()));
                return vec![open.end(&run.trace, *error, longest)];
            }
            _ => {}
        }
        Vec::new()
    }
}

impl Run {
    /// The span that stages are below; that of a tenant is begun with the first thing that happens for it.
    fn tenant(&mut self, tenant: &str) -> [u8; 8] {
        if tenant.is_empty() {
            return self.span.id;
        }
        let parent = self.span.id;
        let begun =
            || Open::new("tenant".to_owned(), Some(parent), vec![attribute("sandpiper.tenant", tenant)]);
        self.tenants.entry(tenant.to_owned()).or_insert_with(begun).id
    }

    /// The span of a stage, which is begun where it is not yet.
    fn stage(&mut self, place: Place) -> [u8; 8] {
        if let Some(stage) = self.stages.get(&place) {
            return stage.span.id;
        }
        let (tenant, name) = &place;
        let parent = self.tenant(tenant);
        let mut attributes = vec![attribute("sandpiper.stage", name.as_str())];
        attributes.extend(of_tenant(tenant));
        let span = Open::new(format!("stage {name}"), Some(parent), attributes);
        let id = span.id;
        self.stages.insert(place, OpenStage { span, has_begun: false });
        id
    }

    /// A stage asks for its lock; also another stage may have asked for it before, for a while.
    fn locks(&mut self, place: Place) {
        if self.stages.get(&place).is_some_and(|stage| !stage.has_begun) {
            self.stages.remove(&place);
        }
        self.stage(place);
    }

    fn stage_begins(&mut self, place: Place) {
        self.stage(place.clone());
        if let Some(stage) = self.stages.get_mut(&place) {
            stage.has_begun = true;
            stage.span.happens("lock taken", Vec::new());
        }
    }

    fn open(&mut self, place: Place, name: String, parent: [u8; 8], mut attributes: Vec<KeyValue>) {
        attributes.extend(of_tenant(&place.0));
        self.changes.insert(place, Open::new(name, Some(parent), attributes));
    }

    /// A call that was made just now.
    fn call(
        &self,
        tenant: &str,
        parent: [u8; 8],
        system: &str,
        call: &Call<'_>,
        took: Duration,
        longest: usize,
    ) -> Span {
        let mut attributes = vec![attribute("sandpiper.target_system", system)];
        attributes.extend(of_tenant(tenant));
        attributes.extend(call.attributes(longest));
        let mut open = Open::new(call.name(system), Some(parent), attributes);
        let end = open.start;
        open.start = end.saturating_sub(nanoseconds(took));
        let status =
            call.error().map(|(_, why)| Status { message: beginning(&why, longest).to_owned(), code: ERROR });
        open.span(&self.trace, Kind::Client, end, status)
    }

    /// A stage is over, and its changes with it, also those of which nobody said so.
    fn stage_ends(&mut self, tenant: &str, report: &StageReport, longest: usize) -> Vec<Span> {
        let mut spans = Vec::new();
        for change in &report.changes {
            if let Some(open) = self.changes.remove(&(tenant.to_owned(), change.id.to_string())) {
                spans.push(ended_change(open, &self.trace, change, longest));
            }
        }
        let place = (tenant.to_owned(), report.name.clone());
        self.stage(place.clone());
        let Some(OpenStage { mut span, .. }) = self.stages.remove(&place) else { return spans };
        span.says("sandpiper.stage.outcome", word(&report.outcome));
        spans.push(span.end(&self.trace, first_error(report), longest));
        spans
    }

    /// How many changes had which outcome; stages that need a person were never begun.
    fn counted(&mut self, tenant: &str, report: &Report) {
        let is_blocked = |stage: &&StageReport| stage.outcome == StageOutcome::Blocked;
        let blocked: Vec<KeyValue> = report
            .stages
            .iter()
            .filter(is_blocked)
            .flat_map(|stage| &stage.changes)
            .filter(|change| change.outcome == ChangeOutcome::Blocked)
            .map(|change| attribute("sandpiper.change.id", change.id.as_str()))
            .collect();
        self.tenant(tenant);
        let span = match tenant {
            "" => &mut self.span,
            tenant => match self.tenants.get_mut(tenant) {
                Some(span) => span,
                None => return,
            },
        };
        for change in blocked {
            span.happens("change blocked", vec![change]);
        }
        for (key, count) in [
            ("sandpiper.changes.applied", report.counts.applied),
            ("sandpiper.changes.failed", report.counts.failed),
        ] {
            span.says(key, u64::try_from(count).unwrap_or(u64::MAX));
        }
    }
}

fn of_tenant(tenant: &str) -> Option<KeyValue> {
    (!tenant.is_empty()).then(|| attribute("sandpiper.tenant", tenant))
}

fn first_error(stage: &StageReport) -> Option<&Fault> {
    stage.error.as_ref().or_else(|| stage.changes.iter().find_map(|change| change.error.as_ref()))
}

fn ended_change(mut open: Open, trace: &Trace, change: &ChangeReport, longest: usize) -> Span {
    open.says("sandpiper.change.outcome", word(&change.outcome));
    open.says("sandpiper.change.order", change.order.as_str());
    open.says("sandpiper.change.name", &*change.name);
    open.says("sandpiper.change.author", &*change.author);
    open.says("sandpiper.target_system", change.target_system.as_str());
    open.says("sandpiper.attempts", u64::from(change.attempts));
    open.end(trace, change.error.as_ref(), longest)
}
