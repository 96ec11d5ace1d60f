//! What a session knows about itself: whether its transaction still stands, what it wrote, what it leaves behind.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode};
use sandpiper_runtime::sql::SqlError;

use super::errors::{code, sql_error};
use super::foreign_keys::ForeignKeys;
use super::guard::{self, Guard, Rules};

/// The book of one session. Shared with the thread that serves its cursors.
pub(crate) struct Ledger {
    pub(crate) guard: Guard,
    rules: Rules,
    state: Mutex<State>,
}

/// What has happened so far.
pub(crate) struct State {
    /// Why the transaction stands no more.
    pub(crate) ended: Option<String>,
    /// Whether any call may have changed the system.
    pub(crate) written: bool,
    /// Whether the connection must not be used again.
    pub(crate) dirty: bool,
    pub(crate) foreign_keys: ForeignKeys,
}

impl Ledger {
    pub(crate) fn new(guard: Guard, rules: Rules, declared: Option<bool>) -> Self {
        let foreign_keys = ForeignKeys::new(declared);
        let state = State { ended: None, written: false, dirty: false, foreign_keys };
        Self { guard, rules, state: Mutex::new(state) }
    }

    pub(crate) fn rules(&self) -> Rules {
        self.rules
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a call of the change's: refused when the transaction stands no more, under the rules, and followed
    /// by a look whether it stands still.
    pub(crate) fn call<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce() -> Result<T, Stopped>,
    ) -> Result<T, SqlError> {
        if let Some(reason) = &self.state().ended {
            return Err(SqlError::TransactionEnded(reason.clone()));
        }
        self.guard.set(self.rules);
        let done = work();
        let denied = self.guard.take_denied();
        // Some settings take effect when they are prepared, also of a statement that is then not run.
        if done.is_err() {
            self.state().dirty |= self.guard.run().dirty;
        }
        self.guard.set(Rules::Host);
        if self.stands(connection) {
            return done.map_err(|stopped| stopped.explained(denied));
        }
        match done {
            Ok(_) => Err(self.ended("a statement rolled it back".to_owned(), true)),
            // SQLite takes back a whole transaction by itself when a disk is full or a statement is interrupted: that
            // is not the change's doing, and nothing of it is left.
            Err(Stopped::Database { error, script }) if !is_by_the_change(&error) => {
                let reason = format!("SQLite rolled it back: {}", super::errors::message(&error));
                self.ended(reason, false);
                Err(sql_error(error, &script))
            }
            Err(stopped) => Err(self.ended(stopped.explained(denied).to_string(), true)),
        }
    }

    /// Whether a statement of a loop left the transaction standing.
    pub(crate) fn stands(&self, connection: &Connection) -> bool {
        self.rules != Rules::Transaction || !connection.is_autocommit()
    }

    fn ended(&self, reason: String, by_the_change: bool) -> SqlError {
        let reason = if by_the_change {
            format!("{reason} (`ON CONFLICT ROLLBACK`, `RAISE(ROLLBACK)`)")
        } else {
            reason
        };
        let mut state = self.state();
        SqlError::TransactionEnded(state.ended.get_or_insert(reason).clone())
    }

    /// Called when a statement is prepared and about to run: notes what it does, and refuses what only shows now.
    pub(crate) fn about_to_run(
        &self,
        connection: &Connection,
        statement: &rusqlite::Statement<'_>,
        text: &str,
    ) -> Result<(), Stopped> {
        let seen = self.guard.run();
        let readonly = statement.readonly();
        if seen.altered && guard::mentions_ours(text) {
            return Err(Stopped::Refused(SqlError::Denied(guard::renamed_to_ours())));
        }
        let mut state = self.state();
        state.dirty |= seen.dirty;
        if readonly || self.rules == Rules::Looking {
            return Ok(());
        }
        state.written = true;
        self.guard
            .as_host(|| state.foreign_keys.before(connection, &seen, text))
            .map_err(|error| Stopped::database(error, text))
    }
}

fn is_by_the_change(error: &rusqlite::Error) -> bool {
    matches!(code(error), Some(ErrorCode::ConstraintViolation))
}

/// Why a call did not come to its end.
pub(crate) enum Stopped {
    /// SQLite said so, about a script.
    Database {
        /// What it said.
        error: rusqlite::Error,
        /// About what.
        script: String,
    },
    /// We did.
    Refused(SqlError),
}

impl Stopped {
    pub(crate) fn database(error: rusqlite::Error, script: &str) -> Self {
        Self::Database { error, script: script.to_owned() }
    }

    fn explained(self, denied: Option<String>) -> SqlError {
        match (self, denied) {
            (Self::Refused(error), _) => error,
            (Self::Database { .. }, Some(reason)) => SqlError::Denied(reason),
            (Self::Database { error, .. }, None) if super::errors::message(&error).starts_with(VACUUM) => {
                SqlError::Denied(
                    "`VACUUM` is refused inside a transaction: set `transactional: false`, and let it stand alone".into(),
                )
            }
            (Self::Database { error, script }, None) => sql_error(error, &script),
        }
    }
}

/// What SQLite says to a `VACUUM` in a transaction.
const VACUUM: &str = "cannot VACUUM from within a transaction";
