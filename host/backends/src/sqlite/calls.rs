//! The calls of attempts: kept beside their entries, in a column that is in no hash and that pruning empties.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension};
use sandpiper_engine::calls::MOST_BYTES;
use sandpiper_engine::entry::Sequence;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::StoreError;

use super::chain;
use super::errors::Explain;
use crate::compression::Compressor;

/// Shorter texts are kept as they are: compressing one takes longer than writing it.
const COMPRESSED_FROM: usize = 4 << 10;

/// A text as it is kept: one that is long as a compressed blob.
pub(crate) fn packed(text: Option<&str>) -> Result<Value, StoreError> {
    Ok(match text {
        None => Value::Null,
        Some(text) if text.len() < COMPRESSED_FROM => Value::Text(text.to_owned()),
        Some(text) => Value::Blob(Compressor::new().compress(text.as_bytes())?),
    })
}

fn unpacked(kept: ValueRef<'_>, sequence: Sequence) -> Result<Option<String>, StoreError> {
    let damaged = || StoreError::Damaged(format!("the calls of entry {sequence} are not what was kept"));
    let bytes = match kept {
        ValueRef::Null => return Ok(None),
        ValueRef::Text(text) => text.to_vec(),
        // Its brackets come on top of what is counted.
        ValueRef::Blob(body) => {
            decompress_to_vec_zlib_with_limit(body, 2 * MOST_BYTES).map_err(|_| damaged())?
        }
        ValueRef::Integer(_) | ValueRef::Real(_) => return Err(damaged()),
    };
    String::from_utf8(bytes).map(Some).map_err(|_| damaged())
}

/// The calls that are kept with entries.
pub(crate) fn of(
    connection: &Connection,
    scope: &Scope,
    sequences: &[Sequence],
) -> Result<Vec<(Sequence, String)>, StoreError> {
    let Some(head) = chain::head(connection, scope)? else {
        return Ok(Vec::new());
    };
    let mut statement =
        connection.prepare_cached("SELECT calls FROM main.sandpiper_entry WHERE sequence = ?1").in_store()?;
    let mut found = Vec::new();
    for sequence in sequences {
        let kept = statement
            .query_row([chain::key(head.chain, *sequence)], |row| Ok(unpacked(row.get_ref(0)?, *sequence)))
            .optional()
            .in_store()?;
        if let Some(text) = kept.transpose()?.flatten() {
            found.push((*sequence, text));
        }
    }
    Ok(found)
}
