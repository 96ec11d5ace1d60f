//! A PostgreSQL database as a target system.

use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::target::{Atomicity, Capability, Fence, Opening, Session, Target, TargetError, Turn};

use super::client::Client;
use super::database::Database;
use super::errors::Failure;
use super::guard::Rules;
use super::session::{NUMBER, PostgresSession, Transaction};
use super::{diagnosis, lease, marks, preview, schema};
use crate::network::Pings;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};
use crate::{Role, crash};

/// The oldest server that is worked with.
pub(super) const OLDEST: u64 = 12;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";
const LOOK: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";
const SET: &str = "SELECT pg_catalog.set_config($1, $2, false)";
const DURABILITY: &str = "SELECT pg_catalog.current_setting('synchronous_commit')";

/// What an attempt needs to know, and may do, before any lock is taken.
pub(super) const CHECK: &str = "
    SELECT pg_catalog.current_setting('server_version_num')::int / 10000,
        pg_catalog.current_setting('server_version'),
        pg_catalog.pg_is_in_recovery(),
        CASE WHEN own.oid IS NULL
            THEN pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
            ELSE pg_catalog.has_schema_privilege(own.oid, 'USAGE') AND (
                pg_catalog.has_schema_privilege(own.oid, 'CREATE') OR (
                    SELECT pg_catalog.count(*) = 2 FROM pg_catalog.pg_class AS made
                    WHERE made.relnamespace = own.oid AND made.relname IN ('sandpiper_fence', 'sandpiper_marker')))
                AND NOT EXISTS (
                    SELECT 1 FROM pg_catalog.pg_class AS made
                    WHERE made.relnamespace = own.oid AND made.relname IN ('sandpiper_fence', 'sandpiper_marker')
                    AND NOT (pg_catalog.has_table_privilege(made.oid, 'SELECT')
                        AND pg_catalog.has_table_privilege(made.oid, 'INSERT')
                        AND pg_catalog.has_table_privilege(made.oid, 'UPDATE')
                        AND pg_catalog.has_table_privilege(made.oid, 'DELETE')))
        END
    FROM (SELECT 1) AS one LEFT JOIN pg_catalog.pg_namespace AS own ON own.nspname = 'sandpiper'";

/// A database that changes are applied to.
pub struct PostgresTarget {
    name: SystemName,
    database: Arc<Database>,
    settings: Vec<(String, String)>,
    role: Role,
}

impl PostgresTarget {
    /// The target system in a database. `settings` are set on every session before its change.
    pub fn new(
        name: SystemName,
        database: Arc<Database>,
        settings: Vec<(String, String)>,
        role: Role,
    ) -> Self {
        Self { name, database, settings, role }
    }

