//! `inspect`: what a component or a change file is, and what it may touch.

mod change_file;

use std::path::Path;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place};
use sandpiper_runtime::component::Kind;
use sandpiper_runtime::{Component, Runtime, Settings};

use super::Builder;
use crate::report::{Finished, InspectReport};

/// What WebAssembly begins with.
const MAGIC: &[u8] = b"\0asm";

impl Builder {
    /// Reads a component, or a file that a plugin of its project runs, and lets it describe itself in the sandbox.
    /// Nothing else of it runs, and no system is connected to.
    pub async fn inspect(self, file: &Path) -> Finished<InspectReport> {
        let found = match std::fs::read(file) {
            Ok(bytes) if is_component(file, &bytes) => {
                let settings = Settings { cache_dir: self.cache_dir(), ..Settings::default() };
                looked_at(bytes, &Runtime::new(settings)).await
            }
            Ok(bytes) => return self.inspect_change_file(file, bytes).await,
            Err(error) => {
                let message = format!("the file cannot be read: {error}");
                Err(Fault::new("config::not-found", Blame::User, message)
                    .with_help("name a change, or a `.wasm` file: a change, or a plugin"))
            }
        };
        match found {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(fault.with_place(Some(Place::file(file.to_string_lossy())))),
        }
    }
}

fn is_component(file: &Path, bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC) || file.extension().is_none_or(|extension| extension == "wasm")
}

async fn looked_at(bytes: Vec<u8>, runtime: &Runtime) -> Result<InspectReport, Fault> {
    let size = bytes.len() as u64;
    let digest = Digest::of(&bytes);
    let component = runtime.load(bytes.into(), digest)?;
    let info = match component.kind() {
        Kind::Change => as_json(&runtime.describe_change(&component).await?),
        Kind::Template => as_json(&runtime.describe_template(&component).await?),
        Kind::Language => as_json(&runtime.describe_language(&component).await?),
    }?;
    Ok(InspectReport {
        kind: component.kind().as_str().to_owned(),
        may_touch: may_touch(&component, &info),
        info,
        digest: digest.to_string(),
        size,
        imports: component.imports().to_vec(),
        exports: component.exports().to_vec(),
        language: component.language().map(str::to_owned),
        toolchain: toolchain(&component),
        run_by: None,
    })
}

fn as_json(info: &impl serde::Serialize) -> Result<serde_json::Value, Fault> {
    serde_json::to_value(info).map_err(|error| Fault::bug(format!("a description has no JSON: {error}")))
}

/// The tools by name and version; what only says the language again is left out.
fn toolchain(component: &Component) -> Vec<String> {
    let tools = component.producers().iter().filter(|producer| producer.field != "language");
    tools.map(|tool| format!("{} {}", tool.name, tool.version).trim_end().to_owned()).collect()
}

fn may_touch(component: &Component, info: &serde_json::Value) -> String {
    let clients: Vec<&str> = component.clients().iter().map(|capability| capability.as_str()).collect();
    if clients.is_empty() {
        return "it can touch nothing: it asks for no handle".to_owned();
    }
    match component.kind() {
        Kind::Change => change_touches(info, &clients, ""),
        Kind::Template | Kind::Language => {
            touches("the target system of the change that it runs", &clients, "")
        }
    }
}

/// What a change touches through the clients, from what it says of itself. `run_by` says by what, if it is no component.
fn change_touches(info: &serde_json::Value, clients: &[&str], run_by: &str) -> String {
    let target = info.get("target_system").and_then(|it| it.as_str()).unwrap_or_default();
    let uses = info.get("uses").and_then(|it| it.as_array()).into_iter().flatten();
    let uses: Vec<&str> = uses.filter_map(|it| it.as_str()).collect();
    let reads = if uses.is_empty() { String::new() } else { format!(", reads `{}`", uses.join("`, `")) };
    touches(&format!("the target system `{target}`"), clients, &format!("{run_by}{reads}"))
}

fn touches(what: &str, clients: &[&str], more: &str) -> String {
    let handle = clients.join(" and ");
    format!(
        "it changes {what} through `{handle}`{more}, and nothing else: no file, no network, no environment"
    )
}
