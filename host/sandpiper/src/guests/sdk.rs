//! The SDKs of this release, carried in the binary: what a guest project is built against, whatever a registry has.

use std::io;
use std::path::{Path, PathBuf};

use sandpiper_engine::digest::Digest;

// `RUST: &[(&str, &[u8])]` and its like: path and bytes of every file, written by the build script.
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// What is carried for one language: its name, and the path and bytes of every file.
pub(super) struct Pack {
    name: &'static str,
    files: &'static [(&'static str, &'static [u8])],
}

pub(super) const RUST_SDK: Pack = Pack { name: "rust", files: RUST };
pub(super) const JAVASCRIPT_SDK: Pack = Pack { name: "javascript", files: JAVASCRIPT };
pub(super) const PYTHON_SDK: Pack = Pack { name: "python", files: PYTHON };
pub(super) const GO_SDK: Pack = Pack { name: "go", files: GO };
pub(super) const C_SDK: Pack = Pack { name: "c", files: C };
/// The contract between host and guests.
pub(super) const CONTRACT: Pack = Pack { name: "wit", files: WIT };

impl Pack {
    /// Path and text of every file.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.files.iter().filter_map(|(path, bytes)| Some((*path, std::str::from_utf8(bytes).ok()?)))
    }

    /// Unpacks it below `workspace`, in a folder named after what it holds. Gives that folder.
    pub(super) fn unpack(&self, workspace: &Path) -> io::Result<PathBuf> {
        let name = self.name;
        let parts: Vec<&[u8]> =
            self.files.iter().flat_map(|(path, bytes)| [path.as_bytes(), b"\0", *bytes]).collect();
        let folder = workspace.join("sdk").join(format!("{name}-{}", Digest::of_parts(&parts).short()));
        if folder.is_dir() {
            return Ok(folder);
        }
        // A folder of that name is complete: it is filled under another one first.
        let filling = workspace.join("sdk").join(format!("{name}-{}", uuid::Uuid::new_v4()));
        for (path, bytes) in self.files {
            let file = filling.join(path);
            std::fs::create_dir_all(file.parent().unwrap_or(&filling))?;
            std::fs::write(file, bytes)?;
        }
        match std::fs::rename(&filling, &folder) {
            Ok(()) => Ok(folder),
            // Another process was faster.
            Err(_) if folder.is_dir() => std::fs::remove_dir_all(&filling).map(|()| folder),
            Err(error) => Err(error),
        }
    }
}
