//! Long queries: the connection moves onto a thread of its own, which keeps their statements alive.
//!
//! A statement borrows its connection, and its rows borrow the statement; on the stack of a thread that is no
//! difficulty. The thread takes jobs (the next rows, but any other call of the session too) until the last cursor is
//! closed, then the connection moves back. A cursor that is opened meanwhile is served one level deeper.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, Rows};
use sandpiper_runtime::sql::{CursorId, Row, SqlError, Value};

use super::ledger::Ledger;
use super::query;

/// How many long queries may be open at once, counted to the last one that is not closed.
const MAX_OPEN: usize = 64;

/// Stack of the thread: SQLite needs little, and each cursor one level.
const STACK: usize = 8 * 1024 * 1024;

/// The thread that holds the connection.
pub(crate) struct Worker {
    jobs: Sender<Job>,
    thread: JoinHandle<Connection>,
}

/// A query to be begun.
pub(crate) struct Open {
    pub(crate) id: CursorId,
    pub(crate) statement: String,
    pub(crate) parameters: Vec<Value>,
}

/// The next rows of a cursor, and whether they are the last.
pub(crate) type Fetched = Result<(Vec<Row>, bool), SqlError>;

enum Job {
    Do(Box<dyn FnOnce(&Connection) + Send>),
    Open(Open, Sender<Result<(), SqlError>>),
    Fetch { id: CursorId, max_rows: u32, max_bytes: usize, reply: Sender<Fetched> },
    Close(CursorId),
}

impl Worker {
    /// Moves a connection onto a thread, and begins a query there.
    ///
    /// # Errors
    ///
    /// When no thread can be made: the connection is closed then.
    pub(crate) fn start(
        connection: Connection,
        ledger: Arc<Ledger>,
        open: Open,
    ) -> std::io::Result<(Self, Result<(), SqlError>)> {
        let (jobs, received) = channel();
        let (reply, begun) = channel();
        let work = move || {
            stream(&connection, &ledger, &received, open, &reply, None, 1);
            connection
        };
        let thread =
            std::thread::Builder::new().name("sandpiper-sqlite".into()).stack_size(STACK).spawn(work)?;
        Ok((Self { jobs, thread }, begun.recv().unwrap_or_else(|_| Err(lost()))))
    }

    /// Begins one more query.
    pub(crate) fn open(&self, open: Open) -> Result<(), SqlError> {
        let (reply, begun) = channel();
        self.send(Job::Open(open, reply))?;
        begun.recv().unwrap_or_else(|_| Err(lost()))
    }

    /// Does something else with the connection.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    ) -> Result<T, SqlError> {
        let (reply, done) = channel();
        self.send(Job::Do(Box::new(move |connection| drop(reply.send(work(connection))))))?;
        done.recv().unwrap_or_else(|_| Err(lost()))
    }

    /// The next rows of a cursor.
    pub(crate) fn fetch(&self, id: CursorId, max_rows: u32, max_bytes: usize) -> Fetched {
        let (reply, fetched) = channel();
        self.send(Job::Fetch { id, max_rows, max_bytes, reply })?;
        fetched.recv().unwrap_or_else(|_| Err(lost()))
    }

    /// Closes a cursor.
    pub(crate) fn close(&self, id: CursorId) {
        let _ = self.send(Job::Close(id));
    }

    /// Ends every cursor, and takes the connection back; none when the thread died.
    pub(crate) fn finish(self) -> Option<Connection> {
        drop(self.jobs);
        self.thread.join().ok()
    }

    fn send(&self, job: Job) -> Result<(), SqlError> {
        self.jobs.send(job).map_err(|_| lost())
    }
}

fn lost() -> SqlError {
    SqlError::ConnectionLost("the thread that served a query has ended".to_owned())
}

/// The cursors below the newest one, from the newest to the oldest.
trait Below {
    /// The next rows; none when there is no such cursor here.
    fn fetch(&mut self, asked: &Asked<'_>, id: CursorId) -> Option<Fetched>;
    fn close(&mut self, id: CursorId);
}

/// For what rows are asked.
struct Asked<'a> {
    connection: &'a Connection,
    ledger: &'a Ledger,
    max_rows: u32,
    max_bytes: usize,
}

/// One cursor, on the stack of the thread.
struct Level<'rows, 'below> {
    id: CursorId,
    statement: String,
    columns: usize,
    rows: Option<Rows<'rows>>,
    below: Option<&'below mut (dyn Below + 'below)>,
}

impl Below for Level<'_, '_> {
    fn fetch(&mut self, asked: &Asked<'_>, id: CursorId) -> Option<Fetched> {
        if id != self.id {
            return self.below.as_mut()?.fetch(asked, id);
        }
        let rows = self.rows.as_mut()?;
        let Asked { connection, ledger, max_rows, max_bytes } = *asked;
        let fetched =
            ledger.call(connection, || query::take(rows, self.columns, max_rows, max_bytes, &self.statement));
        if !matches!(fetched, Ok((_, false))) {
            self.rows = None;
        }
        Some(fetched)
    }

    fn close(&mut self, id: CursorId) {
        if id == self.id {
            self.rows = None;
        } else if let Some(below) = &mut self.below {
            below.close(id);
        }
    }
}

/// Begins a query and serves jobs until it is over; then those below it are served further.
fn stream<'below>(
    connection: &Connection,
    ledger: &Ledger,
    jobs: &Receiver<Job>,
    open: Open,
    reply: &Sender<Result<(), SqlError>>,
    below: Option<&'below mut (dyn Below + 'below)>,
    depth: usize,
) {
    let Open { id, statement, parameters } = open;
    let begun = ledger.call(connection, || query::begin(connection, ledger, &statement, &parameters));
    let mut prepared = match begun {
        Ok(Some(prepared)) => prepared,
        Ok(None) => return drop(reply.send(Err(SqlError::Denied("the text holds no statement".to_owned())))),
        Err(error) => return drop(reply.send(Err(error))),
    };
    let columns = prepared.column_count();
    let mut level = Level { id, statement, columns, rows: Some(prepared.raw_query()), below };
    let _ = reply.send(Ok(()));
    while level.rows.is_some() {
        let Ok(job) = jobs.recv() else { return };
        match job {
            Job::Do(work) => work(connection),
            Job::Fetch { id, max_rows, max_bytes, reply } => {
                let asked = Asked { connection, ledger, max_rows, max_bytes };
                let fetched = level.fetch(&asked, id).unwrap_or(Ok((Vec::new(), true)));
                let _ = reply.send(fetched);
            }
            Job::Close(id) => level.close(id),
            Job::Open(_, reply) if depth >= MAX_OPEN => {
                let _ = reply.send(Err(SqlError::LimitExceeded(format!(
                    "more than {MAX_OPEN} long queries are open at once: read one to its end, or close it, first"
                ))));
            }
            Job::Open(open, reply) => {
                stream(connection, ledger, jobs, open, &reply, Some(&mut level), depth + 1)
            }
        }
    }
}
