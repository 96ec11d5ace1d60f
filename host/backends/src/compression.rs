//! Artifacts as stores keep them: compressed, and checked against their digest when they are read.

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

/// The bytes of a digest, from what was kept of them and their size.
pub(crate) fn restore(digest: Digest, size: u64, body: &[u8]) -> Result<Vec<u8>, StoreError> {
    let damaged = || StoreError::Damaged(format!("the artifact `{}` is not what was kept", digest.short()));
    let size = usize::try_from(size).map_err(|_| damaged())?;
    let bytes = decompress_to_vec_zlib_with_limit(body, size).map_err(|_| damaged())?;
    if Digest::of(&bytes) == digest { Ok(bytes) } else { Err(damaged()) }
}
