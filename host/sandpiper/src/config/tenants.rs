//! `tenants:` and `variables:`: for whom the pipeline runs, and what differs between them.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use sandpiper_engine::fault::Place;
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::suggest::nearest;

use super::context::{Context, Expansion, Variable, awaited};
use super::reader::Settings;
use super::systems::{SystemConfig, SystemKind};
use crate::yaml::{Document, Node, Reader, Spelling, Value, offset_in_file};

/// For whom the pipeline runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tenants {
    /// There are none: it runs once.
    #[default]
    None,
    /// Once for each of these.
    Named(Vec<String>),
    /// Once for each name that a query yields.
    Query {
        /// One column, one row a tenant.
        query: String,
        /// The system that is asked.
        target_system: SystemName,
        /// Where it stands in the configuration.
        place: Place,
    },
}

/// The largest file of names that is read.
const MAX_FILE: u64 = 16 << 20;

/// A tenant of the configuration, with the node of its variables.
pub(super) struct NamedTenant<'d> {
    pub(super) name: String,
    /// Where it stands.
    pub(super) at: usize,
    variables: Option<&'d Node>,
}

/// What a name from outside of the configuration has to be like: it becomes a part of addresses and of statements.
///
/// # Errors
///
/// What is wrong with it, in words that follow the name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.chars().count() > 100 {
        return Err("has not 1 to 100 characters".to_owned());
    }
    let wrong = |character: &char| !(character.is_alphanumeric() || "_-.".contains(*character));
    if let Some(wrong) = name.chars().find(wrong) {
        return Err(format!("holds `{}`", wrong.escape_debug()));
    }
    if name.starts_with(['-', '.']) {
        return Err("begins with neither a letter, a digit nor `_`".to_owned());
    }
    Ok(())
}

/// What [`check_name`] asks for, as help.
pub(crate) const NAMES_HELP: &str =
    "a tenant's name has 1 to 100 letters, digits, `_`, `-` and `.`, and does not begin with `-` or `.`";

