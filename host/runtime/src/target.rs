//! What a target system must be able to do: open a session for one attempt, prove a transaction, commit it with a
//! marker or with entries, and tell later whether it was committed.

use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::entry::{AttemptId, Mode, Token};
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::scope::LockKey;
use sandpiper_engine::store::{AppendError, Appended, Draft, Lease, StepMark};

use crate::guest::Level;
use crate::http::Http;
use crate::sql::Sql;

/// A kind of handle that a system lends: the WIT package that it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// `sandpiper:sql`.
    Sql,
    /// `sandpiper:http`.
    Http,
}

impl Capability {
    /// Every capability.
    pub const ALL: [Self; 2] = [Self::Sql, Self::Http];

    /// The name of its WIT package, without the namespace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Http => "http",
        }
    }
}

/// What a system can take back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    /// Statements between begin and commit, all or none.
    Transaction {
        /// Whether statements that change the schema are among them.
        ddl: bool,
    },
    /// Nothing: every call takes effect by itself.
    PerCall,
}

/// A system that changes are applied to.
#[async_trait]
pub trait Target: Send + Sync {
    /// The kind, as the configuration names it: `sqlite`, `postgres`.
    fn kind(&self) -> &'static str;

    /// The one capability that its sessions lend.
    fn capability(&self) -> Capability;

    /// What it can take back by itself.
    fn atomicity(&self) -> Atomicity;

    /// Whether it is reachable, lets us in and gives us the rights that an attempt needs. Called before any lock.
    ///
    /// # Errors
    ///
    /// [`TargetError::Unreachable`] when nobody answers yet, or who answers is still starting: that, and nothing else, is
    /// what `--wait` waits for.
    async fn check(&self) -> Result<(), TargetError>;

    /// Waits until this process may begin an attempt on it. Held from before `started` is recorded until the attempt
    /// is over; systems with many writers give it at once.
    async fn turn(&self) -> Result<Turn, TargetError>;

    /// Opens a session for one attempt: in a transaction, where the mode is one, whose fence row is set.
    async fn open(&self, opening: &Opening) -> Result<Box<dyn Session>, TargetError>;

    /// Writes the fence row, so that no attempt with an older token can commit any more. Waits until a transaction that
    /// still holds the row has ended.
    ///
    /// # Errors
    ///
    /// [`TargetError::Fenced`] when a higher token stands there.
    async fn fence(&self, fence: &Fence) -> Result<(), TargetError>;

    /// Whether the marker of an attempt is there: its transaction was committed.
    async fn has_marker(&self, attempt: &AttemptId) -> Result<bool, TargetError>;

    /// Removes the markers of attempts whose end is recorded.
    async fn forget_markers(&self, attempts: &[AttemptId]) -> Result<(), TargetError>;

    /// Looks at everything that has to be right for an attempt, for people. It makes and changes nothing; what cannot be
    /// looked at because of something before it is said to be [unknown](Finding::unknown). Backends begin with
    /// `reachable`, and add what they have: `version`, `rights`, `clock`, `tables` (of markers and fence rows), `audit`
    /// (whether a change could write the audit).
    async fn diagnose(&self) -> Vec<Finding> {
        vec![match self.check().await {
            Ok(()) => Finding::good("reachable", "it answers, and lets us in"),
            Err(error) => {
                let fault = Fault::from(error);
                Finding::bad("reachable", fault.message, fault.help.unwrap_or_default())
            }
        }]
    }
}

/// The right to begin an attempt, given back when it is dropped.
#[derive(Default)]
pub struct Turn(#[expect(dead_code, reason = "held only to be dropped")] Option<Box<dyn Send + Sync>>);

impl Turn {
    /// A turn that lasts as long as a guard lives.
    pub fn held(guard: impl Send + Sync + 'static) -> Self {
        Self(Some(Box::new(guard)))
    }
}

/// Which older holders can commit no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The identity of the audit store.
    pub store: String,
    /// Of which stage the lease is.
    pub key: LockKey,
    /// The lease's token.
    pub token: Token,
}

