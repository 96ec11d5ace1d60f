//! The configuration file: finding it, reading it once, and resolving it, for each tenant anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpiper_engine::fault::{Place, Problem, Severity};
use sandpiper_engine::policy::Policies;

use super::context::{Context, Environment, Variable};
use super::reader::Settings;
use super::stages::{DEFAULT_SOURCES, StageConfig, pipeline, policy};
use super::systems::{DEFAULT_STORE, StoreConfig, store, systems};
use super::tenants::{NamedTenant, named, tenants, variables};
use super::{Config, Limits, LockSettings, PluginFile, limits, names, unknown_tenant, webhooks};
use crate::secrets::Secrets;
use crate::yaml::{self, Document, Fields, Node, Reader};

/// The name of the file.
pub const FILE_NAME: &str = "sandpiper.yaml";

/// The largest configuration that is read.
const MAX_FILE: u64 = 16 << 20;

const KEYS: [&str; 17] = [
    "version",
    "service",
    "environment",
    "store",
    "target-systems",
    "variables",
    "pipeline",
    "policy",
    "limits",
    "lock",
    "templates",
    "plugins",
    "languages",
    "tenants",
    "parallel-tenants",
    "keep-artifacts",
    "webhooks",
];

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `--environment`.
    pub environment: Option<String>,
    /// `--set VAR=VALUE`: these count before all others.
    pub variables: Vec<(String, String)>,
}

/// A configuration that was read; its references are not replaced yet.
pub struct ConfigFile {
    folder: PathBuf,
    shown_folder: PathBuf,
    /// None: there is no file, and the folder is the one stage.
    document: Option<Document>,
    overrides: Overrides,
    env: Environment,
    at_build: bool,
}

/// Finds the configuration: `explicit` (`-c`), else `sandpiper.yaml` in the working directory or above. None when
/// there is none.
///
/// # Errors
///
/// When `explicit` names no file.
pub fn find(explicit: Option<&Path>) -> Result<Option<PathBuf>, Problem> {
    find_from(explicit, Path::new(""))
}

/// As [`find`], from a folder instead of the working directory.
///
/// # Errors
///
/// When `explicit` names no file.
pub fn find_from(explicit: Option<&Path>, folder: &Path) -> Result<Option<PathBuf>, Problem> {
    if let Some(explicit) = explicit {
        let path = folder.join(explicit);
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path };
        if path.is_file() {
            return Ok(Some(path));
        }
        let message = format!("the configuration `{}` does not exist", path.display());
        let help = "name the file with `--config`, or make a project with `sandpiper init`";
        return Err(Problem::error("config::not-found", message).help(help));
    }
    let absolute = std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let levels = absolute.map_or(1, |path| path.ancestors().count());
    let mut here = folder.to_owned();
    for _ in 0..levels {
        let candidate = here.join(FILE_NAME);
        if candidate.is_file() {
            return Ok(Some(candidate));
        }
        here.push("..");
    }
    Ok(None)
}

impl ConfigFile {
    /// Reads a configuration file.
    ///
    /// # Errors
    ///
    /// Problems of reading it and of its syntax.
    pub fn read(path: &Path, overrides: Overrides) -> Result<Self, Vec<Problem>> {
        let shown = path.to_string_lossy().into_owned();
        let bytes = read_limited(path).map_err(|why| {
            let message = format!("the configuration cannot be read: {why}");
            let help = "make it a file that this user may read, or name another one with `--config`";
            vec![Problem::error("config::not-found", message).at(Place::file(shown.as_str())).help(help)]
        })?;
        let mut problems = Vec::new();
        let document = yaml::parse(&shown, &bytes, "config::syntax", &mut problems);
        let shown_folder = path.parent().map(Path::to_owned).unwrap_or_default();
        match document {
            Some(document) if problems.is_empty() => Self::new(shown_folder, Some(document), overrides),
            _ => Err(problems),
        }
    }

