//! Guest projects in Rust: cargo builds them for `wasm32-wasip2`, whose libraries are components already.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use sandpiper_engine::fault::{Blame, Fault, Place};

use super::job::{Job, Made, Tool};
use super::sdk::RUST_SDK;

/// The target whose output is a component.
const TARGET: &str = "wasm32-wasip2";

const CARGO: Tool =
    Tool { name: "cargo", install: "Rust with rustup, then `rustup target add wasm32-wasip2`" };

/// Builds a project against the SDK of this release. What is built is shared by all projects of the pipeline.
pub(super) fn build(job: &Job<'_>) -> Result<Made, Fault> {
    let (shown, workspace) = (job.shown, job.workspace());
    let sdk = job.sdk(&RUST_SDK)?;
    let patch = format!("patch.crates-io.sandpiper-sdk.path={:?}", sdk.to_string_lossy());
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(job.folder)
        .args([
            "build",
            "--release",
            "--lib",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--config")
        .arg(&patch)
        .arg("--target-dir")
        .arg(workspace.join("build/rust"))
        .stdin(Stdio::null())
        // A guest is no part of the build that this process may itself be run by.
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_MANIFEST_DIR");
    let command = format!("cargo build --release --lib --target {TARGET} --config '{patch}'");
    let output = cargo.output().map_err(|error| job.missing(&CARGO, &error))?;
    if !output.status.success() {
        return Err(failed(shown, &String::from_utf8_lossy(&output.stderr)));
    }
    let component = artifact(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
        Fault::new(
            "change::not-a-component",
            Blame::User,
            format!("`{shown}` builds, but to no library for `{TARGET}`"),
        )
        .with_help("say `crate-type = [\"cdylib\"]` under `[lib]` in its `Cargo.toml`")
    })?;
    Ok(Made { component: job.read(&component)?, commands: vec![command] })
}

/// The component among what cargo says that it made: the last library of the project itself.
fn artifact(messages: &str) -> Option<PathBuf> {
    let made = messages.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    made.filter(|message| message.get("reason").and_then(|it| it.as_str()) == Some("compiler-artifact"))
        .find_map(|message| {
            let files = message.get("filenames")?.as_array()?;
            files
                .iter()
                .filter_map(|file| file.as_str())
                .find(|file| file.ends_with(".wasm"))
                .map(PathBuf::from)
        })
}

fn failed(shown: &str, said: &str) -> Fault {
    let missing_target =
        said.contains("target may not be installed") || said.contains("can't find crate for `core`");
    let help = if missing_target {
        format!("install the target: `rustup target add {TARGET}`")
    } else {
        "mend what the compiler names, then run `sandpiper build` again".to_owned()
    };
    Fault::new("change::syntax", Blame::User, format!("`{shown}` does not build:\n{}", said.trim_end()))
        .with_help(help)
        .with_place(Some(Place::file(shown)))
}
