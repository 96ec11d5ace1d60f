//! The toolchains that guest projects in other languages are built with: pinned, below `target/toolchains`, and installed
//! once.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{command, root, run as run_command, target};

/// From the registry of npm.
const NPM: [&str; 2] = ["@bytecodealliance/componentize-js@0.23.0", "esbuild@0.28.2"];
/// What those ask for is taken as it was on that day.
const NPM_BEFORE: &str = "--before=2026-11-20";
/// From that of Python.
const PIP: [&str; 2] = ["componentize-py==0.25.0", "ziglang==0.17.1"];

/// Where the toolchains lie.
pub(crate) fn toolchains() -> PathBuf {
    target().join("toolchains")
}

/// Installs what is not there yet.
pub(crate) fn setup() -> Result<()> {
    let folder = toolchains();
    once(&folder.join("javascript"), &NPM, |folder| {
        std::fs::write(folder.join("package.json"), "{ \"private\": true }\n")?;
        let mut npm = command("npm", &["install", NPM_BEFORE, "--no-audit", "--no-fund", "--loglevel=error"]);
        npm.args(NPM).current_dir(folder);
        run_command(npm).context("Node.js 20 or newer, with npm, builds changes in JavaScript")
    })?;
    once(&folder.join("python"), &PIP, |folder| {
        let mut venv = command("python3", &["-m", "venv"]);
        venv.arg(folder);
        run_command(venv).context("Python 3.11 or newer, with venv, builds changes in Python and C")?;
        let mut pip = command(&folder.join("bin/pip").to_string_lossy(), &["install", "--quiet"]);
        pip.args(PIP);
        run_command(pip)
    })?;
    // Go itself is asked for by what uses it: `go` on the path.
    run_command(command("go", &["version"])).context("Go 1.24 or newer builds changes in Go")
}

/// Fills a folder, unless it was filled with the same before.
fn once(folder: &Path, what: &[&str], fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (stamp, versions) = (folder.join("versions.txt"), what.join("\n"));
    if std::fs::read_to_string(&stamp).is_ok_and(|there| there == versions) {
        return Ok(());
    }
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    fill(folder)?;
    Ok(std::fs::write(&stamp, versions)?)
}

/// The tests of the SDKs that need no component.
pub(crate) fn test() -> Result<()> {
    let sdk = |name: &str| root().join("sdk").join(name);
    let mut node = command("node", &["--test"]);
    node.current_dir(sdk("javascript"));
    run_command(node)?;
    let mut python = command("python3", &["-B", "-m", "unittest", "discover", "--start-directory", "tests"]);
    python.current_dir(sdk("python"));
    run_command(python)?;
    let mut go = command("go", &["test", "./..."]);
    go.current_dir(sdk("go"));
    run_command(go)
}
