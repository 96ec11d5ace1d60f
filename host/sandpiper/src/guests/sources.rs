//! The digest of a project's sources and lock files: what a component was built from.

use std::io;
use std::path::Path;

use sandpiper_engine::digest::Digest;

/// Folders that hold what was made, not what was written.
const MADE: [&str; 5] = ["target", "node_modules", "__pycache__", "dist", "venv"];

/// The digest of every file of a project, by its path and its bytes, in the order of paths. Hidden files and what
/// tools make are left out; line endings of text mean nothing, as in every other change.
pub(super) fn digest(folder: &Path) -> io::Result<Digest> {
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let mut parts: Vec<Vec<u8>> = Vec::with_capacity(files.len() * 2);
    for file in files {
        let bytes = std::fs::read(folder.join(&file))?;
        let digest =
            if std::str::from_utf8(&bytes).is_ok() { Digest::of_text(&bytes) } else { Digest::of(&bytes) };
        parts.push(file.into_bytes());
        parts.push(digest.as_bytes().to_vec());
    }
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| (part.len() as u64).to_le_bytes()).collect();
    let pieces: Vec<&[u8]> =
        lengths.iter().zip(&parts).flat_map(|(length, part)| [length.as_slice(), part.as_slice()]).collect();
    Ok(Digest::of_parts(&pieces))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') || MADE.contains(&name.as_str()) {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn the_same_sources_have_the_same_digest_wherever_they_lie() {
        let files = [("Cargo.toml", "a"), ("src/lib.rs", "b")];
        let first = digest(project(&files).path()).unwrap();
        assert_eq!(first, digest(project(&files).path()).unwrap());
    }

    #[test]
    fn what_tools_make_and_line_endings_are_no_sources() {
        let first = digest(project(&[("Cargo.toml", "a\nb\n")]).path()).unwrap();
        let again = project(&[("Cargo.toml", "a\r\nb\r\n"), ("target/x", "1"), (".git/x", "2")]);
        assert_eq!(first, digest(again.path()).unwrap());
    }

    #[test]
    fn every_file_its_name_and_its_text_count() {
        let first = digest(project(&[("a", "1"), ("b", "2")]).path()).unwrap();
        for other in [
            &[("a", "1"), ("b", "3")][..],
            &[("a", "1"), ("c", "2")],
            &[("a", "1")],
            &[("a", "1b"), ("", "2")][..1],
        ] {
            assert_ne!(first, digest(project(other).path()).unwrap(), "{other:?}");
        }
    }
}
