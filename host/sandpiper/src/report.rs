//! What the commands give back: plain data with the field names of the JSON documents.
//!
//! Every command gives a [`Finished`], whose body is one of the types here. The command line prints it, for people or
//! as JSON; an application that embeds the library reads it.

mod doctor;
mod kept;
mod preview;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Mode, RecordedError, Sequence, State};
use sandpiper_engine::fault::{Effect, Fault, Problem};
use sandpiper_engine::file_name::Order;
use sandpiper_engine::scope::SystemName;
pub use sandpiper_runtime::guest::Verdict;
use serde::Serialize;

pub use crate::exit::Exit;
pub use crate::undo_report::{UndoCounts, UndoReport};
pub use doctor::{Check, DoctorReport};
pub use kept::{ArtifactReport, CallReport, PruneReport};
pub use preview::{Preview, PreviewOutcome};

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

/// What `status` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct StatusReport {
    /// Stage by stage; applied changes without a file stand in the stage where they were applied.
    pub stages: Vec<StatusStage>,
    /// How many changes are not applied.
    pub pending: usize,
    /// How many need a person.
    pub issues: usize,
    /// The changes that count as applied, and whose `verify` says otherwise; none where they were not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<Drift>>,
}

/// A change that counts as applied, and whose `verify` says otherwise.
#[derive(Debug, Clone, Serialize)]
pub struct Drift {
    /// The change.
    pub id: String,
    /// What its `verify` says: `not-applied`, `partly-applied`, or `unknown` where it cannot tell.
    pub verdict: Verdict,
    /// Why it cannot tell.
    pub message: Option<String>,
}

/// A stage with the states of its changes.
#[derive(Debug, Clone, Serialize)]
pub struct StatusStage {
    /// Its name.
    pub name: String,
    /// Its changes, in order.
    pub changes: Vec<StatusChange>,
}

/// A change with its state.
#[derive(Debug, Clone, Serialize)]
pub struct StatusChange {
    /// Its identity.
    pub id: String,
    /// Its place in the stage.
    pub order: String,
    /// Its name; where there is no file, the one that was recorded.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// The system that it is applied to.
    pub target_system: String,
    /// What the audit says of it; null when it was never tried.
    pub state: Option<State>,
    /// The digest of its file, or of what was applied where there is none.
    pub digest: Digest,
    /// It was edited since it was applied.
    pub modified: bool,
    /// It is applied, and there is no file.
    pub missing: bool,
    /// It was only built again, or its line endings changed.
    pub rebuilt: bool,
    /// Whether a person has to look at it.
    pub blocked: bool,
    /// Whether its condition, or its stage's, leaves it out.
    pub excluded: bool,
    /// When it was applied.
    pub applied_at: Option<Timestamp>,
    /// How long that took.
    pub duration_ms: Option<u64>,
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
    /// The last step that was certainly finished, counted from 1.
    pub last_step: Option<u64>,
    /// The step of which it is not known.
    pub doubtful_step: Option<u64>,
    /// What to do next.
    pub help: String,
}

/// What `audit list`, `issue resolve`, `lock release` and the like give.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EntriesReport {
    /// Newest last.
    pub entries: Vec<EntryReport>,
}

/// What `audit show` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HistoryReport {
    /// The newest entry with a state.
    pub entry: Option<EntryReport>,
    /// All entries of the change, newest last.
    pub history: Vec<EntryReport>,
    /// The calls of an attempt, where they were asked for: of the newest, or of the one that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<Vec<CallReport>>,
    /// The file that was written, where one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<ArtifactReport>,
}

/// An entry of the audit.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of `sandpiper_engine::entry::Record`, which documents them"
)]
pub struct EntryReport {
    pub sequence: Sequence,
    pub run_id: String,
    pub attempt_id: Option<String>,
    pub service: String,
    pub environment: String,
    pub tenant: Option<String>,
    pub change_id: String,
    pub stage: String,
    pub order: String,
    pub name: String,
    pub author: String,
    pub state: Option<State>,
    pub attempt: Option<u32>,
    pub target_system: String,
    pub mode: Option<Mode>,
    pub recovery: sandpiper_engine::change::Recovery,
    pub digest: Digest,
    pub template_digest: Option<Digest>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub host: String,
    pub operator: String,
    pub reason: Option<String>,
    pub token: u64,
    pub error: Option<RecordedError>,
    pub labels: serde_json::Map<String, serde_json::Value>,
    pub calls: u64,
    pub calls_cut: bool,
    pub version: String,
    pub hash: Digest,
}

impl From<Entry> for EntryReport {
    fn from(entry: Entry) -> Self {
        let Entry { sequence, token, record, hash } = entry;
        Self {
            sequence,
            run_id: record.run_id,
            attempt_id: record.attempt_id.map(|id| id.0.as_ref().to_owned()),
            service: record.scope.service,
            environment: record.scope.environment,
            tenant: record.scope.tenant,
            change_id: record.change_id.as_str().to_owned(),
            stage: record.stage.as_str().to_owned(),
            order: record.order.as_str().to_owned(),
            name: record.name,
            author: record.author,
            state: record.state,
            attempt: record.attempt,
            target_system: record.target_system.as_str().to_owned(),
            mode: record.mode,
            recovery: record.recovery,
            digest: record.digest,
            template_digest: record.template_digest,
            started_at: record.started_at,
            finished_at: record.finished_at,
            duration_ms: record.duration_ms,
            host: record.host,
            operator: record.operator,
            reason: record.reason,
            token: token.0,
            error: record.error,
            labels: record.labels.into_iter().map(|(name, value)| (name, value.into())).collect(),
            calls: record.calls,
            calls_cut: record.calls_cut,
            version: record.version,
            hash,
        }
    }
}

/// What `audit verify` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct VerifyReport {
    /// Whether the whole chain fits.
    pub valid: bool,
    /// How many entries were read.
    pub entries: u64,
    /// The first entry that does not fit.
    pub first_broken: Option<Sequence>,
}

/// What `lock status` and `lock release` give.
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
    /// The interfaces that it asks for.
    pub imports: Vec<String>,
    /// The interfaces that it offers.
    pub exports: Vec<String>,
    /// The language and toolchain, where the component tells.
    pub language: Option<String>,
    /// One sentence: what it may touch.
    pub may_touch: String,
}

/// What is known of a failure's effect, in words.
pub fn effect_in_words(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "nothing was changed",
        Effect::Unknown => "its effect may remain",
        Effect::Applied => "it took effect",
    }
}
