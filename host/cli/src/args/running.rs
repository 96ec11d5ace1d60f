//! The options of what keeps running after it has applied: `exec`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::{Selection, Waits};

/// What `exec` does.
#[derive(Debug, Args)]
pub(crate) struct Exec {
    /// Without configuration: the folder of the one stage
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Take back what has no file any more, where the policy is `on-missing: undo`
    #[arg(long)]
    pub(crate) allow_undo: bool,
    /// Write what happens as lines of JSON, at the end of this file; `-`: to standard error
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) waits: Waits,
    /// Become the command also when a change failed
    #[arg(long)]
    pub(crate) start_anyway: bool,
    /// What to become, and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub(crate) command: Vec<OsString>,
}
