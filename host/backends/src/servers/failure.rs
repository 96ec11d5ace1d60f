//! Why a server did not do what it was asked, turned into the errors of a store and of a target system.

use sandpiper_engine::store::StoreError;
use sandpiper_runtime::target::TargetError;

/// Why a server did not do what it was asked. What it says is `E`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure<E> {
    /// It said no: what it said, and to which statement of a batch.
    Server(Box<E>, usize),
    /// The connection is gone, or never was: of what was under way nothing is known.
    Lost(String),
    /// We do not go on with it; the connection stands.
    Refused(String),
    /// It is of a release that we do not work with.
    Version(String),
}

/// What a server says about a statement that it refused.
pub(crate) trait Saying {
    /// As an error of the audit store.
    fn store_error(&self) -> StoreError;
    /// What it says, where it took a transaction back that stood in another's way: a change may try it again.
    fn took_back(&self) -> Option<String>;
    /// Whether the same may succeed when the host tries it again.
    fn is_transient(&self) -> bool;
}

/// A cell of the host's own tables that holds what no host wrote.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl<E> From<Unreadable> for Failure<E> {
    fn from(Unreadable(why): Unreadable) -> Self {
        Self::Refused(why)
    }
}

impl From<Unreadable> for StoreError {
    fn from(Unreadable(why): Unreadable) -> Self {
        Self::Refused(why)
    }
}

/// Says it in the words of a store or of a target system.
pub(crate) trait Explain<T> {
    /// As an error of the audit store.
    fn in_store(self) -> Result<T, StoreError>;
    /// As an error of a target system.
    fn in_target(self) -> Result<T, TargetError>;
}

impl<T, E: Saying> Explain<T> for Result<T, Failure<E>> {
    fn in_store(self) -> Result<T, StoreError> {
        self.map_err(|failure| store_error(&failure))
    }

    fn in_target(self) -> Result<T, TargetError> {
        self.map_err(|failure| target_error(&failure))
    }
}

impl<T> Explain<T> for Result<T, Unreadable> {
    fn in_store(self) -> Result<T, StoreError> {
        self.map_err(StoreError::from)
    }

    fn in_target(self) -> Result<T, TargetError> {
        self.map_err(|Unreadable(why)| TargetError::Refused(why))
    }
}

pub(crate) fn store_error<E: Saying>(failure: &Failure<E>) -> StoreError {
    match failure {
        Failure::Lost(why) => StoreError::Unreachable(why.clone()),
        Failure::Refused(why) => StoreError::Refused(why.clone()),
        Failure::Version(why) => StoreError::Version(why.clone()),
        Failure::Server(error, _) => error.store_error(),
    }
}

pub(crate) fn target_error<E: Saying>(failure: &Failure<E>) -> TargetError {
    if let Failure::Server(error, _) = failure
        && let Some(said) = error.took_back()
    {
        return TargetError::Transient(said);
    }
    match store_error(failure) {
        StoreError::Unreachable(why) => TargetError::Unreachable(why),
        StoreError::Rights(why) => TargetError::Rights(why),
        StoreError::Busy(why) => TargetError::Busy(why),
        StoreError::Version(why) => TargetError::Version(why),
        StoreError::Refused(why) | StoreError::Damaged(why) => TargetError::Refused(why),
    }
}
