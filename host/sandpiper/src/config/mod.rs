//! The configuration `sandpiper.yaml`: found, read with every problem at once, and resolved for each tenant.
//!
//! [`find`] finds the file, [`ConfigFile::read`] reads it, and [`ConfigFile::resolve`] replaces its references and
//! gives a [`Config`]. What stands where is told by the interface's section "sandpiper.yaml".

mod condition;
mod context;
mod file;
mod given;
mod interpolate;
mod limits;
mod names;
mod reader;
mod stages;
mod systems;
mod tenants;
#[cfg(test)]
mod tests;
mod units;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sandpiper_engine::fault::{Fault, Place};
use sandpiper_engine::policy::Policies;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::suggest::nearest;

pub use condition::Condition;
pub use context::Environment;
pub use file::{ConfigFile, FILE_NAME, Overrides, find, find_from};
pub(crate) use interpolate::{Expanded, Source, closing_brace};
pub use limits::{Limits, LockSettings};
pub use stages::StageConfig;
pub(crate) use stages::unknown_names;
pub use systems::{Auth, StoreConfig, SystemConfig, SystemKind, system_of_url};
pub use tenants::Tenants;
pub(crate) use tenants::{NAMES_HELP, check_name};
pub use units::{duration, size};

use crate::webhooks::Webhook;

/// A configuration with all references replaced.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file, as the user would write it.
    pub file: Option<String>,
    /// Whether there is a file at all: without one, data files may name a target system by its URL.
    pub has_file: bool,
    /// The folder that paths are relative to, absolute.
    pub folder: PathBuf,
    /// The same folder, as the user would write it; empty for the working directory.
    pub shown_folder: PathBuf,
    /// The application.
    pub service: String,
    /// Where it runs.
    pub environment: String,
    /// For whom it was resolved.
    pub tenant: Option<String>,
    /// Where the audit is kept.
    pub store: StoreConfig,
    /// The store's address is not known before a tenant is chosen.
    pub store_awaits_tenant: bool,
    /// Where `store:` stands.
    pub store_place: Option<Place>,
    /// The systems that changes may name.
    pub systems: Vec<SystemConfig>,
    /// What `${var:x}` stands for.
    pub variables: BTreeMap<String, String>,
    /// Variables that are not known before a tenant is chosen.
    pub awaited_variables: Vec<String>,
    /// The stages, as the file lists them.
    pub stages: Vec<StageConfig>,
    /// How many stages run at a time.
    pub parallelism: usize,
    /// What holds for stages without a policy of their own.
    pub policies: Policies,
    /// What a guest may use.
    pub limits: Limits,
    /// How leases are taken.
    pub lock: LockSettings,
    /// Template plugins by the names that change files use.
    pub templates: Vec<PluginFile>,
    /// Further plugins.
    pub plugins: Vec<PluginFile>,
    /// Language plugins by the extensions that they claim.
    pub languages: Vec<PluginFile>,
    /// For whom the pipeline runs.
    pub tenants: Tenants,
    /// How many of them at a time.
    pub parallel_tenants: usize,
    /// Whether artifacts are kept in the store.
    pub keep_artifacts: bool,
    /// Who is told of what happens.
    pub webhooks: Vec<Webhook>,
}

/// A plugin that the configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginFile {
    /// Its name in the configuration.
    pub name: String,
    /// Its file, absolute.
    pub path: PathBuf,
    /// Its file, as the configuration writes it.
    pub shown: String,
    /// Where it stands.
    pub place: Place,
}

impl Config {
    /// Whose changes these are.
    pub fn scope(&self) -> Scope {
        Scope {
            service: self.service.clone(),
            environment: self.environment.clone(),
            tenant: self.tenant.clone(),
        }
    }

    /// A target system by its name.
    pub fn system(&self, name: &str) -> Option<&SystemConfig> {
        self.systems.iter().find(|system| system.name.as_str() == name)
    }

    /// A stage by its name.
    ///
    /// # Errors
    ///
    /// A mistake in how the command was given, with the nearest name.
    pub fn stage(&self, name: &str) -> Result<&StageConfig, Fault> {
        let names = self.stages.iter().map(|stage| stage.name.as_str());
        let found = self.stages.iter().find(|stage| stage.name.as_str() == name);
        found.ok_or_else(|| unknown_stage(name, names))
    }

    /// A path below the configuration's folder, as the user would write it.
    pub fn shown(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.folder).unwrap_or(path);
        self.shown_folder.join(relative).to_string_lossy().into_owned()
    }

    /// The value that a `when:` sees: of `environment`, `tenant` or a variable.
    pub fn name_value(&self, name: &str) -> Option<String> {
        match name {
            "environment" => Some(self.environment.clone()),
            "tenant" => self.tenant.clone(),
            _ => self.variables.get(name).cloned(),
        }
    }

    /// Whether a condition holds here.
    pub fn holds(&self, condition: &Condition) -> bool {
        condition.holds(&|name| self.name_value(name))
    }
}

/// No tenant has this name.
pub(crate) fn unknown_tenant<'a>(name: &str, tenants: impl Iterator<Item = &'a str>) -> Fault {
    let help = match nearest(name, tenants) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "name one of `tenants`".to_owned(),
    };
    Fault::usage(format!("there is no tenant `{name}`")).with_help(help)
}

/// No stage has this name.
pub(crate) fn unknown_stage<'a>(name: &str, stages: impl Iterator<Item = &'a str> + Clone) -> Fault {
    let help = match nearest(name, stages.clone()) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("the stages are: {}", stages.collect::<Vec<_>>().join(", ")),
    };
    Fault::usage(format!("there is no stage `{name}`")).with_help(help)
}
