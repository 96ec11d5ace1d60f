//! The change files of a project: listed, read once, digested, and the data files among them understood.
//!
//! [`load`] reads every file with one open and one read, and of data files what the header says. What a data file does
//! is read by [`ChangeFile::data`], for the changes that are pending or validated. Where a [`Memory`] is given, files
//! that did not change since they were remembered are not opened.

mod claims;
mod facts;
mod info;
mod listing;
mod memory;
mod payload;
mod read;
mod retry;
mod settled;
mod sql_change;
mod stat_cache;
#[cfg(test)]
mod tests;
mod yaml_change;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::file_name::{Classified, FileName, classify};

pub use claims::{keep_claims, recall_claims};
pub use info::{ChangeInfo, InfoPlaces, check_info};
pub use memory::Memory;
pub use payload::Payload;
pub use read::MAX_FILE;
pub use retry::read_retry;
pub use settled::{Settled, stamps, store_stamps};

use stat_cache::StatCache;

use crate::config::{Config, StageConfig, SystemKind, system_of_url};
use crate::secrets::Secrets;
use crate::yaml::Document;

/// The extensions that need no language plugin.
pub const EXTENSIONS: [&str; 4] = ["wasm", "yaml", "yml", "sql"];

/// What loading a project needs besides its configuration.
pub struct Options<'a> {
    /// Extensions that language plugins claim, without the dot.
    pub languages: &'a [&'a str],
    /// The digest of the sources that a component says it was built from, if it says so.
    pub sources_digest: &'a dyn Fn(&[u8]) -> Option<Digest>,
    /// Gets the passwords of URLs in data files.
    pub secrets: &'a Secrets,
    /// What is remembered of files between runs; nothing if unset.
    pub memory: Option<Memory<'a>>,
}

/// A configuration and its change files.
#[derive(Debug, Clone)]
pub struct Project {
    /// With the systems that data files name by URL, where there is no configuration file.
    pub config: Config,
    /// In the order of the configuration.
    pub stages: Vec<StageFiles>,
    /// What is only said.
    pub warnings: Vec<Problem>,
}

/// The change files of one stage, in order.
#[derive(Debug, Clone)]
pub struct StageFiles {
    /// The stage.
    pub config: StageConfig,
    /// Those that could be read.
    pub files: Vec<ChangeFile>,
}

/// One change file.
#[derive(Debug, Clone)]
pub struct ChangeFile {
    /// Absolute.
    pub path: PathBuf,
    /// As the user would write it.
    pub shown: String,
    /// The parts of its name.
    pub name: FileName,
    /// Its content; none where it was remembered.
    content: Option<Arc<[u8]>>,
    /// Of its bytes.
    pub digest: Digest,
    /// Of what it means, whatever its line endings or its last build.
    pub meaning: Digest,
    /// What it is.
    pub kind: FileKind,
}

/// What a change file is.
#[derive(Debug, Clone)]
pub enum FileKind {
    /// A WebAssembly component.
    Component,
    /// A source file that a language plugin runs.
    Source,
    /// A YAML or SQL file that a template plugin runs.
    Data(Box<DataFile>),
}

/// A data file of which the header is read.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// What it declares.
    pub info: Arc<ChangeInfo>,
    template: Option<String>,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Yaml(Arc<Document>),
    Sql(sql_change::SqlFile),
    /// Only the header is known, from when it was read before.
    Unread,
}

/// A data file as a whole, with variables replaced.
#[derive(Debug, Clone)]
pub struct DataChange {
    /// What it declares.
    pub info: Arc<ChangeInfo>,
    /// The template that runs it.
    pub template: String,
    /// What the template is told besides: JSON's `null` when nothing is said.
    pub configuration: Payload,
    /// What it does, in order.
    pub steps: Vec<StepPair>,
    /// How to see whether it is applied.
    pub verify: Option<Payload>,
}

/// One step, and what takes it back.
#[derive(Debug, Clone)]
pub struct StepPair {
    /// What applies it.
    pub apply: Payload,
    /// What takes it back.
    pub rollback: Option<Payload>,
}

/// A project as far as it could be read, and every problem. It may only run when there is none.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Without the files that have problems.
    pub project: Project,
    /// Errors; warnings are in the project.
    pub problems: Vec<Problem>,
    /// Whether any of it was remembered, not read: then problems may lack their places, and it may only be found that
    /// nothing is to be done.
    pub remembered: bool,
}

