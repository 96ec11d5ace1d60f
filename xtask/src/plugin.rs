//! Builds language plugins: engines of other languages as components, which no build of the host waits for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{cargo, command, root, run as run_command, target};
use crate::{languages, setup};

/// `cargo xtask plugin javascript`. What it made is told on stdout.
pub(crate) fn javascript() -> Result<()> {
    setup::target(setup::GUESTS)?;
    let folder = target().join("plugins");
    let build = folder.join("build");
    let mut cargo =
        cargo(&["build", "--quiet", "--locked", "--profile", "guest", "--target", "wasm32-wasip2"]);
    cargo.args(["--manifest-path", "plugins/javascript/Cargo.toml", "--target-dir"]).arg(&build);
    // Those of whoever runs this are for the host; and a digest must not depend on where the repository lies.
    for name in ["CARGO_INCREMENTAL", "RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(name);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags());
    run_command(cargo)?;
    made(&build.join("wasm32-wasip2/guest/sandpiper_plugin_javascript.wasm"), &folder.join("javascript.wasm"))
}

/// Lints the plugin for JavaScript, and tests how it erases types; that runs here, without its engine.
pub(crate) fn check() -> Result<()> {
    let build = target().join("plugins").join("build");
    let own = |command: &str, arguments: &[&str]| {
        let mut cargo = cargo(&[command, "--locked", "--manifest-path", "plugins/javascript/Cargo.toml"]);
        cargo.arg("--target-dir").arg(&build).args(arguments);
        cargo
    };
    let lints = ["--workspace", "--all-targets", "--target", "wasm32-wasip2", "--", "--deny", "warnings"];
    run_command(own("clippy", &lints))?;
    run_command(own("test", &["--package", "sandpiper-type-erasure"]))
}

/// `cargo xtask plugin python`. What it made is told on stdout.
pub(crate) fn python() -> Result<()> {
    languages::setup()?;
    let folder = target().join("plugins");
    let build = folder.join("build");
    std::fs::create_dir_all(&build)?;
    let component = build.join("python.wasm");
    let tool = languages::toolchains().join("python/bin/componentize-py");
    let mut componentize = command(&tool.to_string_lossy(), &["--quiet", "--world", "plugin"]);
    componentize.env("PYTHONDONTWRITEBYTECODE", "1").arg("--wit-path").arg(world(&build)?);
    for kind in ["sql", "http"] {
        let client = format!("sandpiper:{kind}/client@0.1.0={kind}_client");
        let runner = format!("sandpiper:{kind}/source-runner@0.1.0={kind}_runner");
        componentize.args(["--import-interface-name", &client, "--export-interface-name", &runner]);
    }
    componentize.args(["componentize", "sandpiper_plugin", "--python-path", "plugins/python"]);
    componentize.args(["--python-path", "sdk/python", "--output"]).arg(&component);
    run_command(componentize)?;
    made(&component, &folder.join("python.wasm"))
}

/// The contract with the world of the plugin, in a folder as componentize-py wants it.
fn world(build: &Path) -> Result<PathBuf> {
    let folder = build.join("python-wit");
    for package in ["change", "sql", "http"] {
        let to = folder.join("deps").join(package);
        std::fs::create_dir_all(&to)?;
        let file = format!("{package}.wit");
        std::fs::copy(root().join("wit/deps").join(package).join(&file), to.join(&file))?;
    }
    std::fs::copy(root().join("plugins/python/plugin.wit"), folder.join("plugin.wit"))?;
    Ok(folder)
}

/// Puts a plugin where it is looked for.
fn made(built: &Path, file: &Path) -> Result<()> {
    let bytes = std::fs::read(built).with_context(|| format!("{} was not made", built.display()))?;
    if std::fs::read(file).ok().as_ref() != Some(&bytes) {
        std::fs::write(file, bytes)?;
    }
    println!("{}", file.display());
    Ok(())
}

/// The compiler's flags, as cargo encodes them.
fn flags() -> OsString {
    let mut flags = OsString::from("--remap-path-prefix=");
    flags.push(root());
    flags.push("=");
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    if let Some(home) = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))) {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(home.join("registry/src"));
        flags.push("=registry");
    }
    flags
}