    /// No configuration at all: the folder is the one stage.
    ///
    /// # Errors
    ///
    /// When it is no folder.
    pub fn of_folder(folder: &Path, overrides: Overrides) -> Result<Self, Vec<Problem>> {
        if folder.is_dir() {
            return Self::new(folder.to_owned(), None, overrides);
        }
        let message = format!("the folder `{}` does not exist", folder.display());
        let help = "name the folder that holds the changes, or make a project with `sandpiper init`";
        Err(vec![Problem::error("config::not-found", message).help(help)])
    }

    fn new(
        shown_folder: PathBuf,
        document: Option<Document>,
        overrides: Overrides,
    ) -> Result<Self, Vec<Problem>> {
        let folder = if shown_folder.as_os_str().is_empty() { Path::new(".") } else { &shown_folder };
        let folder = std::path::absolute(folder).map_err(|error| {
            vec![Problem::error(
                "config::not-found",
                format!("the working directory cannot be found: {error}"),
            )]
        })?;
        let env: Environment = Arc::new(|name| std::env::var(name).ok());
        Ok(Self { folder, shown_folder, document, overrides, env, at_build: false })
    }

    /// What the command line says.
    pub(super) fn overrides(&self) -> &Overrides {
        &self.overrides
    }

    /// Its text; nothing where there is no file.
    pub(super) fn text(&self) -> &str {
        self.document.as_ref().map_or("", |document| &document.text)
    }

    /// The same configuration, with other variables of the process: for tests and embedding.
    #[must_use]
    pub fn with_environment(mut self, env: Environment) -> Self {
        self.env = env;
        self
    }

    /// The same configuration where an image is built: variables and files that only the running process has may be
    /// missing, and what needs them is marked as if it awaited a tenant.
    #[must_use]
    pub fn at_build(mut self) -> Self {
        self.at_build = true;
        self
    }

    /// Replaces all references and reads every value. Where the file has tenants and `tenant` is none, what depends
    /// on a tenant's variables is marked as awaiting one. Secret values are added to `secrets`, also when it fails.
    ///
    /// # Errors
    ///
    /// Every problem of the file, and of the folders that it names.
    pub fn resolve(&self, tenant: Option<&str>, secrets: &Secrets) -> Result<Config, Vec<Problem>> {
        let context = Context {
            folder: self.folder.clone(),
            env: Arc::clone(&self.env),
            secrets: secrets.clone(),
            variables: BTreeMap::new(),
            at_build: self.at_build,
        };
        match &self.document {
            Some(document) => self.resolve_document(document, context, tenant),
            None => Ok(self.resolve_folder()),
        }
    }

    fn resolve_folder(&self) -> Config {
        let name = folder_name(&self.folder);
        let stage = StageConfig {
            name: name.as_str().into(),
            location: self.folder.clone(),
            shown: super::stages::shown_path(&self.shown_folder, Path::new("")),
            description: None,
            after: Vec::new(),
            when: None,
            atomic: false,
            policies: Policies::default(),
            sources: self.folder.join(DEFAULT_SOURCES),
            awaits_tenant: false,
            place: None,
        };
        Config {
            service: name,
            environment: self.overrides.environment.clone().unwrap_or_else(|| "default".to_owned()),
            variables: self.overrides.variables.iter().cloned().collect(),
            stages: vec![stage],
            has_file: false,
            ..self.defaults()
        }
    }

    fn defaults(&self) -> Config {
        Config {
            file: self.document.as_ref().map(|document| document.file.to_string()),
            has_file: true,
            folder: self.folder.clone(),
            shown_folder: self.shown_folder.clone(),
            service: String::new(),
            environment: String::new(),
            tenant: None,
            store: StoreConfig::Sqlite { path: self.folder.join(DEFAULT_STORE) },
            store_awaits_tenant: false,
            store_place: None,
            systems: Vec::new(),
            variables: BTreeMap::new(),
            awaited_variables: Vec::new(),
            stages: Vec::new(),
            parallelism: 1,
            policies: Policies::default(),
            limits: Limits::default(),
            lock: LockSettings::default(),
            templates: Vec::new(),
            plugins: Vec::new(),
            languages: Vec::new(),
            tenants: super::Tenants::None,
            parallel_tenants: 8,
            keep_artifacts: true,
            webhooks: Vec::new(),
        }
    }

