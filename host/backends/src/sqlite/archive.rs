//! What is kept by digest: the bytes of changes that ran, compressed, and the descriptions of components.

use rusqlite::{Connection, OptionalExtension};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::store::StoreError;

use super::errors::Explain;
use super::lease::{from_stored, stored};
use crate::compression::{self, Compressed};

/// Whether the bytes of a digest are kept.
pub(crate) fn has_artifact(connection: &Connection, digest: Digest) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM main.sandpiper_artifact WHERE digest = ?1")
        .and_then(|mut statement| statement.exists([digest.as_bytes().as_slice()]))
        .in_store()
}

/// Keeps an artifact, if it is not kept by now.
pub(crate) fn put_artifact(connection: &Connection, artifact: &Compressed) -> Result<(), StoreError> {
    let Compressed { digest, size, body } = artifact;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO main.sandpiper_artifact (digest, size, body) VALUES (?1, ?2, ?3)",
        )
        .and_then(|mut statement| statement.execute((digest.as_bytes().as_slice(), stored(*size), body)))
        .map(drop)
        .in_store()
}

/// The bytes of a digest, checked against it.
pub(crate) fn artifact(connection: &Connection, digest: Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let found: Option<(i64, Vec<u8>)> = connection
        .prepare_cached("SELECT size, body FROM main.sandpiper_artifact WHERE digest = ?1")
        .and_then(|mut statement| {
            statement
                .query_row([digest.as_bytes().as_slice()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .in_store()?;
    let Some((size, body)) = found else {
        return Ok(None);
    };
    compression::restore(digest, from_stored(size), &body).map(Some)
}

/// Keeps the description of a component.
pub(crate) fn put_description(connection: &Connection, digest: Digest, text: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO main.sandpiper_description (digest, body) VALUES (?1, ?2)")
        .and_then(|mut statement| statement.execute((digest.as_bytes().as_slice(), text)))
        .map(drop)
        .in_store()
}

/// The description of a component, if it is kept.
pub(crate) fn description(connection: &Connection, digest: Digest) -> Result<Option<String>, StoreError> {
    connection
        .prepare_cached("SELECT body FROM main.sandpiper_description WHERE digest = ?1")
        .and_then(|mut statement| {
            statement.query_row([digest.as_bytes().as_slice()], |row| row.get(0)).optional()
        })
        .in_store()
}
