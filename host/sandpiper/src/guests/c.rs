//! Guest projects in C: Zig's C compiler builds all `.c` files of a project, and the one of the SDK, to a module, which
//! becomes a component here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use sandpiper_engine::fault::Fault;

use super::encode;
use super::job::{Job, Made, Tool, find};
use super::sdk::C_SDK;

const ZIG: Tool =
    Tool { name: "zig", install: "`pip install ziglang==0.17.1`, or Zig from your system's packages" };

/// How a module is compiled. The stack lies first in memory and grows down, so that its last 12 KiB are the adapter's
/// (`adapter/preview1.wat`).
const FLAGS: [&str; 8] = [
    "cc",
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-std=c17",
    "-Oz",
    "-s",
    "-Wl,-z,stack-size=2097152",
];

/// Builds a project against the SDK of this release.
pub(super) fn build(job: &Job<'_>) -> Result<Made, Fault> {
    let sdk = job.sdk(&C_SDK)?;
    let module = job.scratch("c")?.join("change.wasm");
    let mut sources = Vec::new();
    collect(job.folder, &mut sources).map_err(|error| job.io("the project cannot be read", &error))?;
    sources.sort();
    let mut zig = compiler();
    zig.current_dir(job.folder)
        .args(FLAGS)
        .arg("-I")
        .arg(&sdk)
        .args(sources.iter().filter_map(|file| file.strip_prefix(job.folder).ok()))
        .arg(sdk.join("sandpiper.c"))
        .arg("-o")
        .arg(&module);
    let mut commands = Vec::new();
    job.run(&ZIG, zig, &mut commands)?;
    let component = encode::component(&job.read(&module)?).map_err(|why| job.failed(&why))?;
    Ok(Made { component, commands })
}

/// Zig itself, or the one that comes as a package of Python.
fn compiler() -> Command {
    for program in ["zig", "python-zig"] {
        if let Some(found) = find(program, &[]) {
            return Command::new(found);
        }
    }
    Command::new(OsString::from("zig"))
}

/// Every `.c` file at or below a folder.
fn collect(folder: &Path, sources: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if path.is_dir() && !is_hidden {
            // What tests the change is no part of it.
            if !path.ends_with("tests") {
                collect(&path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "c") && !is_hidden {
            sources.push(path);
        }
    }
    Ok(())
}
