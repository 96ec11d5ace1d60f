//! One attempt on a file: its calls, the proof that its transaction stands, its commit.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, InterruptHandle};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::AttemptId;
use sandpiper_engine::store::{AppendError, Appended, Lease, StepMark};
use sandpiper_runtime::sql::{Cursor, CursorId, Row, Sql, SqlError, Value};
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};
use tokio::sync::OwnedMutexGuard;

use super::connection;
use super::cursor::{Open, Worker};
use super::database::Writer;
use super::errors::{Explain, code, message, target_error};
use super::guard::Rules;
use super::known::Known;
use super::ledger::Ledger;
use super::{chain, marks, progress, query, statements};

/// A session on a file.
pub(crate) struct SqliteSession {
    place: Place,
    ledger: Arc<Ledger>,
    cursors: HashMap<CursorId, Rows>,
    opened: u32,
    interrupt: Arc<Mutex<Option<InterruptHandle>>>,
    /// What the connection was, besides the connection.
    rest: Rest,
    /// In a transaction: of which attempt, and where the connection goes back to.
    transaction: Option<Transaction>,
}

/// A transaction that the host began.
pub(crate) struct Transaction {
    pub(crate) attempt: AttemptId,
    pub(crate) home: OwnedMutexGuard<Option<Writer>>,
}

/// Where the connection is.
enum Place {
    /// With the session.
    Here(Connection),
    /// On a thread that serves long queries.
    Away(Worker),
    /// Nowhere: it is closed, and what was not committed is rolled back.
    Gone,
}

/// Where the rows of a query are.
enum Rows {
    /// All of them were read.
    Kept(VecDeque<Row>),
    /// The thread reads them.
    Streaming,
}

struct Rest {
    stopped: Arc<AtomicBool>,
    settings: Vec<(String, String)>,
    store_checked: bool,
    known: Known,
}

impl SqliteSession {
    pub(crate) fn new(writer: Writer, rules: Rules, transaction: Option<Transaction>) -> Self {
        let Writer { connection, guard, stopped, settings, store_checked, known } = writer;
        Self {
            ledger: Arc::new(Ledger::new(guard, rules, known.references)),
            interrupt: Arc::new(Mutex::new(Some(connection.get_interrupt_handle()))),
            place: Place::Here(connection),
            cursors: HashMap::new(),
            opened: 0,
            rest: Rest { stopped, settings, store_checked, known },
            transaction,
        }
    }

    /// Takes the connection back from the thread, if it is there, when no cursor needs it any more.
    fn come_home_if_idle(&mut self) {
        if !self.cursors.values().any(|rows| matches!(rows, Rows::Streaming)) {
            self.come_home();
        }
    }

    /// Ends every cursor, and takes the connection back.
    fn come_home(&mut self) {
        self.place = match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Away(worker) => worker.finish().map_or(Place::Gone, Place::Here),
            other => other,
        };
    }

    /// Whether a transaction is open that the change began itself.
    fn is_open(&self) -> bool {
        self.transaction.is_none()
            && match &self.place {
                Place::Here(connection) => !connection.is_autocommit(),
                Place::Away(worker) => {
                    worker.call(|connection| Ok(!connection.is_autocommit())).unwrap_or(false)
                }
                Place::Gone => false,
            }
    }

    /// The connection, when the transaction that the host began on it still stands.
    fn standing(&mut self) -> Result<&Connection, ProofError> {
        self.cursors.clear();
        self.come_home();
        if let Some(reason) = &self.ledger.state().ended {
            return Err(ProofError::Ended(reason.clone()));
        }
        let Place::Here(connection) = &self.place else {
            return Err(TargetError::Refused("the connection was closed".to_owned()).into());
        };
        if self.transaction.is_some() && connection.is_autocommit() {
            return Err(ProofError::Ended("it is not open any more".to_owned()));
        }
        Ok(connection)
    }

    /// Ends the part of the change: no interruption reaches the connection any more.
    fn end(&mut self) -> Option<Connection> {
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.rest.stopped.store(false, Ordering::Relaxed);
        self.cursors.clear();
        self.come_home();
        match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Here(connection) => Some(connection),
            _ => None,
        }
    }

    /// Gives the connection back for the next attempt, unless the change left something behind in it.
    fn give_back(&mut self, connection: Connection, committed: bool) {
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        let state = self.ledger.state();
        if state.dirty || !connection.is_autocommit() {
            return;
        }
        let mut known = std::mem::take(&mut self.rest.known);
        if committed {
            known.references = state.foreign_keys.declared().or(known.references);
        }
        *transaction.home = Some(Writer {
            connection,
            guard: self.ledger.guard.clone(),
            stopped: self.rest.stopped.clone(),
            settings: std::mem::take(&mut self.rest.settings),
            store_checked: self.rest.store_checked,
            known,
        });
    }

    fn fetch_kept(rows: &mut VecDeque<Row>, max_rows: u32, max_bytes: usize) -> Vec<Row> {
        let mut bytes = 0;
        let mut taken = Vec::new();
        while taken.len() < max_rows.max(1) as usize && (taken.is_empty() || bytes < max_bytes) {
            let Some(row) = rows.pop_front() else { break };
            bytes += super::values::size(&row);
            taken.push(row);
        }
        taken
    }
}

