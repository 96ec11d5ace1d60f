//! A picture of a folder, to see that nothing in it was made, changed or removed.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Larger files are told apart by length and time alone.
const LARGE: u64 = 1 << 20;

/// A picture of a folder.
#[derive(Clone, PartialEq, Eq)]
pub struct Tree(BTreeMap<String, Node>);

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Folder,
    Link,
    File(Vec<u8>),
    Large { length: u64, seconds: i64, nanoseconds: i64 },
    Unreadable,
}

impl Tree {
    /// Takes it.
    pub fn of(folder: &Path) -> Self {
        let mut nodes = BTreeMap::new();
        look(folder, "", &mut nodes);
        Self(nodes)
    }

    /// What is in there, by path.
    pub fn paths(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// What differs, by path.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let removed =
            self.0.keys().filter(|path| !other.0.contains_key(*path)).map(|path| format!("- {path}"));
        let changed = other.0.iter().filter_map(|(path, node)| match self.0.get(path) {
            None => Some(format!("+ {path}")),
            Some(before) if before != node => Some(format!("~ {path}")),
            Some(_) => None,
        });
        removed.chain(changed).collect()
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.0.keys()).finish()
    }
}

fn look(folder: &Path, prefix: &str, nodes: &mut BTreeMap<String, Node>) {
    let Ok(entries) = fs::read_dir(folder) else {
        nodes.insert(format!("{prefix}?"), Node::Unreadable);
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let metadata = fs::symlink_metadata(entry.path()).unwrap();
        if metadata.is_dir() {
            look(&entry.path(), &format!("{path}/"), nodes);
        }
        let node = match &metadata {
            it if it.is_dir() => Node::Folder,
            it if it.is_symlink() => Node::Link,
            it if it.len() > LARGE => {
                Node::Large { length: it.len(), seconds: it.mtime(), nanoseconds: it.mtime_nsec() }
            }
            _ => fs::read(entry.path()).map_or(Node::Unreadable, Node::File),
        };
        nodes.insert(path, node);
    }
}

/// Copies a folder with all that is in it into another, which is made if it is not there.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
