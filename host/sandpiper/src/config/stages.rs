//! `pipeline:`: the stages, their folders, and what they wait for.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::policy::{Policies, Reaction};
use sandpiper_engine::scope::StageName;
use sandpiper_engine::suggest::nearest;

use super::condition::Condition;
use super::reader::Settings;
use super::systems::texts;
use crate::yaml::{Fields, Node, Value, list};

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageConfig {
    /// Unique in the pipeline.
    pub name: StageName,
    /// Its folder, absolute.
    pub location: PathBuf,
    /// Its folder, as the user would write it.
    pub shown: String,
    /// For people.
    pub description: Option<String>,
    /// The stages that must be complete before.
    pub after: Vec<StageName>,
    /// Whether it takes part at all.
    pub when: Option<Condition>,
    /// All of its pending changes in one transaction.
    pub atomic: bool,
    /// What to do about changes that are modified, missing or out of order.
    pub policies: Policies,
    /// The folder of guest projects, absolute: never read as changes.
    pub sources: PathBuf,
    /// Its folder depends on a variable that only a tenant has, and none is chosen.
    pub awaits_tenant: bool,
    /// Where it stands in the configuration.
    pub place: Option<Place>,
}

/// The folder of guest projects below a stage's.
pub(super) const DEFAULT_SOURCES: &str = "src";

/// The folders that a dotted location is looked for in, below the configuration's.
const ROOTS: [&str; 3] = ["", "src/main/resources", "src/main/java"];

const KEYS: [&str; 8] = ["name", "location", "description", "after", "when", "atomic", "policy", "sources"];

/// What is read of `pipeline:`.
pub(super) struct Pipeline {
    pub(super) stages: Vec<StageConfig>,
    pub(super) parallelism: Option<u64>,
}

pub(super) fn pipeline<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    policies: Policies,
    shown_folder: &Path,
) -> Option<Pipeline> {
    let fields = settings.mapping(node, "`pipeline`", &["stages", "parallelism"])?;
    let parallelism = settings.count(&fields, "parallelism", 1_024);
    let example = "[{ name: schema, location: changes/schema }]";
    let list = settings.required(&fields, "stages", example)?;
    let Value::Sequence(items) = &list.value else {
        settings.problem(list.at, format!("`stages` is {}, but a list is expected", list.kind()), example);
        return None;
    };
    if items.is_empty() {
        settings.problem(list.at, "there are no stages", format!("write `stages: {example}`"));
    }
    let read: Vec<_> = items.iter().map(|item| stage(settings, item, policies, shown_folder)).collect();
    let stages = check(settings, read);
    Some(Pipeline { stages, parallelism })
}

/// A stage as read, with the nodes that messages point at.
struct Read<'d> {
    stage: StageConfig,
    at: usize,
    after: Vec<(String, &'d Node)>,
}

fn stage<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    policies: Policies,
    shown_folder: &Path,
) -> Option<Read<'d>> {
    let fields = settings.mapping(node, "a stage", &KEYS)?;
    let location_node = settings.required(&fields, "location", "changes/schema");
    let location = location_node.and_then(|node| settings.filled(node, "`location`"));
    let name = settings.optional_text(&fields, "name");
    let description = settings.optional_text(&fields, "description");
    let after_node = fields.get("after");
    let after_items = after_node.and_then(|node| settings.yaml.items(node, "`after`")).unwrap_or_default();
    let after = after_items.iter().filter_map(|item| Some((settings.text(item, "`after`")?, item))).collect();
    let when = fields.get("when").and_then(|node| condition(settings, node));
    let atomic = settings.boolean(&fields, "atomic").unwrap_or_default();
    let policies = fields.get("policy").map_or(policies, |node| policy(settings, node, policies));
    let sources = settings.optional_text(&fields, "sources");
    let (location_node, location) = (location_node?, location?);
    let awaits_tenant = location.awaits_tenant;
    let text = location.text.trim_end_matches('/');
    let relative =
        if awaits_tenant { PathBuf::from(text) } else { find_folder(settings, location_node, text)? };
    let last = text.rsplit(['/', '.']).find(|part| !part.is_empty()).unwrap_or(text);
    let name =
        name.unwrap_or_else(|| if is_dotted(text) { last.to_owned() } else { folder_name(&relative, last) });
    if name.chars().any(char::is_control) || name.chars().count() > 255 {
        settings.problem(node.at, "the stage's name is no name", "write 1 to 255 characters, in one line");
        return None;
    }
    let location = settings.context.folder.join(&relative);
    let sources = match sources {
        Some(sources) => settings.path(&sources),
        None => location.join(DEFAULT_SOURCES),
    };
    let shown = shown_path(shown_folder, &relative);
    let place = settings.yaml.document.place(node.at);
    let stage = StageConfig {
        name: name.into(),
        location,
        shown,
        description,
        after: Vec::new(),
        when,
        atomic,
        policies,
        sources,
        awaits_tenant,
        place: Some(place),
    };
    Some(Read { stage, at: node.at, after })
}

