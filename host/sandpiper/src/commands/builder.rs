//! How a [`Sandpiper`] is made: from a configuration file, or a folder without one.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sandpiper_engine::fault::Fault;
use sandpiper_engine::store::Owner;
use sandpiper_runtime::{Limits, Runtime, Settings};

use super::Sandpiper;
use crate::config::{
    Config, ConfigFile, NAMES_HELP, Overrides, Tenants, check_name, find, find_from, unknown_tenant,
};
use crate::observer::{Observer, Silent};
use crate::secrets::Secrets;
use crate::stopping::Stopper;
use crate::systems::Common;
use crate::templates::Templates;
use crate::webhooks::{self, Deliveries};

/// Says where the configuration is, and what differs from it. What one project of it has compiled, the next of it and of
/// its clones finds compiled.
#[derive(Clone)]
pub struct Builder {
    config: Option<PathBuf>,
    directory: Option<PathBuf>,
    overrides: Overrides,
    stage: Option<String>,
    tenant: Option<String>,
    operator: Option<String>,
    cache: bool,
    at_build: bool,
    observer: Arc<dyn Observer>,
    stopper: Stopper,
    deliveries: Deliveries,
    wait: Duration,
    compiled: Arc<Mutex<Option<Arc<Runtime>>>>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: None,
            directory: None,
            overrides: Overrides::default(),
            stage: None,
            tenant: None,
            operator: None,
            cache: true,
            at_build: false,
            observer: Arc::new(Silent),
            stopper: Stopper::new(),
            deliveries: Deliveries::new(),
            wait: Duration::ZERO,
            compiled: Arc::default(),
        }
    }
}

impl Builder {
    /// The configuration file; by default `sandpiper.yaml` in the working directory or above.
    #[must_use]
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.config = Some(file.into());
        self
    }

    /// A folder of changes, for when there is no configuration file: it is the one stage.
    #[must_use]
    pub fn directory(mut self, folder: impl Into<PathBuf>) -> Self {
        self.directory = Some(folder.into());
        self
    }

    /// The environment, in place of the configuration's.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.overrides.environment = Some(name.into());
        self
    }

    /// A variable, in place of the configuration's.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.variables.push((name.into(), value.into()));
        self
    }

    /// The one stage that commands are about.
    #[must_use]
    pub fn stage(mut self, name: impl Into<String>) -> Self {
        self.stage = Some(name.into());
        self
    }

    /// The one tenant that commands are about.
    #[must_use]
    pub fn tenant(mut self, name: impl Into<String>) -> Self {
        self.tenant = Some(name.into());
        self
    }

    /// Who runs it; by default the user and the machine.
    #[must_use]
    pub fn operator(mut self, name: impl Into<String>) -> Self {
        self.operator = Some(name.into());
        self
    }

    /// Whether compiled code, and what is known of files, is kept between runs, in the user's cache folder. It is by
    /// default.
    #[must_use]
    pub fn cache(mut self, cache: bool) -> Self {
        self.cache = cache;
        self
    }

    /// Where an image is built: what only the running process has may be missing.
    pub(super) fn at_build(mut self) -> Self {
        self.at_build = true;
        self
    }

    /// Who hears what happens.
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// What stops its runs.
    #[must_use]
    pub fn stopper(mut self, stopper: Stopper) -> Self {
        self.stopper = stopper;
        self
    }

    /// What waits for the events that its runs send to webhooks, where the process ends after them.
    #[must_use]
    pub fn deliveries(mut self, deliveries: Deliveries) -> Self {
        self.deliveries = deliveries;
        self
    }

    /// How long commands wait for the audit store to come up, and `apply` and `plan` for the target systems of what they
    /// are about to run, all together. By default nothing is waited for.
    #[must_use]
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// Where compiled code is kept between runs.
    pub(super) fn cache_dir(&self) -> Option<PathBuf> {
        self.cache.then(cache_folder).flatten()
    }

    /// For a file of a project: its configuration is the one that was named, else the one found from the file's folder
    /// upwards, else the one found from here; a file without any stands alone in its folder.
    pub(super) fn of_file(mut self, file: &Path) -> Result<Self, Fault> {
        if self.config.is_none() {
            let folder =
                file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let around =
                find_from(None, folder).and_then(|found| found.map_or_else(|| find(None), |it| Ok(Some(it))));
            match around.map_err(|problem| Fault::from_problems(vec![problem]))? {
                Some(configuration) => self.config = Some(configuration),
                None => self.directory = Some(folder.to_owned()),
            }
        }
        Ok(self)
    }

    /// Reads the configuration.
    ///
    /// # Errors
    ///
    /// Every problem of it at once.
    pub fn build(self) -> Result<Sandpiper, Fault> {
        let secrets = Secrets::new();
        if self.overrides.environment.as_deref() == Some("") {
            return Err(Fault::usage("the environment is empty")
                .with_help("name one, or leave `--environment` out: is a variable of your script unset?"));
        }
        let file = match self.file()? {
            Some(path) => ConfigFile::read(&path, self.overrides.clone()),
            None => {
                let Some(folder) = self.directory.as_deref() else { return Err(no_configuration()) };
                ConfigFile::of_folder(folder, self.overrides.clone())
            }
        };
        let file = file.map(|file| if self.at_build { file.at_build() } else { file });
        let resolved = file.and_then(|file| Ok((file.resolve(self.tenant.as_deref(), &secrets)?, file)));
        let (config, file) =
            resolved.map_err(|problems| secrets.redact_fault(Fault::from_problems(problems)))?;
        file.check_given(&config)?;
        check_tenant(&config)?;
        if let Some(stage) = &self.stage {
            config.stage(stage)?;
        }
        let cache_dir = self.cache_dir();
        // The files of an image get other times and inodes.
        let remembering = cache_dir.as_deref().filter(|_| !self.at_build);
        let memory = remembering.map(|folder| folder.join("files"));
        let settings = Settings { cache_dir, limits: limits(&config) };
        self.stopper.set_grace(config.limits.grace);
        let host = host_name();
        let observer = webhooks::beside(self.observer, &config.webhooks, &self.deliveries, &secrets);
        let given = self.operator.filter(|name| !name.trim().is_empty());
        let operator = given.unwrap_or_else(|| format!("{}@{host}", user_name()));
        Ok(Sandpiper {
            file: Arc::new(file),
            templates: Templates::default(),
            common: Common::new(&config, &self.stopper),
            config,
            secrets,
            runtime: runtime(&self.compiled, settings),
            memory,
            observer,
            stopper: self.stopper,
            stage: self.stage,
            owner: Owner { run_id: uuid::Uuid::now_v7().to_string(), operator, host, process: None },
            wait: self.wait,
            yields: false,
            is_one_of_many: false,
        })
    }

    /// The configuration file. A folder that was named goes before one that would only be found.
    fn file(&self) -> Result<Option<PathBuf>, Fault> {
        let found = match (&self.config, &self.directory) {
            (None, Some(folder)) => {
                let inside = folder.join(crate::config::FILE_NAME);
                if inside.is_file() {
                    return Ok(Some(inside));
                }
                // Only where there is no configuration at all may a folder stand alone.
                let around =
                    [find_from(None, folder), find(None)].into_iter().find_map(|it| it.ok().flatten());
                return around.map_or(Ok(None), |file| Err(is_configured(folder, &file)));
            }
            (explicit, _) => find(explicit.as_deref()),
        };
        found.map_err(|problem| Fault::from_problems(vec![problem]))
    }
}

