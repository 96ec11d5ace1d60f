//! What the commands give back: plain data with the field names of the JSON documents.
//!
//! Every command gives a [`Finished`], whose body is one of the types here. The command line prints it, for people or
//! as JSON; an application that embeds the library reads it.

mod audit;
mod doctor;
mod kept;
mod preview;
mod status;
mod tenants;
mod warm;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::{Mode, RecordedError, State};
use sandpiper_engine::fault::{Effect, Fault, Problem};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::scope::SystemName;
pub use sandpiper_runtime::guest::Verdict;
use serde::Serialize;

pub use crate::exit::Exit;
pub use crate::undo_report::{UndoCounts, UndoReport};
pub use audit::{EntriesReport, EntryReport, HistoryReport, VerifyReport};
pub use doctor::{Check, DoctorReport};
pub use kept::{ArtifactReport, CallReport, PruneReport};
pub use preview::{Preview, PreviewOutcome};
pub use status::{Drift, StatusChange, StatusReport, StatusStage};
pub use tenants::{OverTenants, Summed, TenantOutcome, TenantReport};
pub use warm::{WarmComponent, WarmCounts, WarmOutcome, WarmReport};

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Finished<T> {
    /// Its exit code.
    pub exit: Exit,
    /// What went wrong first, if anything did.
    pub error: Option<Fault>,
    /// What is odd, but stops nothing.
    pub warnings: Vec<Problem>,
    /// What it gives.
    pub body: T,
}

impl<T> Finished<T> {
    /// A command that did what it was asked.
    pub fn done(body: T) -> Self {
        Self { exit: Exit::Done, error: None, warnings: Vec::new(), body }
    }

    /// A command that could not even begin.
    pub fn refused(fault: Fault) -> Self
    where
        T: Default,
    {
        Self {
            exit: Exit::before_anything(&fault),
            error: Some(fault),
            warnings: Vec::new(),
            body: T::default(),
        }
    }
}

/// What became of a change in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeOutcome {
    /// It was applied.
    Applied,
    /// It was applied before.
    AlreadyApplied,
    /// It failed, and its effect may remain.
    Failed,
    /// It failed, and its effect is gone.
    RolledBack,
    /// It failed, and so did its rollback.
    RollbackFailed,
    /// A person has to look at it first.
    Blocked,
    /// Something before it stopped the run, or it was not selected.
    NotReached,
    /// An earlier attempt had done it, and now that is recorded.
    Recovered,
    /// Its condition, or its stage's, does not hold.
    Skipped,
    /// It was taken back.
    Undone,
    /// Taking it back went wrong.
    UndoFailed,
}

/// What became of a stage in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageOutcome {
    /// Every selected change of it is applied.
    Complete,
    /// A change failed.
    Failed,
    /// A change needs a person.
    Blocked,
    /// A stage before it is not complete.
    NotReached,
    /// Its condition does not hold; stages after it may start.
    Skipped,
}

/// What `apply` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// This run.
    pub run_id: String,
    /// How long it took.
    pub duration_ms: u64,
    /// How many changes had which outcome.
    pub counts: Counts,
    /// Stage by stage, as configured.
    pub stages: Vec<StageReport>,
}

/// How many changes had which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Applied or recovered.
    pub applied: usize,
    /// Applied before, or left out by a condition.
    pub skipped: usize,
    /// Failed, rolled back, or their rollback failed.
    pub failed: usize,
    /// Not reached.
    pub not_reached: usize,
    /// Blocked.
    pub blocked: usize,
    /// Taken back.
    pub undone: usize,
}

