//! What an audit store must be able to do: states, the chain of entries, leases, artifacts, descriptions.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::change::ChangeId;
use crate::diagnosis::Finding;
use crate::digest::Digest;
use crate::entry::{Entry, Record, Sequence, Token};
use crate::fault::{Blame, Effect, Fault};
pub use crate::progress::StepMark;
use crate::scope::{LockKey, Scope};
use crate::state::States;

/// Audit, current states, leases, artifacts.
///
/// Every method is one atomic action of the store: it happened as a whole, or not at all. A method retries by itself
/// what is certain not to have happened; what it cannot tell, it settles by looking before it answers.
#[async_trait]
pub trait Store: Send + Sync {
    /// The states of all changes of a scope, by one indexed read. None when there is no store yet; nothing is made.
    async fn states(&self, scope: &Scope) -> Result<Option<States>, StoreError>;

    /// The hash of the newest entry of a scope's chain: as long as it is the same, so is everything that was ever recorded
    /// of the scope. None where there is no entry, where the chain's recorded end is another one, and from stores to
    /// which this would be no less to do than to give the states.
    async fn head(&self, _scope: &Scope) -> Result<Option<Digest>, StoreError> {
        Ok(None)
    }

    /// The files of this machine that the store is kept in, whether they are there yet or not: nothing can be written to
    /// the store without one of them. None of a store that is elsewhere.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Makes the store, or moves its own schema forward under a lock of its own. Called before the first lease.
    ///
    /// # Errors
    ///
    /// [`StoreError::Version`] when a newer host made the store.
    async fn prepare(&self) -> Result<(), StoreError>;

    /// Tries once to take a lease, in one conditional statement decided by the store's clock. `gone` is the token of a
    /// holder whose process is certainly no more: its lease may be taken before it runs out.
    async fn acquire(
        &self,
        key: &LockKey,
        owner: &Owner,
        length: Duration,
        gone: Option<Token>,
    ) -> Result<Acquisition, StoreError>;

    /// Makes a lease last `length` from now, by the store's clock.
    async fn renew(&self, lease: &Lease, length: Duration) -> Result<Renewal, StoreError>;

