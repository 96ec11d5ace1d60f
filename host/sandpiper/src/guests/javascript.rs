//! Guest projects in JavaScript and TypeScript: esbuild bundles them and erases types, componentize-js makes the
//! component. Both are run by a script of the SDK, which finds them in the project or on the path.

use std::path::Path;
use std::process::Command;

use sandpiper_engine::fault::Fault;

use super::job::{Job, Made, Tool};
use super::sdk::JAVASCRIPT_SDK;
use super::world::{Facts, World};

const NODE: Tool = Tool { name: "node", install: "Node.js 20 or newer" };

/// What the script ends with when a package is missing; it names that one.
const MISSING: i32 = 3;

/// Builds a project against the SDK of this release.
pub(super) fn build(job: &Job<'_>) -> Result<Made, Fault> {
    let script = job.sdk(&JAVASCRIPT_SDK)?.join("build/build.mjs");
    let scratch = job.scratch("javascript")?;
    let mut commands = Vec::new();
    let facts = run(job, &script, "facts", &scratch, &[], &mut commands)?;
    let facts: Facts = serde_json::from_slice(&facts)
        .map_err(|error| job.failed(&format!("what it is was not told: {error}")))?;
    let world = World::of(&facts, job)?;
    world.write(job, &scratch)?;
    let clients: Vec<&str> = world.clients.iter().map(|client| client.as_str()).collect();
    let target = world.target().map_or("", |target| target.as_str());
    run(job, &script, "component", &scratch, &[target, &clients.join(",")], &mut commands)?;
    Ok(Made { component: job.read(&scratch.join("change.wasm"))?, commands })
}

/// Runs the script in the project. Gives what it printed.
fn run(
    job: &Job<'_>,
    script: &Path,
    command: &str,
    scratch: &Path,
    further: &[&str],
    commands: &mut Vec<String>,
) -> Result<Vec<u8>, Fault> {
    let mut node = Command::new(NODE.name);
    node.current_dir(job.folder).arg(script).arg(command).arg(".").arg(scratch).args(further);
    let output = job.output(&NODE, node, commands)?;
    if output.status.code() == Some(MISSING) {
        let package = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let install = format!("`npm install` in `{}`, whose `package.json` is to list it", job.shown);
        return Err(job.missing_named(&package, &install, &"it is not installed"));
    }
    job.succeeded(output).map(|output| output.stdout)
}