fn gone() -> SqlError {
    SqlError::ConnectionLost("the connection was closed".to_owned())
}

#[async_trait]
impl Session for SqliteSession {
    fn interrupter(&self) -> Interrupter {
        let (interrupt, stopped) = (self.interrupt.clone(), self.rest.stopped.clone());
        Interrupter::new(move || {
            // Held throughout, so that nothing reaches the connection once the session is over.
            let handle = interrupt.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(handle) = handle.as_ref() {
                stopped.store(true, Ordering::Relaxed);
                handle.interrupt();
            }
        })
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        Some(self)
    }

    fn has_written(&self) -> bool {
        self.ledger.state().written
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        if self.ledger.rules() == Rules::Looking {
            return Ok(());
        }
        let ledger = self.ledger.clone();
        let connection = self.standing()?;
        match ledger.state().foreign_keys.check(connection).in_target()? {
            Some(violated) => Err(ProofError::Violated(violated)),
            None => Ok(()),
        }
    }

    async fn stands(&mut self) -> Result<(), ProofError> {
        self.standing().map(drop)
    }

    async fn has_open_transaction(&mut self) -> bool {
        self.is_open()
    }

    async fn roll_back_left_open(&mut self) -> bool {
        let left_open = self.is_open();
        if left_open && let Ok(connection) = self.standing() {
            connection::roll_back(connection);
        }
        left_open
    }

    async fn keep_step(
        &mut self,
        lease: &Lease,
        change: &ChangeId,
        mark: &StepMark,
    ) -> Option<Result<(), AppendError>> {
        if !matches!(self.ledger.rules(), Rules::Direct { shared: true }) {
            return None;
        }
        match &self.place {
            Place::Here(connection) if !connection.is_autocommit() => {
                Some(progress::put_step(connection, lease, change, mark))
            }
            Place::Here(_) | Place::Gone => None,
            Place::Away(worker) => {
                let (lease, change, mark) = (lease.clone(), change.clone(), mark.clone());
                worker
                    .call(move |connection| {
                        Ok((!connection.is_autocommit())
                            .then(|| progress::put_step(connection, &lease, &change, &mark)))
                    })
                    .ok()
                    .flatten()
            }
        }
    }

    async fn commit(mut self: Box<Self>, seal: Seal<'_>) -> Result<Option<Appended>, CommitError> {
        let Some(attempt) = self.transaction.as_ref().map(|transaction| transaction.attempt.clone()) else {
            // Without a transaction of the host's there is nothing to commit, only something to end.
            return self.close().await.map(|()| None).map_err(CommitError::Target);
        };
        let Some(connection) = self.end() else {
            return Err(TargetError::Refused("the connection was closed".to_owned()).into());
        };
        let ended = self.ledger.state().ended.clone();
        if ended.is_some() || connection.is_autocommit() {
            connection::roll_back(&connection);
            self.give_back(connection, false);
            return Err(CommitError::Ended(ended.unwrap_or_else(|| "it is not open any more".to_owned())));
        }
        let sealed: Result<_, CommitError> = match seal {
            Seal::Marker => marks::write(&connection, &attempt).map(|()| None).map_err(CommitError::Target),
            Seal::Markers(attempts) => {
                let written = attempts.iter().try_for_each(|attempt| marks::write(&connection, attempt));
                written.map(|()| None).map_err(CommitError::Target)
            }
            Seal::Entries { lease, drafts } => {
                let fenced = self.rest.known.fenced.take();
                chain::append(&connection, lease, drafts, fenced).map(Some).map_err(CommitError::Entries)
            }
        };
        let committed = sealed.and_then(|sealed| match connection::commit(&connection) {
            Ok(()) => Ok(sealed.map(|(appended, fenced)| {
                self.rest.known.fenced = Some(fenced);
                appended
            })),
            Err(error) => Err(match code(&error) {
                Some(ErrorCode::ConstraintViolation) => CommitError::Violated(message(&error)),
                Some(ErrorCode::SystemIoFailure) => CommitError::Unknown(message(&error)),
                _ => target_error(&error).into(),
            }),
        });
        connection::roll_back(&connection);
        match &committed {
            // What reached the disk is not known to this connection: the next one reads what is there.
            Err(CommitError::Unknown(_)) => drop(connection),
            other => self.give_back(connection, other.is_ok()),
        }
        committed
    }

