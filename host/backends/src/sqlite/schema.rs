//! The store's own tables, and how they move from version to version.

use rusqlite::{Connection, OptionalExtension};
use sandpiper_engine::store::StoreError;

use super::connection;
use super::errors::{Explain, message, store_error};

/// What each version adds to the one before.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE main.sandpiper_store (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) WITHOUT ROWID;
    -- The head of each scope's chain. No tenant is the empty text; `states` is the sum of the states (`sum.rs`).
    CREATE TABLE main.sandpiper_chain (
        id INTEGER PRIMARY KEY,
        service TEXT NOT NULL,
        environment TEXT NOT NULL,
        tenant TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL,
        states BLOB NOT NULL,
        UNIQUE (service, environment, tenant)
    );
    -- `body` is the text that was hashed; `calls` is in no hash, and goes when it is pruned. It stands last, so that a
    -- long one is not read with the rest. Above the bits of its sequence number an entry has the id of its chain, which
    -- is 0 for the first (`chain.rs`): a key of two columns would be one more page to write with every entry, and a
    -- table without row ids would move long texts to pages of their own.
    CREATE TABLE main.sandpiper_entry (
        sequence INTEGER PRIMARY KEY,
        hash BLOB NOT NULL,
        body TEXT NOT NULL,
        calls
    );
    -- `details` is what a plan needs besides (`states.rs`): in one value, for a run with nothing to do reads every row.
    CREATE TABLE main.sandpiper_state (
        chain INTEGER NOT NULL,
        change_id TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        state TEXT NOT NULL,
        details BLOB NOT NULL,
        PRIMARY KEY (chain, change_id)
    ) WITHOUT ROWID;
    -- `expires_at` in milliseconds since 1970 by this database's clock; null when it was given back.
    CREATE TABLE main.sandpiper_lease (
        service TEXT NOT NULL,
        environment TEXT NOT NULL,
        tenant TEXT NOT NULL,
        stage TEXT NOT NULL,
        token INTEGER NOT NULL,
        run_id TEXT NOT NULL,
        operator TEXT NOT NULL,
        host TEXT NOT NULL,
        process TEXT,
        expires_at INTEGER,
        PRIMARY KEY (service, environment, tenant, stage)
    ) WITHOUT ROWID;
    CREATE TABLE main.sandpiper_checkpoint (
        chain INTEGER NOT NULL,
        change_id TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (chain, change_id)
    );
    CREATE TABLE main.sandpiper_step (
        chain INTEGER NOT NULL,
        change_id TEXT NOT NULL,
        step INTEGER NOT NULL,
        payload BLOB NOT NULL,
        finished INTEGER NOT NULL,
        doubtful INTEGER,
        statements BLOB NOT NULL,
        complete INTEGER NOT NULL,
        rollback_finished INTEGER,
        rollback_doubtful INTEGER,
        rollback_complete INTEGER,
        PRIMARY KEY (chain, change_id, step)
    ) WITHOUT ROWID;
    CREATE TABLE main.sandpiper_artifact (
        digest BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE TABLE main.sandpiper_description (
        digest BLOB PRIMARY KEY,
        body TEXT NOT NULL
    );
", "
    -- The details of states are written in their second form (`details.rs`), which no host before reads.
"];

/// The version that this host makes, and the newest that it knows.
pub(crate) const VERSION: usize = MIGRATIONS.len();

const VALUE: &str = "SELECT value FROM main.sandpiper_store WHERE name = ?1";

/// Whether the store's tables are there, in a version that this host can read.
///
/// # Errors
///
/// [`StoreError::Version`] when a newer host made them.
pub(crate) fn is_there(connection: &Connection) -> Result<bool, StoreError> {
    Ok(version(connection)? > 0)
}

/// The version of the tables; 0 when there are none.
///
/// # Errors
///
/// [`StoreError::Version`] when a newer host made them.
pub(crate) fn version(connection: &Connection) -> Result<usize, StoreError> {
    // Looking for the table's name first would read the schema of the whole file, which may be large.
    let found = match connection.query_row(VALUE, ["schema"], |row| row.get::<_, String>(0)).optional() {
        Err(error) if message(&error).starts_with("no such table") => return Ok(0),
        other => other.in_store()?,
    };
    let found = found.ok_or_else(|| {
        StoreError::Damaged("its table `sandpiper_store` does not say which version it has".into())
    })?;
    match found.parse() {
        Ok(version) if version <= VERSION => Ok(version),
        Ok(version) => Err(StoreError::Version(format!(
            "a newer Sandpiper made the audit store `{}`: its schema has version {version}, and this release knows up to {VERSION}",
            connection.path().unwrap_or_default()
        ))),
        Err(_) => {
            Err(StoreError::Damaged(format!("its schema has the version `{found}`, which is no number")))
        }
    }
}

/// What the store says of itself.
pub(crate) fn value(connection: &Connection, name: &str) -> Result<Option<String>, StoreError> {
    connection.query_row(VALUE, [name], |row| row.get(0)).optional().in_store()
}

/// Whether the tables are there in the version of this host.
pub(crate) fn is_current(connection: &Connection) -> Result<bool, StoreError> {
    Ok(version(connection)? == VERSION)
}

/// Makes the tables, or moves them forward, under the file's lock.
pub(crate) fn migrate(connection: &Connection) -> Result<(), StoreError> {
    connection::transaction(
        connection,
        |error| store_error(&error),
        || {
            let found = version(connection)?;
            for migration in MIGRATIONS.iter().skip(found) {
                connection.execute_batch(migration).in_store()?;
            }
            let set = "INSERT INTO main.sandpiper_store (name, value) VALUES (?1, ?2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            connection.execute(set, ("schema", VERSION.to_string())).in_store()?;
            if value(connection, "identity")?.is_none() {
                connection.execute(set, ("identity", uuid::Uuid::new_v4().to_string())).in_store()?;
            }
            Ok(())
        },
    )
}