    /// Runs the host's statements at the beginning of an attempt, and makes its tables if they are missing. Gives
    /// nothing but their answers; a transaction that they began and did not end stays open.
    async fn begin(
        &self,
        client: &mut Client,
        statements: &[Statement<'_>],
    ) -> Result<Vec<super::client::Answer>, TargetError> {
        crash::before("postgres begin");
        let begun = match client.batch(statements).await {
            Err(Failure::Server(error, _)) if error.is_missing_table() => {
                schema::roll_back(client).await;
                marks::make(client, &self.database).await?;
                client.batch(statements).await.in_target()
            }
            other => other.in_target(),
        };
        crash::after("postgres begin");
        begun
    }

    /// Sets what the configuration says, and gives how durable a commit is to be.
    async fn set(&self, client: &mut Client) -> Result<String, TargetError> {
        let mut statements: Vec<Statement<'_>> = self
            .settings
            .iter()
            .map(|(name, value)| Statement::new(SET, [Argument::from(name.as_str()), value.as_str().into()]))
            .collect();
        statements.push(Statement::plain(DURABILITY));
        let answers = client.batch(&statements).await;
        let answers = match answers {
            Err(Failure::Server(error, index)) => {
                let name = self.settings.get(index).map(|(name, _)| name.as_str()).unwrap_or_default();
                return Err(TargetError::Refused(format!("the setting `{name}`: {}", error.said())));
            }
            other => other.in_target()?,
        };
        let set = answers.last().and_then(|answer| answer.rows.first());
        let set = set.map(|row| row.text(0)).transpose().in_target()?.unwrap_or("on");
        let configured =
            self.settings.iter().any(|(name, _)| name.eq_ignore_ascii_case("synchronous_commit"));
        // A commit is durable when it answers, whatever the server is set to; it may be more than that.
        Ok(if set == "off" && !configured { "on".to_owned() } else { set.to_owned() })
    }

    async fn open_transaction(
        &self,
        attempt: &AttemptId,
        mode: Mode,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<PostgresSession, TargetError> {
        if mode == Mode::Shared && self.role != Role::Store {
            return Err(TargetError::Refused(format!("`{}` does not hold the audit", self.name)));
        }
        let mut client = self.database.connect_for_attempt().await.in_target()?;
        let mut statements = vec![Statement::plain(BEGIN)];
        statements.extend(marks::begin(fence, recorded));
        statements.push(Statement::plain(NUMBER));
        if mode == Mode::Shared {
            statements.push(lease::token(&fence.key));
        }
        let mut answers = self.begin(&mut client, &statements).await?;
        marks::begun(answers.get(1))?;
        if mode == Mode::Shared {
            let found = answers.pop().and_then(|answer| answer.rows.into_iter().next());
            let found = found.map(|row| row.number(0)).transpose().in_target()?;
            if found != Some(fence.token.0) {
                return Err(TargetError::Fenced);
            }
        }
        let number = answers.pop().and_then(|answer| answer.rows.into_iter().next());
        let number = number.map(|row| row.text(0).map(str::to_owned)).transpose().in_target()?;
        let Some(number) = number else {
            return Err(TargetError::Refused(
                "the server gave a transaction that writes no number".to_owned(),
            ));
        };
        let durability = self.set(&mut client).await?;
        let transaction = Transaction { attempt: attempt.clone(), number, durability };
        Ok(PostgresSession::new(client, Rules::Transaction, Some(transaction), self.pings()?))
    }

    async fn open_direct(
        &self,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<PostgresSession, TargetError> {
        let mut client = self.database.connect_for_attempt().await.in_target()?;
        self.fenced(&mut client, fence, recorded).await?;
        self.set(&mut client).await?;
        Ok(PostgresSession::new(client, Rules::Direct, None, self.pings()?))
    }

    async fn open_to_look(&self) -> Result<PostgresSession, TargetError> {
        let mut client = self.database.connect_for_attempt().await.in_target()?;
        self.set(&mut client).await?;
        client.one(LOOK, Vec::new()).await.in_target()?;
        Ok(PostgresSession::new(client, Rules::Looking, None, self.pings()?))
    }

    async fn open_to_preview(&self) -> Result<PostgresSession, TargetError> {
        let settings = preview::settings(&self.database, &self.settings);
        let mut client = self.database.connect().await.in_target()?;
        let number = preview::begin(&mut client, BEGIN, &settings).await?;
        let durability = self.set(&mut client).await?;
        let attempt = AttemptId("preview".into());
        let transaction = Transaction { attempt, number, durability };
        let session = PostgresSession::new(client, Rules::Transaction, Some(transaction), self.pings()?);
        Ok(session.renewed_with(settings))
    }

    /// Sets the fence row, and removes markers, in a transaction of their own.
    async fn fenced(
        &self,
        client: &mut Client,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<(), TargetError> {
        let mut statements = vec![Statement::plain(BEGIN)];
        statements.extend(marks::begin(fence, recorded));
        statements.push(Statement::plain("COMMIT"));
        let answers = self.begin(client, &statements).await?;
        marks::begun(answers.get(1))
    }

    fn pings(&self) -> Result<Pings, TargetError> {
        let network = self.database.network().in_target()?;
        Ok(Pings::new(network, self.database.times().lease))
    }

    /// Does something on a connection of its own.
    async fn connected(&self) -> Result<Client, TargetError> {
        self.database.connect_for_attempt().await.in_target()
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn kind(&self) -> &'static str {
        "postgres"
    }

    fn capability(&self) -> Capability {
        Capability::Sql
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::Transaction { ddl: true }
    }

    async fn check(&self) -> Result<(), TargetError> {
        let mut client = self.database.connect().await.in_target()?;
        let answer = client.one(CHECK, Vec::new()).await.in_target()?;
        client.terminate().await;
        let Some(row) = answer.rows.first() else {
            return Err(TargetError::Refused("the server did not say which it is".to_owned()));
        };
        if row.number(0).in_target()? < OLDEST {
            let version = row.text(1).in_target()?;
            return Err(TargetError::Version(format!(
                "`{}`: the server is PostgreSQL {version}, and Sandpiper works with {OLDEST} and newer",
                self.name
            )));
        }
        if row.flag(2).in_target()? {
            return Err(TargetError::Refused(format!(
                "`{}`: the server is a standby, which only reads: name the primary",
                self.name
            )));
        }
        match row.flag(3).in_target()? {
            true => Ok(()),
            false => Err(TargetError::Rights(marks::missing_rights(
                &self.database,
                "the account may not make or use it",
            ))),
        }
    }

    async fn turn(&self) -> Result<Turn, TargetError> {
        Ok(Turn::default())
    }

    async fn open(&self, opening: &Opening) -> Result<Box<dyn Session>, TargetError> {
        let session = match opening {
            Opening::ReadOnly => self.open_to_look().await?,
            Opening::Preview => self.open_to_preview().await?,
            Opening::Attempt { mode: Mode::Direct, fence, recorded, .. } => {
                self.open_direct(fence, recorded).await?
            }
            Opening::Attempt { id, mode, fence, recorded } => {
                self.open_transaction(id, *mode, fence, recorded).await?
            }
        };
        Ok(Box::new(session))
    }

    async fn fence(&self, fence: &Fence) -> Result<(), TargetError> {
        let mut client = self.connected().await?;
        let fenced = self.fenced(&mut client, fence, &[]).await;
        client.terminate().await;
        fenced
    }

    async fn has_marker(&self, attempt: &AttemptId) -> Result<bool, TargetError> {
        let mut client = self.connected().await?;
        let there = marks::is_there(&mut client, attempt).await;
        client.terminate().await;
        there
    }

    async fn forget_markers(&self, attempts: &[AttemptId]) -> Result<(), TargetError> {
        let Some(forget) = marks::forget(attempts) else { return Ok(()) };
        let mut client = self.connected().await?;
        let forgotten = client.batch(&[forget]).await;
        client.terminate().await;
        match forgotten {
            Err(Failure::Server(error, _)) if error.is_missing_table() => Ok(()),
            other => other.map(drop).in_target(),
        }
    }
    async fn diagnose(&self) -> Vec<Finding> {
        diagnosis::target(&self.database, self.role).await
    }
}
