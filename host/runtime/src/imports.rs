//! What a component asks for by its imports, and whether it may have it: imports are the permission request.

use sandpiper_engine::fault::{Blame, Fault, Problem};

use crate::component::{Component, Facts, Kind};
use crate::target::Capability;

/// The packages of WASI 0.2 that language runtimes need to start; nothing of the host is behind them.
const WASI: [&str; 6] = ["cli", "io", "clocks", "random", "filesystem", "sockets"];

/// The version of our own packages that this host speaks.
const VERSION: &str = "0.1.";

/// The parts of `namespace:package/interface@version`.
struct Name<'a> {
    namespace: &'a str,
    package: &'a str,
    interface: &'a str,
    version: &'a str,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (namespace, rest) = name.split_once(':')?;
        let (package, rest) = rest.split_once('/')?;
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        Some(Self { namespace, package, interface, version })
    }

    fn is_ours(&self) -> bool {
        self.namespace == "sandpiper" && self.version.starts_with(VERSION)
    }
}

/// Whether one of our interfaces is among the names.
pub(crate) fn exports(names: &[String], package: &str, interface: &str) -> bool {
    let names = names.iter().filter_map(|name| Name::parse(name));
    names.filter(Name::is_ours).any(|name| name.package == package && name.interface == interface)
}

/// The capabilities for which a component of a kind exports what the host calls.
pub(crate) fn capabilities(kind: Kind, names: &[String]) -> Vec<Capability> {
    let (_, interface) = kind.interfaces();
    Capability::ALL.into_iter().filter(|capability| exports(names, capability.as_str(), interface)).collect()
}

/// What a component is, by what it exports.
pub(crate) fn kind(facts: &Facts) -> Result<Kind, Fault> {
    let is = |kind: &Kind| {
        let (describing, _) = kind.interfaces();
        exports(&facts.exports, "change", describing) && !capabilities(*kind, &facts.exports).is_empty()
    };
    let kinds: Vec<Kind> = [Kind::Change, Kind::Template, Kind::Language].into_iter().filter(is).collect();
    if let [kind] = kinds.as_slice() {
        return Ok(*kind);
    }
    let has = match facts.exports.as_slice() {
        [] => "exports nothing".to_owned(),
        names => format!("exports {}", list(names)),
    };
    let lacks = if kinds.is_empty() {
        ", which makes it no change"
    } else {
        ", which makes it several things at once"
    };
    let other = facts.exports.iter().filter_map(|name| Name::parse(name));
    let other = other.into_iter().find(|name| name.namespace == "sandpiper" && !name.is_ours());
    let help = match other {
        Some(name) => format!(
            "it was built for version {} of `sandpiper:{}`, and this host speaks {VERSION}x: build it with the SDK of this version",
            name.version, name.package
        ),
        None => "a change exports `sandpiper:change/description` and the `change` of `sandpiper:sql` or \
                 `sandpiper:http` (worlds `sql-change`, `http-change`), a template `sandpiper:change/template` and \
                 the `runner` of one of them (worlds `sql-template`, `http-template`)"
            .to_owned(),
    };
    Err(Fault::new("change::wrong-world", Blame::Change, format!("the component {has}{lacks}"))
        .with_help(help))
}

/// Makes sure that a component imports nothing that no guest may have.
pub(crate) fn check_allowed(kind: Kind, facts: &Facts) -> Result<(), Fault> {
    let runners = capabilities(kind, &facts.exports);
    let refused: Vec<&String> =
        facts.imports.iter().filter(|import| !is_allowed(import, kind, &runners)).collect();
    let Some(first) = refused.first() else {
        return Ok(());
    };
    let name = Name::parse(first);
    let message = match refused.len() {
        1 => format!("the component imports `{first}`, which no {} may have", kind.as_str()),
        _ => format!("the component imports {}, which no {} may have", list(&refused), kind.as_str()),
    };
    let help = match name {
        Some(Name { namespace: "wasi", package: "http", .. }) => {
            "a change reaches an API through `sandpiper:http/client` and a target system of kind `http`".to_owned()
        }
        Some(Name { namespace: "wasi", package, version, .. }) if WASI.contains(&package) => {
            format!("it was built for WASI {version}, and this host offers 0.2: build it for `wasm32-wasip2`")
        }
        Some(Name { namespace: "sandpiper", version, .. }) if !version.starts_with(VERSION) => {
            format!("this host speaks {VERSION}x: build it with the SDK of this version")
        }
        Some(Name { namespace: "sandpiper", interface: "client", .. }) if kind != Kind::Change => {
            "a plugin is lent the clients of the runners that it exports, and no others".to_owned()
        }
        _ => "allowed are the clients of its target system and of the systems in `uses`, and WASI 0.2 without network \
              and files"
            .to_owned(),
    };
    Err(Fault::new("change::not-allowed", kind.blame(), message).with_help(help))
}

