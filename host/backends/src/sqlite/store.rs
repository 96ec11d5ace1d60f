//! The audit store in a SQLite file.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode};
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::diagnosis::Finding;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Record, Sequence, Token};
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::state::States;
use sandpiper_engine::store::{
    Acquisition, AppendError, Appended, ChainReport, Condition, Draft, EntryQuery, Holder, Lease, LockStatus,
    Owner, Pruned, Pruning, Renewal, StepMark, Store, StoreError,
};

use crate::crash;

use super::connection::{self, Access};
use super::database::{Database, Writer};
use super::errors::{Explain, code, is_busy, store_error};
use super::{archive, calls, chain, diagnosis, lease, progress, prune, schema, states};
use crate::compression::compressed;

/// An audit store: tables named `sandpiper_*` in a file, which may be that of a target system.
pub struct SqliteStore {
    database: Arc<Database>,
    /// Whether its tables were found, in a version that this host knows.
    ready: AtomicBool,
}

impl SqliteStore {
    /// The store in a file. Nothing is opened or made yet.
    pub fn new(database: Arc<Database>) -> Self {
        Self { database, ready: AtomicBool::new(false) }
    }

    /// Looks at the store beside whatever is being written. None when there is no store yet.
    fn look<T>(
        &self,
        look: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        if self.database.path().is_dir() {
            return Err(StoreError::Unreachable(format!("`{}` is a folder", self.database.path().display())));
        }
        let looked = self.database.look(
            |error| self.named(&error),
            |connection| {
                if !self.ready.load(Ordering::Relaxed) {
                    if !schema::is_there(connection)? {
                        return Ok(None);
                    }
                    self.ready.store(true, Ordering::Relaxed);
                }
                look(connection).map(Some)
            },
        )?;
        Ok(looked.flatten())
    }

    /// Works on the store in one transaction, durable when it answers.
    async fn write<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send,
    ) -> Result<T, E> {
        let mut writer = self.database.writer().await;
        let connection = self.writable(&mut writer)?;
        connection::transaction(connection, |error| store_error(&error).into(), || work(connection))
    }

    /// The connection that writes, for more than entries: what was known of those may not be so any more.
    fn writable<'writer>(
        &self,
        writer: &'writer mut Option<Writer>,
    ) -> Result<&'writer Connection, StoreError> {
        let writer = self.opened(writer)?;
        writer.known.fenced = None;
        Ok(&writer.connection)
    }

    /// The connection that writes, on a store whose version is known.
    fn opened<'writer>(
        &self,
        writer: &'writer mut Option<Writer>,
    ) -> Result<&'writer mut Writer, StoreError> {
        let writer = match writer {
            Some(writer) => writer,
            None if !self.database.exists() => return Err(self.not_made()),
            None => writer.insert(self.database.open(Access::Write).in_store()?),
        };
        if !writer.store_checked {
            if !schema::is_there(&writer.connection)? {
                return Err(self.not_made());
            }
            writer.store_checked = true;
        }
        Ok(writer)
    }

    /// An error that tells which file it is about, where that is what has to be looked at.
    fn named(&self, error: &rusqlite::Error) -> StoreError {
        match store_error(error) {
            StoreError::Unreachable(reason) => {
                StoreError::Unreachable(format!("`{}`: {reason}", self.database.path().display()))
            }
            other => other,
        }
    }

    fn not_made(&self) -> StoreError {
        StoreError::Refused(format!("`{}` holds no audit yet", self.database.path().display()))
    }

    /// Writes what is certain to be followed by an entry that needs it. With a write-ahead log it is made durable by
    /// that entry's commit, which spares a commit of its own.
    async fn write_ahead(
        &self,
        work: impl FnOnce(&Connection) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let mut writer = self.database.writer().await;
        let connection = self.writable(&mut writer)?;
        if connection::is_wal(connection).in_store()? {
            connection.execute_batch("PRAGMA main.synchronous = NORMAL").in_store()?;
        }
        let done = connection::transaction(connection, |error| store_error(&error), || work(connection));
        connection::synchronise(connection).in_store()?;
        done
    }

    /// Makes the file, or the tables in a file that is there. One that is new, or empty, is ours: it gets a
    /// write-ahead log. Any other keeps its journal.
    fn make(&self) -> Result<Writer, StoreError> {
        let path = self.database.path();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| match error.kind() {
                std::io::ErrorKind::PermissionDenied => {
                    StoreError::Rights(format!("`{}`: {error}", folder.display()))
                }
                _ => StoreError::Unreachable(format!("`{}`: {error}", folder.display())),
            })?;
        }
        let mut writer = self.database.open(Access::Make).map_err(|error| self.named(&error))?;
        let connection = &writer.connection;
        let pages: i64 = connection.query_row("PRAGMA main.page_count", [], |row| row.get(0)).in_store()?;
        if pages == 0 {
            crash::before("sqlite journal mode");
            keep_a_write_ahead_log(connection)?;
            crash::after("sqlite journal mode");
        }
        schema::migrate(connection)?;
        connection::synchronise(connection).in_store()?;
        writer.store_checked = true;
        Ok(writer)
    }
}

