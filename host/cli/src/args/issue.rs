//! The grammar of `issue`.

use clap::{Args, Subcommand};

/// What to do about changes that need a person.
#[derive(Debug, Subcommand)]
pub(crate) enum IssueCommand {
    /// List the changes that need a person
    List,
    /// Tell all that is known of them, and what to do next
    Show {
        /// Only this change
        #[arg(value_name = "ID")]
        id: Option<String>,
    },
    /// Record what you found when you looked at the target system
    #[command(after_long_help = "\
Examples:
  sandpiper issue resolve backfill --applied --reason \"all rows are there\"
  sandpiper issue resolve backfill --rolled-back --reason \"removed the half that was there\"
  sandpiper issue resolve backfill --resume --after 7 --reason \"step 7 is done, 8 is not\"")]
    Resolve {
        /// The change
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        found: Found,
        /// With --resume: the last step that is done
        #[arg(long, value_name = "N", conflicts_with_all = ["applied", "rolled_back"])]
        after: Option<u64>,
        /// Why, for those who read the audit later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// What a person found.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct Found {
    /// It is done: never run it again
    #[arg(long)]
    pub(crate) applied: bool,
    /// Nothing of it is left: the next run applies it again
    #[arg(long)]
    pub(crate) rolled_back: bool,
    /// The next run goes on after the last step that is done
    #[arg(long)]
    pub(crate) resume: bool,
}
