//! What crosses the border between host and guest, in the host's own types: descriptions, steps, outcomes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sandpiper_engine::change::{Cadence, Recovery};
use sandpiper_engine::fault::Fault;
use serde::{Deserialize, Serialize};

use crate::handle_call::HandleCall;
use crate::stop::{Stop, StopReason};
use crate::target::Session;

/// A change as its component describes it. Nothing in it is trusted yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeInfo {
    /// Its identity.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// The configured system that it is applied to.
    pub target_system: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether it runs inside one transaction; unset means: where that is possible.
    pub transactional: Option<bool>,
    /// What to do after an attempt without a known result.
    pub recovery: Option<Recovery>,
    /// When it runs again.
    pub cadence: Option<Cadence>,
    /// Further configured systems that it may open by name.
    pub uses: Vec<String>,
    /// Free-form.
    pub labels: Vec<(String, String)>,
    /// `when`, `retry`.
    pub options: Vec<(String, String)>,
}

/// A template plugin as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateInfo {
    /// The name that `template:` refers to.
    pub name: String,
    /// JSON Schema of one step's payload.
    pub payload_schema: String,
    /// JSON Schema of `configuration`.
    pub configuration_schema: Option<String>,
    /// Whether every apply step must come with a rollback step.
    pub rollback_required: bool,
}

/// A language plugin as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanguageInfo {
    /// What it is called.
    pub name: String,
    /// The extensions of the source files that it runs, without the dot.
    pub extensions: Vec<String>,
}

/// A source file as it stands in its stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Without its folder.
    pub file_name: String,
    /// Its text.
    pub text: String,
}

/// What a source file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspected {
    /// The change as it describes itself.
    pub info: ChangeInfo,
    /// Whether it can take back what it did.
    pub has_rollback: bool,
    /// Whether it can tell if it is applied.
    pub has_verify: bool,
}

/// What a language plugin finds wrong with a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceProblem {
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a step is run for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// To apply it.
    Apply,
    /// To take it back.
    Rollback,
    /// To find out whether it is applied.
    Verify,
}

/// One step of a change written as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is run for.
    pub action: Action,
    /// Counts from 0.
    pub index: u32,
    /// The kind of the target system.
    pub target_kind: String,
    /// JSON; "null" when there is none.
    pub configuration: String,
    /// JSON.
    pub payload: String,
    /// Statements of it that an earlier attempt finished.
    pub finished_statements: u32,
}

/// A place in the payload of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadPlace {
    /// JSON pointer into the payload.
    pub pointer: String,
    /// Bytes from the start of the text that stands there.
    pub offset: Option<u32>,
}

/// What a template finds wrong with a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadProblem {
    /// Where.
    pub place: PayloadPlace,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// What a template thinks of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// What is wrong with it.
    pub problems: Vec<PayloadProblem>,
    /// False when it cannot run inside a transaction.
    pub transactional: bool,
}

/// What a look at the target system says about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is applied.
    Applied,
    /// It is not.
    NotApplied,
    /// Some of it is.
    PartlyApplied,
    /// It cannot be told.
    Unknown,
}

/// What to call in a guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// `apply` of a change.
    Apply,
    /// `rollback` of a change.
    Rollback,
    /// `verify` of a change.
    Verify,
    /// `run`, or for [`Action::Verify`] `verify`, of a template.
    Step(Step),
    /// A function of a source file, through the language plugin that runs it.
    Source(Action, Arc<Source>),
}

/// What a call gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It ended well.
    Done,
    /// What `verify` said.
    Verdict(Verdict),
}

/// Everything that a call is lent.
pub struct Loan {
    /// The session on the change's target system; given back after the call.
    pub session: Box<dyn Session>,
    /// The context's facts.
    pub context: Context,
    /// Who keeps checkpoints, hears logs and progress, and counts calls.
    pub host: Arc<dyn GuestHost>,
    /// What ends the call from outside.
    pub stop: Stop,
    /// How long it may take.
    pub deadline: Duration,
}

/// The facts that a guest may ask its context for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Context {
    /// The same for every attempt of one change.
    pub idempotency_key: String,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// The tenant of this run.
    pub tenant: Option<String>,
    /// The configuration's variables.
    pub variables: Vec<(String, String)>,
    /// The names of the further systems that the change declared.
    pub uses: Vec<String>,
}

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For following every step.
    Trace,
    /// For finding a mistake.
    Debug,
    /// For everybody.
    Info,
    /// Something is odd.
    Warn,
    /// Something went wrong.
    Error,
}

/// The host's side of a guest's context, and who opens the systems in `uses`.
#[async_trait]
pub trait GuestHost: Send + Sync {
    /// A line of the guest's log, of its standard output or of its standard error: bounded, one line, without control
    /// characters.
    fn log(&self, level: Level, line: &str);

    /// How far the guest is; `total` is 0 if unknown.
    fn progress(&self, done: u64, total: u64);

    /// A call that the guest made through a handle has ended; each that counts is told once, in their order.
    fn called(&self, call: &HandleCall<'_>);

    /// Opens a further system that the change declared.
    async fn open(&self, system: &str) -> Result<Box<dyn Session>, String>;

    /// Keeps a checkpoint, with the durability of the attempt's mode.
    async fn save_checkpoint(&self, data: &[u8]) -> Result<(), String>;

    /// The last checkpoint of an earlier attempt, or of this one.
    async fn load_checkpoint(&self) -> Option<Vec<u8>>;
}

/// How a call ended, whatever its answer: what went over the border.
pub struct Returned {
    /// The session, as the call left it.
    pub session: Box<dyn Session>,
    /// The answer.
    pub answer: Result<Answer, CallError>,
    /// How many calls it made through its handles.
    pub calls: u64,
    /// Where it failed: whether that may be gone on the next attempt, as the guest says, or a system that gave up what
    /// the guest asked of it.
    pub transient: bool,
}

/// Why a call did not end well.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The guest says: a precondition did not hold, nothing was changed.
    #[error("{0}")]
    Precondition(String),
    /// The guest says: something went wrong.
    #[error("{message}")]
    Failed {
        /// What.
        message: String,
        /// Where in the data that it runs.
        place: Option<PayloadPlace>,
    },
    /// The guest says: it may be gone on the next attempt.
    #[error("{0}")]
    Transient(String),
    /// The guest says: this cannot be taken back.
    #[error("{0}")]
    Irreversible(String),
    /// It trapped: a panic, an exit, a stack overflow.
    #[error("the change trapped: {0}")]
    Trap(String),
    /// It reached a limit of the host.
    #[error("{message}")]
    Limit {
        /// The code of the fault: `change::memory`, `change::limit`.
        code: &'static str,
        /// Which limit, how much of it, and which setting moves it.
        message: String,
    },
    /// A statement ended the transaction that the host began.
    #[error("the transaction was ended by the change itself: {0}")]
    TransactionEnded(String),
    /// Outside of a transaction of the host's it left one of its own open, which was rolled back.
    #[error("the change left a transaction open, which was rolled back")]
    LeftOpen,
    /// It was stopped from outside.
    #[error("the change was stopped")]
    Stopped(StopReason),
    /// It could not be started at all, so nothing was done: its code is not valid, or fits no host of this version.
    #[error(transparent)]
    Unusable(Box<Fault>),
}
