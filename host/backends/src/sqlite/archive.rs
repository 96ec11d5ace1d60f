//! What is kept by digest: the bytes of changes that ran, compressed, and the descriptions of components.

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use rusqlite::{Connection, OptionalExtension};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::store::StoreError;

use super::errors::Explain;

/// Fast, and close to the best that the format does: most artifacts are machine code or short texts.
const LEVEL: i32 = 6;
/// With zlib's header and checksum.
const ZLIB: i32 = 1;
const DEFAULT_STRATEGY: i32 = 0;

/// Whether the bytes of a digest are kept.
pub(crate) fn has_artifact(connection: &Connection, digest: Digest) -> Result<bool, StoreError> {
    connection
        .prepare_cached("SELECT 1 FROM main.sandpiper_artifact WHERE digest = ?1")
        .and_then(|mut statement| statement.exists([digest.as_bytes().as_slice()]))
        .in_store()
}

/// Compresses one thing after another: its tables are larger than most of what it is given.
pub(crate) struct Compressor(Box<CompressorOxide>);

impl Compressor {
    pub(crate) fn new() -> Self {
        Self(Box::new(CompressorOxide::new(create_comp_flags_from_zip_params(LEVEL, ZLIB, DEFAULT_STRATEGY))))
    }

    /// The bytes in zlib's format.
    pub(crate) fn compress(&mut self, bytes: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.0.reset();
        let mut output = Vec::with_capacity(bytes.len() / 2 + 64);
        let (status, _) = compress_to_output(&mut self.0, bytes, TDEFLFlush::Finish, |part| {
            output.extend_from_slice(part);
            true
        });
        match status {
            TDEFLStatus::Done => Ok(output),
            other => Err(StoreError::Refused(format!("something could not be compressed: {other:?}"))),
        }
    }
}

/// Keeps bytes.
pub(crate) fn put_artifact(
    connection: &Connection,
    digest: Digest,
    bytes: &[u8],
    compressor: &mut Compressor,
) -> Result<(), StoreError> {
    let body = compressor.compress(bytes)?;
    let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO main.sandpiper_artifact (digest, size, body) VALUES (?1, ?2, ?3)",
        )
        .and_then(|mut statement| statement.execute((digest.as_bytes().as_slice(), size, body)))
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
    let damaged = || StoreError::Damaged(format!("the artifact `{}` is not what was kept", digest.short()));
    let size = usize::try_from(size).map_err(|_| damaged())?;
    let bytes = decompress_to_vec_zlib_with_limit(&body, size).map_err(|_| damaged())?;
    if Digest::of(&bytes) != digest {
        return Err(damaged());
    }
    Ok(Some(bytes))
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