/// Changes the journal of a new file. Other hosts may be doing the same, and SQLite does not wait for them here.
fn keep_a_write_ahead_log(connection: &Connection) -> Result<(), StoreError> {
    let since = Instant::now();
    loop {
        match connection.query_row("PRAGMA main.journal_mode = WAL", [], |_| Ok(())) {
            Err(error) if is_busy(&error) && since.elapsed() < Duration::from_secs(10) => {
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other.in_store(),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn states(&self, scope: &Scope) -> Result<Option<States>, StoreError> {
        self.look(|connection| states::all(connection, scope))
    }

    async fn head(&self, scope: &Scope) -> Result<Option<Digest>, StoreError> {
        Ok(self.look(|connection| chain::newest_hash(connection, scope))?.flatten())
    }

    fn files(&self) -> Vec<PathBuf> {
        let beside = |suffix: &str| {
            let mut path = self.database.path().as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        ["", "-wal", "-journal"].map(beside).into()
    }

    async fn prepare(&self) -> Result<(), StoreError> {
        if self.look(schema::is_current)?.unwrap_or(false) {
            return Ok(());
        }
        let mut writer = self.database.writer().await;
        *writer = Some(self.make()?);
        Ok(())
    }

    async fn acquire(
        &self,
        key: &LockKey,
        owner: &Owner,
        length: Duration,
        gone: Option<Token>,
    ) -> Result<Acquisition, StoreError> {
        // Waiting for somebody's lease must not disturb the holder's writing.
        let found = self.look(|connection| lease::find(connection, key))?.flatten();
        if let Some(holder) = found.as_ref().and_then(lease::Found::held)
            && gone != Some(holder.token)
        {
            return Ok(Acquisition::Held(holder.clone()));
        }
        self.write(|connection| lease::acquire(connection, key, owner, length, gone)).await
    }

    async fn renew(&self, lease: &Lease, length: Duration) -> Result<Renewal, StoreError> {
        match self.database.keep(|connection| lease::renew(connection, lease, length)) {
            Ok(true) => Ok(Renewal::Renewed),
            Ok(false) => Ok(Renewal::Lost),
            Err(error) if is_busy(&error) => Ok(Renewal::Busy),
            Err(error) => Err(store_error(&error)),
        }
    }

    async fn release(&self, lease: &Lease) -> Result<(), StoreError> {
        self.write(|connection| lease::release(connection, lease)).await
    }

    async fn break_lock(&self, key: &LockKey, note: Record) -> Result<Option<Holder>, StoreError> {
        if self.look(|_| Ok(()))?.is_none() {
            return Ok(None);
        }
        self.write(|connection| {
            let (held, lease) = lease::take_away(connection, key)?;
            let draft = Draft { record: note, condition: Condition::Always, calls: None };
            match chain::append(connection, &lease, &[draft], None) {
                Ok(_) => Ok(held),
                Err(AppendError::Store(error)) => Err(error),
                Err(other) => Err(StoreError::Refused(other.to_string())),
            }
        })
        .await
    }

    async fn locks(&self, scope: &Scope) -> Result<Vec<LockStatus>, StoreError> {
        self.look(|connection| lease::all(connection, scope)).map(Option::unwrap_or_default)
    }

    async fn append(&self, lease: &Lease, drafts: &[Draft]) -> Result<Appended, AppendError> {
        let mut writer = self.database.writer().await;
        let Writer { connection, known, .. } = self.opened(&mut writer)?;
        connection::begin(connection).in_store()?;
        let appended = known
            .refresh(connection)
            .in_store()
            .map_err(AppendError::from)
            .and_then(|()| chain::append(connection, lease, drafts, known.fenced.take()));
        let (appended, fenced) = match appended {
            Ok(appended) => appended,
            Err(error) => {
                connection::roll_back(connection);
                return Err(error);
            }
        };
        let Err(error) = connection::commit(connection) else {
            known.fenced = Some(fenced);
            return Ok(appended);
        };
        connection::roll_back(connection);
        if code(&error) != Some(ErrorCode::SystemIoFailure) {
            return Err(store_error(&error).into());
        }
        // What reached the disk is not known to this connection: a new one reads what is there.
        *writer = None;
        let newest = appended.0.iter().flatten().last();
        let connection = self.writable(&mut writer)?;
        match newest.map(|entry: &Entry| chain::holds(connection, &lease.key.scope, entry)).transpose()? {
            Some(true) => Ok(appended),
            _ => Err(store_error(&error).into()),
        }
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        self.look(|connection| chain::entries(connection, query)).map(Option::unwrap_or_default)
    }

    async fn calls(
        &self,
        scope: &Scope,
        sequences: &[Sequence],
    ) -> Result<Vec<(Sequence, String)>, StoreError> {
        self.look(|connection| calls::of(connection, scope, sequences)).map(Option::unwrap_or_default)
    }

    async fn verify(&self, scope: &Scope) -> Result<ChainReport, StoreError> {
        let nothing = ChainReport { entries: 0, broken: None };
        Ok(self.look(|connection| chain::verify(connection, scope))?.unwrap_or(nothing))
    }

    async fn keep(
        &self,
        artifacts: &[(Digest, Arc<[u8]>)],
        descriptions: &[(Digest, String)],
    ) -> Result<(), StoreError> {
        let missing = |connection: &Connection| {
            let mut missing = Vec::new();
            for artifact in artifacts {
                if !archive::has_artifact(connection, artifact.0)? {
                    missing.push(artifact);
                }
            }
            Ok(missing)
        };
        let missing = self.look(missing)?.unwrap_or_else(|| artifacts.iter().collect());
        if missing.is_empty() && descriptions.is_empty() {
            return Ok(());
        }
        let compressed = compressed(&missing)?;
        self.write_ahead(|connection| {
            compressed.iter().try_for_each(|artifact| archive::put_artifact(connection, artifact))?;
            descriptions
                .iter()
                .try_for_each(|(digest, text)| archive::put_description(connection, *digest, text))
        })
        .await
    }

    async fn artifact(&self, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(|connection| archive::artifact(connection, digest)).map(Option::flatten)
    }

    async fn prune(&self, scope: &Scope, before: Timestamp, gone: &[Lease]) -> Result<Pruning, StoreError> {
        if self.look(|_| Ok(()))?.is_none() {
            return Ok(Pruning::Done(Pruned::default()));
        }
        self.write(|connection| prune::prune(connection, scope, before, gone)).await
    }

    async fn descriptions(&self, digests: &[Digest]) -> Result<Vec<(Digest, String)>, StoreError> {
        let found = self.look(|connection| {
            let mut found = Vec::new();
            for digest in digests {
                if let Some(text) = archive::description(connection, *digest)? {
                    found.push((*digest, text));
                }
            }
            Ok(found)
        })?;
        Ok(found.unwrap_or_default())
    }

    async fn put_checkpoint(&self, lease: &Lease, change: &ChangeId, data: &[u8]) -> Result<(), AppendError> {
        self.write(|connection| progress::put_checkpoint(connection, lease, change, data)).await
    }

    async fn checkpoint(&self, scope: &Scope, change: &ChangeId) -> Result<Option<Vec<u8>>, StoreError> {
        self.look(|connection| progress::checkpoint(connection, scope, change)).map(Option::flatten)
    }

    async fn put_step(&self, lease: &Lease, change: &ChangeId, mark: &StepMark) -> Result<(), AppendError> {
        self.write(|connection| progress::put_step(connection, lease, change, mark)).await
    }

    async fn steps(&self, scope: &Scope, change: &ChangeId) -> Result<Vec<StepMark>, StoreError> {
        self.look(|connection| progress::steps(connection, scope, change)).map(Option::unwrap_or_default)
    }

    async fn forget_progress(
        &self,
        lease: &Lease,
        change: &ChangeId,
        newest: Sequence,
    ) -> Result<(), AppendError> {
        self.write(|connection| progress::forget(connection, lease, change, newest)).await
    }

    async fn identity(&self) -> Result<String, StoreError> {
        let damaged =
            || StoreError::Damaged("its table `sandpiper_store` does not say which store it is".to_owned());
        self.look(|connection| schema::value(connection, "identity"))?
            .ok_or_else(|| self.not_made())?
            .ok_or_else(damaged)
    }
    async fn diagnose(&self, scope: &Scope) -> Vec<Finding> {
        diagnosis::store(&self.database, scope)
    }
}
