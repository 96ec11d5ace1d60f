//! What stands in the rows of a store's tables: arguments that are written, in the order of the columns, and what the
//! cells mean that are read.

pub(crate) mod chain;
pub(crate) mod lease;
pub(crate) mod progress;
pub(crate) mod states;

use sandpiper_engine::scope::{LockKey, Scope};

use super::statement::Argument;

/// The key of a scope's rows. No tenant is the empty text.
pub(crate) fn scope_parts(scope: &Scope) -> Vec<Argument<'_>> {
    let Scope { service, environment, tenant } = scope;
    vec![service.as_str().into(), environment.as_str().into(), tenant.as_deref().unwrap_or_default().into()]
}

/// The key of a lock's row.
pub(crate) fn lock_parts(key: &LockKey) -> Vec<Argument<'_>> {
    let mut parts = scope_parts(&key.scope);
    parts.push(key.stage.as_str().into());
    parts
}

/// The key of a lock's row, and more.
pub(crate) fn with_lock<'a>(
    key: &'a LockKey,
    rest: impl IntoIterator<Item = Argument<'a>>,
) -> Vec<Argument<'a>> {
    let mut arguments = lock_parts(key);
    arguments.extend(rest);
    arguments
}