fn folder_name(path: &Path, otherwise: &str) -> String {
    path.file_name().map_or_else(|| otherwise.to_owned(), |name| name.to_string_lossy().into_owned())
}

/// A path below a folder, as the user would write it.
pub(crate) fn shown_path(folder: &Path, relative: &Path) -> String {
    let relative = relative.strip_prefix(".").unwrap_or(relative);
    let shown = folder.join(relative);
    if shown.as_os_str().is_empty() { ".".to_owned() } else { shown.to_string_lossy().into_owned() }
}

fn is_dotted(text: &str) -> bool {
    let mut parts = text.split('.');
    text.contains('.') && !text.contains('/') && parts.all(|part| !part.is_empty())
}

/// The folder that a location names, relative to the configuration's.
fn find_folder(settings: &mut Settings<'_>, node: &Node, text: &str) -> Option<PathBuf> {
    let folder = &settings.context.folder;
    let mut candidates = vec![PathBuf::from(if text.is_empty() { "/" } else { text })];
    if is_dotted(text) {
        candidates.extend(ROOTS.map(|root| Path::new(root).join(text.replace('.', "/"))));
    }
    if let Some(found) = candidates.iter().find(|candidate| folder.join(candidate).is_dir()) {
        return Some(found.clone());
    }
    let whole = folder.join(text);
    let (message, help) = match whole.metadata().map_err(|error| error.kind()) {
        Ok(_) => (format!("`{text}` is no folder"), "name the folder that holds the changes".to_owned()),
        Err(ErrorKind::PermissionDenied) => (
            format!("the folder `{text}` cannot be looked at: a folder above it lets this account not in"),
            "let the account that runs this enter it (`chmod +x`)".to_owned(),
        ),
        Err(_) => (format!("the folder `{text}` does not exist"), missing_folder_help(text, &whole)),
    };
    settings.yaml.problem_of("config::not-found", node.at, message, help);
    None
}