impl Loaded {
    /// The project, when nothing is wrong.
    ///
    /// # Errors
    ///
    /// Every problem.
    pub fn into_result(self) -> Result<Project, Vec<Problem>> {
        if self.problems.is_empty() { Ok(self.project) } else { Err(self.problems) }
    }
}

/// Lists and reads the change files of all stages. Stages whose folder awaits a tenant have no files.
pub fn load(mut config: Config, options: &Options<'_>) -> Loaded {
    let extensions: Vec<&str> = EXTENSIONS.iter().chain(options.languages).copied().collect();
    let locations: Vec<PathBuf> = config.stages.iter().map(|stage| stage.location.clone()).collect();
    let others: Vec<&Path> = locations.iter().map(PathBuf::as_path).collect();
    let (mut stages, mut problems, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    let mut remembered = false;
    // Without a configuration the headers hold URLs, and these may hold passwords.
    let memory = options.memory.filter(|_| config.has_file);
    for stage in config.stages.clone() {
        if stage.awaits_tenant {
            stages.push(StageFiles { config: stage, files: Vec::new() });
            continue;
        }
        let mut listing = listing::list(&stage, &extensions, &others);
        problems.append(&mut listing.problems);
        warnings.append(&mut listing.warnings);
        let mut files = Vec::with_capacity(listing.files.len());
        let mut cache = memory.and_then(|memory| StatCache::open(memory, &stage.location));
        for listed in listing.files {
            let mut found = Vec::new();
            let known = cache.as_mut().and_then(|cache| cache.recall(&listed));
            remembered |= known.is_some();
            let file = match known {
                Some(facts) => Some(listed.remembered(facts)),
                None => read::read(listed, options, cache.as_mut(), &mut found),
            };
            if let Some(mut file) = file {
                if let FileKind::Data(data) = &mut file.kind {
                    if !config.has_file {
                        add_systems_of_urls(
                            &mut config,
                            Arc::make_mut(&mut data.info),
                            options.secrets,
                            &mut found,
                        );
                    }
                    if found.is_empty() {
                        found.extend(check_info(&data.info, &config, &file.shown));
                    }
                }
                files.push(file);
            }
            problems.append(&mut found);
        }
        cache.into_iter().for_each(StatCache::save);
        stages.push(StageFiles { config: stage, files });
    }
    let data_ids = stages
        .iter()
        .flat_map(|stage| &stage.files)
        .filter_map(|file| Some((&file.info()?.id, file.shown.as_str(), file.info()?.places().id.as_ref())));
    problems.extend(duplicate_ids(data_ids));
    Loaded { project: Project { config, stages, warnings }, problems, remembered }
}

/// Without a configuration file, systems are what data files name by URL.
fn add_systems_of_urls(
    config: &mut Config,
    info: &mut ChangeInfo,
    secrets: &Secrets,
    problems: &mut Vec<Problem>,
) {
    let place = info.places().target_system.clone();
    let uses_place = info.places().uses.clone();
    let names = std::iter::once((&mut info.target_system, place));
    let names = names.chain(info.uses.iter_mut().map(|name| (name, uses_place.clone())));
    for (name, place) in names {
        secrets.add_passwords_of(name.as_str());
        match system_of_url(name.as_str(), &config.folder) {
            Ok(system) => {
                *name = system.name.clone();
                if config.system(name.as_str()).is_none() {
                    config.systems.push(system);
                }
            }
            Err(mut problem) => {
                problem.place = place;
                problems.push(problem);
            }
        }
    }
}

/// The problems of ids that occur twice in a pipeline. Each comes with its file and, where it is known, its place.
pub fn duplicate_ids<'a>(
    ids: impl IntoIterator<Item = (&'a ChangeId, &'a str, Option<&'a Place>)>,
) -> Vec<Problem> {
    let mut seen: HashMap<&ChangeId, &str> = HashMap::new();
    let mut problems = Vec::new();
    for (id, shown, place) in ids {
        if let Some(first) = seen.get(id) {
            let message = format!("the id `{id}` is that of `{first}` too");
            let place = place.cloned().unwrap_or_else(|| Place::file(shown));
            let help = "give each change of the pipeline an id of its own";
            problems.push(Problem::error("change::duplicate-id", message).at(place).help(help));
        } else {
            seen.insert(id, shown);
        }
    }
    problems
}

impl ChangeFile {
    /// A file that is not there any more, from its name and the bytes that it had. `shown` names it in messages.
    ///
    /// # Errors
    ///
    /// When it is no change that this host can run, and every problem of a data file's header.
    pub fn from_bytes(file_name: &str, shown: String, bytes: Arc<[u8]>) -> Result<Self, Vec<Problem>> {
        // What another extension has was run by a language plugin.
        let own = file_name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let Classified::Change(name) = classify(file_name, &[own]) else {
            let message = format!("`{file_name}` is no change that this host can run");
            return Err(vec![Problem::error("change::file-name", message).at(Place::file(shown))]);
        };
        let kind = match name.extension.as_str() {
            "wasm" => FileKind::Component,
            "yaml" | "yml" | "sql" => FileKind::Data(Box::new(read_data(&name, &shown, &bytes)?)),
            _ => FileKind::Source,
        };
        let digest = Digest::of(&bytes);
        let path = PathBuf::from(&shown);
        Ok(Self { path, shown, name, content: Some(bytes), digest, meaning: digest, kind })
    }

    /// What a data file declares; none for a component or a source file.
    pub fn info(&self) -> Option<&Arc<ChangeInfo>> {
        match &self.kind {
            FileKind::Data(data) => Some(&data.info),
            FileKind::Component | FileKind::Source => None,
        }
    }

    /// The template that runs a data file; none for a component or a source file.
    pub fn template(&self, config: &Config) -> Option<&str> {
        match &self.kind {
            FileKind::Data(data) => Some(data.template(config)),
            FileKind::Component | FileKind::Source => None,
        }
    }

    /// Its content, which is read now if the file was only remembered.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is another one by now.
    pub fn bytes(&self) -> Result<Arc<[u8]>, Problem> {
        if let Some(bytes) = &self.content {
            return Ok(Arc::clone(bytes));
        }
        let (bytes, _) =
            read::content(&self.path).map_err(|problem| problem.at(Place::file(&*self.shown)))?;
        if Digest::of(&bytes) != self.digest {
            let problem = Problem::error("config::not-found", "the file was changed while the command ran");
            return Err(problem.at(Place::file(&*self.shown)).help("run the command again"));
        }
        Ok(bytes.into())
    }

    /// Reads what a data file does; none for a component or a source file.
    ///
    /// # Errors
    ///
    /// Every problem of its sections and payloads.
    pub fn data(&self, config: &Config) -> Option<Result<DataChange, Vec<Problem>>> {
        let FileKind::Data(data) = &self.kind else {
            return None;
        };
        Some(match &data.form {
            Form::Unread => self.whole().and_then(|data| data.steps(config)),
            Form::Yaml(_) | Form::Sql(_) => data.steps(config),
        })
    }

    /// The data file of which only the header is known, read as a whole.
    fn whole(&self) -> Result<DataFile, Vec<Problem>> {
        let bytes = self.bytes().map_err(|problem| vec![problem])?;
        read_data(&self.name, &self.shown, &bytes)
    }
}

impl DataFile {
    fn steps(&self, config: &Config) -> Result<DataChange, Vec<Problem>> {
        let template = self.template(config);
        match &self.form {
            Form::Yaml(document) => yaml_change::steps(self, document, template, config),
            Form::Sql(sql) => sql_change::steps(self, sql, template, config),
            Form::Unread => Err(Vec::new()),
        }
    }

    /// The template that it names, else the one that fits its target system.
    pub fn template(&self, config: &Config) -> &str {
        let system = config.system(self.info.target_system.as_str());
        let is_http = system.is_some_and(|system| matches!(system.kind, SystemKind::Http { .. }));
        match (&self.template, &self.form) {
            (Some(template), _) => template,
            (None, Form::Yaml(_)) if is_http => "http",
            (None, _) => "sql",
        }
    }
}

/// Reads one data file from its bytes: an artifact of the archive, say. `shown` names it in messages.
///
/// # Errors
///
/// Every problem of the header, and of a YAML file's form.
pub fn read_data(name: &FileName, shown: &str, bytes: &[u8]) -> Result<DataFile, Vec<Problem>> {
    let mut problems = Vec::new();
    match read::data(name, shown, bytes, &mut problems) {
        Some(data) if problems.is_empty() => Ok(data),
        _ => Err(problems),
    }
}
