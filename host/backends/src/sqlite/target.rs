//! A SQLite file as a target system.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::target::{Atomicity, Capability, Fence, Opening, Session, Target, TargetError, Turn};

use super::connection::{self, Access};
use super::database::{Database, Writer};
use super::errors::{Explain, target_error};
use super::guard::Rules;
use super::known::Known;
use super::session::{SqliteSession, Transaction};
use super::{diagnosis, lease, marks, preview};
use crate::Role;

/// A SQLite file that changes are applied to.
pub struct SqliteTarget {
    name: SystemName,
    database: Arc<Database>,
    settings: Vec<(String, String)>,
    role: Role,
}

impl SqliteTarget {
    /// The target system in a file. `settings` are pragmas, set on every session before its change.
    pub fn new(
        name: SystemName,
        database: Arc<Database>,
        settings: Vec<(String, String)>,
        role: Role,
    ) -> Self {
        Self { name, database, settings, role }
    }

    fn reachable(&self) -> Result<(), TargetError> {
        match self.database.missing() {
            Some(reason) => Err(TargetError::Unreachable(format!("`{}`: {reason}", self.name))),
            None => Ok(()),
        }
    }

    /// Takes the connection that writes, set as this system wants it.
    fn take(&self, home: &mut Option<Writer>) -> Result<Writer, TargetError> {
        // An open connection goes on writing to a file that is not there any more.
        self.reachable()?;
        let writer = match home.take() {
            // One that was set for another system on the same file.
            Some(writer) if !writer.settings.is_empty() && writer.settings != self.settings => {
                self.open_writer()?
            }
            Some(writer) => writer,
            None => self.open_writer()?,
        };
        self.set(writer)
    }

    fn open_writer(&self) -> Result<Writer, TargetError> {
        self.database.open(Access::Make).map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &rusqlite::Error) -> TargetError {
        match target_error(error) {
            TargetError::Unreachable(reason) => TargetError::Unreachable(format!(
                "`{}`: `{}`: {reason}",
                self.name,
                self.database.path().display()
            )),
            other => other,
        }
    }

    fn set(&self, mut writer: Writer) -> Result<Writer, TargetError> {
        if writer.settings == self.settings {
            return Ok(writer);
        }
        for (name, value) in &self.settings {
            pragma(&writer.connection, name, value)?;
        }
        // Whatever the settings say: off during a change, and checked at its end.
        writer.connection.execute_batch("PRAGMA foreign_keys = OFF").in_target()?;
        if !self.settings.iter().any(|(name, _)| name.eq_ignore_ascii_case("synchronous")) {
            connection::synchronise(&writer.connection).in_target()?;
        }
        writer.settings.clone_from(&self.settings);
        Ok(writer)
    }

