//! Everything that CI runs, part by part, with the minutes that each took.

use anyhow::Result;

use crate::shell::{cargo, part, run as run_command};
use crate::{guests, setup, wit};

/// `cargo xtask test`.
pub(crate) fn run() -> Result<()> {
    part("set-up", setup::run)?;
    part("format", || run_command(cargo(&["fmt", "--all", "--check"])))?;
    part("wit", wit::run)?;
    part("guests", guests::run)?;
    part("lints", || {
        run_command(cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "--deny",
            "warnings",
        ]))
    })?;
    part("tests", || run_command(cargo(&["test", "--workspace", "--locked", "--no-fail-fast"])))?;
    part("docs", || {
        let mut doc = cargo(&["doc", "--no-deps", "--locked"]);
        doc.env("RUSTDOCFLAGS", "--deny warnings");
        run_command(doc)
    })?;
    eprintln!("\nall of it passed");
    Ok(())
}
