//! A run: everything that `apply` does once the project is loaded.
//!
//! [`Core`] is what all stages share; [`schedule`] starts each stage when those that it is after are complete, on a
//! thread of its own, because guests and embedded databases compute on the thread that calls them.

pub(crate) mod again;
pub(crate) mod atomic;
pub(crate) mod attempt;
pub(crate) mod calls;
pub(crate) mod going_on;
pub(crate) mod guest_host;
pub(crate) mod idle;
pub(crate) mod journal;
pub(crate) mod notes;
pub(crate) mod one_transaction;
pub(crate) mod outcome;
pub(crate) mod prepare;
pub(crate) mod preview;
pub(crate) mod ready;
pub(crate) mod record;
pub(crate) mod schedule;
pub(crate) mod session;
pub(crate) mod settle;
pub(crate) mod stage;
pub(crate) mod undo;
pub(crate) mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_backends::crash;
use sandpiper_engine::change::{Change, ChangeId};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Mode, Record};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::{self, Answers, Plan, Planned, PlannedStage, Selection};
use sandpiper_engine::policy::Policies;
use sandpiper_engine::scope::{Scope, StageName};
use sandpiper_engine::store::{Owner, Store};
use sandpiper_runtime::Runtime;

use crate::load::Changes;
use crate::lock::Leases;
use crate::observer::Observer;
use crate::run::ready::{Program, Ready};
use crate::run::record::Origin;
use crate::secrets::Secrets;
use crate::stopping::Stopper;
use crate::systems::Systems;

/// What all stages of a run share.
pub(crate) struct Core {
    pub(crate) store: Arc<dyn Store>,
    /// The store's own identity: part of every fence row.
    pub(crate) store_identity: String,
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) systems: Arc<Systems>,
    pub(crate) leases: Leases,
    pub(crate) owner: Owner,
    pub(crate) scope: Scope,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) secrets: Secrets,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) stopper: Stopper,
    pub(crate) stages: Vec<plan::Stage>,
    pub(crate) policies: Policies,
    pub(crate) selection: Selection,
    pub(crate) changes: Arc<Changes>,
    pub(crate) readied: BTreeMap<ChangeId, Arc<Ready>>,
    /// The plan from before the first lease.
    pub(crate) first: Plan,
    pub(crate) keeps_artifacts: bool,
}

impl Core {
    /// Plans one stage anew, on what the audit says now.
    pub(crate) async fn plan_stage(
        &self,
        name: &StageName,
        answers: &Answers,
    ) -> Result<PlannedStage, Fault> {
        let states = self.store.states(&self.scope).await?.unwrap_or_default();
        let mut answers = answers.clone();
        answers.extend(crate::commands::certain_answers(&self.changes, &states, &self.runtime));
        going_on::look(&self.changes, &self.systems, &self.scope, &states, &mut answers).await?;
        let planned = plan::plan(&self.stages, self.policies, &states, &answers, &self.selection);
        let planned = planned.map_err(|error| crate::load::selection_fault(&error, &self.stages))?;
        planned
            .stages
            .into_iter()
            .find(|stage| stage.name == *name)
            .ok_or_else(|| Fault::bug(format!("stage `{name}` is not in its own plan")))
    }

    /// Whether all that is pending in a stage is one transaction.
    pub(crate) fn is_atomic(&self, name: &StageName) -> bool {
        self.changes.config.stages.iter().any(|stage| stage.name == *name && stage.atomic)
    }

    /// The stage as the plan from before the first lease has it.
    pub(crate) fn first_plan(&self, name: &StageName) -> &PlannedStage {
        static EMPTY: std::sync::OnceLock<PlannedStage> = std::sync::OnceLock::new();
        self.first.stages.iter().find(|stage| stage.name == *name).unwrap_or_else(|| {
            EMPTY.get_or_init(|| PlannedStage {
                name: "".into(),
                after: Vec::new(),
                excluded: None,
                changes: Vec::new(),
                held: None,
            })
        })
    }

    /// The change, ready to run: made ready before the lease, or now if it became pending since.
    pub(crate) fn ready(&self, planned: &Planned) -> Result<Arc<Ready>, Fault> {
        self.readied_as(&planned.change.id).ok_or_else(|| {
            let message = format!("change `{}` became pending while the run began", planned.change.id);
            Fault::new("lock::lost", sandpiper_engine::fault::Blame::Host, message)
                .with_help("run the same command again: it plans on what is there now")
        })
    }

    /// The change, if it was made ready before the lease.
    pub(crate) fn readied_as(&self, id: &ChangeId) -> Option<Arc<Ready>> {
        self.readied.get(id).cloned()
    }

    /// Keeps the bytes of changes and of what runs them, and what components said of themselves, all in one commit.
    pub(crate) async fn keep_artifacts(&self, readied: &[Arc<Ready>]) -> Result<(), Fault> {
        let artifacts = if self.keeps_artifacts { artifacts(&self.changes, readied) } else { Vec::new() };
        let descriptions = self.changes.new_descriptions(readied.iter().map(|ready| &ready.change));
        crash::before("keep artifacts");
        self.store.keep(&artifacts, &descriptions).await?;
        crash::after("keep artifacts");
        Ok(())
    }

    /// The same for every attempt of one change: what systems with idempotency keys take.
    pub(crate) fn idempotency_key(&self, id: &ChangeId) -> String {
        idempotency_key(&self.store_identity, &self.scope, id)
    }

    /// An entry about a change, to be completed by whoever writes it.
    pub(crate) fn record(&self, change: &Change, stage: &StageName, mode: Mode) -> Record {
        Origin { owner: &self.owner, scope: &self.scope, variables: &self.variables }
            .record(change, stage, mode)
    }

    /// A fault free of secrets.
    pub(crate) fn redacted_fault(&self, fault: Fault) -> Fault {
        self.secrets.redact_fault(fault)
    }
}

/// The bytes of changes and of what runs them, by their digests.
pub(crate) fn artifacts(changes: &Changes, readied: &[Arc<Ready>]) -> Vec<(Digest, Arc<[u8]>)> {
    let mut artifacts: BTreeMap<Digest, Arc<[u8]>> = BTreeMap::new();
    for ready in readied {
        if let Some(bytes) = changes.bytes(&ready.change.id) {
            artifacts.insert(ready.change.digest, bytes);
        }
        let runner = match &ready.program {
            Program::Component(_) => None,
            Program::Data(data) => Some(&data.template),
            Program::Source(source) => Some(&source.plugin),
        };
        if let (Some(runner), Some(digest)) = (runner, ready.change.template_digest) {
            artifacts.insert(digest, runner.bytes().clone());
        }
    }
    artifacts.into_iter().collect()
}

/// The same for every attempt of one change: what systems with idempotency keys take.
pub(crate) fn idempotency_key(store: &str, scope: &Scope, id: &ChangeId) -> String {
    let Scope { service, environment, tenant } = scope;
    let tenant = tenant.as_deref().unwrap_or_default();
    let parts = [store, service, environment, tenant, id.as_str()];
    let parts: Vec<&[u8]> = parts.iter().flat_map(|part| [part.as_bytes(), b"\0".as_slice()]).collect();
    Digest::of_parts(&parts).to_string()
}