impl Counts {
    /// Counts the outcomes of all changes.
    pub fn of(stages: &[StageReport]) -> Self {
        let mut counts = Self::default();
        for change in stages.iter().flat_map(|stage| &stage.changes) {
            let count = match change.outcome {
                ChangeOutcome::Undone => &mut counts.undone,
                ChangeOutcome::Recovered if change.state == Some(State::Undone) => &mut counts.undone,
                ChangeOutcome::Applied | ChangeOutcome::Recovered => &mut counts.applied,
                ChangeOutcome::AlreadyApplied | ChangeOutcome::Skipped => &mut counts.skipped,
                ChangeOutcome::Failed
                | ChangeOutcome::RolledBack
                | ChangeOutcome::RollbackFailed
                | ChangeOutcome::UndoFailed => &mut counts.failed,
                ChangeOutcome::NotReached => &mut counts.not_reached,
                ChangeOutcome::Blocked => &mut counts.blocked,
            };
            *count += 1;
        }
        counts
    }
}

/// A stage of a run.
#[derive(Debug, Clone, Serialize)]
pub struct StageReport {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: StageOutcome,
    /// Its own error: the lock was not free, say.
    pub error: Option<Fault>,
    /// Its changes, in order.
    pub changes: Vec<ChangeReport>,
}

/// A change of a run.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeReport {
    /// Its identity.
    pub id: ChangeId,
    /// Its place in the stage.
    pub order: Order,
    /// Its name.
    pub name: Arc<str>,
    /// Who wrote it.
    pub author: Arc<str>,
    /// The system that it is applied to.
    pub target_system: SystemName,
    /// What became of it.
    pub outcome: ChangeOutcome,
    /// What the audit says of it now.
    pub state: Option<State>,
    /// The mode of the attempt.
    pub mode: Option<Mode>,
    /// How long the attempt took.
    pub duration_ms: Option<u64>,
    /// Why it was applied, or not.
    pub reason: Cow<'static, str>,
    /// What went wrong with it.
    pub error: Option<Fault>,
    /// How often this run tried it.
    pub attempts: u32,
}

/// What `plan` and `apply --dry-run` give.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PlanReport {
    /// Stage by stage.
    pub stages: Vec<PlanStage>,
    /// How many selected changes are not applied.
    pub pending: usize,
}

/// A stage of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlanStage {
    /// Its name.
    pub name: String,
    /// Whether all that is pending in it is one transaction.
    pub atomic: bool,
    /// Its changes, in order.
    pub changes: Vec<PlanChange>,
}

/// What would be done with a change.
#[derive(Debug, Clone, Serialize)]
pub struct PlanChange {
    /// Its identity.
    pub id: String,
    /// Its place in the stage.
    pub order: String,
    /// Its name.
    pub name: String,
    /// The system that it is applied to.
    pub target_system: String,
    /// What would be done.
    pub action: PlanAction,
    /// Whether it takes no part because its condition does not hold.
    pub left_out: bool,
    /// Whether it is applied, and its cadence has it applied again.
    pub again: bool,
    /// In which mode; of a change that is left alone the recorded one.
    pub mode: Option<Mode>,
    /// How often at most it would be tried; 0 where it would not.
    pub attempts: u32,
    /// Why.
    pub reason: String,
    /// What running it and rolling it back has shown, where that was asked for.
    #[serde(flatten)]
    pub preview: Option<Preview>,
}

/// What would be done with a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanAction {
    /// Apply it.
    Apply,
    /// Leave it alone.
    Skip,
    /// Find out what became of an interrupted attempt, and go on from there.
    Recover,
    /// Go on after its last finished step.
    Resume,
    /// Take it back.
    Undo,
    /// Nothing: a person has to look at it first.
    Blocked,
    /// Nothing: something before it stops the run.
    NotReached,
}

/// What `validate` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ValidateReport {
    /// Everything that was found, errors first.
    pub problems: Vec<Problem>,
    /// How many changes there are.
    pub changes: usize,
}

/// What `issue list` and `issue show` give.
#[derive(Debug, Clone, Default, Serialize)]
pub struct IssuesReport {
    /// What needs a person.
    pub issues: Vec<Issue>,
}

