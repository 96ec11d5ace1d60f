//! A MySQL or MariaDB database as a target system.

use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::target::{Atomicity, Capability, Fence, Opening, Session, Target, TargetError, Turn};

use super::client::{Answer, Client};
use super::database::Database;
use super::errors::{Failure, number};
use super::guard::Rules;
use super::marks::{self, Marks};
use super::session::{MysqlSession, Transaction, roll_back};
use super::settings::Settings;
use super::values::Clock;
use super::{diagnosis, lease, rights, whole};
use crate::Role;
use crate::crash;
use crate::network::Pings;
use crate::servers::failure::Explain as _;
use crate::servers::statement::Statement;

const BEGIN: &str = "START TRANSACTION READ WRITE";
/// How long a preview waits for a lock, in seconds: whoever needs what it waits for, and comes after it, waits as long.
const PREVIEW: &str = "SET SESSION innodb_lock_wait_timeout = 5";

const LOOK: &str = "START TRANSACTION READ ONLY";

/// What an account may, as far as the server tells without roles.
const RIGHTS: &str = "
    SELECT privilege_type FROM information_schema.user_privileges
    UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE DATABASE() LIKE table_schema
    UNION SELECT privilege_type FROM information_schema.table_privileges
        WHERE table_schema = DATABASE() AND table_name = 'sandpiper_marker'";
const IS_MADE: &str = "SELECT CURRENT_ROLE(), COUNT(*) FROM information_schema.tables
    WHERE table_schema = DATABASE() AND table_name IN ('sandpiper_fence', 'sandpiper_marker')";

/// A database that changes are applied to.
pub struct MysqlTarget {
    name: SystemName,
    database: Arc<Database>,
    marks: Marks,
    settings: Settings,
    role: Role,
}

impl MysqlTarget {
    /// The target system in a database. `settings` are set on every session before its change.
    pub fn new(
        name: SystemName,
        database: Arc<Database>,
        settings: Vec<(String, String)>,
        role: Role,
    ) -> Self {
        let marks = Marks::new(database.address());
        Self { name, database, marks, settings: Settings::new(settings), role }
    }

