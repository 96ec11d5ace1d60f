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
            "/v1/status" => self.answered("status", request, async |project| {
                let status = async |one: &Sandpiper| one.status(false, false).await;
                project.each(Rollout::default(), status).await
            }),
            "/v1/plan" => self.answered("plan", request, async |project| {
                let plan = async |one: &Sandpiper| one.plan(&Select::default()).await;
                project.each(Rollout::default(), plan).await
            }),
            "/v1/audit" => match Asked::of(&request.query, true) {
                Ok(Asked { tenant, listing }) => {
                    let list = async move |one: &Sandpiper| one.audit_list(&listing).await;
                    let each = async |project: &Sandpiper| project.each(Rollout::default(), list).await;
                    self.document("audit list", tenant, each)
                }
                Err(fault) => refused("audit list", fault),
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
        let each = async |project: &Sandpiper| project.each(Rollout::default(), status).await;
        let known = Known::of(&self.run(None, each));
        *turn = Some(known.clone());
        known
    }

    /// The document of a command that can be about one tenant, and about nothing else in particular.
    fn answered<B: Body + Default>(
        &self,
        command: &str,
        request: &Request,
        work: impl AsyncFnOnce(&Sandpiper) -> Finished<B>,
    ) -> Answer {
        match Asked::of(&request.query, false) {
            Ok(asked) => self.document(command, asked.tenant, work),
            Err(fault) => refused(command, fault),
        }
    }

    fn document<B: Body + Default>(
        &self,
        command: &str,
        tenant: Option<String>,
        work: impl AsyncFnOnce(&Sandpiper) -> Finished<B>,
    ) -> Answer {
        let is_chosen = tenant.is_some();
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = self.run(tenant, work);
        drop(turn);
        let answer = rendered(command, &finished);
        // That there is no such tenant is the caller's mistake, not that of the configuration.
        let is_one = |fault: &Fault| matches!(fault.code, "usage" | "config::not-found");
        let is_mistaken = is_chosen && finished.error.as_ref().is_some_and(is_one);
        Answer { status: if is_mistaken { 400 } else { answer.status }, ..answer }
    }

    fn run<B: Default>(
        &self,
        tenant: Option<String>,
        work: impl AsyncFnOnce(&Sandpiper) -> Finished<B>,
    ) -> Finished<B> {
        let done = self.panics.catch(|| {
            let builder = self.project.clone().observer(Arc::new(Silent)).stopper(Stopper::new());
            let project = tenant.into_iter().fold(builder, Builder::tenant).build()?;
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

/// The document of a command that was asked for wrongly.
fn refused(command: &str, fault: Fault) -> Answer {
    let answer = rendered(command, &Finished::<EntriesReport>::refused(fault));
    Answer { status: 400, ..answer }
}

/// What a query asks for: `--tenant`, and the options of `audit list`.
struct Asked {
    tenant: Option<String>,
    listing: Listing,
}

impl Asked {
    fn of(query: &str, is_of_audit: bool) -> Result<Self, Fault> {
        let listing = Listing { history: false, since: None, state: None };
        let mut asked = Self { tenant: None, listing };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decoded(value);
            match name {
                "tenant" => asked.tenant = Some(value),
                "history" if is_of_audit => {
                    asked.listing.history = matches!(value.as_str(), "" | "1" | "true")
                }
                "since" if is_of_audit => asked.listing.since = Some(audit::since(&value)?),
                "state" if is_of_audit => asked.listing.state = Some(audit::state(&value)?),
                _ => {
                    let help = match is_of_audit {
                        true => {
                            "it may hold `tenant`, `history`, `since` and `state`, as `audit list` has them"
                        }
                        false => "it may hold `tenant`",
                    };
                    return Err(Fault::usage("the query names something else").with_help(help));
                }
            }
        }
        Ok(asked)
    }
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
        let read = |query, is_of_audit| Asked::of(query, is_of_audit);
        assert!(read("history=true&since=2026-01-31T12%3A00%3A00Z", true).unwrap().listing.history);
        assert!(read("history=false", true).is_ok_and(|it| !it.listing.history));
        assert!(read("since=yesterday", true).is_err() && read("sql=1", true).is_err());
        assert_eq!(read("tenant=a%2Eb", false).unwrap().tenant.as_deref(), Some("a.b"));
        assert!(read("history=true", false).is_err());
        assert_eq!(decoded("a%3Ab%zz%"), "a:b%zz%");
    }
}
