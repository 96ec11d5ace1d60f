//! Leases: one row for each stage, decided by the clock of the store.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::store::{Acquisition, Holder, Lease, LockStatus, Owner, StoreError};

use super::errors::Explain;

/// The store's clock, in milliseconds since 1970: one value throughout a statement.
const NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";
const KEY: &str = "service = ?1 AND environment = ?2 AND tenant = ?3 AND stage = ?4";

/// A number as SQLite keeps it. Ours stay far below 2^63.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as SQLite kept it.
pub(crate) fn from_stored(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn milliseconds(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2)
}

pub(crate) fn parts(key: &LockKey) -> [&str; 4] {
    let Scope { service, environment, tenant } = &key.scope;
    [service, environment, tenant.as_deref().unwrap_or_default(), key.stage.as_str()]
}

/// The row of a stage's lock.
pub(crate) struct Found {
    pub(crate) token: Token,
    /// Whoever took it last and did not give it back.
    holder: Option<Holder>,
    /// Whether that one's time is over.
    expired: bool,
}

impl Found {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let token = Token(from_stored(row.get("token")?));
        let expires_at: Option<i64> = row.get("expires_at")?;
        let owner = Owner {
            run_id: row.get("run_id")?,
            operator: row.get("operator")?,
            host: row.get("host")?,
            process: row.get("process")?,
        };
        let holder = expires_at.map(|expires_at| Holder {
            owner,
            token,
            expires_at: Timestamp::from_millisecond(expires_at).unwrap_or(Timestamp::MAX),
        });
        Ok(Self { token, holder, expired: row.get("expired")? })
    }

    /// Whoever holds it now.
    pub(crate) fn held(&self) -> Option<&Holder> {
        self.holder.as_ref().filter(|_| !self.expired)
    }
}

/// The row of a lock, if it was ever taken.
pub(crate) fn find(connection: &Connection, key: &LockKey) -> Result<Option<Found>, StoreError> {
    let query = format!(
        "SELECT token, run_id, operator, host, process, expires_at, ifnull(expires_at <= {NOW}, 0) AS expired
         FROM main.sandpiper_lease WHERE {KEY}"
    );
    connection
        .prepare_cached(&query)
        .and_then(|mut statement| statement.query_row(parts(key), Found::read).optional())
        .in_store()
}

/// The token that stands in the row of a lock.
pub(crate) fn token(connection: &Connection, key: &LockKey) -> Result<Option<Token>, StoreError> {
    connection
        .prepare_cached(
            "SELECT token FROM main.sandpiper_lease
             WHERE service = ?1 AND environment = ?2 AND tenant = ?3 AND stage = ?4",
        )
        .and_then(|mut statement| statement.query_row(parts(key), |row| row.get(0)).optional())
        .in_store()
        .map(|token| token.map(|token| Token(from_stored(token))))
}

/// Takes a lease if nobody holds it. Within a transaction, so that whose lease ran out is known too.
pub(crate) fn acquire(
    connection: &Connection,
    key: &LockKey,
    owner: &Owner,
    length: Duration,
    gone: Option<Token>,
) -> Result<Acquisition, StoreError> {
    let before = find(connection, key)?;
    let take = format!(
        "INSERT INTO main.sandpiper_lease AS lease
             (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at)
         VALUES (?1, ?2, ?3, ?4, {NOW}, ?5, ?6, ?7, ?8, {NOW} + ?9)
         ON CONFLICT (service, environment, tenant, stage) DO UPDATE
         SET token = max(lease.token + 1, excluded.token), run_id = excluded.run_id,
             operator = excluded.operator, host = excluded.host, process = excluded.process,
             expires_at = excluded.expires_at
         WHERE lease.expires_at IS NULL OR lease.expires_at <= {NOW} OR lease.token = ?10
         RETURNING token"
    );
    let [service, environment, tenant, stage] = parts(key);
    let Owner { run_id, operator, host, process } = owner;
    let gone = gone.map(|token| stored(token.0));
    let length = milliseconds(length);
    let taken: Option<i64> = connection
        .prepare_cached(&take)
        .and_then(|mut statement| {
            let row = (service, environment, tenant, stage, run_id, operator, host, process, length, gone);
            let mut rows = statement.query(row)?;
            let token = rows.next()?.map(|row| row.get(0)).transpose()?;
            // The statement is over only when it was stepped to its end.
            while rows.next()?.is_some() {}
            Ok(token)
        })
        .in_store()?;
    match (taken, before) {
        (Some(token), before) => {
            let lease = Lease { key: key.clone(), token: Token(from_stored(token)) };
            Ok(Acquisition::Taken { lease, expired: before.and_then(|found| found.holder) })
        }
        (None, Some(Found { holder: Some(holder), .. })) => Ok(Acquisition::Held(holder)),
        (None, _) => {
            Err(StoreError::Refused("a lease was neither free nor held: a trigger on its table?".into()))
        }
    }
}