    /// Gives a lease back. One that is held no more is left alone.
    async fn release(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Takes the lock of a stage from whoever holds it: raises the token, so that the holder can write no more, and
    /// appends a note. Gives whom it was taken from; a free lock's token rises too.
    async fn break_lock(&self, key: &LockKey, note: Record) -> Result<Option<Holder>, StoreError>;

    /// All locks of a scope that were ever taken, by the stage's name.
    async fn locks(&self, scope: &Scope) -> Result<Vec<LockStatus>, StoreError>;

    /// Appends entries to the chain of the lease's scope, all or none, refusing an old token. The state of each change is
    /// from then on what [`ChangeState::after`](crate::state::ChangeState::after) makes of it, of a note as well.
    async fn append(&self, lease: &Lease, drafts: &[Draft]) -> Result<Appended, AppendError>;

    /// The entries that a query selects, oldest first, read from the text that was hashed.
    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError>;

    /// The calls that were kept with these entries, as they were given; nothing of entries without any.
    async fn calls(
        &self,
        scope: &Scope,
        sequences: &[Sequence],
    ) -> Result<Vec<(Sequence, String)>, StoreError>;

    /// Walks the chain of a scope, and holds it against the head and the table of states.
    async fn verify(&self, scope: &Scope) -> Result<ChainReport, StoreError>;

    /// Keeps artifacts by their digest, and what components said of themselves, a JSON text, by theirs: all in one
    /// transaction, which must be durable no later than the next entry. What is there already is left alone.
    async fn keep(
        &self,
        artifacts: &[(Digest, Arc<[u8]>)],
        descriptions: &[(Digest, String)],
    ) -> Result<(), StoreError>;

    /// The bytes of a digest, checked against it.
    async fn artifact(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError>;

    /// Drops the calls that entries of the scope from before a time have, and the artifacts that only such entries name
    /// and nothing applied or unsettled needs, in whatever scope. Never while anybody holds a lease: a run keeps its
    /// artifacts before the entry that names them. `gone` are the leases of holders whose processes are certainly
    /// no more.
    async fn prune(&self, scope: &Scope, before: Timestamp, gone: &[Lease]) -> Result<Pruning, StoreError>;

    /// The descriptions that are kept for these components.
    async fn descriptions(&self, digests: &[Digest]) -> Result<Vec<(Digest, String)>, StoreError>;

    /// Keeps a checkpoint of a change, durably, in place of the one before; refused under an old token. It goes with
    /// the next entry that says `applied`, `rolled-back`, `undone` or `marked-rolled-back` of the change.
    async fn put_checkpoint(&self, lease: &Lease, change: &ChangeId, data: &[u8]) -> Result<(), AppendError>;

    /// The checkpoint of a change.
    async fn checkpoint(&self, scope: &Scope, change: &ChangeId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Keeps what is finished of a step of a `direct` change, durably, in place of what was kept of that step before;
    /// refused under an old token. It goes when checkpoints go.
    async fn put_step(&self, lease: &Lease, change: &ChangeId, mark: &StepMark) -> Result<(), AppendError>;

    /// What is finished of the steps of a change, in their order.
    async fn steps(&self, scope: &Scope, change: &ChangeId) -> Result<Vec<StepMark>, StoreError>;

    /// Forgets the checkpoint and the steps of a change, durably, as long as its newest entry is this one: it is applied
    /// from the beginning. Refused under an old token.
    async fn forget_progress(
        &self,
        lease: &Lease,
        change: &ChangeId,
        newest: Sequence,
    ) -> Result<(), AppendError>;

    /// The identity of this store: random, made with it. Part of the key of a fence row.
    async fn identity(&self) -> Result<String, StoreError>;

    /// Looks at everything that has to be right for a run on this scope, for people. It makes and changes nothing; what
    /// cannot be looked at because of something before it is said to be [unknown](Finding::unknown). Backends begin with
    /// `reachable`, and add what they have: `version`, `rights`, `clock`, `schema`, `chain`.
    async fn diagnose(&self, scope: &Scope) -> Vec<Finding> {
        vec![match self.states(scope).await {
            Ok(_) => Finding::good("reachable", "it answers"),
            Err(error) => {
                let fault = Fault::from(error);
                Finding::bad("reachable", fault.message, fault.help.unwrap_or_default())
            }
        }]
    }
}

/// Who takes a lease, for people to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The run.
    pub run_id: String,
    /// The person or account.
    pub operator: String,
    /// The machine.
    pub host: String,
    /// What tells whether it still runs, for those on the same machine: opaque to stores.
    pub process: Option<String>,
}

/// A lease that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub key: LockKey,
    /// What fences it.
    pub token: Token,
}

/// The answer to a try to take a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acquisition {
    /// It is ours; and who let it run out before us, if anyone did.
    Taken {
        /// Ours.
        lease: Lease,
        /// Whose lease ran out without being given back.
        expired: Option<Holder>,
    },
    /// Somebody holds it.
    Held(Holder),
}

/// The answer to a renewal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// It lasts again.
    Renewed,
    /// The store is busy with the holder's own change: nobody can take the lease meanwhile.
    Busy,
    /// It is somebody else's now, or was released by a person.
    Lost,
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Who took it.
    pub owner: Owner,
    /// With which token.
    pub token: Token,
    /// Until when, by the store's clock.
    pub expires_at: Timestamp,
}

/// The lock of one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockStatus {
    /// Which.
    pub key: LockKey,
    /// The last token that was given out.
    pub token: Token,
    /// Who holds it, if anyone does by the store's clock.
    pub holder: Option<Holder>,
}

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it says.
    pub record: Record,
    /// On which condition it is appended.
    pub condition: Condition,
    /// The calls that are kept beside it: a text, opaque to stores.
    pub calls: Option<String>,
}

/// On which condition an entry is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// On none but the lease's.
    Always,
    /// The change's newest entry is still this one (none: it has no entry), else nothing of the batch is appended.
    Newest(Option<Sequence>),
    /// The same; but else only this entry, which rides in another's commit, is left out.
    NewestOrDrop(Option<Sequence>),
    /// The change's newest entry is of the same attempt, else nothing of the batch is appended: what ends an attempt
    /// follows its own entries, and none of another's.
    SameAttempt,
}

