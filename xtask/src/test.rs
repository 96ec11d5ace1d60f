//! Everything that CI runs, part by part, with the minutes that each took.

use anyhow::Result;

use crate::shell::{cargo, part, run as run_command};
use crate::{guests, languages, plugin, setup, wit};

/// `cargo xtask test`.
pub(crate) fn run() -> Result<()> {
    part("set-up", setup::run)?;
    part("format", || {
        run_command(cargo(&["fmt", "--all", "--check"]))?;
        run_command(cargo(&["fmt", "--all", "--check", "--manifest-path", "plugins/javascript/Cargo.toml"]))
    })?;
    part("wit", wit::run)?;
    part("guests", guests::run)?;
    part("lints", || {
        run_command(cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            // With it more is compiled, and nothing less.
            "--features",
            "sandpiper-cli/crash-points",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]))
    })?;
    part("language plugin", plugin::check)?;
    part("binary with crash points", || {
        run_command(cargo(&[
            "build",
            "--locked",
            // So that the dependencies have the features that the tests give them, and are compiled once.
            "--workspace",
            "--bin",
            "sandpiper-crash-points",
            "--features",
            "sandpiper-cli/crash-points",
        ]))
    })?;
    part("SDKs", languages::test)?;
    part("tests", || run_command(cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])))?;
    part("docs", || {
        let mut doc = cargo(&["doc", "--no-deps", "--locked"]);
        doc.env("RUSTDOCFLAGS", "--deny warnings");
        run_command(doc)
    })?;
    eprintln!("\nall of it passed");
    Ok(())
}
