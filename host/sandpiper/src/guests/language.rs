//! The languages that guest projects are written in: how a project is told by its files, and what builds it.

use std::path::Path;

use sandpiper_engine::fault::Fault;

use super::job::{Job, Made};
use super::{c, encode, go, javascript, python, rust};

/// A language that guest projects are written in.
pub(super) struct Language {
    /// As the component will say it; none where only the compiler knows.
    pub(super) name: Option<&'static str>,
    /// What tells that a project is one of it.
    pub(super) manifest: &'static str,
    /// Whether a folder is a project of it.
    pub(super) is_here: fn(&Path) -> bool,
    /// Builds a project.
    pub(super) build: fn(&Job<'_>) -> Result<Made, Fault>,
}

/// All of them; the first whose manifest a folder has is its own.
pub(super) const LANGUAGES: [Language; 6] = [
    Language {
        name: Some("Rust"),
        manifest: "`Cargo.toml` (Rust)",
        is_here: |folder| folder.join("Cargo.toml").is_file(),
        build: rust::build,
    },
    Language {
        name: Some("Go"),
        manifest: "`go.mod` (Go)",
        is_here: |folder| folder.join("go.mod").is_file(),
        build: go::build,
    },
    Language {
        name: Some("Python"),
        manifest: "`pyproject.toml` (Python)",
        is_here: |folder| folder.join("pyproject.toml").is_file(),
        build: python::build,
    },
    Language {
        name: Some("JavaScript"),
        manifest: "`package.json` (JavaScript, TypeScript)",
        is_here: |folder| folder.join("package.json").is_file(),
        build: javascript::build,
    },
    Language {
        name: Some("C"),
        manifest: "`change.c` (C)",
        is_here: |folder| folder.join("change.c").is_file(),
        build: c::build,
    },
    Language {
        name: None,
        manifest: "`change.wasm` (a core module of any other compiler)",
        is_here: |folder| folder.join("change.wasm").is_file(),
        build: module,
    },
];

/// The language of a project.
pub(super) fn language_of(folder: &Path) -> Option<&'static Language> {
    LANGUAGES.iter().find(|language| (language.is_here)(folder))
}

/// What tells that a folder is a project, in words.
pub(super) fn manifests() -> String {
    LANGUAGES.map(|language| language.manifest).join(", ")
}

/// Makes a component of a module that another compiler has made.
fn module(job: &Job<'_>) -> Result<Made, Fault> {
    let module = job.read(&job.folder.join("change.wasm"))?;
    let component = encode::component(&module).map_err(|why| job.failed(&why))?;
    Ok(Made { component, commands: Vec::new() })
}
