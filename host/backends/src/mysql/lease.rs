//! Leases: one row for each stage, decided by the clock of the server, each time in one statement.

use std::time::Duration;

use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::store::{Acquisition, Holder, Lease, LockStatus, Owner};

use super::client::{Answer, Client};
use super::errors::Failure;
use crate::crash;
use crate::servers::failure::Unreadable;
use crate::servers::rows::lease::{Found, milliseconds, owner_parts, statuses};
use crate::servers::rows::{self, lock_parts, scope_parts, with_lock};
use crate::servers::statement::{Argument, Statement};

/// The server's clock, in milliseconds since 1970, as it is when a statement begins, in whatever time zone.
macro_rules! now {
    () => {
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)"
    };
}
/// The server's clock.
pub(crate) const CLOCK: &str = concat!("SELECT ", now!());

macro_rules! key {
    () => {
        "service = ? AND environment = ? AND tenant = ? AND stage = ?"
    };
}
macro_rules! found {
    () => {
        concat!("token, run_id, operator, host, process, expires_at, COALESCE(expires_at <= ", now!(), ", 0)")
    };
}
/// The values of a column, where this acquisition is the one that was written.
macro_rules! if_taken {
    ($column:literal, $value:literal) => {
        concat!(", ", $column, " = IF(acquisition = VALUES(acquisition), ", $value, ", ", $column, ")")
    };
}

const FIND: &str = concat!("SELECT ", found!(), ", acquisition FROM sandpiper_lease WHERE ", key!());
const ALL: &str = concat!(
    "SELECT ",
    found!(),
    ", stage FROM sandpiper_lease WHERE service = ? AND environment = ? AND tenant = ? ORDER BY stage"
);
const HELD: &str = concat!(
    "SELECT ",
    found!(),
    ", service, environment, tenant, stage FROM sandpiper_lease WHERE expires_at > ",
    now!()
);
const TOKEN: &str = concat!("SELECT token FROM sandpiper_lease WHERE ", key!());

