//! `init`: a project that applies at once.

use std::path::Path;

use sandpiper_engine::fault::{Blame, Fault, Place};

use super::Made;
use crate::config::FILE_NAME;

const CONFIGURATION: &str = r#"# Sandpiper: what is changed, and in which order. `sandpiper schema config` describes every key.
version: 1
service: {service}

# The audit is kept in the database that is changed: each change commits together with its entry.
store: app-db

target-systems:
  app-db: { kind: sqlite, path: app.db }

pipeline:
  stages:
    - { name: schema, location: changes/schema, description: Tables and indexes }
"#;

const FIRST_CHANGE: &str = "\
-- sandpiper: id=create-notes author={author} target-system=app-db
-- apply
CREATE TABLE notes (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL
);
-- rollback
DROP TABLE notes;
";

const IGNORED: &str =
    "# what `sandpiper build` makes, and the databases of a first try\n.sandpiper/\napp.db\napp.db-*\n";

/// Makes a project in a folder, which is made if it is not there. No file is ever overwritten.
///
/// # Errors
///
/// When there is a configuration already, or a file cannot be written.
pub fn init(folder: &Path, author: &str) -> Result<Made, Fault> {
    let configuration = folder.join(FILE_NAME);
    if configuration.exists() {
        return Err(Fault::usage(format!(
            "there is a `{FILE_NAME}` already, and nothing is ever overwritten"
        ))
        .with_place(Some(Place::file(configuration.to_string_lossy())))
        .with_help("add a change with `sandpiper new Name`, or name another folder: `sandpiper init DIR`"));
    }
    let service = std::path::absolute(folder)
        .ok()
        .and_then(|path| path.file_name().map(|name| name.to_string_lossy().into_owned()))
        .map_or_else(|| "app".to_owned(), |name| plain(&name));
    let files = [
        (configuration, CONFIGURATION.replace("{service}", &service)),
        (
            folder.join("changes/schema/_0001__CreateNotes.sql"),
            FIRST_CHANGE.replace("{author}", &quoted(author)),
        ),
        (folder.join(".gitignore"), IGNORED.to_owned()),
    ];
    let mut made = Made::default();
    for (path, text) in files {
        if path.exists() {
            continue;
        }
        write_new(&path, &text)?;
        made.files.push(path.to_string_lossy().into_owned());
    }
    let go_there =
        if folder == Path::new(".") { String::new() } else { format!("cd {} && ", folder.display()) };
    made.next = format!("{go_there}sandpiper apply");
    Ok(made)
}

/// A name without anything that YAML or a path would take amiss.
fn plain(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let plain = plain.trim_matches(['-', '.']).to_owned();
    if plain.starts_with(|c: char| c.is_alphabetic()) { plain } else { format!("app{plain}") }
}

/// A value of a `.sql` header: in quotes where it has blanks.
pub(super) fn quoted(value: &str) -> String {
    let bare = value.replace('"', "'");
    if bare.contains(char::is_whitespace) { format!("\"{bare}\"") } else { bare }
}

/// Writes a file that is not there yet, with its folders.
pub(super) fn write_new(path: &Path, text: &str) -> Result<(), Fault> {
    let failed = |error: std::io::Error| {
        Fault::new("usage", Blame::User, format!("the file cannot be written: {error}"))
            .with_place(Some(Place::file(path.to_string_lossy())))
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = std::fs::File::create_new(path).map_err(failed)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(failed)
}
