//! The rules of the SQLite backend, each shown on real files.

mod cursors;
mod foreign_keys;
mod known;
mod leases;
mod pruning;
mod sessions;
mod sql;
mod stores;
mod transactions;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::Connection;
use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Mode, Record, Sequence, State};
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::store::{Acquisition, Condition, Draft, Lease, Owner, Store};
use sandpiper_runtime::sql::{Sql, SqlError, Value};
use sandpiper_runtime::target::{Fence, Opening, Seal, Session, Target};

use super::{Databases, Options, SqliteStore, SqliteTarget};
use crate::Role;

const MINUTE: Duration = Duration::from_secs(60);

/// Runs what the trait methods give.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn scope() -> Scope {
    Scope { service: "orders".into(), environment: "test".into(), tenant: None }
}

fn key() -> LockKey {
    LockKey { scope: scope(), stage: "schema".into() }
}

fn owner(run_id: &str) -> Owner {
    Owner { run_id: run_id.into(), operator: "ada".into(), host: "h".into(), process: None }
}

fn record(id: &str, state: State) -> Record {
    Record {
        run_id: "run".into(),
        attempt_id: Some(AttemptId("attempt".into())),
        scope: scope(),
        change_id: ChangeId::new(id).unwrap(),
        stage: "schema".into(),
        order: "0001".parse().unwrap(),
        file_name: Some("_0001__A.sql".into()),
        name: "Name".into(),
        author: "ada".into(),
        state: Some(state),
        attempt: Some(1),
        target_system: "db".into(),
        mode: Some(Mode::Shared),
        recovery: Recovery::ManualIntervention,
        digest: Digest::of(b"x"),
        meaning: Digest::of(b"y"),
        template_digest: None,
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        duration_ms: None,
        host: "h".into(),
        operator: "o".into(),
        reason: None,
        error: None,
        labels: vec![("ü".into(), "\"change_id\":\"b\"".into())],
        variables: None,
        calls: 0,
        calls_cut: false,
        version: "0.1.0".into(),
    }
}

fn draft(id: &str, state: State, condition: Condition) -> Draft {
    Draft { record: record(id, state), condition, calls: None }
}

fn always(id: &str, state: State) -> Draft {
    draft(id, state, Condition::Always)
}

/// A folder with one file in it, and how this process works with files.
struct Place {
    folder: tempfile::TempDir,
    databases: Databases,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), databases: Self::databases() }
    }

    fn databases() -> Databases {
        Databases::new(Options { busy: Duration::from_millis(300), renewal: Duration::from_millis(50) })
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// As another program sees the file.
    fn plain(&self) -> Connection {
        let connection = Connection::open(self.path()).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    fn number(&self, query: &str) -> i64 {
        self.plain().query_row(query, [], |row| row.get(0)).unwrap()
    }

    fn store(&self) -> SqliteStore {
        SqliteStore::new(self.databases.database(&self.path()))
    }

    fn target(&self, role: Role) -> SqliteTarget {
        SqliteTarget::new("db".into(), self.databases.database(&self.path()), Vec::new(), role)
    }

    /// A store that is made, and a lease on its one stage.
    fn leased(&self) -> (SqliteStore, Lease) {
        let store = self.store();
        run(store.prepare()).unwrap();
        let lease = taken(&store);
        (store, lease)
    }

    /// A session of an attempt on the file as a target system apart from the store.
    fn attempt(&self, id: &str, mode: Mode) -> Box<dyn Session> {
        run(self.target(Role::Apart).open(&opening(id, mode, 1))).unwrap()
    }
}

fn taken(store: &dyn Store) -> Lease {
    match run(store.acquire(&key(), &owner("run"), MINUTE, None)).unwrap() {
        Acquisition::Taken { lease, .. } => lease,
        held => panic!("{held:?}"),
    }
}

fn fence(token: u64) -> Fence {
    Fence { store: "store".into(), key: key(), token: sandpiper_engine::entry::Token(token) }
}

fn opening(id: &str, mode: Mode, token: u64) -> Opening {
    Opening::Attempt { id: AttemptId(id.into()), mode, fence: fence(token), recorded: Vec::new() }
}

/// The calls of a change, as a test writes them.
struct Calls<'a>(&'a mut dyn Session);

impl Calls<'_> {
    fn sql(&mut self) -> &mut dyn Sql {
        self.0.sql().unwrap()
    }

    fn execute(&mut self, statement: &str) -> Result<u64, SqlError> {
        run(self.sql().execute(statement, &[]))
    }

    fn script(&mut self, script: &str) -> Result<(), SqlError> {
        run(self.sql().run_script(script))
    }

    fn number(&mut self, query: &str) -> Result<i64, SqlError> {
        run(async {
            let cursor = self.sql().query(query, &[]).await?;
            let rows = self.sql().fetch(cursor.id, 10, 1 << 20).await?;
            match rows.first().and_then(|row| row.first()) {
                Some(Value::Integer(number)) => Ok(*number),
                other => panic!("{other:?}"),
            }
        })
    }

    /// The words in which a statement is refused by the host.
    fn denied(&mut self, statement: &str) -> String {
        match self.execute(statement) {
            Err(SqlError::Denied(reason)) => reason,
            other => panic!("`{statement}` was not denied: {other:?}"),
        }
    }
}

/// The names of the files in a folder.
fn files(place: &Place) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(place.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn marker() -> Seal<'static> {
    Seal::Marker
}

fn sequence(number: u64) -> Option<Sequence> {
    Some(Sequence(number))
}

fn shared_store(place: &Place) -> (SqliteStore, Lease, Arc<SqliteTarget>) {
    let (store, lease) = place.leased();
    (store, lease, Arc::new(place.target(Role::Store)))
}

fn shared_opening(store: &SqliteStore, lease: &Lease, id: &str) -> Opening {
    let fence = Fence { store: run(store.identity()).unwrap(), key: key(), token: lease.token };
    Opening::Attempt { id: AttemptId(id.into()), mode: Mode::Shared, fence, recorded: Vec::new() }
}
