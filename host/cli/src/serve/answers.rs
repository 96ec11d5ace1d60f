//! Which path tells what.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sandpiper::audit::{self, Listing};
use sandpiper::engine::entry::State;
use sandpiper::engine::fault::Fault;
use sandpiper::observer::Silent;
use sandpiper::report::{
    EntriesReport, Exit, Finished, OverTenants, StatusChange, StatusReport, StatusStage,
};
use sandpiper::{Builder, Rollout, Sandpiper, Select, Stopper};
use serde_json::{Value, json};

use super::http::{Answer, Request};
use super::metrics::{Gauges, Metrics};
use super::token::Guard;
use crate::bug::Panics;
use crate::document::document;
use crate::render::Body;

/// The description of what is served, for programs.
const OPENAPI: &str = include_str!("openapi.json");
/// The kind of the text of OpenMetrics.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// How long what was found out about the changes is told again: probes of any number cost one look.
const FRESH: Duration = Duration::from_secs(1);

/// So many changes that are left are told one by one.
const MOST_LEFT: usize = 1_000;

/// Answers requests.
pub(super) struct Answers {
    /// Every command gets a project of its own: the configuration may have changed since.
    pub(super) project: Builder,
    pub(super) guard: Guard,
    pub(super) metrics: Arc<Metrics>,
    pub(super) panics: Panics,
    pub(super) applying: Arc<AtomicBool>,
    pub(super) stopping: Arc<AtomicBool>,
    /// One command at a time: each opens connections.
    pub(super) turn: Mutex<Option<Known>>,
}

/// What was found out about the changes, and when.
#[derive(Clone)]
pub(super) struct Known {
    at: Instant,
    error: Option<&'static str>,
    pending: usize,
    blocked: usize,
    failed: usize,
    /// Those that are not applied.
    changes: Vec<Value>,
    is_ready: bool,
    is_known: bool,
}

impl Answers {
    /// The answer to a request.
    pub(super) fn answer(&self, request: &Request) -> Answer {
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            let mut answer = Answer::refusal(405, "only GET and HEAD are answered");
            answer.headers.push(("Allow", "GET, HEAD".to_owned()));
            return answer;
        }
        match request.path.as_str() {
            "/healthz" => return Answer::json(200, "{\"version\":1,\"ok\":true}\n"),
            "/readyz" => return self.readiness(),
            _ => {}
        }
        if let Err(refused) = self.guard.admits(request) {
            return refused;
        }
        match request.path.as_str() {
            "/metrics" => self.told(),
            "/v1/openapi.json" => Answer::json(200, OPENAPI),
            "/v1/status" => {
                let status = async |one: &Sandpiper| one.status(false, false).await;
                self.document("status", async |project| project.each(Rollout::default(), status).await)
            }
            "/v1/plan" => {
                let plan = async |one: &Sandpiper| one.plan(&Select::default()).await;
                self.document("plan", async |project| project.each(Rollout::default(), plan).await)
            }
            "/v1/audit" => match listing(&request.query) {
                Ok(listing) => {
                    let list = async move |one: &Sandpiper| one.audit_list(&listing).await;
                    self.document("audit list", async |project| project.each(Rollout::default(), list).await)
                }
                Err(fault) => {
                    let refused = Finished::<EntriesReport>::refused(fault);
                    let answer = rendered("audit list", &refused);
                    Answer { status: 400, ..answer }
                }
            },
            _ => Answer::refusal(404, "there is nothing here; `/v1/openapi.json` lists what there is"),
        }
    }

    /// Ready means that nothing is pending, blocked or failed, whoever applied it.
    fn readiness(&self) -> Answer {
        let known = self.known();
        let stopping = self.stopping.load(Ordering::SeqCst);
        let ready = known.is_ready && !stopping;
        let body = json!({
            "version": 1,
            "ready": ready,
            "applying": self.applying.load(Ordering::SeqCst),
            "stopping": stopping,
            "pending": known.pending,
            "blocked": known.blocked,
            "failed": known.failed,
            "changes": known.changes,
            // The message may name machines, and this path asks for no token.
            "error": known.error.map(|code| json!({ "code": code })),
        });
        Answer::json(if ready { 200 } else { 503 }, format!("{body}\n"))
    }

    fn told(&self) -> Answer {
        let known = self.known();
        let gauges = Gauges {
            ready: known.is_ready,
            applying: self.applying.load(Ordering::SeqCst),
            changes: known.is_known.then_some((known.pending, known.blocked, known.failed)),
        };
        Answer { status: 200, kind: OPENMETRICS, headers: Vec::new(), body: self.metrics.text(gauges) }
    }

    fn known(&self) -> Known {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = turn.as_ref().filter(|known| known.at.elapsed() < FRESH) {
            return known.clone();
        }
        let status = async |one: &Sandpiper| one.status(true, false).await;
        let known = Known::of(&self.run(async |project| project.each(Rollout::default(), status).await));
        *turn = Some(known.clone());
        known
    }

    fn document<B: Body + Default>(
        &self,
        command: &str,
        work: impl AsyncFnOnce(&Sandpiper) -> Finished<B>,
    ) -> Answer {
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = self.run(work);
        drop(turn);
        rendered(command, &finished)
    }

    fn run<B: Default>(&self, work: impl AsyncFnOnce(&Sandpiper) -> Finished<B>) -> Finished<B> {
        let done = self.panics.catch(|| {
            let builder = self.project.clone().observer(Arc::new(Silent)).stopper(Stopper::new());
            let project = builder.build()?;
            Ok::<_, Fault>(super::runtime()?.block_on(work(&project)))
        });
        done.flatten().unwrap_or_else(Finished::refused)
    }
}

