//! Building guest projects: folders of source code that become `_ORDER__Name.wasm` in their stage.
//!
//! A guest project lies in its stage's `sources` folder and is named like the change that it becomes. What builds it
//! are its language's own tools; what Sandpiper adds are the SDK of this very release and, in the component, the digest
//! of the sources, by which a component that was only built again is told from an edited one.

mod c;
mod encode;
mod go;
mod javascript;
mod job;
mod language;
mod python;
mod rust;
mod sdk;
mod section;
mod sources;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place, Problem};
use sandpiper_engine::file_name::{Classified, classify};
use sandpiper_runtime::Runtime;
use serde::Serialize;

pub(crate) use section::sources_of;

use crate::config::Config;

/// What `build` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BuildReport {
    /// Every guest project, built or not.
    pub built: Vec<Built>,
}

/// A guest project that was built, or did not need to be.
#[derive(Debug, Clone, Serialize)]
pub struct Built {
    /// The project's folder.
    pub project: String,
    /// The component's file.
    pub file: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether the sources were unchanged, so that nothing was built.
    pub unchanged: bool,
    /// What was run, as one would type it, one command a line.
    pub command: String,
}

/// A folder in a stage's `sources` that is a guest project.
struct Project {
    folder: PathBuf,
    shown: String,
    /// Where the component goes.
    output: PathBuf,
    shown_output: String,
}

/// Builds every guest project of a configuration, or those at or below `only`.
///
/// # Errors
///
/// The first project that does not build, with what its tools said; those before it stay built.
pub(crate) fn build(config: &Config, runtime: &Runtime, only: Option<&Path>) -> Result<BuildReport, Fault> {
    let mut projects = projects(config)?;
    if let Some(only) = only {
        let wanted = std::path::absolute(only).map_err(|error| Fault::usage(error.to_string()))?;
        projects.retain(|project| project.folder.starts_with(&wanted) || wanted.starts_with(&project.folder));
        if projects.is_empty() {
            return Err(Fault::usage(format!("`{}` holds no guest project of this pipeline", only.display()))
                .with_help("guest projects lie in a stage's `src` folder: `sandpiper new Name --language rust` makes one"));
        }
    }
    let built =
        projects.iter().map(|project| build_one(config, runtime, project)).collect::<Result<_, _>>()?;
    Ok(BuildReport { built })
}

fn build_one(config: &Config, runtime: &Runtime, project: &Project) -> Result<Built, Fault> {
    let Some(language) = language::language_of(&project.folder) else {
        let message = format!("`{}` is no project of a language that this release builds", project.shown);
        return Err(Fault::new("change::syntax", Blame::User, message).with_help(format!(
            "a project is told by its {}: `sandpiper new Name --language python` makes one",
            language::manifests()
        )));
    };
    let before = sources::digest(&project.folder).map_err(|error| unreadable(project, &error))?;
    if let Some(size) = is_built_from(runtime, &project.output, before) {
        return Ok(project.built(size, true, String::new()));
    }
    let job = job::Job { folder: &project.folder, shown: &project.shown, config };
    let made = (language.build)(&job)?;
    // The lock file is part of the sources, and building may have written it.
    let digest = sources::digest(&project.folder).map_err(|error| unreadable(project, &error))?;
    let named = match language.name {
        Some(name) => section::with_language(&made.component, name).map_err(|why| job.failed(&why))?,
        None => made.component,
    };
    let component = section::with_sources(&named, digest);
    runtime
        .load(component.as_slice().into(), Digest::of(&component))
        .map_err(|fault| fault.with_place(Some(Place::file(project.shown.as_str()))))?;
    write(&project.output, &component).map_err(|error| {
        let message = format!("the component cannot be written: {error}");
        Fault::new("config::not-found", Blame::User, message)
            .with_place(Some(Place::file(&project.shown_output)))
    })?;
    Ok(project.built(component.len() as u64, false, made.commands.join("\n")))
}

impl Project {
    fn built(&self, size: u64, unchanged: bool, command: String) -> Built {
        Built { project: self.shown.clone(), file: self.shown_output.clone(), size, unchanged, command }
    }
}

/// Every folder in the stages' `sources` that is named like a change.
fn projects(config: &Config) -> Result<Vec<Project>, Fault> {
    let mut projects = Vec::new();
    let mut problems = Vec::new();
    for stage in &config.stages {
        let Ok(entries) = std::fs::read_dir(&stage.sources) else { continue };
        let mut names: Vec<String> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_dir())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.starts_with('.') && name != "target")
            .collect();
        names.sort();
        for name in names {
            let folder = stage.sources.join(&name);
            let shown = config.shown(&folder);
            let file = format!("{name}.wasm");
            match classify(&file, &["wasm"]) {
                Classified::Change(_) => {
                    let output = stage.location.join(&file);
                    let shown_output = config.shown(&output);
                    projects.push(Project { folder, shown, output, shown_output });
                }
                Classified::Near(why) => problems.push(
                    Problem::error(
                        "change::file-name",
                        format!("the guest project `{name}` is not named like a change: {why}"),
                    )
                    .at(Place::file(shown))
                    .help("name the folder `_ORDER__Name`, like the change that it becomes"),
                ),
                Classified::Other => {}
            }
        }
    }
    if problems.is_empty() { Ok(projects) } else { Err(Fault::from_problems(problems)) }
}

/// The size of a component that is there already, and was built from these sources.
fn is_built_from(runtime: &Runtime, output: &Path, digest: Digest) -> Option<u64> {
    let bytes: Arc<[u8]> = std::fs::read(output).ok()?.into();
    let size = bytes.len() as u64;
    let component = runtime.load(bytes.clone(), Digest::of(&bytes)).ok()?;
    (component.sources() == Some(digest)).then_some(size)
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    // A hidden name: what a crash leaves behind is no change.
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let new = path.with_file_name(format!(".{name}.new"));
    let mut file = std::fs::File::create(&new)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&new, path)
}

fn unreadable(project: &Project, error: &std::io::Error) -> Fault {
    Fault::new("config::not-found", Blame::User, format!("the project cannot be read: {error}"))
        .with_place(Some(Place::file(project.shown.as_str())))
}
