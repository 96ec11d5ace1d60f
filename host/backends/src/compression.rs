//! Artifacts as stores keep them: compressed, and checked against their digest when they are read.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress_to_output, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::store::StoreError;

/// Close to the best that the format does, in two fifths of the time of the usual level, for a fiftieth more bytes: a new
/// database waits for the template that its first change needs.
const LEVEL: i32 = 4;
/// With zlib's header and checksum.
const ZLIB: i32 = 1;
const DEFAULT_STRATEGY: i32 = 0;

/// What compressing anything costs besides its bytes, in bytes: the tables are cleared for each.
const EACH: usize = 512;
/// So many bytes take longer than threads that were not needed before take to start.
const WORTH_THREADS: usize = 32 << 10;

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

/// An artifact as it is to be kept: its digest, and its bytes.
type Artifact = (Digest, Arc<[u8]>);

/// An artifact as it is kept.
pub(crate) struct Compressed {
    pub(crate) digest: Digest,
    /// How many bytes it has when it is restored.
    pub(crate) size: u64,
    pub(crate) body: Vec<u8>,
}

/// Artifacts as they are kept; compressed on all processors where that is worth it.
pub(crate) fn compressed(artifacts: &[&Artifact]) -> Result<Vec<Compressed>, StoreError> {
    let costs = || artifacts.iter().map(|(_, bytes)| bytes.len() + EACH);
    let beside_the_longest = costs().sum::<usize>() - costs().max().unwrap_or(0);
    let processors = match beside_the_longest {
        WORTH_THREADS.. => thread::available_parallelism().map_or(1, NonZero::get),
        _ => 1,
    };
    let mut parts = artifacts.chunks(artifacts.len().div_ceil(processors).max(1));
    let first = parts.next().unwrap_or_default();
    thread::scope(|scope| {
        let started: Vec<_> = parts
            .map(|part| (part, thread::Builder::new().spawn_scoped(scope, move || one_after_another(part))))
            .collect();
        let mut compressed = one_after_another(first)?;
        for (part, started) in started {
            // A system that gives no thread gets it done on this one.
            let done = started.ok().and_then(|thread| thread.join().ok());
            compressed.append(&mut done.unwrap_or_else(|| one_after_another(part))?);
        }
        Ok(compressed)
    })
}

fn one_after_another(artifacts: &[&Artifact]) -> Result<Vec<Compressed>, StoreError> {
    let mut compressor = Compressor::new();
    let compressed = artifacts.iter().map(|(digest, bytes)| {
        let body = compressor.compress(bytes)?;
        Ok(Compressed { digest: *digest, size: bytes.len() as u64, body })
    });
    compressed.collect()
}

/// The bytes of a digest, from what was kept of them and their size.
pub(crate) fn restore(digest: Digest, size: u64, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::Damaged(format!("the artifact `{}` is not what was kept", digest.short()));
    let size = usize::try_from(size).map_err(|_| damaged())?;
    let bytes = decompress_to_vec_zlib_with_limit(body, size).map_err(|_| damaged())?;
    if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(damaged()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_artifacts_are_compressed_each_as_itself() {
        let long = "a long one; ".repeat(WORTH_THREADS);
        let mut texts: Vec<String> =
            (0..300).map(|number| format!("CREATE TABLE t{number} (id INT);")).collect();
        texts.insert(7, long);
        let digested = |text: &String| Digest::of(text.as_bytes());
        let artifacts: Vec<Artifact> =
            texts.iter().map(|text| (digested(text), text.as_bytes().into())).collect();
        let artifacts: Vec<&Artifact> = artifacts.iter().collect();
        for artifacts in [&artifacts[..], &artifacts[..9], &artifacts[..0]] {
            let kept = compressed(artifacts).unwrap();
            assert_eq!(kept.len(), artifacts.len());
            for (Compressed { digest, size, body }, (wanted, bytes)) in kept.iter().zip(artifacts) {
                assert_eq!(digest, wanted);
                assert_eq!(restore(*digest, *size, body).unwrap(), **bytes);
                assert!(!body.windows(12).any(|part| part == b"CREATE TABLE"), "it is readable");
            }
        }
    }
}
