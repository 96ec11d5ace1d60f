//! One file: the connection that writes to it, those that look at it, and the queue of attempts on it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::crash;

use super::connection::{self, Access, Patience};
use super::guard::Guard;
use super::known::Known;

/// How files are worked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// How long to wait for a file that another process is writing to.
    pub busy: Duration,
    /// How long the renewal of a lease waits for it before it answers that the file is busy.
    pub renewal: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { busy: Duration::from_secs(30), renewal: Duration::from_millis(200) }
    }
}

/// The files that a process works with: one [`Database`] each, whatever path leads to it, for as long as anybody has it.
#[derive(Default)]
pub struct Databases {
    options: Options,
    hurried: Arc<AtomicBool>,
    files: Mutex<HashMap<PathBuf, Weak<Database>>>,
}

impl Databases {
    /// None yet.
    pub fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// The same. Once `hurried` is set, because the process is about to end, no wait for a file lasts long.
    pub fn hurried_by(self, hurried: Arc<AtomicBool>) -> Self {
        Self { hurried, ..self }
    }

    /// The database of a file, which need not exist.
    pub fn database(&self, path: &Path) -> Arc<Database> {
        let path = canonical(path);
        let mut files = locked(&self.files);
        // Another name of a file that is known already: the same database under two names would be damaged.
        let inode = inode(&path);
        let is_it = |known: &Arc<Database>| {
            known.path == path || inode.is_some() && self::inode(&known.path) == inode
        };
        files.retain(|_, known| known.strong_count() > 0);
        if let Some(known) = files.values().filter_map(Weak::upgrade).find(is_it) {
            return known;
        }
        let database = Database { hurried: self.hurried.clone(), ..Database::new(&path, self.options) };
        let database = Arc::new(database);
        files.insert(path, Arc::downgrade(&database));
        database
    }
}

/// One SQLite file in this process. Nothing is opened or made before it is needed.
pub struct Database {
    path: PathBuf,
    options: Options,
    hurried: Arc<AtomicBool>,
    writer: Arc<AsyncMutex<Option<Writer>>>,
    turn: Arc<AsyncMutex<()>>,
    reader: Mutex<Option<Connection>>,
    keeper: Mutex<Option<Connection>>,
}

/// The connection that writes, and what is known about it.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) guard: Guard,
    /// Ends a wait for the file's lock.
    pub(crate) stopped: Arc<AtomicBool>,
    /// The pragmas that were set on it for a target system.
    pub(crate) settings: Vec<(String, String)>,
    /// Whether the schema of the store in it was found to be ours.
    pub(crate) store_checked: bool,
    /// What is known of the file.
    pub(crate) known: Known,
}

impl Database {
    /// A database of its own: whoever shares a file within a process takes it from [`Databases`].
    pub fn new(path: &Path, options: Options) -> Self {
        Self {
            path: canonical(path),
            options,
            hurried: Arc::default(),
            writer: Arc::default(),
            turn: Arc::default(),
            reader: Mutex::default(),
            keeper: Mutex::default(),
        }
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the file can be had, and why not.
    pub(crate) fn missing(&self) -> Option<String> {
        let path = self.path.display();
        if self.path.is_dir() {
            return Some(format!("`{path}` is a folder, not a file"));
        }
        match self.path.parent() {
            Some(folder) if !folder.is_dir() => {
                Some(format!("the folder of `{path}` does not exist: make it first"))
            }
            _ => None,
        }
    }

    /// Whether there is a file.
    pub(crate) fn exists(&self) -> bool {
        self.path.is_file()
    }

    /// The right to begin an attempt that writes.
    pub(crate) async fn turn(&self) -> OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    /// The place of the one connection that writes; waits until nobody uses it.
    pub(crate) async fn writer(&self) -> OwnedMutexGuard<Option<Writer>> {
        self.writer.clone().lock_owned().await
    }

    /// A new connection of the change's or of the host's own.
    pub(crate) fn open(&self, access: Access) -> rusqlite::Result<Writer> {
        self.open_at(&self.path, access)
    }

    /// A new, empty database in memory, which is gone with the connection.
    pub(crate) fn open_in_memory(&self) -> rusqlite::Result<Writer> {
        self.open_at(Path::new(":memory:"), Access::Make)
    }

    fn open_at(&self, path: &Path, access: Access) -> rusqlite::Result<Writer> {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut connection = connection::open(path, access, self.patience(self.options.busy, &stopped))?;
        let guard = Guard::install(&mut connection)?;
        Ok(Writer {
            connection,
            guard,
            stopped,
            settings: Vec::new(),
            store_checked: false,
            known: Known::default(),
        })
    }

    fn patience(&self, limit: Duration, stopped: &Arc<AtomicBool>) -> Patience {
        Patience { limit, stopped: stopped.clone(), hurried: self.hurried.clone() }
    }

    /// Looks at the file, beside whatever is being written to it. None when there is no file.
    pub(crate) fn look<T, E>(
        &self,
        explain: impl Fn(rusqlite::Error) -> E,
        look: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<Option<T>, E> {
        let mut reader = locked(&self.reader);
        if reader.is_none() {
            if !self.exists() {
                return Ok(None);
            }
            let patience = self.patience(self.options.busy, &Arc::default());
            *reader = Some(connection::open(&self.path, Access::Look, patience).map_err(explain)?);
        }
        reader.as_ref().map(look).transpose()
    }

    /// Renews leases, on a connection of its own: the one that writes may be in the middle of a change.
    pub(crate) fn keep<T>(
        &self,
        keep: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut keeper = locked(&self.keeper);
        let connection = match keeper.take() {
            Some(connection) => connection,
            None => {
                let patience = self.patience(self.options.renewal, &Arc::default());
                connection::open(&self.path, Access::Write, patience)?
            }
        };
        crash::before("sqlite renew");
        let kept = keep(&connection);
        crash::after("sqlite renew");
        *keeper = Some(connection);
        kept
    }
}

/// A poisoned lock guards nothing that a panic could have left half-done: a connection at worst, which SQLite keeps
/// consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What tells a file from every other, whatever its names.
fn inode(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// One path for each file, also for one that does not exist yet.
fn canonical(path: &Path) -> PathBuf {
    if let Ok(path) = path.canonicalize() {
        return path;
    }
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => canonical(folder).join(name),
        _ => path,
    }
}