    /// Does something in a transaction of its own.
    async fn write<T: Send>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, TargetError> + Send,
    ) -> Result<T, TargetError> {
        let mut home = self.database.writer().await;
        let writer = self.take(&mut home)?;
        let connection = &writer.connection;
        let done = connection::transaction(connection, |error| target_error(&error), || work(connection));
        *home = Some(writer);
        done
    }

    async fn open_transaction(
        &self,
        attempt: &AttemptId,
        mode: Mode,
        fence: &Fence,
        recorded: &[AttemptId],
    ) -> Result<SqliteSession, TargetError> {
        let mut home = self.database.writer().await;
        let mut writer = self.take(&mut home)?;
        let Writer { connection, known, .. } = &mut writer;
        let begun = connection::begin(connection).in_target().and_then(|()| {
            known.refresh(connection).in_target()?;
            match mode {
                Mode::Shared => self.check_lease(connection, known, fence)?,
                Mode::Marked | Mode::Direct => marks::set_fence(connection, fence)?,
            }
            marks::forget(connection, recorded)
        });
        if let Err(error) = begun {
            connection::roll_back(connection);
            *home = Some(writer);
            return Err(error);
        }
        let transaction = Transaction { attempt: attempt.clone(), home };
        Ok(SqliteSession::new(writer, Rules::Transaction, Some(transaction)))
    }

    /// In `shared` mode the lease itself stands in the same file, and nobody can take it while the transaction lasts:
    /// a fence row could say nothing more, and would be one more statement to prepare anew after every change.
    fn check_lease(&self, connection: &Connection, known: &Known, fence: &Fence) -> Result<(), TargetError> {
        if self.role != Role::Store {
            return Err(TargetError::Refused(format!("`{}` does not hold the audit", self.name)));
        }
        if known.is_newest(&fence.key, fence.token) {
            return Ok(());
        }
        match lease::token(connection, &fence.key) {
            Ok(Some(token)) if token == fence.token => Ok(()),
            Ok(_) => Err(TargetError::Fenced),
            Err(error) => Err(TargetError::Refused(error.to_string())),
        }
    }

    async fn open_direct(&self, fence: &Fence, recorded: &[AttemptId]) -> Result<SqliteSession, TargetError> {
        self.write(|connection| {
            marks::set_fence(connection, fence)?;
            marks::forget(connection, recorded)
        })
        .await?;
        // A connection of its own: the store can write between its statements, and nothing that it leaves behind stays.
        let writer = self.set(self.open_writer()?)?;
        Ok(SqliteSession::new(writer, Rules::Direct { shared: self.role == Role::Store }, None))
    }

    fn open_to_look(&self) -> Result<SqliteSession, TargetError> {
        self.reachable()?;
        let writer = self.database.open(Access::Look).map_err(|error| self.explain(&error))?;
        Ok(SqliteSession::new(writer, Rules::Looking, None))
    }
}

/// Sets a pragma.
pub(super) fn pragma(connection: &Connection, name: &str, value: &str) -> Result<(), TargetError> {
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Err(TargetError::Refused(format!("`{name}` in `settings` is not the name of a pragma")));
    }
    let refused = |error: rusqlite::Error| TargetError::Refused(format!("the setting `{name}`: {error}"));
    let text = format!("PRAGMA {name} = '{}'", value.replace('\'', "''"));
    let mut statement = connection.prepare(&text).map_err(refused)?;
    let mut rows = statement.raw_query();
    while rows.next().map_err(refused)?.is_some() {}
    Ok(())
}

#[async_trait]
impl Target for SqliteTarget {
    fn kind(&self) -> &'static str {
        "sqlite"
    }

    fn capability(&self) -> Capability {
        Capability::Sql
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::Transaction { ddl: true }
    }

    async fn check(&self) -> Result<(), TargetError> {
        self.reachable()?;
        let checked = self.database.look(
            |error| self.explain(&error),
            |connection| {
                connection
                    .query_row("SELECT count(*) FROM main.sqlite_schema", [], |_| Ok(()))
                    .in_target()?;
                connection.is_readonly("main").in_target()
            },
        )?;
        match checked {
            Some(true) => Err(TargetError::Rights(format!(
                "`{}`: `{}` may not be written to",
                self.name,
                self.database.path().display()
            ))),
            _ => Ok(()),
        }
    }

    async fn turn(&self) -> Result<Turn, TargetError> {
        Ok(Turn::held(self.database.turn().await))
    }

    async fn open(&self, opening: &Opening) -> Result<Box<dyn Session>, TargetError> {
        let session = match opening {
            Opening::ReadOnly => self.open_to_look()?,
            Opening::Preview => preview::open(&self.database, &self.settings).await?,
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
        self.write(|connection| marks::set_fence(connection, fence)).await
    }

    async fn has_marker(&self, attempt: &AttemptId) -> Result<bool, TargetError> {
        self.reachable()?;
        let there = self
            .database
            .look(|error| self.explain(&error), |connection| marks::is_there(connection, attempt))?;
        Ok(there.unwrap_or(false))
    }

    async fn forget_markers(&self, attempts: &[AttemptId]) -> Result<(), TargetError> {
        if attempts.is_empty() || !self.database.exists() {
            return Ok(());
        }
        self.write(|connection| marks::forget(connection, attempts)).await
    }

    async fn diagnose(&self) -> Vec<Finding> {
        diagnosis::target(&self.database, self.role)
    }
}
