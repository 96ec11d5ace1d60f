//! `inspect`: what a component is, and what it may touch.

use std::path::Path;

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Place};
use sandpiper_runtime::component::Kind;
use sandpiper_runtime::{Component, Runtime, Settings};

use crate::report::{Finished, InspectReport};

/// Reads a component, and lets it describe itself in the sandbox. Nothing else of it runs.
pub async fn inspect(file: &Path) -> Finished<InspectReport> {
    match looked_at(file).await {
        Ok(report) => Finished::done(report),
        Err(fault) => Finished::refused(fault.with_place(Some(Place::file(file.to_string_lossy())))),
    }
}

async fn looked_at(file: &Path) -> Result<InspectReport, Fault> {
    let bytes = std::fs::read(file).map_err(|error| {
        Fault::new("config::not-found", Blame::User, format!("the file cannot be read: {error}"))
            .with_help("name a `.wasm` file: a change, or a template plugin")
    })?;
    let size = bytes.len() as u64;
    let runtime = Runtime::new(Settings::default());
    let digest = Digest::of(&bytes);
    let component = runtime.load(bytes.into(), digest)?;
    let info = match component.kind() {
        Kind::Change => serde_json::to_value(runtime.describe_change(&component).await?),
        Kind::Template => serde_json::to_value(runtime.describe_template(&component).await?),
        Kind::Language => serde_json::to_value(runtime.describe_language(&component).await?),
    };
    let info = info.map_err(|error| Fault::bug(format!("a description has no JSON: {error}")))?;
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
    })
}

/// The tools by name and version; what only says the language again is left out.
fn toolchain(component: &Component) -> Vec<String> {
    let tools = component.producers().iter().filter(|producer| producer.field != "language");
    tools.map(|tool| format!("{} {}", tool.name, tool.version).trim_end().to_owned()).collect()
}

fn may_touch(component: &Component, info: &serde_json::Value) -> String {
    let clients: Vec<&str> = component.clients().iter().map(|capability| capability.as_str()).collect();
    let handle = match clients.as_slice() {
        [] => return "it can touch nothing: it asks for no handle".to_owned(),
        clients => clients.join(" and "),
    };
    let nothing_else = "no file, no network, no environment";
    match component.kind() {
        Kind::Change => {
            let target = info.get("target_system").and_then(|it| it.as_str()).unwrap_or_default();
            let uses: Vec<&str> = info
                .get("uses")
                .and_then(|it| it.as_array())
                .into_iter()
                .flatten()
                .filter_map(|it| it.as_str())
                .collect();
            let uses =
                if uses.is_empty() { String::new() } else { format!(", reads `{}`", uses.join("`, `")) };
            format!(
                "it changes the target system `{target}` through `{handle}`{uses}, and nothing else: {nothing_else}"
            )
        }
        Kind::Template | Kind::Language => {
            format!(
                "it changes the target system of the change that it runs through `{handle}`, and nothing else: {nothing_else}"
            )
        }
    }
}