/// The tenants of a list, or of a file of names; each wrong one is a problem.
pub(super) fn named<'d>(reader: &mut Reader<'d>, root: &'d Node, folder: &Path) -> Vec<NamedTenant<'d>> {
    match child_value(root, "tenants") {
        Some(Value::Sequence(items)) => of_list(reader, items),
        Some(Value::Mapping(entries)) => {
            let file = entries.iter().find(|entry| &*entry.key == "file").map(|entry| &entry.value);
            file.map(|node| of_file(reader, node, folder)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// A file with a name in each line; lines that are empty or begin with `#` do not count.
fn of_file<'d>(reader: &mut Reader<'d>, node: &'d Node, folder: &Path) -> Vec<NamedTenant<'d>> {
    let Some(file) = reader.text(node, "`file` of `tenants`") else { return Vec::new() };
    let path = folder.join(file);
    let read = match std::fs::metadata(&path) {
        Ok(found) if found.len() > MAX_FILE => Err("it is larger than 16 MiB".to_owned()),
        _ => std::fs::read_to_string(&path).map_err(|error| error.to_string()),
    };
    let text = match read {
        Ok(text) => text,
        Err(why) => {
            let message = format!("the file `{file}` of the tenants cannot be read: {why}");
            let help = "write a name in each line; the path is relative to the configuration";
            reader.problem_of("config::not-found", node.at, message, help);
            return Vec::new();
        }
    };
    let (mut tenants, mut seen) = (Vec::new(), HashSet::new());
    let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).lines().map(str::trim);
    for (number, name) in (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let twice = || Err("stands there twice".to_owned());
        match check_name(name).and_then(|()| if seen.insert(name) { Ok(()) } else { twice() }) {
            Ok(()) => tenants.push(NamedTenant { name: name.to_owned(), at: node.at, variables: None }),
            Err(why) => {
                let message =
                    format!("line {number} of `{file}`: the tenant `{}` {why}", name.escape_debug());
                reader.problem(node.at, message, NAMES_HELP);
            }
        }
    }
    tenants
}

fn of_list<'d>(reader: &mut Reader<'d>, items: &'d [Node]) -> Vec<NamedTenant<'d>> {
    let (mut tenants, mut seen) = (Vec::new(), HashSet::new());
    for item in items {
        let (name_node, variables) = match &item.value {
            Value::Mapping(_) => {
                let Some(fields) = reader.mapping(item, "a tenant", &["name", "variables"], Spelling::Kebab)
                else {
                    continue;
                };
                let Some(name) = fields.get("name") else {
                    reader.problem(
                        item.at,
                        "a tenant has no `name`",
                        "write `{ name: acme, variables: { .. } }`",
                    );
                    continue;
                };
                (name, fields.get("variables"))
            }
            _ => (item, None),
        };
        let Some(name) = reader.text(name_node, "a tenant's name") else {
            continue;
        };
        if name.trim().is_empty() || name.chars().any(char::is_control) || name.chars().count() > 255 {
            reader.problem(
                name_node.at,
                "this is no name of a tenant",
                "write 1 to 255 characters, in one line",
            );
        } else if !seen.insert(name) {
            reader.problem(
                name_node.at,
                format!("the tenant `{name}` stands there twice"),
                "keep one of the two",
            );
        } else {
            tenants.push(NamedTenant { name: name.to_owned(), at: name_node.at, variables });
        }
    }
    tenants
}

fn child_value<'d>(root: &'d Node, key: &str) -> Option<&'d Value> {
    let Value::Mapping(entries) = &root.value else {
        return None;
    };
    entries.iter().find(|entry| &*entry.key == key).map(|entry| &entry.value.value)
}

/// Reads `tenants:` as a whole, with the names read before.
pub(super) fn tenants<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    named: &[NamedTenant<'d>],
    names: &[&str],
    systems: &[SystemConfig],
) -> Tenants {
    let named = || Tenants::Named(named.iter().map(|tenant| tenant.name.clone()).collect());
    match &node.value {
        Value::Sequence(_) => named(),
        Value::Mapping(entries) if entries.iter().any(|entry| &*entry.key == "file") => {
            // Nothing else may stand beside it.
            settings.mapping(node, "`tenants`", &["file"]).map(|_| named()).unwrap_or_default()
        }
        Value::Mapping(_) => query(settings, node, names, systems).unwrap_or_default(),
        Value::Scalar(_) => {
            let message = format!("`tenants` is {}, but a list is expected", node.kind());
            settings.problem(
                node.at,
                message,
                "write `[acme, globex]`, `{ file: .. }`, or `{ query: .., target-system: .. }`",
            );
            Tenants::None
        }
    }
}

fn query<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    names: &[&str],
    systems: &[SystemConfig],
) -> Option<Tenants> {
    let fields = settings.mapping(node, "`tenants`", &["query", "target-system"])?;
    let query = settings.required_text(&fields, "query", "SELECT name FROM tenants");
    let system_node = settings.required(&fields, "target-system", "orders-db")?;
    let system = settings.text(system_node, "`target-system`")?;
    if !names.contains(&system.as_str()) {
        let help = match nearest(&system, names.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name one of `target-systems`".to_owned(),
        };
        let message = format!("`{system}` is no target system");
        settings.yaml.problem_of("config::not-found", system_node.at, message, help);
        return None;
    }
    let asked = systems.iter().find(|known| known.name.as_str() == system);
    let why = match asked {
        Some(asked) if asked.awaits_tenant => Some("its address holds what only a tenant has"),
        Some(asked) if matches!(asked.kind, SystemKind::Http { .. }) => Some("it is an API"),
        _ => None,
    };
    if let Some(why) = why {
        let message = format!("the tenants cannot be asked of `{system}`: {why}");
        settings.problem(
            system_node.at,
            message,
            "name a database that is there before the tenants are known",
        );
        return None;
    }
    let place = settings.yaml.document.place(node.at);
    Some(Tenants::Query { query: query?, target_system: system.into(), place })
}