/// For what a session is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opening {
    /// For an attempt, which may write.
    Attempt {
        /// Its random identity.
        id: AttemptId,
        /// How it is kept apart from a half-done one.
        mode: Mode,
        /// What keeps older holders out.
        fence: Fence,
        /// Attempts on this system whose end is recorded: their markers may go.
        recorded: Vec<AttemptId>,
    },
    /// For looking only: `verify`, and the systems in `uses` of a transactional change.
    ReadOnly,
    /// For changes that are run to be seen: in a transaction as an attempt's, but without fence row and marker, that is
    /// never committed. A system that is not made yet is not made by it.
    Preview,
}

/// One connection for one attempt.
#[async_trait]
pub trait Session: Send {
    /// What ends a running call from outside: on a deadline, a signal, a lost lease.
    fn interrupter(&self) -> Interrupter;

    /// The handle for SQL, where the system lends it.
    fn sql(&mut self) -> Option<&mut dyn Sql>;

    /// The handle for HTTP, where the system lends it.
    fn http(&mut self) -> Option<&mut dyn Http> {
        None
    }

    /// Whether any call so far may have changed the system.
    fn has_written(&self) -> bool;

    /// What the system remarked since it was asked last: notices and warnings, for the log.
    fn take_notices(&mut self) -> Vec<(Level, String)> {
        Vec::new()
    }

    /// Makes sure that the transaction that the host began still stands and may be committed.
    ///
    /// # Errors
    ///
    /// [`ProofError::Ended`] when something ended it, [`ProofError::Violated`] when a deferred rule of the database
    /// would be broken.
    async fn prove(&mut self) -> Result<(), ProofError>;

    /// Makes sure that the transaction that the host began still stands, without looking at rules that the database
    /// checks late: between the changes of an atomic stage, the last of which may still mend what an earlier one broke.
    ///
    /// # Errors
    ///
    /// [`ProofError::Ended`] when something ended it.
    async fn stands(&mut self) -> Result<(), ProofError>;

    /// After each change of a [preview](Opening::Preview), all of which share one transaction: makes sure as [`prove`]
    /// does that it could have been committed, and lets the next one begin as in a session of its own, as far as the
    /// system can.
    ///
    /// [`prove`]: Self::prove
    ///
    /// # Errors
    ///
    /// As of [`prove`].
    async fn previewed(&mut self) -> Result<(), ProofError> {
        self.prove().await
    }

    /// Whether a transaction is open now that a `direct` change began itself, as the system says.
    async fn has_open_transaction(&mut self) -> bool;

    /// Rolls back what a `direct` change left open after a call. Gives whether there was anything.
    async fn roll_back_left_open(&mut self) -> bool;

    /// Keeps how far a step is inside of the transaction that a `direct` change began itself, where the store is in that
    /// very database: there another connection would wait for this transaction. `None` where the store can keep it.
    async fn keep_step(
        &mut self,
        _lease: &Lease,
        _change: &ChangeId,
        _mark: &StepMark,
    ) -> Option<Result<(), AppendError>> {
        None
    }

    /// Commits the transaction, with its seal inside.
    async fn commit(self: Box<Self>, seal: Seal<'_>) -> Result<Option<Appended>, CommitError>;

    /// Ends the session without committing. In `direct` mode a transaction that the change left open is rolled back,
    /// and reported as [`TargetError::LeftOpen`]. What no rollback takes back is reported as [`TargetError::Remains`].
    async fn close(self: Box<Self>) -> Result<(), TargetError>;
}

/// Ends a running call of a session from another thread; the call then returns an error. Does nothing when none runs.
#[derive(Clone)]
pub struct Interrupter(Arc<dyn Fn() + Send + Sync>);

impl Interrupter {
    /// From what does it.
    pub fn new(interrupt: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(interrupt))
    }

    /// Ends the call that runs now.
    pub fn interrupt(&self) {
        (self.0)();
    }
}

