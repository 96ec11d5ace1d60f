//! Leases: one row for each stage, decided by the clock of the server, each time in one statement.

use std::time::Duration;

use jiff::Timestamp;
use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::{LockKey, Scope, StageName};
use sandpiper_engine::store::{Acquisition, Holder, Lease, LockStatus, Owner};

use super::arguments::{Argument, Statement};
use super::cells::Cells;
use super::client::Client;
use super::errors::Failure;
use crate::crash;

/// The server's clock, in milliseconds since 1970, as it is when a statement begins, in whatever time zone.
macro_rules! now {
    () => {
        "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(3)) DIV 1000)"
    };
}
macro_rules! key {
    () => {
        "service = ? AND environment = ? AND tenant = ? AND stage = ?"
    };
}
macro_rules! found {
    () => {
        concat!(
            "token, run_id, operator, host, process, expires_at, COALESCE(expires_at <= ",
            now!(),
            ", 0), acquisition"
        )
    };
}
/// The values of a column, where this acquisition is the one that was written.
macro_rules! if_taken {
    ($column:literal, $value:literal) => {
        concat!(", ", $column, " = IF(acquisition = VALUES(acquisition), ", $value, ", ", $column, ")")
    };
}

const FIND: &str = concat!("SELECT ", found!(), " FROM sandpiper_lease WHERE ", key!());
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

fn milliseconds(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX).min(u64::MAX / 4)
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
    pub(crate) token: Token,
    /// Whoever took it last and did not give it back.
    holder: Option<Holder>,
    /// Whether that one's time is over.
    expired: bool,
    /// What that one wrote to know it again.
    pub(crate) acquisition: String,
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
        Ok(Self { token, holder, expired: row.flag(6)?, acquisition: row.text(7)?.to_owned() })
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
    let rest: [Argument<'_>; 7] = [
        owner.run_id.as_str().into(),
        owner.operator.as_str().into(),
        owner.host.as_str().into(),
        owner.process.as_deref().into(),
        milliseconds(length).into(),
        acquisition.into(),
        gone.map(|token| token.0).into(),
    ];
    // Whose lease ran out is read beside: it is for people.
    let statements = [
        Statement::new(FIND, parts(key)),
        Statement::new(ACQUIRE, keyed(key, rest)),
        Statement::new(FIND, parts(key)),
    ];
    crash::before("mysql acquire");
    let answers = client.batch(&statements).await;
    crash::after("mysql acquire");
    let answers = answers?;
    let row = |answer: &super::client::Answer| answer.rows.first().map(Found::read).transpose();
    let before = answers.first().map(row).transpose()?.flatten();
    let Some(after) = answers.last().map(row).transpose()?.flatten() else { return Ok(None) };
    if after.acquisition == acquisition {
        let lease = Lease { key: key.clone(), token: after.token };
        return Ok(Some(Acquisition::Taken { lease, expired: before.and_then(|found| found.holder) }));
    }
    Ok(after.held().cloned().map(Acquisition::Held))
}

/// Makes a lease last from now. False when it is ours no more.
pub(crate) async fn renew(client: &mut Client, lease: &Lease, length: Duration) -> Result<bool, Failure> {
    let mut arguments: Vec<Argument<'_>> = vec![milliseconds(length).into()];
    arguments.extend(keyed(&lease.key, [lease.token.0.into()]));
    crash::before("mysql renew");
    let answer = client.one(RENEW, arguments).await;
    crash::after("mysql renew");
    let answer = answer?;
    Ok(answer.affected == 1)
}

/// Gives a lease back, if it is still ours.
pub(crate) async fn release(client: &mut Client, lease: &Lease) -> Result<(), Failure> {
    crash::before("mysql release");
    let released = client.one(RELEASE, keyed(&lease.key, [lease.token.0.into()])).await.map(drop);
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
        Statement::new(FIND, parts(key)),
        Statement::new(TAKE_AWAY, parts(key)),
        Statement::new(TOKEN, parts(key)),
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
    let status = |row: &Cells| {
        let found = Found::read(row)?;
        let stage: StageName = row.text(8)?.into();
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
        let tenant = Some(text(10)?).filter(|tenant| !tenant.is_empty());
        let scope = Scope { service: text(8)?, environment: text(9)?, tenant };
        let key = LockKey { scope, stage: row.text(11)?.into() };
        let Some(holder) = Found::read(row)?.holder else { continue };
        if !gone.iter().any(|lease| lease.key == key && lease.token == holder.token) {
            return Ok(Some((key, holder)));
        }
    }
    Ok(None)
}
