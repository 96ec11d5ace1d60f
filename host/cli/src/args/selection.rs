//! Options that several commands share: which changes, and how long to wait.

use std::time::Duration;

use clap::Args;
use sandpiper::Rollout;

/// Which changes a run looks at.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Up to and with this change, and the stages that its stage is after
    #[arg(long, value_name = "ID", conflicts_with = "only")]
    pub(crate) to: Option<String>,
    /// Only this change
    #[arg(long, value_name = "ID")]
    pub(crate) only: Option<String>,
}

/// How a run goes over tenants.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Rollouts {
    /// Begin no further tenant once one has failed
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// The first N tenants alone, then the others, if these went well
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) canary: Option<u32>,
}

impl From<Rollouts> for Rollout {
    fn from(rollouts: Rollouts) -> Self {
        let count = |count| usize::try_from(count).unwrap_or(usize::MAX);
        Self { fail_fast: rollouts.fail_fast, canary: rollouts.canary.map(count) }
    }
}

/// How long to wait for what is not up yet.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Waits {
    /// Wait for the store and target systems to come up: `60s`
    #[arg(long, value_name = "D", value_parser = sandpiper::config::duration)]
    pub(crate) wait: Option<Duration>,
}

/// What an undo takes back.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Taken {
    /// The change
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// So many changes: those that were applied last, in any stage
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) last: Option<u32>,
    /// All that was applied after this change, in its stage and in stages after it
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<String>,
}
