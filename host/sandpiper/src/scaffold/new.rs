//! `new`: the next change file or guest project of a stage, its order chosen.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::str::FromStr;

use sandpiper_engine::change::Change;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::file_name::{Classified, Order, classify};
use sandpiper_engine::suggest::nearest;

use super::Made;
use super::init::{quoted, write_new};
use super::project::Details;
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
    /// A project in JavaScript.
    JavaScript,
    /// A project in TypeScript.
    TypeScript,
    /// A project in Python.
    Python,
    /// A project in Go.
    Go,
    /// A project in C.
    C,
}

/// The languages by their names, as `--language` takes them.
const LANGUAGES: [(&str, Language); 8] = [
    ("sql", Language::Sql),
    ("yaml", Language::Yaml),
    ("rust", Language::Rust),
    ("javascript", Language::JavaScript),
    ("typescript", Language::TypeScript),
    ("python", Language::Python),
    ("go", Language::Go),
    ("c", Language::C),
];

/// What else they are called.
const SHORT: [(&str, &str); 6] = [
    ("yml", "yaml"),
    ("rs", "rust"),
    ("js", "javascript"),
    ("ts", "typescript"),
    ("py", "python"),
    ("golang", "go"),
];

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = SHORT.iter().find(|(short, _)| *short == text).map_or(text, |(_, name)| name);
        LANGUAGES.iter().find(|(known, _)| *known == name).map(|(_, language)| *language).ok_or_else(|| {
            let names = LANGUAGES.map(|(name, _)| name);
            let meant = nearest(text, names);
            let meant = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            let all = names.map(|name| format!("`{name}`")).join(", ");
            format!("`{text}` is no language of this release: it has {all}{meant}")
        })
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
        name: name.clone(),
        id: kebab_case(&name),
        author: change.author.clone(),
        target_system: config.systems.first().map_or("app-db", |system| system.name.as_str()).to_owned(),
    };
    let project = stage.sources.join(&stem);
    let files = match change.language {
        Language::Sql => vec![(stage.location.join(format!("{stem}.sql")), sql(&details))],
        Language::Yaml => vec![(stage.location.join(format!("{stem}.yaml")), yaml(&details))],
        Language::Rust => details.rust(&project),
        Language::JavaScript => details.javascript(&project),
        Language::TypeScript => details.typescript(&project),
        Language::Python => details.python(&project),
        Language::Go => details.go(&project),
        Language::C => details.c(&project),
    };
    let mut made = Made::default();
    for (path, text) in &files {
        write_new(path, text)?;
        made.files.push(config.shown(path));
    }
    let build = "write what it does, then run `sandpiper build` and `sandpiper apply`";
    made.next = match change.language {
        Language::Sql | Language::Yaml => "write what it does, then run `sandpiper apply`".to_owned(),
        Language::JavaScript | Language::TypeScript => {
            format!("run `npm install` in `{}`; {build}", config.shown(&project))
        }
        Language::Rust | Language::Python | Language::Go | Language::C => build.to_owned(),
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
    // Source files among them, whatever they are written in.
    let extension = |file: &str| Path::new(file).extension().map(|it| it.to_string_lossy().into_owned());
    all.iter()
        .filter_map(|file| match classify(file, &[&*extension(file)?]) {
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
        // Only a project shows it.
        name: String::new(),
        id: change.id.to_string(),
        author: change.author.to_string(),
        target_system: change.target_system.to_string(),
    };
    let made = match extension {
        "sql" => sql(&details),
        "yaml" => yaml(&details),
        _ => return false,
    };
    Digest::of(made.as_bytes()) == change.digest
}

fn sql(details: &Details) -> String {
    let Details { id, author, target_system, .. } = details;
    let (author, target_system) = (quoted(author), quoted(target_system));
    format!(
        "-- sandpiper: id={id} author={author} target-system={target_system}\n\
         -- apply\n\n\
         -- rollback\n"
    )
}

fn yaml(details: &Details) -> String {
    let Details { id, author, target_system, .. } = details;
    let mut text = String::new();
    // Quoted as JSON, which is YAML too.
    for (key, value) in [("id", id), ("author", author), ("target-system", target_system)] {
        let plain = value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@".contains(c))
            && value.starts_with(|c: char| c.is_ascii_alphabetic());
        let value = if plain { value.clone() } else { serde_json::Value::from(value.as_str()).to_string() };
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{key}: {value}");
    }
    text + "template: sql\napply: |\n  -- what applies it\nrollback: |\n  -- what takes it back\n"
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
        assert!("cobol".parse::<Language>().unwrap_err().contains("`yaml`"));
        assert_eq!("ts".parse::<Language>(), Ok(Language::TypeScript));
    }
}