/// What was appended: for each draft its entry; none for a rider that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended(pub Vec<Option<Entry>>);

/// Which entries are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryQuery {
    /// Of which scope.
    pub scope: Scope,
    /// Of this change only.
    pub change_id: Option<ChangeId>,
    /// The newest with a state of each change only.
    pub newest_only: bool,
    /// Notes only: entries without a state.
    pub notes_only: bool,
    /// After this entry.
    pub after: Option<Sequence>,
    /// At most so many.
    pub limit: Option<u32>,
    /// Those with these places in the chain only, by which they are found at once.
    pub places: Option<Vec<Sequence>>,
}

impl EntryQuery {
    /// Every entry of one change.
    pub fn of_change(scope: Scope, change_id: ChangeId) -> Self {
        Self { change_id: Some(change_id), ..Self::all(scope) }
    }

    /// Every entry of a scope.
    pub fn all(scope: Scope) -> Self {
        Self {
            scope,
            change_id: None,
            newest_only: false,
            notes_only: false,
            after: None,
            limit: None,
            places: None,
        }
    }

    /// The entry with a place in the chain.
    pub fn at(scope: Scope, place: Sequence) -> Self {
        Self { places: Some(vec![place]), ..Self::all(scope) }
    }
}

/// The answer to a try to prune.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pruning {
    /// It was done.
    Done(Pruned),
    /// Nothing was: somebody holds a lease.
    Held(LockKey, Holder),
}

/// What was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many artifacts.
    pub artifacts: u64,
    /// Of how many entries the calls.
    pub calls: u64,
    /// How many bytes all of that took in the store.
    pub bytes: u64,
}

/// What a walk along the chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// How many entries were read.
    pub entries: u64,
    /// The first that does not fit, and why.
    pub broken: Option<(Sequence, String)>,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Nobody answers there.
    #[error("the audit store cannot be reached: {0}")]
    Unreachable(String),
    /// It answers, and does not do it.
    #[error("the audit store refused: {0}")]
    Refused(String),
    /// The account may not.
    #[error("the audit store's account lacks a right: {0}")]
    Rights(String),
    /// Its schema, or the server, is of a version that this host cannot work with.
    #[error("{0}")]
    Version(String),
    /// It could not be had in time.
    #[error("the audit store was busy for too long: {0}")]
    Busy(String),
    /// What it holds is damaged.
    #[error("the audit is damaged: {0}")]
    Damaged(String),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        let (code, help) = match &error {
            StoreError::Unreachable(_) => {
                ("store::unreachable", "check `store` in the configuration, and that it is up")
            }
            StoreError::Refused(_) => ("store::refused", "mend the store, then run the same command again"),
            StoreError::Rights(_) => ("store::rights", "grant the store's account what the message names"),
            StoreError::Version(_) => (
                "store::version",
                "use a release that fits: of Sandpiper, or of the server that keeps the store",
            ),
            StoreError::Busy(_) => {
                ("lock::busy", "see who is at work with `sandpiper lock status`, then run it again")
            }
            StoreError::Damaged(_) => ("audit::broken", "see what is wrong with `sandpiper audit verify`"),
        };
        Self::new(code, Blame::Store, error.to_string()).with_help(help)
    }
}

/// Why entries were not appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The lease is held no more.
    #[error("the lock was lost: another run holds it, or a person released it")]
    LeaseLost,
    /// The change's newest entry is not the one that was planned on.
    #[error("change `{0}` was tried by another run meanwhile")]
    Superseded(ChangeId),
    /// The store did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AppendError> for Fault {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Store(error) => error.into(),
            AppendError::LeaseLost => Self::lease_lost(),
            AppendError::Superseded(_) => Self::new("lock::lost", Blame::Host, error.to_string())
                .with_help("run the same command again: it plans on what is there now"),
        }
    }
}

impl Fault {
    /// The lease was lost while it was needed.
    pub fn lease_lost() -> Self {
        Self::new("lock::lost", Blame::Host, AppendError::LeaseLost.to_string())
            .with_effect(Effect::Unknown)
            .with_help("see who holds the lock with `sandpiper lock status`, then run the same command again")
    }
}