/// What is written inside a transaction, right before its commit, to prove it.
#[derive(Debug)]
pub enum Seal<'a> {
    /// `marked`: the row with the attempt's id.
    Marker,
    /// `marked`, of an atomic stage: a row for each of these attempts.
    Markers(&'a [AttemptId]),
    /// `shared`: the entries themselves.
    Entries {
        /// The lease under which they are appended.
        lease: &'a Lease,
        /// The `applied` entry, and what rides with it.
        drafts: &'a [Draft],
    },
}

/// Why a target system did not do what the host asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nobody answers there.
    #[error("the target system cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, and does not do it.
    #[error("the target system refused: {0}")]
    Refused(String),
    /// The account may not.
    #[error("the target system's account lacks a right: {0}")]
    Rights(String),
    /// Its version is one that this host cannot work with.
    #[error("{0}")]
    Version(String),
    /// Somebody else held it for too long.
    #[error("the target system was busy for too long: {0}")]
    Busy(String),
    /// It gave up what it was asked, and says that the same may succeed when it is tried again: a deadlock, a
    /// serialization failure.
    #[error("the target system gave up: {0}")]
    Transient(String),
    /// A higher token stands in the fence row.
    #[error("the lock was lost: a newer run has begun on this target system")]
    Fenced,
    /// A direct change ended with a transaction of its own open, which was rolled back.
    #[error("the change left a transaction open, which was rolled back")]
    LeftOpen,
    /// The transaction was rolled back, and something of what the change did in it stays.
    #[error("{0}")]
    Remains(String),
}

impl TargetError {
    /// Whether the same may succeed when it is tried again.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Busy(_) | Self::Transient(_) => true,
            Self::Refused(_)
            | Self::Rights(_)
            | Self::Version(_)
            | Self::Fenced
            | Self::LeftOpen
            | Self::Remains(_) => false,
        }
    }
}

impl From<TargetError> for Fault {
    fn from(error: TargetError) -> Self {
        let transient = error.is_transient();
        let (code, help) = match &error {
            TargetError::Unreachable(_) => {
                ("target::unreachable", "check its address in `target-systems`, and that it is up")
            }
            TargetError::Refused(_) => {
                ("target::refused", "mend the target system, then run the same command again")
            }
            TargetError::Rights(_) => ("target::rights", "grant the account what the message names"),
            TargetError::Version(_) => ("target::version", "use a release of it that Sandpiper knows"),
            TargetError::Busy(_) => {
                ("target::unreachable", "find out who holds it, then run the same command again")
            }
            TargetError::Transient(_) => {
                ("change::failed", "run the same command again; `retry` in the change does so by itself")
            }
            TargetError::Fenced => return Self::lease_lost(),
            TargetError::Remains(_) => {
                return Self::new("change::transaction-ended", Blame::Change, error.to_string())
                    .with_effect(Effect::Unknown)
                    .with_help("take back by hand what stays, and set `transactional: false` in the change");
            }
            TargetError::LeftOpen => {
                return Self::new("change::failed", Blame::Change, error.to_string())
                    .with_help("end every `BEGIN` with a `COMMIT` in the same part of the change");
            }
        };
        Self::new(code, Blame::Target, error.to_string()).with_help(help).with_transience(transient)
    }
}

/// Why a transaction may not be committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// Something ended it early: what it did is not known.
    #[error("the transaction was ended by the change itself: {0}")]
    Ended(String),
    /// A rule that the database checks late is broken.
    #[error("{0}")]
    Violated(String),
    /// It could not be found out.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// Why a commit did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// It certainly did not happen: the transaction is rolled back.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The entries were refused, and with them the transaction: it is rolled back.
    #[error(transparent)]
    Entries(#[from] AppendError),
    /// The transaction broke a rule at the commit, and is rolled back: the change is at fault.
    #[error("{0}")]
    Violated(String),
    /// The transaction had ended before: what it did is not known.
    #[error("the transaction was ended by the change itself: {0}")]
    Ended(String),
    /// The answer was lost: it may have happened.
    #[error("the answer to the commit was lost: {0}")]
    Unknown(String),
}