    fn resolve_document(
        &self,
        document: &Document,
        mut context: Context,
        tenant: Option<&str>,
    ) -> Result<Config, Vec<Problem>> {
        let mut reader = Reader::new(document);
        let named = named(&mut reader, &document.root, &self.folder);
        check_tenant(&mut reader, &named, tenant);
        let overrides = &self.overrides.variables;
        context.variables = variables(document, &context, &mut reader, &named, overrides, tenant);
        let mut settings = Settings::new(document, &context);
        settings.yaml.problems = reader.problems;
        let config = self.read_keys(&mut settings, document, &named, tenant);
        let problems = settings.yaml.problems;
        match config {
            Some(config) if !problems.iter().any(|problem| problem.severity == Severity::Error) => Ok(config),
            _ => Err(problems),
        }
    }

    fn read_keys<'d>(
        &self,
        settings: &mut Settings<'d>,
        document: &'d Document,
        named: &[NamedTenant<'d>],
        tenant: Option<&str>,
    ) -> Option<Config> {
        let fields = settings.mapping(&document.root, "the configuration", &KEYS)?;
        let mut config = self.defaults();
        config.tenant = tenant.map(str::to_owned);
        version(settings, &fields);
        config.service = self.service(settings, &fields)?;
        let environment = settings.optional_text(&fields, "environment");
        config.environment = match &self.overrides.environment {
            Some(environment) => environment.clone(),
            None => environment.unwrap_or_else(|| "default".to_owned()),
        };
        if let Some(node) = fields.get("target-systems") {
            config.systems = settings.secretly(|settings| systems(settings, node));
        }
        // Names count also where a system itself is wrong: one mistake is told once.
        let names: Vec<&str> = fields.get("target-systems").map(keys_of).unwrap_or_default();
        if let Some(node) = fields.get("store") {
            let read = settings.secretly(|settings| store(settings, node, &names));
            config.store_place = Some(document.place(node.at));
            (config.store, config.store_awaits_tenant) = read.unwrap_or((config.store, false));
        }
        if let StoreConfig::System(name) = &config.store {
            let awaits = config.systems.iter().any(|system| system.name == *name && system.awaits_tenant);
            config.store_awaits_tenant |= awaits;
        }
        for (name, variable) in &settings.context.variables {
            match variable {
                Variable::Known(value) => {
                    config.variables.insert(name.clone(), value.clone());
                }
                Variable::Awaited => config.awaited_variables.push(name.clone()),
                Variable::Failed => {}
            }
        }
        if let Some(node) = fields.get("policy") {
            config.policies = policy(settings, node, config.policies);
        }
        let example = "{ stages: [{ name: schema, location: changes/schema }] }";
        let pipeline_node = settings.required(&fields, "pipeline", example);
        let pipeline =
            pipeline_node.and_then(|node| pipeline(settings, node, config.policies, &self.shown_folder));
        self.read_rest(settings, &fields, &mut config, named, &names);
        let pipeline = pipeline?;
        let default = u64::try_from(pipeline.stages.len()).unwrap_or(1).clamp(1, 8);
        config.parallelism = usize::try_from(pipeline.parallelism.unwrap_or(default)).unwrap_or(1);
        config.stages = pipeline.stages;
        let flag = self.overrides.environment.is_some();
        names::check(settings, &fields, &config, named, flag);
        Some(config)
    }

