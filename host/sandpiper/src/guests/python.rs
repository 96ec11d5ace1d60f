//! Guest projects in Python: a module `change` with a class that derives from `Change`; componentize-py makes the
//! component, with the interpreter in it.

use std::path::PathBuf;
use std::process::Command;

use sandpiper_engine::fault::Fault;

use super::job::{Job, Made, Tool, find};
use super::sdk::PYTHON_SDK;
use super::world::{Facts, World};

const COMPONENTIZE: Tool = Tool { name: "componentize-py", install: "`pip install componentize-py==0.25.0`" };
const PYTHON: Tool = Tool { name: "python3", install: "Python 3.11 or newer" };

/// The module that the change is in.
const MODULE: &str = "change";

/// Builds a project against the SDK of this release.
pub(super) fn build(job: &Job<'_>) -> Result<Made, Fault> {
    let sdk = job.sdk(&PYTHON_SDK)?;
    let scratch = job.scratch("python")?;
    // A virtual environment of the project goes before what is on the path.
    let own = [".venv/bin", "venv/bin"].map(|folder| job.folder.join(folder));
    let program = |tool: &Tool| find(tool.name, &own).unwrap_or_else(|| PathBuf::from(tool.name));
    let mut commands = Vec::new();

    let mut python = Command::new(program(&PYTHON));
    python
        .current_dir(job.folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONPATH", std::env::join_paths([job.folder, sdk.as_path()]).unwrap_or_default())
        .arg(sdk.join("build/sandpiper_facts.py"))
        .arg(MODULE);
    let facts = job.run(&PYTHON, python, &mut commands)?.stdout;
    let facts: Facts = serde_json::from_slice(&facts)
        .map_err(|error| job.failed(&format!("what it is was not told: {error}")))?;
    let world = World::of(&facts, job)?;
    let wit = world.write(job, &scratch)?;
    let guest = scratch.join("guest");
    job.write(&guest.join("sandpiper_guest.py"), &guest_module(&world))?;

    let output = scratch.join("change.wasm");
    let mut componentize = Command::new(program(&COMPONENTIZE));
    componentize.current_dir(job.folder).env("PYTHONDONTWRITEBYTECODE", "1").arg("--quiet");
    componentize.arg("--wit-path").arg(&wit).args(["--world", "guest"]);
    for client in &world.clients {
        let name = client.as_str();
        componentize
            .args(["--import-interface-name", &format!("sandpiper:{name}/client@0.1.0={name}_client")]);
    }
    componentize.args(["componentize", "sandpiper_component", "--python-path", "."]);
    for folder in [&sdk, &sdk.join("build"), &guest] {
        componentize.arg("--python-path").arg(folder);
    }
    componentize.arg("--output").arg(&output);
    job.run(&COMPONENTIZE, componentize, &mut commands)?;
    Ok(Made { component: job.read(&output)?, commands })
}

/// What the SDK's glue asks of this one project.
fn guest_module(world: &World) -> String {
    let clients: Vec<&str> = world.clients.iter().map(|client| client.as_str()).collect();
    let imported: String =
        clients.iter().map(|name| format!("from wit_world.imports import {name}_client\n")).collect();
    let client =
        |name: &str| if clients.contains(&name) { format!("{name}_client") } else { "None".to_owned() };
    format!(
        "# Written by `sandpiper build`.\nimport {MODULE} as module\n{imported}\n\
         CLIENTS = {{\"sql\": {}, \"http\": {}}}\nTARGET = \"{}\"\n",
        client("sql"),
        client("http"),
        world.target().map_or("", |target| target.as_str())
    )
}

#[cfg(test)]
mod tests {
    use sandpiper_runtime::target::Capability;

    use super::*;

    #[test]
    fn the_glue_is_told_which_clients_there_are() {
        let world = World { clients: vec![Capability::Http], exports: vec![(Capability::Http, "change")] };
        let text = guest_module(&world);
        assert!(text.contains("from wit_world.imports import http_client\n"), "{text}");
        assert!(
            text.contains("CLIENTS = {\"sql\": None, \"http\": http_client}\nTARGET = \"http\"\n"),
            "{text}"
        );
    }
}
