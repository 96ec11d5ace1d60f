//! `new`: the next change file or guest project of a stage, its order chosen.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sandpiper_engine::change::Change;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::file_name::{Classified, Order, classify};
use sandpiper_engine::suggest::nearest;

use super::Made;
use super::init::{quoted, write_new};
use crate::config::{Config, StageConfig};

/// In what a change is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// A `.sql` file.
    #[default]
    Sql,
    /// A `.yaml` file.
    Yaml,
    /// A project in Rust.
    Rust,
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "sql" => Ok(Self::Sql),
            "yaml" | "yml" => Ok(Self::Yaml),
            "rust" | "rs" => Ok(Self::Rust),
            "javascript" | "typescript" | "python" | "go" | "c" => Err(format!(
                "this release has no project to begin with in `{text}`; it has `sql`, `yaml` and `rust` (a component \
                 that was built from `{text}` by hand is applied like any other)"
            )),
            other => {
                let meant = nearest(other, ["sql", "yaml", "rust"]);
                let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
                Err(format!(
                    "`{other}` is no language of this release: it has `sql`, `yaml` and `rust`{meant}"
                ))
            }
        }
    }
}

/// What change to make.
#[derive(Debug, Clone)]
pub struct NewChange {
    /// Its name, PascalCase.
    pub name: String,
    /// In what it is written.
    pub language: Language,
    /// In which stage; the last one by default.
    pub stage: Option<String>,
    /// Who writes it.
    pub author: String,
}

/// Makes the next change of a stage.
///
/// # Errors
///
/// When the name or the stage is wrong, or the file cannot be written.
pub fn new_change(config: &Config, change: &NewChange) -> Result<Made, Fault> {
    let stage = stage(config, change.stage.as_deref())?;
    let name = pascal_case(&change.name).ok_or_else(|| {
        Fault::usage(format!("`{}` is no name of a change", change.name))
            .with_help("begin with a letter, and use letters, digits, `_` and `-`: `sandpiper new AddStatus`")
    })?;
    let taken = orders(stage);
    let order = next_order(&taken);
    if let Some(file) = same_name(stage, &name) {
        return Err(Fault::usage(format!("there is a change `{name}` already: `{file}`"))
            .with_help("give the new one another name: its id is made of it, and is never used twice"));
    }
    let stem = format!("_{order}__{name}");
    let details = Details {
        id: kebab_case(&name),
        author: change.author.clone(),
        target_system: config.systems.first().map_or("app-db", |system| system.name.as_str()).to_owned(),
    };
    let files = match change.language {
        Language::Sql => vec![(stage.location.join(format!("{stem}.sql")), details.sql())],
        Language::Yaml => vec![(stage.location.join(format!("{stem}.yaml")), details.yaml())],
        Language::Rust => details.rust(&stage.sources.join(&stem)),
    };
    let mut made = Made::default();
    for (path, text) in &files {
        write_new(path, text)?;
        made.files.push(config.shown(path));
    }
    made.next = match change.language {
        Language::Sql | Language::Yaml => "write what it does, then run `sandpiper apply`".to_owned(),
        Language::Rust => "write what it does, then run `sandpiper build` and `sandpiper apply`".to_owned(),
    };
    Ok(made)
}

fn stage<'c>(config: &'c Config, name: Option<&str>) -> Result<&'c StageConfig, Fault> {
    let Some(name) = name else {
        return config.stages.last().ok_or_else(|| {
            Fault::usage("there is no stage")
                .with_help("add one under `pipeline: stages:` in the configuration")
        });
    };
    config.stage(name)
}

/// The orders that are taken in a stage: by its changes, and by guest projects that may not be built yet.
fn orders(stage: &StageConfig) -> BTreeSet<Order> {
    let names = |folder: &Path, suffix: &str| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| format!("{}{suffix}", entry.file_name().to_string_lossy())).collect()
    };
    let mut all = names(&stage.location, "");
    all.extend(names(&stage.sources, ".wasm"));
    all.iter()
        .filter_map(|file| match classify(file, &["wasm", "yaml", "yml", "sql"]) {
            Classified::Change(name) => Some(name.order),
            Classified::Near(_) | Classified::Other => None,
        })
        .collect()
}

/// A change or guest project of the stage that has this name already.
fn same_name(stage: &StageConfig, name: &str) -> Option<String> {
    let files = [&stage.location, &stage.sources].into_iter().flat_map(std::fs::read_dir).flatten();
    let names = files.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    names
        .into_iter()
        .find(|file| file.rsplit_once("__").is_some_and(|(_, rest)| rest.split('.').next() == Some(name)))
}

/// One more than the greatest order, in its width; with a suffix where the greatest is no number.
fn next_order(taken: &BTreeSet<Order>) -> String {
    let Some(last) = taken.last() else { return "0001".to_owned() };
    let last = last.as_str();
    match last.parse::<u128>() {
        Ok(number) => {
            let next = format!("{:0width$}", number + 1, width = last.len());
            // A width that is used up would sort before: it is not stepped over.
            if next.len() == last.len() { next } else { format!("{last}_1") }
        }
        Err(_) => format!("{last}_1"),
    }
}

