//! Opening a file, so that a commit is durable when it answers and a wait for its lock is short and bounded.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use crate::crash;

/// For what a connection is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// For writing; a missing file is made.
    Make,
    /// For writing to a file that is there.
    Write,
    /// For looking at a file that is there. Not `SQLITE_OPEN_READONLY`, for that could not tidy up after a crash.
    Look,
}

/// How many of the host's own statements stay prepared.
const KEPT_STATEMENTS: usize = 64;

/// The longest text or blob, in bytes: the largest artifact, and a bound for what a statement of a guest may make.
const LONGEST_VALUE: i32 = 128 << 20;

/// How a file keeps its transactions: decides how it is synchronised.
pub(crate) fn is_wal(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row("PRAGMA main.journal_mode", [], |row| Ok(row.get_ref(0)?.as_str()? == "wal"))
}

/// How long a connection waits for the lock of its file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patience {
    /// At most so long.
    pub(crate) limit: Duration,
    /// Ends it at once when it is set.
    pub(crate) stopped: Arc<AtomicBool>,
    /// The process is about to end: it lasts no longer than [`HURRIED`].
    pub(crate) hurried: Arc<AtomicBool>,
}

/// How long a process that is about to end waits for a file: long enough for another writer to finish its commit.
const HURRIED: Duration = Duration::from_millis(500);

/// Opens a file.
pub(crate) fn open(path: &Path, access: Access, patience: Patience) -> rusqlite::Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    flags.set(OpenFlags::SQLITE_OPEN_CREATE, access == Access::Make);
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_handler(Some(patience.handler()))?;
    connection.set_prepared_statement_cache_capacity(KEPT_STATEMENTS);
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST_VALUE)?;
    if access == Access::Look {
        connection.execute_batch("PRAGMA query_only = ON")?;
        return Ok(connection);
    }
    connection.execute_batch("PRAGMA foreign_keys = OFF")?;
    synchronise(&connection)?;
    Ok(connection)
}

/// Makes commits durable: with a write-ahead log `FULL` is that; with a rollback journal only `EXTRA` is, which makes
/// the removal of the journal durable too.
pub(crate) fn synchronise(connection: &Connection) -> rusqlite::Result<()> {
    let level = if is_wal(connection)? { "FULL" } else { "EXTRA" };
    connection.execute_batch(&format!("PRAGMA main.synchronous = {level}"))
}

/// Runs what is to be done in one transaction that may write from its start.
pub(crate) fn transaction<T, E>(
    connection: &Connection,
    explain: impl Fn(rusqlite::Error) -> E,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    begin(connection).map_err(&explain)?;
    match work() {
        Ok(done) => match commit(connection) {
            Ok(()) => Ok(done),
            Err(error) => {
                roll_back(connection);
                Err(explain(error))
            }
        },
        Err(error) => {
            roll_back(connection);
            Err(error)
        }
    }
}

/// Begins a transaction that holds the file's write lock from its start.
pub(crate) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    crash::before("sqlite begin");
    let begun = connection.prepare_cached("BEGIN IMMEDIATE")?.execute([]).map(drop);
    crash::after("sqlite begin");
    begun
}

/// Ends a transaction; it is durable afterwards.
pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    crash::before("sqlite commit");
    let committed = connection.prepare_cached("COMMIT")?.execute([]).map(drop);
    crash::after("sqlite commit");
    committed
}

/// Takes a transaction back, if one is open. Where that goes wrong, closing the connection does it.
pub(crate) fn roll_back(connection: &Connection) {
    if !connection.is_autocommit() {
        crash::before("sqlite roll back");
        let _ = connection.execute_batch("ROLLBACK");
        crash::after("sqlite roll back");
    }
}

impl Patience {
    /// Waits about a millisecond between two tries. SQLite's own handler backs off so far that a renewal would starve.
    fn handler(self) -> impl FnMut(i32) -> bool + Send + 'static {
        let mut since = Instant::now();
        let mut random = RandomState::new().build_hasher().finish() | 1;
        move |tries| {
            if tries == 0 {
                since = Instant::now();
            }
            let limit = match self.hurried.load(Ordering::Relaxed) {
                true => self.limit.min(HURRIED),
                false => self.limit,
            };
            if since.elapsed() >= limit || self.stopped.load(Ordering::Relaxed) {
                return false;
            }
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            std::thread::sleep(Duration::from_micros(500 + random % 1_000));
            true
        }
    }
}
