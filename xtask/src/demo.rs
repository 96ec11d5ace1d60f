//! The main job, from an empty folder to an audit: applies the quickstart in a fresh copy, and shows what became of it.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::shell::{cargo, root, run as run_command, target};

/// `cargo xtask demo`.
pub(crate) fn run() -> Result<()> {
    setup::target(setup::GUESTS)?;
    run_command(cargo(&["build", "--locked", "--package", "sandpiper-cli"]))?;
    let folder = target().join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).context("the folder of an earlier demo could not be removed")?;
    }
    copy(&root().join("examples/quickstart"), &folder)?;
    println!("\nthe quickstart, in {}\n", folder.display());
    let sandpiper = |arguments: &[&str], expected: i32| step(&folder, arguments, expected);
    sandpiper(&["build"], 0)?;
    sandpiper(&["plan"], 0)?;
    // One change fails, and says so: nothing of it is left in the database.
    sandpiper(&["apply"], 1)?;
    println!("# the file is mended as the message says\n");
    std::fs::copy(
        folder.join("mended/_0002__FillStatus.sql"),
        folder.join("changes/data/_0002__FillStatus.sql"),
    )
    .context("the mended file could not be copied")?;
    sandpiper(&["apply"], 0)?;
    sandpiper(&["status"], 0)?;
    sandpiper(&["audit", "list", "--history"], 0)?;
    sandpiper(&["audit", "verify"], 0)?;
    sandpiper(&["apply"], 0)
}

fn step(folder: &Path, arguments: &[&str], expected: i32) -> Result<()> {
    println!("$ sandpiper {}", arguments.join(" "));
    let status = Command::new(target().join("debug/sandpiper"))
        .args(arguments)
        .current_dir(folder)
        .status()
        .context("`sandpiper` could not be started")?;
    println!();
    if status.code() != Some(expected) {
        bail!("`sandpiper {}` ended with {status}, not with {expected}", arguments.join(" "));
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| format!("{} could not be made", to.display()))?;
    for entry in std::fs::read_dir(from).with_context(|| format!("{} could not be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if is_left_behind(&entry.file_name().to_string_lossy()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), &target)
                .with_context(|| format!("{} could not be copied", target.display()))?;
        }
    }
    Ok(())
}

/// What a run in the example itself made is no part of it.
fn is_left_behind(name: &str) -> bool {
    matches!(name, ".sandpiper" | "target") || name.ends_with(".wasm") || name.starts_with("orders.db")
}
