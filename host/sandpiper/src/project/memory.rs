//! The folder in which it is kept between runs what files said, and what a run found: only ever by which there is
//! nothing to do, for whatever is about to run is read.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What is remembered of files between runs.
#[derive(Debug, Clone, Copy)]
pub struct Memory<'a> {
    /// Where it is kept: a folder that only this account may write to, else it is not used.
    pub folder: &'a Path,
    /// Whether it is believed. What is read is remembered all the same.
    pub believed: bool,
    /// The time before the files are looked at: what was touched just before it is not remembered.
    pub now: SystemTime,
}

/// What nobody wrote anew for so long is given up.
const KEPT: Duration = Duration::from_secs(60 * 24 * 60 * 60);

impl Memory<'_> {
    /// Makes the folder if it is missing, and tells whether only this account may write to it.
    pub(super) fn is_ours(&self) -> bool {
        look(self.folder).is_ok_and(|ours| ours)
    }
}

fn look(folder: &Path) -> io::Result<bool> {
    let metadata = match fs::metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            fs::metadata(folder)?
        }
        other => other?,
    };
    let private = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
    Ok(metadata.is_dir() && private)
}

/// Writes a file as a whole. Without it nothing goes wrong, so whatever fails here is left as it is.
pub(super) fn write(file: &Path, bytes: &[u8]) {
    let part = file.with_extension(format!("{}.part", std::process::id()));
    if write_new(&part, bytes).and_then(|()| fs::rename(&part, file)).is_err() {
        drop(fs::remove_file(&part));
    }
}

fn write_new(file: &Path, bytes: &[u8]) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(bytes)
}

/// Removes what is long out of use, whenever a new file is added.
pub(super) fn forget_the_old(file: &Path, now: SystemTime) {
    let entries = file.parent().and_then(|folder| fs::read_dir(folder).ok());
    for entry in entries.into_iter().flatten().flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        if modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > KEPT)) {
            drop(fs::remove_file(entry.path()));
        }
    }
}
