//! Leases: one row for each stage, decided by the clock of the server, each time in one statement.

use std::time::Duration;

use jiff::Timestamp;
use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope, StageName};
use sandpiper_engine::store::{Acquisition, Holder, Lease, LockStatus, Owner};

use super::client::{Argument, Cells, Client, Statement};
use super::errors::Failure;
use crate::crash;

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
    " + $6::bigint WHERE ",
    key!(),
    " AND token = $5::bigint AND expires_at IS NOT NULL"
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

fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2)
}

/// The key of a lock's row.
pub(crate) fn parts(key: &LockKey) -> Vec<Argument<'_>> {
    let mut parts = scope_parts(&key.scope);
    parts.push(key.stage.as_str().into());
    parts
}

/// The key of a scope's rows. No tenant is the empty text.
pub(crate) fn scope_parts(scope: &Scope) -> Vec<Argument<'_>> {
    let Scope { service, environment, tenant } = scope;
    vec![service.as_str().into(), environment.as_str().into(), tenant.as_deref().unwrap_or_default().into()]
}

fn keyed<'a>(key: &'a LockKey, rest: impl IntoIterator<Item = Argument<'a>>) -> Vec<Argument<'a>> {
    let mut arguments = parts(key);
    arguments.extend(rest);
    arguments
}

/// The statement that reads the token in the row of a lock.
pub(crate) fn token(key: &LockKey) -> Statement<'_> {
    Statement::new(TOKEN, parts(key))
}

/// The row of a stage's lock.
pub(crate) struct Found {
    token: Token,
    /// Whoever took it last and did not give it back.
    holder: Option<Holder>,
    /// Whether that one's time is over.
    expired: bool,
}

impl Found {
    fn read(row: &Cells) -> Result<Self, Failure> {
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

/// The row of a lock, if it was ever taken.
pub(crate) async fn find(client: &mut Client, key: &LockKey) -> Result<Option<Found>, Failure> {
    let answer = client.one(FIND, parts(key)).await?;
    answer.rows.first().map(Found::read).transpose()
}

/// Takes a lease if nobody holds it; none when somebody took it at the same time.
pub(crate) async fn acquire(
    client: &mut Client,
    key: &LockKey,
    owner: &Owner,
    length: Duration,
    gone: Option<Token>,
) -> Result<Option<Acquisition>, Failure> {
    let rest: [Argument<'_>; 6] = [
        owner.run_id.as_str().into(),
        owner.operator.as_str().into(),
        owner.host.as_str().into(),
        owner.process.as_deref().into(),
        milliseconds(length).into(),
        gone.map(|token| token.0).into(),
    ];
    crash::before("postgres acquire");
    let answer = client.one(ACQUIRE, keyed(key, rest)).await;
    crash::after("postgres acquire");
    let answer = answer?;
    let Some(row) = answer.rows.first() else { return Ok(None) };
    let before = row.optional(0)?.map(|_| Found::read(row)).transpose()?;
    let taken = row.optional(7)?.map(|_| row.number(7)).transpose()?;
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
    let rest: [Argument<'_>; 2] = [lease.token.0.into(), milliseconds(length).into()];
    crash::before("postgres renew");
    let answer = client.one(RENEW, keyed(&lease.key, rest)).await;
    crash::after("postgres renew");
    let answer = answer?;
    Ok(super::client::affected(&answer.tag) == 1)
}

/// Gives a lease back, if it is still ours.
pub(crate) async fn release(client: &mut Client, lease: &Lease) -> Result<(), Failure> {
    crash::before("postgres release");
    let released = client.one(RELEASE, keyed(&lease.key, [lease.token.0.into()])).await.map(drop);
    crash::after("postgres release");
    released
}

/// Raises the token of a lock and frees it, whoever holds it, within a transaction. Gives who did, and a lease to
/// write a note under.
pub(crate) async fn take_away(
    client: &mut Client,
    key: &LockKey,
) -> Result<(Option<Holder>, Lease), Failure> {
    let statements = [Statement::new(FIND, parts(key)), Statement::new(TAKE_AWAY, parts(key))];
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
    let status = |row: &Cells| {
        let found = Found::read(row)?;
        let stage: StageName = row.text(7)?.into();
        let key = LockKey { scope: scope.clone(), stage };
        Ok(LockStatus { key, token: found.token, holder: found.held().cloned() })
    };
    answer.rows.iter().map(status).collect()
}

/// Whoever holds any lease, but for those that are certainly gone.
pub(crate) async fn held_by_any(
    client: &mut Client,
    gone: &[Lease],
) -> Result<Option<(LockKey, Holder)>, Failure> {
    let answer = client.one(HELD, Vec::new()).await?;
    for row in &answer.rows {
        let text = |column: usize| row.text(column).map(str::to_owned);
        let tenant = Some(text(9)?).filter(|tenant| !tenant.is_empty());
        let scope = Scope { service: text(7)?, environment: text(8)?, tenant };
        let key = LockKey { scope, stage: row.text(10)?.into() };
        let Some(holder) = Found::read(row)?.holder else { continue };
        if !gone.iter().any(|lease| lease.key == key && lease.token == holder.token) {
            return Ok(Some((key, holder)));
        }
    }
    Ok(None)
}
