//! The row of a stage's lock.

use std::time::Duration;

use jiff::Timestamp;
use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope, StageName};
use sandpiper_engine::store::{Holder, Lease, LockStatus, Owner};

use crate::servers::cells::Cells;
use crate::servers::failure::Unreadable;
use crate::servers::statement::Argument;

/// What a lock's row says: token, run, operator, host, process, when it expires, and whether it has expired.
pub(crate) struct Found {
    pub(crate) token: Token,
    /// Whoever took it last and did not give it back.
    pub(crate) holder: Option<Holder>,
    /// Whether that one's time is over.
    expired: bool,
}

impl Found {
    /// How many columns it reads.
    const COLUMNS: usize = 7;

    /// What the first columns of a row say.
    pub(crate) fn read(row: &Cells) -> Result<Self, Unreadable> {
        let token = Token(row.number(0)?);
        let expires_at = row.optional(5)?.and_then(|text| text.parse().ok());
        let owner = Owner {
            run_id: row.text(1)?.to_owned(),
            operator: row.text(2)?.to_owned(),
            host: row.text(3)?.to_owned(),
            process: row.optional(4)?.map(str::to_owned),
        };
        let holder = expires_at.map(|expires_at| Holder {
            owner,
            token,
            expires_at: Timestamp::from_millisecond(expires_at).unwrap_or(Timestamp::MAX),
        });
        Ok(Self { token, holder, expired: row.flag(6)? })
    }

    /// Whoever holds it now.
    pub(crate) fn held(&self) -> Option<&Holder> {
        self.holder.as_ref().filter(|_| !self.expired)
    }
}

/// A length of time as it is written.
pub(crate) fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

/// Who takes it.
pub(crate) fn owner_parts(owner: &Owner) -> [Argument<'_>; 4] {
    let Owner { run_id, operator, host, process } = owner;
    [run_id.as_str().into(), operator.as_str().into(), host.as_str().into(), process.as_deref().into()]
}

/// The locks of a scope: the stage follows what [`Found`] reads.
pub(crate) fn statuses(rows: &[Cells], scope: &Scope) -> Result<Vec<LockStatus>, Unreadable> {
    let status = |row: &Cells| {
        let found = Found::read(row)?;
        let stage: StageName = row.text(Found::COLUMNS)?.into();
        let key = LockKey { scope: scope.clone(), stage };
        Ok(LockStatus { key, token: found.token, holder: found.held().cloned() })
    };
    rows.iter().map(status).collect()
}

/// Whoever holds any of these locks, but for those that are certainly gone: the key follows what [`Found`] reads.
pub(crate) fn held_by_any(rows: &[Cells], gone: &[Lease]) -> Result<Option<(LockKey, Holder)>, Unreadable> {
    for row in rows {
        let text = |place: usize| row.text(Found::COLUMNS + place).map(str::to_owned);
        let tenant = Some(text(2)?).filter(|tenant| !tenant.is_empty());
        let scope = Scope { service: text(0)?, environment: text(1)?, tenant };
        let key = LockKey { scope, stage: row.text(Found::COLUMNS + 3)?.into() };
        let Some(holder) = Found::read(row)?.holder else { continue };
        if !gone.iter().any(|lease| lease.key == key && lease.token == holder.token) {
            return Ok(Some((key, holder)));
        }
    }
    Ok(None)
}