/// The variables: those of the command line before those of the tenant before those of the file. Where the file has
/// tenants and none is chosen, those that only tenants have are awaited.
pub(super) fn variables<'d>(
    document: &'d Document,
    context: &Context,
    reader: &mut Reader<'d>,
    tenants: &[NamedTenant<'d>],
    overrides: &[(String, String)],
    tenant: Option<&str>,
) -> BTreeMap<String, Variable> {
    let mut definitions: BTreeMap<&'d str, &'d Node> = BTreeMap::new();
    let base = match &document.root.value {
        Value::Mapping(entries) => {
            entries.iter().find(|entry| &*entry.key == "variables").map(|entry| &entry.value)
        }
        _ => None,
    };
    let mut awaits: BTreeSet<String> = BTreeSet::new();
    let base_entries = base.and_then(|node| reader.entries(node, "`variables`")).unwrap_or_default();
    definitions.extend(base_entries.iter().map(|entry| (&*entry.key, &entry.value)));
    for other in tenants {
        let entries =
            other.variables.and_then(|node| reader.entries(node, "`variables`")).unwrap_or_default();
        if tenant.is_none() {
            awaits.extend(entries.iter().map(|entry| entry.key.to_string()));
        } else if tenant == Some(other.name.as_str()) {
            definitions.extend(entries.iter().map(|entry| (&*entry.key, &entry.value)));
        }
    }
    if tenant.is_none() && child_value(&document.root, "tenants").is_some() {
        awaits.insert("tenant".to_owned());
    }
    for reserved in ["tenant", "environment"] {
        if let Some(node) = definitions.remove(reserved) {
            let message = format!("the variable `{reserved}` is set by Sandpiper itself");
            reader.problem(node.at, message, "give it another name");
        }
    }
    let mut known = awaited(awaits);
    known.extend(overrides.iter().map(|(name, value)| (name.clone(), Variable::Known(value.clone()))));
    known.extend(tenant.map(|tenant| ("tenant".to_owned(), Variable::Known(tenant.to_owned()))));
    let names: Vec<&str> = definitions.keys().copied().collect();
    let mut resolution = Resolution { document, context, reader, definitions, known, open: Vec::new() };
    for name in names {
        resolution.variable(name);
    }
    resolution.known
}

/// Variables may name others, whatever their order.
struct Resolution<'r, 'd> {
    document: &'d Document,
    context: &'r Context,
    reader: &'r mut Reader<'d>,
    definitions: BTreeMap<&'d str, &'d Node>,
    known: BTreeMap<String, Variable>,
    open: Vec<String>,
}

impl Resolution<'_, '_> {
    fn variable(&mut self, name: &str) -> Option<Variable> {
        if let Some(known) = self.known.get(name) {
            return Some(known.clone());
        }
        let node = *self.definitions.get(name)?;
        if self.open.iter().any(|open| open == name) {
            let message = format!("the variable `{name}` is made of itself");
            self.reader.problem(node.at, message, "take one of the references away");
            self.known.insert(name.to_owned(), Variable::Failed);
            return Some(Variable::Failed);
        }
        self.open.push(name.to_owned());
        let variable = self.expand(name, node);
        self.open.pop();
        // Of a circle, the first word stands.
        Some(self.known.entry(name.to_owned()).or_insert(variable).clone())
    }

    fn expand(&mut self, name: &str, node: &Node) -> Variable {
        if node.is_null() {
            return Variable::Known(String::new());
        }
        let Value::Scalar(scalar) = &node.value else {
            let message = format!("the variable `{name}` is {}, but a text is expected", node.kind());
            self.reader.problem(node.at, message, "write one value");
            return Variable::Failed;
        };
        let mut expansion = Expansion::new(self.context, false);
        expansion.expand(&scalar.text, &mut |other| self.variable(other));
        let Expansion { problems, value, .. } = expansion;
        let failed = !problems.is_empty();
        for (offset, problem) in problems {
            let at = offset_in_file(&self.document.text, node.at, scalar, offset);
            self.reader.problems.push(problem.at(self.document.place(at)));
        }
        match value {
            _ if failed => Variable::Failed,
            value if value.awaits_tenant => Variable::Awaited,
            value => Variable::Known(value.text),
        }
    }
}
