//! The SDKs of this release, carried in the binary: what a guest project is built against, whatever a registry has.

use std::io;
use std::path::{Path, PathBuf};

use sandpiper_engine::digest::Digest;

// `RUST: &[(&str, &[u8])]`: path and bytes of every file, written by the build script.
include!(concat!(env!("OUT_DIR"), "/sdk.rs"));

/// Unpacks the Rust SDK below `workspace`, in a folder named after what it holds. Gives that folder.
pub(super) fn unpack_rust(workspace: &Path) -> io::Result<PathBuf> {
    let parts: Vec<&[u8]> = RUST.iter().flat_map(|(path, bytes)| [path.as_bytes(), b"\0", *bytes]).collect();
    let folder = workspace.join("sdk").join(format!("rust-{}", Digest::of_parts(&parts).short()));
    if folder.join("Cargo.toml").is_file() {
        return Ok(folder);
    }
    // A folder of that name is complete: it is filled under another one first.
    let filling = workspace.join("sdk").join(format!("rust-{}", uuid::Uuid::new_v4()));
    for (path, bytes) in RUST {
        let file = filling.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&filling))?;
        std::fs::write(file, bytes)?;
    }
    match std::fs::rename(&filling, &folder) {
        Ok(()) => Ok(folder),
        // Another process was faster.
        Err(_) if folder.join("Cargo.toml").is_file() => std::fs::remove_dir_all(&filling).map(|()| folder),
        Err(error) => Err(error),
    }
}