impl Known {
    fn of(status: &Finished<OverTenants<StatusReport>>) -> Self {
        let OverTenants { body, tenants, .. } = &status.body;
        let of_each = tenants.iter().flatten().map(|tenant| (Some(&tenant.name), &tenant.body));
        let of_one = tenants.is_none().then_some((None, body));
        let changes = || {
            let all = of_each.clone().chain(of_one);
            let stages = all.flat_map(|(tenant, body)| body.stages.iter().map(move |stage| (tenant, stage)));
            stages.flat_map(|(tenant, stage)| stage.changes.iter().map(move |change| (tenant, stage, change)))
        };
        let left = changes().filter(|(.., change)| {
            let is_applied = change.state.is_some_and(is_applied);
            change.blocked || !(is_applied || change.excluded)
        });
        let told = |(tenant, stage, change): (Option<&String>, &StatusStage, &StatusChange)| {
            let mut told = json!({
                "stage": stage.name,
                "id": change.id,
                "state": change.state,
                "blocked": change.blocked,
            });
            if let (Some(tenant), Some(fields)) = (tenant, told.as_object_mut()) {
                fields.insert("tenant".to_owned(), tenant.as_str().into());
            }
            told
        };
        let left: Vec<_> = left.take(MOST_LEFT).map(told).collect();
        Self {
            at: Instant::now(),
            error: status.error.as_ref().map(|fault| fault.code),
            pending: body.pending,
            blocked: body.issues,
            failed: changes().filter(|(.., change)| change.state.is_some_and(has_failed)).count(),
            changes: left,
            is_ready: status.exit == Exit::Done,
            is_known: matches!(status.exit, Exit::Done | Exit::Pending | Exit::Manual | Exit::Integrity),
        }
    }
}

fn is_applied(state: State) -> bool {
    matches!(state, State::Applied | State::MarkedApplied | State::Baselined)
}

fn has_failed(state: State) -> bool {
    matches!(state, State::Failed | State::RolledBack | State::RollbackFailed | State::UndoFailed)
}

fn rendered<B: Body>(command: &str, finished: &Finished<B>) -> Answer {
    let status = match finished.exit {
        Exit::Done | Exit::Pending | Exit::Manual | Exit::Integrity => 200,
        Exit::Unreachable | Exit::Lock => 503,
        _ => 500,
    };
    match document(command, finished) {
        Ok(body) => Answer::json(status, body),
        Err(_) => Answer::refusal(500, "the document cannot be written"),
    }
}

/// What to read of the audit: the options of `audit list`.
fn listing(query: &str) -> Result<Listing, Fault> {
    let mut listing = Listing { history: false, since: None, state: None };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        match name {
            "history" => listing.history = matches!(value.as_str(), "" | "1" | "true"),
            "since" => listing.since = Some(audit::since(&value)?),
            "state" => listing.state = Some(audit::state(&value)?),
            _ => {
                return Err(Fault::usage("the query names something else")
                    .with_help("it may hold `history`, `since` and `state`, as `audit list` has them"));
            }
        }
    }
    Ok(listing)
}

/// A value of a query: `%3A` is a colon, and what is no such thing stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = pair.filter(|_| *first == b'%').and_then(|pair| u8::from_str_radix(pair, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_names_every_path() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        let served =
            ["/healthz", "/readyz", "/metrics", "/v1/status", "/v1/audit", "/v1/plan", "/v1/openapi.json"];
        assert_eq!(paths, served);
    }

    #[test]
    fn a_query_is_read_as_the_options_of_the_command() {
        assert!(listing("history=true&since=2026-01-31T12%3A00%3A00Z").unwrap().history);
        assert!(listing("history=false").is_ok_and(|it| !it.history));
        assert!(listing("since=yesterday").is_err() && listing("sql=1").is_err());
        assert_eq!(decoded("a%3Ab%zz%"), "a:b%zz%");
    }
}