/// The runtime of the project before, if it is set up the same.
fn runtime(compiled: &Mutex<Option<Arc<Runtime>>>, settings: Settings) -> Arc<Runtime> {
    let mut compiled = compiled.lock().unwrap_or_else(PoisonError::into_inner);
    match compiled.take().filter(|runtime| *runtime.settings() == settings) {
        Some(runtime) => Arc::clone(compiled.insert(runtime)),
        None => Arc::clone(compiled.insert(Arc::new(Runtime::new(settings)))),
    }
}

/// The tenant that was chosen is one of those that are there, as far as that is known without asking a database.
fn check_tenant(config: &Config) -> Result<(), Fault> {
    let Some(tenant) = &config.tenant else { return Ok(()) };
    match &config.tenants {
        Tenants::None => {
            let fault = Fault::usage(format!("there is no tenant `{tenant}`: the pipeline has no tenants"));
            Err(fault.with_help("leave `--tenant` out"))
        }
        // Names from outside become a part of addresses, whoever gives them.
        Tenants::Query { .. } => check_name(tenant).map_err(|why| {
            Fault::usage(format!("the tenant `{}` {why}", tenant.escape_debug())).with_help(NAMES_HELP)
        }),
        Tenants::Named(names) if !names.contains(tenant) => {
            Err(unknown_tenant(tenant, names.iter().map(String::as_str)))
        }
        Tenants::Named(_) => Ok(()),
    }
}

fn is_configured(folder: &Path, file: &Path) -> Fault {
    let message =
        format!("`{}` belongs to a project: its configuration is `{}`", folder.display(), file.display());
    Fault::usage(message).with_help("leave the folder out; `--stage NAME` chooses one stage")
}

fn no_configuration() -> Fault {
    Fault::new("config::not-found", sandpiper_engine::fault::Blame::User, "there is no `sandpiper.yaml` here or above")
        .with_help("make a project with `sandpiper init`, name a file with `--config`, or a folder of changes: `sandpiper apply DIR`")
}

fn limits(config: &Config) -> Limits {
    let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let limits = &config.limits;
    Limits {
        deadline: limits.deadline,
        describe_deadline: limits.describe_deadline,
        memory: size(limits.memory),
        handles: size(limits.handles),
        component: size(limits.component),
        arguments: size(limits.arguments),
        batch: size(limits.rows),
        body: size(limits.body),
        log: size(limits.log),
        ..Limits::default()
    }
}

/// The user's cache folder; none where there is no home.
fn cache_folder() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = base.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    base.is_absolute().then(|| base.join("sandpiper"))
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn user_name() -> String {
    let named = ["USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    named
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("uid{}", rustix::process::getuid().as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_of_one_builder_share_what_they_compile_while_they_are_set_up_the_same() {
        let settings = Settings::default();
        let compiled = Mutex::default();
        let first = runtime(&compiled, settings.clone());
        assert!(Arc::ptr_eq(&first, &runtime(&compiled, settings.clone())));
        let limits = Limits { component: 1, ..Limits::default() };
        assert!(!Arc::ptr_eq(&first, &runtime(&compiled, Settings { limits, ..settings })));
    }

    #[test]
    fn without_a_cache_nothing_is_remembered_of_files() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("sandpiper.yaml");
        std::fs::create_dir(folder.path().join("changes")).unwrap();
        let text = "service: x\ntarget-systems: { db: { kind: sqlite, path: x.db } }\nstore: db\n\
                    pipeline: { stages: [{ location: changes }] }\n";
        std::fs::write(&config, text).unwrap();
        let built = |cache| Builder::default().config(&config).cache(cache).build().unwrap();
        assert_eq!(built(false).memory, None);
        assert_eq!(built(true).memory, cache_folder().map(|folder| folder.join("files")));
    }
}
