//! Checks the contract with guests: every package parses, every world resolves, and what was released is as it was.

use anyhow::{Context, Result, ensure};
use wit_parser::Resolve;

use crate::released;
use crate::shell::root;

/// The packages that the contract is made of.
const PACKAGES: [&str; 3] = ["sandpiper:change@0.1.0", "sandpiper:sql@0.1.0", "sandpiper:http@0.1.0"];

/// `cargo xtask wit`.
pub(crate) fn run() -> Result<()> {
    let mut resolve = Resolve::default();
    resolve.push_dir(root().join("wit")).context("the WIT does not parse")?;
    let packages: Vec<String> =
        resolve.packages.iter().map(|(_, package)| package.name.to_string()).collect();
    for package in PACKAGES {
        ensure!(
            packages.iter().any(|known| known == package),
            "the package `{package}` is missing: found {packages:?}"
        );
    }
    for (_, world) in &resolve.worlds {
        let package =
            world.package.and_then(|id| resolve.packages.get(id)).map(|package| package.name.to_string());
        println!(
            "{:<24} {:<28} {} imports, {} exports",
            package.unwrap_or_default(),
            world.name,
            world.imports.len(),
            world.exports.len()
        );
    }
    ensure!(resolve.worlds.len() >= PACKAGES.len(), "there are no worlds");
    released::check()
}
