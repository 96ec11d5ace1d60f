//! The world of a guest: what it may import and what it exports, written for the tools that make components.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sandpiper_engine::fault::{Blame, Fault, Place};
use sandpiper_runtime::target::Capability;
use serde::Deserialize;

use super::job::Job;
use super::sdk::CONTRACT;
use crate::config::{Config, SystemKind};

/// The packages of the contract in the order in which they refer to each other.
const PACKAGES: [&str; 3] = ["change", "sql", "http"];

/// What the SDK of a scripting language tells of a change before it is a component.
#[derive(Debug, Deserialize)]
pub(super) struct Facts {
    target_system: String,
    #[serde(default)]
    uses: Vec<String>,
    verify: bool,
}

/// What a guest imports and exports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct World {
    /// The capabilities whose clients it may import.
    pub(super) clients: Vec<Capability>,
    /// Its interfaces `change` and `verify`: the capability, and which of the two.
    pub(super) exports: Vec<(Capability, &'static str)>,
}

impl World {
    /// The world of a change whose target system has this kind, and that opens further ones.
    pub(super) fn of(facts: &Facts, job: &Job<'_>) -> Result<Self, Fault> {
        let target = capability_of(&facts.target_system, job)?;
        let mut clients = vec![target];
        for system in &facts.uses {
            let used = capability_of(system, job)?;
            if !clients.contains(&used) {
                clients.push(used);
            }
        }
        let mut exports = vec![(target, "change")];
        if facts.verify {
            exports.push((target, "verify"));
        }
        Ok(Self { clients, exports })
    }

    /// The capability of its target system.
    pub(super) fn target(&self) -> Option<Capability> {
        self.exports.first().map(|(capability, _)| *capability)
    }

    /// As WIT.
    pub(super) fn text(&self) -> String {
        let mut text = String::from(
            "package sandpiper:guest;\n\nworld guest {\n  import sandpiper:change/execution@0.1.0;\n",
        );
        // Writing to a text cannot fail.
        for client in &self.clients {
            let _ = writeln!(text, "  import sandpiper:{}/client@0.1.0;", client.as_str());
        }
        text.push_str("  export sandpiper:change/description@0.1.0;\n");
        for (capability, interface) in &self.exports {
            let _ = writeln!(text, "  export sandpiper:{}/{interface}@0.1.0;", capability.as_str());
        }
        text + "}\n"
    }

    /// Writes it, with all that it refers to, as a folder. Gives that folder.
    pub(super) fn write(&self, job: &Job<'_>, scratch: &Path) -> Result<PathBuf, Fault> {
        let folder = scratch.join("wit");
        for (path, text) in CONTRACT.texts() {
            job.write(&folder.join(path), text)?;
        }
        job.write(&folder.join("world.wit"), &self.text())?;
        Ok(folder)
    }
}

/// The texts of the contract's packages, each after those that it refers to.
pub(super) fn contract() -> Vec<(&'static str, &'static str)> {
    let all: Vec<_> = CONTRACT.texts().collect();
    let find = |package: &str| {
        let folder = format!("deps/{package}/");
        all.iter().copied().find(|(path, _)| path.starts_with(&folder))
    };
    PACKAGES.iter().filter_map(|package| find(package)).collect()
}

/// The capability that a configured system is lent by.
fn capability_of(system: &str, job: &Job<'_>) -> Result<Capability, Fault> {
    let Config { systems, .. } = job.config;
    let Some(found) = systems.iter().find(|known| known.name.as_str() == system) else {
        let message = format!("`{}` names the system `{system}`, which is not configured", job.shown);
        let known: Vec<String> = systems.iter().map(|known| format!("`{}`", known.name.as_str())).collect();
        return Err(Fault::new("change::unknown-target", Blame::User, message)
            .with_help(format!(
                "`target-systems` has {}: its kind decides what the change is lent",
                known.join(", ")
            ))
            .with_place(Some(Place::file(job.shown))));
    };
    Ok(match found.kind {
        SystemKind::Http { .. } => Capability::Http,
        SystemKind::Sqlite { .. } | SystemKind::Postgres { .. } | SystemKind::Mysql { .. } => Capability::Sql,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_world_has_the_clients_of_its_systems_and_exports_for_its_target_alone() {
        let world = World {
            clients: vec![Capability::Sql, Capability::Http],
            exports: vec![(Capability::Sql, "change"), (Capability::Sql, "verify")],
        };
        let text = world.text();
        for line in [
            "  import sandpiper:sql/client@0.1.0;\n",
            "  import sandpiper:http/client@0.1.0;\n",
            "  export sandpiper:sql/change@0.1.0;\n  export sandpiper:sql/verify@0.1.0;\n}\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn the_contract_has_every_package_once() {
        assert_eq!(contract().len(), PACKAGES.len());
    }
}
