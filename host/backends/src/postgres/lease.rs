//! Leases: one row for each stage, decided by the clock of the server, each time in one statement.

use std::time::Duration;

use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::store::{Acquisition, Holder, Lease, LockStatus, Owner};

use super::client::Client;
use super::errors::Failure;
use crate::crash;
use crate::servers::rows::lease::{Found, milliseconds, owner_parts, statuses};
use crate::servers::rows::{self, lock_parts, scope_parts, with_lock};
use crate::servers::statement::{Argument, Statement};

/// The server's clock, in milliseconds since 1970, as it is when it is asked.
macro_rules! now {
    () => {
        "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) * 1000)::bigint"
    };
}
macro_rules! key {
    () => {
        "service = $1 AND environment = $2 AND tenant = $3 AND stage = $4"
    };
}
macro_rules! found {
    () => {
        concat!(
            "token, run_id, operator, host, process, expires_at, coalesce(expires_at <= ",
            now!(),
            ", false)"
        )
    };
}

const FIND: &str = concat!("SELECT ", found!(), " FROM sandpiper.sandpiper_lease WHERE ", key!());
const ALL: &str = concat!(
    "SELECT ",
    found!(),
    ", stage FROM sandpiper.sandpiper_lease WHERE service = $1 AND environment = $2 AND tenant = $3 ORDER BY stage"
);
const HELD: &str = concat!(
    "SELECT ",
    found!(),
    ", service, environment, tenant, stage FROM sandpiper.sandpiper_lease WHERE expires_at > ",
    now!()
);
const TOKEN: &str = concat!("SELECT token FROM sandpiper.sandpiper_lease WHERE ", key!());

/// Whose lease ran out is read beside: it is for people.
const ACQUIRE: &str = concat!(
    "WITH before AS (SELECT ",
    found!(),
    " AS expired FROM sandpiper.sandpiper_lease WHERE ",
    key!(),
    "), taken AS (
        INSERT INTO sandpiper.sandpiper_lease AS lease
            (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at)
        VALUES ($1, $2, $3, $4, ",
    now!(),
    ", $5, $6, $7, $8, ",
    now!(),
    " + $9::bigint)
        ON CONFLICT (service, environment, tenant, stage) DO UPDATE
        SET token = greatest(lease.token + 1, excluded.token), run_id = excluded.run_id,
            operator = excluded.operator, host = excluded.host, process = excluded.process,
            expires_at = ",
    now!(),
    " + $9::bigint
        WHERE lease.expires_at IS NULL OR lease.expires_at <= ",
    now!(),
    " OR lease.token = $10::bigint
        RETURNING token)
     SELECT before.*, taken.token FROM (SELECT 1) AS one LEFT JOIN before ON true LEFT JOIN taken ON true"
);
const RENEW: &str = concat!(
    "UPDATE sandpiper.sandpiper_lease SET expires_at = ",
    now!(),
    " + $1::bigint
     WHERE service = $2 AND environment = $3 AND tenant = $4 AND stage = $5 AND token = $6::bigint
         AND expires_at IS NOT NULL"
);
const RELEASE: &str = concat!(
    "UPDATE sandpiper.sandpiper_lease SET expires_at = NULL WHERE ",
    key!(),
    " AND token = $5::bigint"
);
const TAKE_AWAY: &str = concat!(
    "INSERT INTO sandpiper.sandpiper_lease AS lease
         (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at)
     VALUES ($1, $2, $3, $4, ",
    now!(),
    ", '', '', '', NULL, NULL)
     ON CONFLICT (service, environment, tenant, stage) DO UPDATE
     SET token = greatest(lease.token + 1, excluded.token), expires_at = NULL
     RETURNING token"
);

/// The statement that reads the token in the row of a lock.
pub(crate) fn token(key: &LockKey) -> Statement<'_> {
    Statement::new(TOKEN, lock_parts(key))
}

/// The row of a lock, if it was ever taken.
pub(crate) async fn find(client: &mut Client, key: &LockKey) -> Result<Option<Found>, Failure> {
    let answer = client.one(FIND, lock_parts(key)).await?;
    Ok(answer.rows.first().map(Found::read).transpose()?)
}

/// Takes a lease if nobody holds it; none when somebody took it at the same time.
pub(crate) async fn acquire(
    client: &mut Client,
    key: &LockKey,
    owner: &Owner,
    length: Duration,
    gone: Option<Token>,
) -> Result<Option<Acquisition>, Failure> {
    let mut row = lock_parts(key);
    row.extend(owner_parts(owner));
    row.extend([milliseconds(length).into(), gone.map(|token| token.0).into()]);
    crash::before("postgres acquire");
    let answer = client.one(ACQUIRE, row).await;
    crash::after("postgres acquire");
    let answer = answer?;
    let Some(row) = answer.rows.first() else { return Ok(None) };
    let before = if row.is_null(0)? { None } else { Some(Found::read(row)?) };
    let taken = if row.is_null(7)? { None } else { Some(row.number(7)?) };
    Ok(match (taken, before) {
        (Some(token), before) => {
            let lease = Lease { key: key.clone(), token: Token(token) };
            Some(Acquisition::Taken { lease, expired: before.and_then(|found| found.holder) })
        }
        (None, Some(Found { holder: Some(holder), .. })) => Some(Acquisition::Held(holder)),
        (None, _) => None,
    })
}

/// Makes a lease last from now. False when it is ours no more.
pub(crate) async fn renew(client: &mut Client, lease: &Lease, length: Duration) -> Result<bool, Failure> {
    let mut row: Vec<Argument<'_>> = vec![milliseconds(length).into()];
    row.extend(with_lock(&lease.key, [lease.token.0.into()]));
    crash::before("postgres renew");
    let answer = client.one(RENEW, row).await;
    crash::after("postgres renew");
    let answer = answer?;
    Ok(super::client::affected(&answer.tag) == 1)
}

/// Gives a lease back, if it is still ours.
pub(crate) async fn release(client: &mut Client, lease: &Lease) -> Result<(), Failure> {
    crash::before("postgres release");
    let released = client.one(RELEASE, with_lock(&lease.key, [lease.token.0.into()])).await.map(drop);
    crash::after("postgres release");
    released
}

/// Raises the token of a lock and frees it, whoever holds it, within a transaction. Gives who did, and a lease to
/// write a note under.
pub(crate) async fn take_away(
    client: &mut Client,
    key: &LockKey,
) -> Result<(Option<Holder>, Lease), Failure> {
    let statements = [Statement::new(FIND, lock_parts(key)), Statement::new(TAKE_AWAY, lock_parts(key))];
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