    fn read_rest<'d>(
        &self,
        settings: &mut Settings<'d>,
        fields: &Fields<'d>,
        config: &mut Config,
        named: &[NamedTenant<'d>],
        systems: &[&str],
    ) {
        if let Some(node) = fields.get("limits") {
            config.limits = limits::limits(settings, node).unwrap_or_default();
        }
        if let Some(node) = fields.get("lock") {
            config.lock = limits::lock(settings, node).unwrap_or_default();
        }
        config.templates = self.plugin_files(settings, fields, "templates");
        config.plugins = self.plugin_files(settings, fields, "plugins");
        config.languages = self.plugin_files(settings, fields, "languages");
        if let Some(node) = fields.get("tenants") {
            config.tenants = tenants(settings, node, named, systems, &config.systems);
        }
        if let Some(count) = settings.count(fields, "parallel-tenants", 10_000) {
            config.parallel_tenants = usize::try_from(count).unwrap_or(config.parallel_tenants);
        }
        config.keep_artifacts = settings.boolean(fields, "keep-artifacts").unwrap_or(true);
        if let Some(node) = fields.get("webhooks") {
            config.webhooks = settings.secretly(|settings| webhooks::webhooks(settings, node));
        }
    }

    /// Required, but for the form that holds nothing else of ours than the pipeline and its systems.
    fn service<'d>(&self, settings: &mut Settings<'d>, fields: &Fields<'d>) -> Option<String> {
        if fields.get("service").is_some() {
            // A wrong one is told; the rest is still read.
            return Some(settings.optional_text(fields, "service").unwrap_or_default());
        }
        if !fields.keys().all(|key| matches!(key, "pipeline" | "target-systems")) {
            let example = folder_name(&self.folder);
            settings.required(fields, "service", &example);
        }
        Some(folder_name(&self.folder))
    }

    fn plugin_files<'d>(
        &self,
        settings: &mut Settings<'d>,
        fields: &Fields<'d>,
        key: &str,
    ) -> Vec<PluginFile> {
        let Some(node) = fields.get(key) else {
            return Vec::new();
        };
        let entries = settings.yaml.entries(node, &format!("`{key}`")).unwrap_or_default();
        let files = entries.iter().filter_map(|entry| {
            let text = settings.text(&entry.value, &format!("the file of `{}`", entry.key))?;
            let path = settings.path(&text);
            if !path.is_file() {
                let message = format!("the file `{text}` of `{}` does not exist", entry.key);
                let help = "paths are relative to the configuration";
                settings.yaml.problem_of("config::not-found", entry.value.at, message, help);
                return None;
            }
            let place = settings.yaml.document.place(entry.key_at);
            Some(PluginFile { name: entry.key.to_string(), path, shown: text, place })
        });
        files.collect()
    }
}

fn keys_of(node: &Node) -> Vec<&str> {
    match &node.value {
        yaml::Value::Mapping(entries) => entries.iter().map(|entry| &*entry.key).collect(),
        _ => Vec::new(),
    }
}

fn version<'d>(settings: &mut Settings<'d>, fields: &Fields<'d>) {
    let Some(node) = fields.get("version") else { return };
    match settings.text(node, "`version`").as_deref() {
        Some("1") | None => {}
        Some(other) => {
            let message = format!("`version` is `{other}`, but this host reads version 1");
            settings.problem(node.at, message, "write `version: 1`, or use a newer release of Sandpiper");
        }
    }
}

fn check_tenant(reader: &mut Reader<'_>, named: &[NamedTenant<'_>], tenant: Option<&str>) {
    let Some(tenant) = tenant else { return };
    if named.is_empty() || named.iter().any(|known| known.name == tenant) {
        return;
    }
    let fault = unknown_tenant(tenant, named.iter().map(|known| known.name.as_str()));
    let entries = match &reader.document.root.value {
        yaml::Value::Mapping(entries) => entries.as_slice(),
        _ => &[],
    };
    let at = entries.iter().find(|entry| &*entry.key == "tenants").map_or(0, |entry| entry.key_at);
    reader.problem_of("config::not-found", at, fault.message, fault.help.unwrap_or_default());
}

fn folder_name(folder: &Path) -> String {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    real.file_name().map_or_else(|| "default".to_owned(), |name| name.to_string_lossy().into_owned())
}

fn read_limited(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read as _;
    if !std::fs::metadata(path).map_err(|error| error.to_string())?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err("it is larger than 16 MiB".to_owned());
    }
    Ok(bytes)
}