/// Assignments are made from left to right, and see those before them: the first decides, the others follow it.
const ACQUIRE: &str = concat!(
    "INSERT INTO sandpiper_lease
         (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at, acquisition)
     VALUES (?, ?, ?, ?, ",
    now!(),
    ", ?, ?, ?, ?, ",
    now!(),
    " + ?, ?)
     ON DUPLICATE KEY UPDATE acquisition = IF(
         expires_at IS NULL OR expires_at <= ",
    now!(),
    " OR token = ?, VALUES(acquisition), acquisition)",
    if_taken!("run_id", "VALUES(run_id)"),
    if_taken!("operator", "VALUES(operator)"),
    if_taken!("host", "VALUES(host)"),
    if_taken!("process", "VALUES(process)"),
    if_taken!("expires_at", "VALUES(expires_at)"),
    if_taken!("token", "GREATEST(token + 1, VALUES(token))"),
);
const RENEW: &str = concat!(
    "UPDATE sandpiper_lease SET expires_at = ",
    now!(),
    " + ? WHERE ",
    key!(),
    " AND token = ? AND expires_at IS NOT NULL"
);
const RELEASE: &str =
    concat!("UPDATE sandpiper_lease SET expires_at = NULL WHERE ", key!(), " AND token = ?");
const TAKE_AWAY: &str = concat!(
    "INSERT INTO sandpiper_lease
         (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at, acquisition)
     VALUES (?, ?, ?, ?, ",
    now!(),
    ", '', '', '', NULL, NULL, '')
     ON DUPLICATE KEY UPDATE token = GREATEST(token + 1, VALUES(token)), expires_at = NULL, acquisition = ''"
);

/// The statement that reads the token in the row of a lock.
pub(crate) fn token(key: &LockKey) -> Statement<'_> {
    Statement::new(TOKEN, lock_parts(key))
}

/// The row of a lock, if it was ever taken; and what whoever took it last wrote, to know it again.
pub(crate) async fn find(client: &mut Client, key: &LockKey) -> Result<Option<(Found, String)>, Failure> {
    let answer = client.one(FIND, lock_parts(key)).await?;
    Ok(found(&answer)?)
}

fn found(answer: &Answer) -> Result<Option<(Found, String)>, Unreadable> {
    let Some(row) = answer.rows.first() else { return Ok(None) };
    Ok(Some((Found::read(row)?, row.text(7)?.to_owned())))
}

/// Takes a lease if nobody holds it; none when somebody took it at the same time. Whoever asks is known again by the
/// text `acquisition`.
pub(crate) async fn acquire(
    client: &mut Client,
    key: &LockKey,
    owner: &Owner,
    length: Duration,
    gone: Option<Token>,
    acquisition: &str,
) -> Result<Option<Acquisition>, Failure> {
    let mut row = lock_parts(key);
    row.extend(owner_parts(owner));
    row.extend([milliseconds(length).into(), acquisition.into(), gone.map(|token| token.0).into()]);
    // Whose lease ran out is read beside: it is for people.
    let statements = [
        Statement::new(FIND, lock_parts(key)),
        Statement::new(ACQUIRE, row),
        Statement::new(FIND, lock_parts(key)),
    ];
    crash::before("mysql acquire");
    let answers = client.batch(&statements).await;
    crash::after("mysql acquire");
    let answers = answers?;
    let before = answers.first().map(found).transpose()?.flatten();
    let Some((after, written)) = answers.last().map(found).transpose()?.flatten() else { return Ok(None) };
    if written == acquisition {
        let lease = Lease { key: key.clone(), token: after.token };
        return Ok(Some(Acquisition::Taken { lease, expired: before.and_then(|(found, _)| found.holder) }));
    }
    Ok(after.held().cloned().map(Acquisition::Held))
}

/// Makes a lease last from now. False when it is ours no more.
pub(crate) async fn renew(client: &mut Client, lease: &Lease, length: Duration) -> Result<bool, Failure> {
    let mut arguments: Vec<Argument<'_>> = vec![milliseconds(length).into()];
    arguments.extend(with_lock(&lease.key, [lease.token.0.into()]));
    crash::before("mysql renew");
    let answer = client.one(RENEW, arguments).await;
    crash::after("mysql renew");
    let answer = answer?;
    Ok(answer.affected == 1)
}

/// Gives a lease back, if it is still ours.
pub(crate) async fn release(client: &mut Client, lease: &Lease) -> Result<(), Failure> {
    crash::before("mysql release");
    let released = client.one(RELEASE, with_lock(&lease.key, [lease.token.0.into()])).await.map(drop);
    crash::after("mysql release");
    released
}

/// Raises the token of a lock and frees it, whoever holds it, within a transaction. Gives who did, and a lease to
/// write a note under.
pub(crate) async fn take_away(
    client: &mut Client,
    key: &LockKey,
) -> Result<(Option<Holder>, Lease), Failure> {
    let statements = [
        Statement::new(FIND, lock_parts(key)),
        Statement::new(TAKE_AWAY, lock_parts(key)),
        Statement::new(TOKEN, lock_parts(key)),
    ];
    let answers = client.batch(&statements).await?;
    let before = answers.first().and_then(|answer| answer.rows.first()).map(Found::read).transpose()?;
    let token = answers.last().and_then(|answer| answer.rows.first()).map(|row| row.number(0)).transpose()?;
    let token = token.ok_or_else(|| {
        Failure::Refused(
            "the row of a lock is not there after it was written: a trigger on its table?".to_owned(),
        )
    })?;
    let held = before.as_ref().and_then(Found::held).cloned();
    Ok((held, Lease { key: key.clone(), token: Token(token) }))
}

/// All locks of a scope that were ever taken.
pub(crate) async fn all(client: &mut Client, scope: &Scope) -> Result<Vec<LockStatus>, Failure> {
    let answer = client.one(ALL, scope_parts(scope)).await?;
    Ok(statuses(&answer.rows, scope)?)
}

/// Whoever holds any lease, but for those that are certainly gone.
pub(crate) async fn held_by_any(
    client: &mut Client,
    gone: &[Lease],
) -> Result<Option<(LockKey, Holder)>, Failure> {
    let answer = client.one(HELD, Vec::new()).await?;
    Ok(rows::lease::held_by_any(&answer.rows, gone)?)
}