    async fn close(mut self: Box<Self>) -> Result<(), TargetError> {
        let Some(connection) = self.end() else {
            return Ok(());
        };
        let left_open = self.transaction.is_none() && !connection.is_autocommit();
        connection::roll_back(&connection);
        if self.transaction.is_some() {
            self.give_back(connection, false);
            return Ok(());
        }
        if left_open {
            return Err(TargetError::LeftOpen);
        }
        let mut state = self.ledger.state();
        if matches!(self.ledger.rules(), Rules::Direct { .. })
            && state.foreign_keys.is_unchecked()
            && let Some(violated) = state.foreign_keys.check(&connection).in_target()?
        {
            return Err(TargetError::Refused(violated));
        }
        Ok(())
    }
}

#[async_trait]
impl Sql for SqliteSession {
    fn dialect(&self) -> &'static str {
        "sqlite"
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        match &self.place {
            Place::Here(connection) => statements::execute(connection, &self.ledger, statement, parameters),
            Place::Away(worker) => {
                let (ledger, statement, parameters) =
                    (self.ledger.clone(), statement.to_owned(), parameters.to_vec());
                worker
                    .call(move |connection| statements::execute(connection, &ledger, &statement, &parameters))
            }
            Place::Gone => Err(gone()),
        }
    }

    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError> {
        match &self.place {
            Place::Here(connection) => statements::execute_many(connection, &self.ledger, statement, rows),
            Place::Away(worker) => {
                let (ledger, statement, rows) = (self.ledger.clone(), statement.to_owned(), rows.to_vec());
                worker
                    .call(move |connection| statements::execute_many(connection, &ledger, &statement, &rows))
            }
            Place::Gone => Err(gone()),
        }
    }

    async fn run_script(&mut self, script: &str) -> Result<(), SqlError> {
        match &self.place {
            Place::Here(connection) => statements::run_script(connection, &self.ledger, script),
            Place::Away(worker) => {
                let (ledger, script) = (self.ledger.clone(), script.to_owned());
                worker.call(move |connection| statements::run_script(connection, &ledger, &script))
            }
            Place::Gone => Err(gone()),
        }
    }

    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Cursor, SqlError> {
        let first = match &self.place {
            Place::Here(connection) => query::first(connection, &self.ledger, statement, parameters)?,
            Place::Away(worker) => {
                let (ledger, statement, parameters) =
                    (self.ledger.clone(), statement.to_owned(), parameters.to_vec());
                worker.call(move |connection| query::first(connection, &ledger, &statement, &parameters))?
            }
            Place::Gone => return Err(gone()),
        };
        let id = CursorId(self.opened);
        self.opened += 1;
        let cursor = Cursor { id, columns: first.columns };
        if first.complete {
            self.cursors.insert(id, Rows::Kept(first.rows.into()));
            return Ok(cursor);
        }
        // It reads and is too long to keep: it begins again where its statement can stay alive.
        let open = Open { id, statement: statement.to_owned(), parameters: parameters.to_vec() };
        let begun = match std::mem::replace(&mut self.place, Place::Gone) {
            Place::Here(connection) => {
                let (worker, begun) = Worker::start(connection, self.ledger.clone(), open)
                    .map_err(|error| SqlError::ConnectionLost(error.to_string()))?;
                self.place = Place::Away(worker);
                begun
            }
            Place::Away(worker) => {
                let begun = worker.open(open);
                self.place = Place::Away(worker);
                begun
            }
            Place::Gone => Err(gone()),
        };
        if begun.is_ok() {
            self.cursors.insert(id, Rows::Streaming);
        }
        self.come_home_if_idle();
        begun.map(|()| cursor)
    }

    async fn fetch(
        &mut self,
        cursor: CursorId,
        max_rows: u32,
        max_bytes: usize,
    ) -> Result<Vec<Row>, SqlError> {
        if let Some(reason) = &self.ledger.state().ended {
            return Err(SqlError::TransactionEnded(reason.clone()));
        }
        let fetched = match (self.cursors.get_mut(&cursor), &self.place) {
            (None, _) => return Ok(Vec::new()),
            (Some(Rows::Kept(rows)), _) => {
                let taken = Self::fetch_kept(rows, max_rows, max_bytes);
                let over = rows.is_empty();
                Ok((taken, over))
            }
            (Some(Rows::Streaming), Place::Away(worker)) => worker.fetch(cursor, max_rows, max_bytes),
            (Some(Rows::Streaming), _) => Err(gone()),
        };
        if !matches!(fetched, Ok((_, false))) {
            self.cursors.remove(&cursor);
            self.come_home_if_idle();
        }
        fetched.map(|(rows, _)| rows)
    }

    async fn close_cursor(&mut self, cursor: CursorId) {
        if let (Some(Rows::Streaming), Place::Away(worker)) = (self.cursors.remove(&cursor), &self.place) {
            worker.close(cursor);
        }
        self.come_home_if_idle();
    }
}