    /// Runs the host's statements at the beginning of an attempt, and makes its tables if they are missing.
    async fn begin(
        &self,
        client: &mut Client,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<Vec<Answer>, TargetError> {
        let mut statements = vec![Statement::plain(BEGIN)];
        statements.extend(self.marks.begin(fence, recorded));
        crash::before("mysql begin");
        let begun = match client.batch(&statements).await {
            Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => {
                roll_back(client).await;
                match self.marks.make(client).await {
                    Ok(()) => client.batch(&statements).await,
                    Err(failure) => Err(failure),
                }
            }
            other => other,
        };
        crash::after("mysql begin");
        match begun {
            Err(Failure::Server(error, _)) if error.is_about_rights() => {
                Err(TargetError::Rights(rights::missing(&self.database, &error.said()).await))
            }
            other => other.in_target(),
        }
    }

    async fn open_transaction(
        &self,
        attempt: &AttemptId,
        mode: Mode,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<MysqlSession, TargetError> {
        if mode == Mode::Shared && self.role != Role::Store {
            return Err(TargetError::Refused(format!("`{}` does not hold the audit", self.name)));
        }
        let (mut client, clock) = self.connected(Rules::Transaction).await?;
        let answers = self.begin(&mut client, fence, recorded).await?;
        marks::begun(fence, answers.get(2))?;
        if mode == Mode::Shared {
            let found = client.batch(&[lease::token(&fence.key)]).await.in_target()?;
            let found = found.first().and_then(|answer| answer.rows.first());
            if found.map(|row| row.number(0)).transpose().in_target()? != Some(fence.token.0) {
                return Err(TargetError::Fenced);
            }
        }
        client.one(whole::BEGINNING, Vec::new()).await.in_target()?;
        let transaction = Transaction { attempt: attempt.clone(), marks: self.marks.clone() };
        Ok(MysqlSession::new(client, Rules::Transaction, Some(transaction), self.pings()?, clock))
    }

    async fn open_direct(&self, fence: &Fence, recorded: &[AttemptId]) -> Result<MysqlSession, TargetError> {
        let (mut client, clock) = self.connected(Rules::Direct).await?;
        self.fenced(&mut client, fence, recorded).await?;
        Ok(MysqlSession::new(client, Rules::Direct, None, self.pings()?, clock))
    }

    async fn open_to_look(&self) -> Result<MysqlSession, TargetError> {
        let (mut client, clock) = self.connected(Rules::Looking).await?;
        client.one(LOOK, Vec::new()).await.in_target()?;
        Ok(MysqlSession::new(client, Rules::Looking, None, self.pings()?, clock))
    }

    /// What a change may do in a transaction leaves nothing in its session: all changes of a preview may share one.
    async fn open_to_preview(&self) -> Result<MysqlSession, TargetError> {
        let (mut client, clock) = self.connected(Rules::Transaction).await?;
        client.batch(&[PREVIEW, BEGIN].map(Statement::plain)).await.in_target()?;
        client.one(whole::BEGINNING, Vec::new()).await.in_target()?;
        Ok(MysqlSession::new(client, Rules::Transaction, None, self.pings()?, clock))
    }

    /// Sets the fence row, and removes markers, in a transaction of their own.
    async fn fenced(
        &self,
        client: &mut Client,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<(), TargetError> {
        let answers = self.begin(client, fence, recorded).await?;
        match marks::begun(fence, answers.get(2)) {
            Ok(()) => client.one("COMMIT", Vec::new()).await.map(drop).in_target(),
            Err(error) => {
                roll_back(client).await;
                Err(error)
            }
        }
    }

    /// A connection for one attempt: what a killed or frozen host leaves behind on it dies on the server too.
    async fn connected(&self, rules: Rules) -> Result<(Client, Clock), TargetError> {
        let mut client = self.database.connect().await.in_target()?;
        let clock = self.settings.set(&mut client, self.database.times(), rules).await?;
        Ok((client, clock))
    }

    fn pings(&self) -> Result<Pings, TargetError> {
        let network = self.database.network().in_target()?;
        Ok(Pings::new(network, self.database.times().lease))
    }

    async fn has_rights(&self, client: &mut Client) -> Result<(), TargetError> {
        let found = client.one(IS_MADE, Vec::new()).await.in_target()?;
        let Some(row) = found.rows.first() else { return Ok(()) };
        // What comes with a role is not told everywhere.
        let has_role = row.optional(0).in_target()?.is_some_and(|role| role != "NONE");
        let mut needed = vec!["SELECT", "INSERT", "UPDATE", "DELETE"];
        if row.number(1).in_target()? < 2 {
            needed.push("CREATE");
        }
        let rights = client.one(RIGHTS, Vec::new()).await.in_target()?;
        let has = |right: &&str| rights.rows.iter().any(|row| row.text(0).is_ok_and(|found| found == *right));
        let missing: Vec<&str> = needed.into_iter().filter(|right| !has(right)).collect();
        if has_role || missing.is_empty() {
            return Ok(());
        }
        let said = format!("the account lacks {}", missing.join(", "));
        Err(TargetError::Rights(rights::missing(&self.database, &said).await))
    }
}

#[async_trait]
impl Target for MysqlTarget {
    fn kind(&self) -> &'static str {
        "mysql"
    }

    fn capability(&self) -> Capability {
        Capability::Sql
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::Transaction { ddl: false }
    }

    async fn check(&self) -> Result<(), TargetError> {
        let mut client = self.database.connect().await.in_target()?;
        let has_rights = self.has_rights(&mut client).await;
        client.terminate().await;
        has_rights
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
        let (mut client, _) = self.connected(Rules::Direct).await?;
        let fenced = self.fenced(&mut client, fence, &[]).await;
        client.terminate().await;
        fenced
    }

    async fn has_marker(&self, attempt: &AttemptId) -> Result<bool, TargetError> {
        let mut client = self.database.connect().await.in_target()?;
        let there = self.marks.is_there(&mut client, attempt).await;
        client.terminate().await;
        there
    }

    async fn forget_markers(&self, attempts: &[AttemptId]) -> Result<(), TargetError> {
        let Some(forget) = self.marks.forget(attempts) else { return Ok(()) };
        let mut client = self.database.connect().await.in_target()?;
        let forgotten = client.batch(&[forget]).await;
        client.terminate().await;
        match forgotten {
            Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => Ok(()),
            other => other.map(drop).in_target(),
        }
    }

    async fn diagnose(&self) -> Vec<Finding> {
        diagnosis::target(&self.database, self.role).await
    }
}
