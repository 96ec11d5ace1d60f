//! The grammar of `lock`.

use clap::Subcommand;

/// What to do with locks.
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Show who holds which lock
    Status,
    /// Take the lock away from a holder that is gone
    #[command(
        after_long_help = "Examples:\n  sandpiper lock release --stage schema --reason \"the machine was lost\""
    )]
    Release {
        /// Why, for those who read the audit later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}
