//! `tenants:` and `variables:`: for whom the pipeline runs, and what differs between them.

use std::collections::{BTreeMap, BTreeSet};

use sandpiper_engine::fault::Place;
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::suggest::nearest;

use super::context::{Context, Expansion, Variable, awaited};
use super::reader::Settings;
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

/// A tenant of the file, with the node of its variables.
pub(super) struct NamedTenant<'d> {
    pub(super) name: &'d str,
    /// Where it stands.
    pub(super) at: usize,
    variables: Option<&'d Node>,
}

/// The tenants of a list; each wrong one is a problem.
pub(super) fn named<'d>(reader: &mut Reader<'d>, root: &'d Node) -> Vec<NamedTenant<'d>> {
    let Some(Value::Sequence(items)) = child_value(root, "tenants") else {
        return Vec::new();
    };
    let mut tenants: Vec<NamedTenant<'d>> = Vec::new();
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
        } else if tenants.iter().any(|tenant| tenant.name == name) {
            reader.problem(
                name_node.at,
                format!("the tenant `{name}` stands there twice"),
                "keep one of the two",
            );
        } else {
            tenants.push(NamedTenant { name, at: name_node.at, variables });
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

/// Reads `tenants:` as a whole, with the list of names read before.
pub(super) fn tenants<'d>(
    settings: &mut Settings<'d>,
    node: &'d Node,
    named: &[NamedTenant<'d>],
    systems: &[&str],
) -> Tenants {
    match &node.value {
        Value::Sequence(_) => Tenants::Named(named.iter().map(|tenant| tenant.name.to_owned()).collect()),
        Value::Mapping(_) => query(settings, node, systems).unwrap_or_default(),
        Value::Scalar(_) => {
            let message = format!("`tenants` is {}, but a list is expected", node.kind());
            settings.problem(
                node.at,
                message,
                "write `[acme, globex]`, or `{ query: .., target-system: .. }`",
            );
            Tenants::None
        }
    }
}

fn query<'d>(settings: &mut Settings<'d>, node: &'d Node, systems: &[&str]) -> Option<Tenants> {
    let fields = settings.mapping(node, "`tenants`", &["query", "target-system"])?;
    let query = settings.required_text(&fields, "query", "SELECT name FROM tenants");
    let system_node = settings.required(&fields, "target-system", "orders-db")?;
    let system = settings.text(system_node, "`target-system`")?;
    if !systems.contains(&system.as_str()) {
        let help = match nearest(&system, systems.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "name one of `target-systems`".to_owned(),
        };
        let message = format!("`{system}` is no target system");
        settings.yaml.problem_of("config::not-found", system_node.at, message, help);
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
        } else if tenant == Some(other.name) {
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