/// A change that needs a person.
#[derive(Debug, Clone, Serialize)]
pub struct Issue {
    /// The tenant, where the pipeline has tenants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The change.
    pub change_id: String,
    /// Its stage.
    pub stage: String,
    /// What the audit says of it.
    pub state: State,
    /// Since when.
    pub since: Timestamp,
    /// Which attempt it was.
    pub attempt: u32,
    /// In which mode.
    pub mode: Mode,
    /// What went wrong.
    pub error: Option<RecordedError>,
    /// The last step that is certainly done and was not taken back, counted from 1. Of a change with one part the steps
    /// are its statements; of an undo of such a change they are those of its rollback.
    pub last_step: Option<u64>,
    /// The first step of which it is not known.
    pub doubtful_step: Option<u64>,
    /// Of a change with `steps` those that are done and were not taken back.
    pub done_steps: Vec<u64>,
    /// Of a change with `steps` those that were taken back.
    pub undone_steps: Vec<u64>,
    /// Of a change with `steps` those that are there in part, or perhaps.
    pub doubtful_steps: Vec<u64>,
    /// Of a change with one part the last statement of its rollback that is certainly done.
    pub rollback_last_step: Option<u64>,
    /// Of a change with one part the statement of its rollback of which it is not known.
    pub rollback_doubtful_step: Option<u64>,
    /// What is known of its steps, in words.
    pub steps: Option<String>,
    /// What to do next.
    pub help: String,
}

/// What `lock release` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ReleaseReport {
    /// The locks whose token was raised, held or free.
    pub released: Vec<ReleasedLock>,
    /// The locks as they are now, stage by stage.
    pub locks: Vec<LockReport>,
}

/// A lock whose token was raised.
#[derive(Debug, Clone, Serialize)]
pub struct ReleasedLock {
    /// Its stage.
    pub stage: String,
    /// Who held it, if anybody did.
    pub owner: Option<String>,
    /// On which machine.
    pub host: Option<String>,
}

/// What `lock status` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct LocksReport {
    /// Stage by stage.
    pub locks: Vec<LockReport>,
}

/// The lock of a stage.
#[derive(Debug, Clone, Serialize)]
pub struct LockReport {
    /// The stage.
    pub stage: String,
    /// The tenant, where the pipeline has tenants.
    pub tenant: Option<String>,
    /// Whether somebody holds it.
    pub held: bool,
    /// Who.
    pub owner: Option<String>,
    /// On which machine.
    pub host: Option<String>,
    /// The last token that was given out.
    pub token: Option<u64>,
    /// Until when it is held unless it is renewed.
    pub expires_at: Option<Timestamp>,
}

/// What `inspect` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct InspectReport {
    /// `change`, `template` or `language`.
    pub kind: String,
    /// What it says of itself.
    pub info: serde_json::Value,
    /// The digest of its bytes.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// The interfaces that it asks for; of a file that a plugin runs, those that the plugin asks for.
    pub imports: Vec<String>,
    /// The interfaces that it offers.
    pub exports: Vec<String>,
    /// The language, where the component tells.
    pub language: Option<String>,
    /// The tools that it says it was made with, and their versions.
    pub toolchain: Vec<String>,
    /// One sentence: what it may touch.
    pub may_touch: String,
    /// The plugin that runs it; none of a component.
    pub run_by: Option<RunBy>,
}

/// The plugin that runs a data file or a source file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunBy {
    /// `template` or `language plugin`.
    pub kind: String,
    /// Of a template the name that the file refers to, of a language plugin what it calls itself.
    pub name: String,
    /// The digest of its bytes.
    pub digest: String,
    /// Its file; none where it is built in.
    pub file: Option<String>,
}

/// What is known of a failure's effect, in words.
pub fn effect_in_words(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "nothing was changed",
        Effect::Unknown => "its effect may remain",
        Effect::Applied => "it took effect",
    }
}
