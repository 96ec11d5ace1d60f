//! This folder works without the repository around it, and says the same as the repository while it is in it.
#![expect(clippy::unwrap_used, reason = "a test that cannot read its own folder is to panic")]

use std::fs;
use std::path::{Path, PathBuf};

fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The repository, unless this folder stands alone.
fn repository() -> Option<PathBuf> {
    let root = here().join("../..");
    root.join("wit/host.wit").is_file().then_some(root)
}

fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The lines `name = ...` below `[section]`, as name and the rest.
fn section(manifest: &str, section: &str) -> Vec<(String, String)> {
    let header = format!("[{section}]");
    let lines = manifest.lines().skip_while(|line| *line != header).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let pairs = lines.filter_map(|line| line.split_once(" = "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_contract_is_the_repositorys() {
    let Some(root) = repository() else { return };
    let ours = files(&here().join("wit"));
    let mut theirs = files(&root.join("wit"));
    theirs.retain(|(name, _)| !name.starts_with("released"));
    let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&ours), names(&theirs), "copy `wit/` to `sdk/rust/wit/`");
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        assert!(ours == theirs, "`{}` differs: copy `wit/` to `sdk/rust/wit/`", name.display());
    }
}

#[test]
fn no_manifest_leans_on_a_workspace() {
    for manifest in ["Cargo.toml", "macros/Cargo.toml"] {
        let text = fs::read_to_string(here().join(manifest)).unwrap();
        assert!(!text.contains("workspace = true"), "`{manifest}` leans on a workspace");
    }
}

#[test]
fn versions_are_the_workspaces() {
    let Some(root) = repository() else { return };
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let dependencies = section(&workspace, "workspace.dependencies");
    let package = section(&workspace, "workspace.package");
    for manifest in ["Cargo.toml", "macros/Cargo.toml"] {
        let text = fs::read_to_string(here().join(manifest)).unwrap();
        for (name, value) in section(&text, "dependencies") {
            if !value.contains("path = ") {
                let expected = dependencies.iter().find(|(other, _)| *other == name);
                assert_eq!(Some(&value), expected.map(|(_, value)| value), "`{name}` in `{manifest}`");
            }
        }
        for (name, value) in section(&text, "package") {
            if let Some((_, expected)) = package.iter().find(|(other, _)| *other == name) {
                assert_eq!(&value, expected, "`{name}` in `{manifest}`");
            }
        }
    }
}
