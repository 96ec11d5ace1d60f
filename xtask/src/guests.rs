//! Builds the components that the tests run.

use anyhow::Result;

use crate::shell::{self, cargo};
use crate::{plugin, setup};

/// `cargo xtask guests`.
pub(crate) fn run() -> Result<()> {
    setup::target(setup::GUESTS)?;
    shell::run(cargo(&[
        "build",
        "--locked",
        "--package",
        "sandpiper-test-guests",
        "--lib",
        "--examples",
        "--target",
        "wasm32-wasip2",
        "--profile",
        "guest",
    ]))?;
    plugin::javascript()
}