fn missing_folder_help(text: &str, whole: &Path) -> String {
    let wanted = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let siblings = whole.parent().and_then(|parent| std::fs::read_dir(parent).ok());
    let names: Vec<String> = siblings
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().filter(|entry| entry.path().is_dir()))
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    match nearest(&wanted, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{}`?", Path::new(text).with_file_name(meant).display()),
        None => {
            format!("create it (it may be empty): `mkdir -p {text}`; paths are relative to the configuration")
        }
    }
}

/// Reads a `when:`: a text, or a mapping of names to (lists of) values.
fn condition<'d>(settings: &mut Settings<'d>, node: &'d Node) -> Option<Condition> {
    let condition = match &node.value {
        Value::Mapping(entries) => {
            let all = entries.iter().map(|entry| {
                let values = texts(settings, &entry.value, &format!("`{}`", entry.key));
                Condition::In(entry.key.to_string(), values)
            });
            Condition::All(all.collect())
        }
        _ => {
            let text = settings.text(node, "`when`")?;
            match Condition::parse(&text) {
                Ok(condition) => condition,
                Err((_, why)) => {
                    let help =
                        "write `environment == production`, or `{ environment: [staging, production] }`";
                    settings.problem(node.at, format!("`when`: {why}"), help);
                    return None;
                }
            }
        }
    };
    let variables = settings.context.variables.keys().map(String::as_str);
    let known: Vec<&str> = ["environment", "tenant"].into_iter().chain(variables).collect();
    for problem in unknown_names(&condition, &known) {
        settings.yaml.problems.push(problem.at(settings.yaml.document.place(node.at)));
    }
    Some(condition)
}

/// The problems of a condition that asks for names which nothing sets.
pub(crate) fn unknown_names(condition: &Condition, known: &[&str]) -> Vec<Problem> {
    let unknown = condition.names().into_iter().filter(|name| !known.contains(name));
    let problems = unknown.map(|name| {
        let help = match nearest(name, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the names are {}; more stand below `variables:`", list(known)),
        };
        Problem::error("config::unset-variable", format!("`when` asks for `{name}`, which is not set"))
            .help(help)
    });
    problems.collect()
}

/// Reads a `policy:`; what it does not say stays as it is.
pub(super) fn policy<'d>(settings: &mut Settings<'d>, node: &'d Node, otherwise: Policies) -> Policies {
    let keys = ["on-modified", "on-missing", "on-out-of-order"];
    let Some(fields) = settings.mapping(node, "`policy`", &keys) else {
        return otherwise;
    };
    Policies {
        on_modified: reaction(settings, &fields, "on-modified").unwrap_or(otherwise.on_modified),
        on_missing: reaction(settings, &fields, "on-missing").unwrap_or(otherwise.on_missing),
        on_out_of_order: reaction(settings, &fields, "on-out-of-order").unwrap_or(otherwise.on_out_of_order),
    }
}

fn reaction<'d>(settings: &mut Settings<'d>, fields: &Fields<'d>, key: &str) -> Option<Reaction> {
    let words = ["fail", "warn", "ignore", "undo"];
    let allowed = if key == "on-missing" { 4 } else { 3 };
    match settings.word(fields, key, words.get(..allowed).unwrap_or_default())? {
        0 => Some(Reaction::Fail),
        1 => Some(Reaction::Warn),
        2 => Some(Reaction::Ignore),
        _ => Some(Reaction::Undo),
    }
}

/// What can only be seen with all stages at hand: names, folders, `after` and cycles.
fn check<'d>(settings: &mut Settings<'d>, read: Vec<Option<Read<'d>>>) -> Vec<StageConfig> {
    let complete = read.iter().all(Option::is_some);
    let mut stages: Vec<Read<'d>> = read.into_iter().flatten().collect();
    same_names(settings, &stages);
    same_folders(settings, &stages);
    let names: Vec<String> = stages.iter().map(|read| read.stage.name.to_string()).collect();
    for read in &mut stages {
        for (name, node) in &read.after {
            if names.contains(name) {
                read.stage.after.push(name.as_str().into());
            } else if complete {
                let help = match nearest(name, names.iter().map(String::as_str)) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None => "name a stage of this pipeline".to_owned(),
                };
                let message = format!("stage `{}` is after `{name}`, which is no stage", read.stage.name);
                settings.yaml.problem_of("config::not-found", node.at, message, help);
            }
        }
    }
    if let Some(cycle) = cycle(&stages) {
        let at = stages.iter().find(|read| Some(read.stage.name.as_str()) == cycle.first().copied());
        let path = cycle.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" after ");
        let at = at.map_or(0, |read| read.at);
        let help = "take one `after` away";
        settings.yaml.problem_of("plan::cycle", at, format!("stages wait for each other: {path}"), help);
    }
    stages.into_iter().map(|read| read.stage).collect()
}

fn same_names(settings: &mut Settings<'_>, stages: &[Read<'_>]) {
    for (index, read) in stages.iter().enumerate() {
        let first = stages.iter().take(index).find(|first| first.stage.name == read.stage.name);
        if let Some(first) = first {
            let line = settings.yaml.document.place(first.at).line.unwrap_or_default();
            let message = format!("the stage in line {line} is called `{}` already", read.stage.name);
            settings.problem(read.at, message, "give each stage a `name` of its own");
        }
    }
}

fn same_folders(settings: &mut Settings<'_>, stages: &[Read<'_>]) {
    let real: Vec<PathBuf> = stages
        .iter()
        .map(|read| read.stage.location.canonicalize().unwrap_or_else(|_| read.stage.location.clone()))
        .collect();
    for (index, (read, folder)) in stages.iter().zip(&real).enumerate() {
        let first = stages.iter().zip(&real).take(index).find(|(_, other)| *other == folder);
        if let Some((first, _)) = first {
            let message =
                format!("stages `{}` and `{}` have the same folder", first.stage.name, read.stage.name);
            settings.problem(read.at, message, "give each stage a folder of its own");
        }
    }
}

/// The names of a cycle, the first one again at its end.
fn cycle<'s>(stages: &'s [Read<'_>]) -> Option<Vec<&'s str>> {
    let find = |name: &StageName| stages.iter().find(|read| read.stage.name == *name);
    for start in stages {
        let mut path: Vec<&StageName> = vec![&start.stage.name];
        let mut todo: Vec<std::slice::Iter<'s, StageName>> = vec![start.stage.after.iter()];
        let mut seen: Vec<&StageName> = vec![&start.stage.name];
        while let Some(next) = todo.last_mut() {
            let Some(name) = next.next() else {
                todo.pop();
                path.pop();
                continue;
            };
            if *name == start.stage.name {
                path.push(name);
                return Some(path.into_iter().map(StageName::as_str).collect());
            }
            if let Some(read) = find(name).filter(|_| !seen.contains(&name)) {
                seen.push(name);
                path.push(name);
                todo.push(read.stage.after.iter());
            }
        }
    }
    None
}