fn is_allowed(import: &str, kind: Kind, runners: &[Capability]) -> bool {
    let Some(name) = Name::parse(import) else {
        return false;
    };
    match (name.namespace, name.package) {
        ("wasi", package) => WASI.contains(&package) && name.version.starts_with("0.2."),
        ("sandpiper", "change") => name.is_ours(),
        ("sandpiper", package) => {
            let capability = Capability::ALL.into_iter().find(|capability| capability.as_str() == package);
            let lent = |capability| kind == Kind::Change || runners.contains(&capability);
            name.is_ours() && name.interface == "client" && capability.is_some_and(lent)
        }
        _ => false,
    }
}

impl Component {
    /// The capabilities whose clients it imports.
    pub fn clients(&self) -> Vec<Capability> {
        let imports = &self.facts().imports;
        Capability::ALL
            .into_iter()
            .filter(|capability| exports(imports, capability.as_str(), "client"))
            .collect()
    }

    /// Compares what a change, or the plugin that runs it, asks for with what its systems provide: its target system's
    /// capability, and those of the systems in `uses`.
    ///
    /// # Errors
    ///
    /// `change::wrong-world` when it cannot be run on such a target, `change::not-allowed` when it needs more than its
    /// systems provide.
    pub fn check_imports(
        &self,
        change: &str,
        target: &str,
        target_kind: &str,
        provided: Capability,
        uses: &[Capability],
    ) -> Result<(), Problem> {
        let provides = provided.as_str();
        let is_lent = |client: &Capability| match self.kind() {
            Kind::Change => *client == provided || uses.contains(client),
            // A plugin's clients are those of its runners, and only the one that runs is handed anything.
            Kind::Template | Kind::Language => true,
        };
        if let Some(missing) = self.clients().into_iter().find(|client| !is_lent(client)) {
            let missing = missing.as_str();
            let message = format!(
                "change `{change}` needs `sandpiper:{missing}/client`, but its target `{target}` ({target_kind}) provides `sandpiper:{provides}/client`"
            );
            let help = format!(
                "name a target system that provides `sandpiper:{missing}/client`, or list such a system in `uses`"
            );
            return Err(Problem::error("change::not-allowed", message).help(help));
        }
        if !self.capabilities().contains(&provided) {
            let (_, interface) = self.kind().interfaces();
            let has =
                self.capabilities().into_iter().map(|it| format!("sandpiper:{}/{interface}", it.as_str()));
            let has = list(&has.collect::<Vec<_>>());
            let message = format!(
                "change `{change}` is run through {has}, but its target `{target}` ({target_kind}) needs `sandpiper:{provides}/{interface}`"
            );
            let help = match self.kind() {
                Kind::Change => {
                    "name a target system of the kind that it was written for, or build it for this one"
                }
                Kind::Template | Kind::Language => "use a plugin that runs on this kind of target system",
            };
            return Err(Problem::error("change::wrong-world", message).help(help));
        }
        Ok(())
    }
}

/// Names in backticks.
fn list(names: &[impl AsRef<str>]) -> String {
    /// More of them help nobody.
    const SHOWN: usize = 8;
    let mut shown: Vec<String> =
        names.iter().take(SHOWN).map(|name| format!("`{}`", name.as_ref())).collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