/// Makes a lease last from now. False when it is ours no more.
pub(crate) fn renew(connection: &Connection, lease: &Lease, length: Duration) -> rusqlite::Result<bool> {
    let renew = format!(
        "UPDATE main.sandpiper_lease SET expires_at = {NOW} + ?6
         WHERE {KEY} AND token = ?5 AND expires_at IS NOT NULL"
    );
    let [service, environment, tenant, stage] = parts(&lease.key);
    let row = (service, environment, tenant, stage, stored(lease.token.0), milliseconds(length));
    Ok(connection.prepare_cached(&renew)?.execute(row)? == 1)
}

/// Gives a lease back, if it is still ours.
pub(crate) fn release(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    let release = format!("UPDATE main.sandpiper_lease SET expires_at = NULL WHERE {KEY} AND token = ?5");
    let [service, environment, tenant, stage] = parts(&lease.key);
    let row = (service, environment, tenant, stage, stored(lease.token.0));
    connection.prepare_cached(&release).and_then(|mut statement| statement.execute(row)).map(drop).in_store()
}

/// Raises the token of a lock and frees it, whoever holds it. Gives who did, and a lease to write a note under.
pub(crate) fn take_away(
    connection: &Connection,
    key: &LockKey,
) -> Result<(Option<Holder>, Lease), StoreError> {
    let before = find(connection, key)?;
    let raise = format!(
        "INSERT INTO main.sandpiper_lease AS lease
             (service, environment, tenant, stage, token, run_id, operator, host, process, expires_at)
         VALUES (?1, ?2, ?3, ?4, {NOW}, '', '', '', NULL, NULL)
         ON CONFLICT (service, environment, tenant, stage) DO UPDATE
         SET token = max(lease.token + 1, excluded.token), expires_at = NULL"
    );
    connection.prepare_cached(&raise).and_then(|mut statement| statement.execute(parts(key))).in_store()?;
    let token = token(connection, key)?
        .ok_or_else(|| StoreError::Refused("the row of a lock is not there after it was written".into()))?;
    let held = before.as_ref().and_then(Found::held).cloned();
    Ok((held, Lease { key: key.clone(), token }))
}

/// Somebody who holds a lease now, in whatever scope, and is not among those that are gone.
pub(crate) fn held_by_any(
    connection: &Connection,
    gone: &[Lease],
) -> Result<Option<(LockKey, Holder)>, StoreError> {
    let query = format!(
        "SELECT service, environment, tenant, stage, token, run_id, operator, host, process, expires_at, 0 AS expired
         FROM main.sandpiper_lease WHERE expires_at > {NOW} ORDER BY expires_at"
    );
    let mut statement = connection.prepare(&query).in_store()?;
    let mut rows = statement.query([]).in_store()?;
    while let Some(row) = rows.next().in_store()? {
        let lease =
            Lease { key: key(row).in_store()?, token: Token(from_stored(row.get("token").in_store()?)) };
        if let Some(holder) = Found::read(row).in_store()?.holder.filter(|_| !gone.contains(&lease)) {
            return Ok(Some((lease.key, holder)));
        }
    }
    Ok(None)
}

fn key(row: &Row<'_>) -> rusqlite::Result<LockKey> {
    let tenant: String = row.get("tenant")?;
    let tenant = (!tenant.is_empty()).then_some(tenant);
    let scope = Scope { service: row.get("service")?, environment: row.get("environment")?, tenant };
    Ok(LockKey { scope, stage: row.get::<_, String>("stage")?.into() })
}

/// All locks of a scope that were ever taken.
pub(crate) fn all(connection: &Connection, scope: &Scope) -> Result<Vec<LockStatus>, StoreError> {
    let query = format!(
        "SELECT stage, token, run_id, operator, host, process, expires_at, ifnull(expires_at <= {NOW}, 0) AS expired
         FROM main.sandpiper_lease WHERE service = ?1 AND environment = ?2 AND tenant = ?3 ORDER BY stage"
    );
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let status = |row: &Row<'_>| {
        let found = Found::read(row)?;
        let stage: String = row.get("stage")?;
        let key = LockKey { scope: scope.clone(), stage: stage.into() };
        Ok(LockStatus { key, token: found.token, holder: found.held().cloned() })
    };
    connection
        .prepare_cached(&query)
        .and_then(|mut statement| {
            statement.query_map((&scope.service, &scope.environment, tenant), status)?.collect()
        })
        .in_store()
}