/// Whether a file is still what [`new_change`] made: nobody wrote into it what it does.
pub(crate) fn is_untouched(change: &Change, extension: &str) -> bool {
    let details = Details {
        id: change.id.to_string(),
        author: change.author.to_string(),
        target_system: change.target_system.to_string(),
    };
    let made = match extension {
        "sql" => details.sql(),
        "yaml" => details.yaml(),
        _ => return false,
    };
    Digest::of(made.as_bytes()) == change.digest
}

struct Details {
    id: String,
    author: String,
    target_system: String,
}

impl Details {
    fn sql(&self) -> String {
        let Self { id, author, target_system } = self;
        let (author, target_system) = (quoted(author), quoted(target_system));
        format!(
            "-- sandpiper: id={id} author={author} target-system={target_system}\n\
             -- apply\n\n\
             -- rollback\n"
        )
    }

    fn yaml(&self) -> String {
        let Self { id, author, target_system } = self;
        let mut text = String::new();
        // Quoted as JSON, which is YAML too.
        for (key, value) in [("id", id), ("author", author), ("target-system", target_system)] {
            let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
                && value.starts_with(|c: char| c.is_ascii_alphabetic());
            let value =
                if plain { value.clone() } else { serde_json::Value::from(value.as_str()).to_string() };
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{key}: {value}");
        }
        text + "template: sql\napply: |\n  -- what applies it\nrollback: |\n  -- what takes it back\n"
    }

    fn rust(&self, folder: &Path) -> Vec<(PathBuf, String)> {
        let Self { id, author, target_system } = self;
        let manifest = format!(
            "[package]\nname = \"{package}\"\nversion = \"0.1.0\"\nedition = \"2024\"\npublish = false\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\n# `sandpiper build` brings the SDK of its own release.\nsandpiper-sdk = \"{version}\"\n\n\
             # 60 kB instead of 2.5 MB.\n[profile.release]\nopt-level = \"s\"\nlto = true\ncodegen-units = 1\n\
             panic = \"abort\"\nstrip = true\n\n\
             # A project of its own, whatever lies around it.\n[workspace]\n",
            package = package_name(id),
            version = env!("CARGO_PKG_VERSION"),
        );
        let code = format!(
            "//! What the change `{id}` does.\n\n\
             #[sandpiper_sdk::change(id = {id:?}, author = {author:?}, target_system = {target_system:?})]\n\
             mod change {{\n    use sandpiper_sdk::prelude::*;\n\n    \
             pub fn apply(db: &Connection) -> Result {{\n        \
             db.execute(\"SELECT 1\", params![])?;\n        Ok(())\n    }}\n\n    \
             pub fn rollback(db: &Connection) -> Result {{\n        \
             db.execute(\"SELECT 1\", params![])?;\n        Ok(())\n    }}\n}}\n",
        );
        vec![(folder.join("Cargo.toml"), manifest), (folder.join("src/lib.rs"), code)]
    }
}

/// The name of a cargo package: begins with a letter, holds letters, digits and hyphens.
fn package_name(id: &str) -> String {
    let name: String = id.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("change-{}", name.trim_matches('-'))
}

/// A name in PascalCase; none where there is no name in it.
fn pascal_case(text: &str) -> Option<String> {
    if !text.chars().all(|c| c.is_ascii_alphanumeric() || " _-".contains(c)) {
        return None;
    }
    let words = text.split([' ', '_', '-']).filter(|word| !word.is_empty());
    let name: String = words
        .map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map(|first| first.to_ascii_uppercase())
                .into_iter()
                .chain(letters)
                .collect::<String>()
        })
        .collect();
    name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(name)
}

/// `AddOrderStatus` as `add-order-status`.
fn kebab_case(name: &str) -> String {
    let mut text = String::new();
    let letters: Vec<char> = name.chars().collect();
    for (index, letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index + 1);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() || after.is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(orders: &[&str]) -> String {
        next_order(&orders.iter().map(|order| order.parse().unwrap()).collect())
    }

    #[test]
    fn the_next_order_is_one_more_in_the_same_width() {
        assert_eq!(next(&[]), "0001");
        assert_eq!(next(&["0001", "0009"]), "0010");
        assert_eq!(next(&["20261122"]), "20261123");
    }

    #[test]
    fn the_next_order_sorts_after_the_last_also_when_numbers_run_out() {
        for taken in ["9999", "000a", "2026-11-22"] {
            let next = next(&[taken]);
            assert!(next.as_str() > taken, "{next} after {taken}");
            assert!(next.parse::<Order>().is_ok());
        }
    }

    #[test]
    fn names_are_made_pascal_case_and_ids_kebab_case() {
        assert_eq!(pascal_case("add order_status-now").as_deref(), Some("AddOrderStatusNow"));
        assert_eq!(pascal_case("AddStatus").as_deref(), Some("AddStatus"));
        assert_eq!(pascal_case("1st"), None);
        assert_eq!(pascal_case("a/b"), None);
        assert_eq!(pascal_case(""), None);
        assert_eq!(kebab_case("AddOrderStatus"), "add-order-status");
        assert_eq!(kebab_case("AddHTTPApi2"), "add-http-api2");
    }

    #[test]
    fn a_language_that_is_not_there_is_named_with_those_that_are() {
        assert!("rsut".parse::<Language>().unwrap_err().contains("did you mean `rust`"));
        assert!("python".parse::<Language>().unwrap_err().contains("`yaml`"));
    }
}
