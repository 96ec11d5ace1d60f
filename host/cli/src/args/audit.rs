//! The grammar of `audit`.

use std::path::PathBuf;

use clap::Subcommand;

/// What to read of the audit.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// List the newest entry of each change
    #[command(after_long_help = "\
Examples:
  sandpiper audit list
  sandpiper audit list --history --since 24h
  sandpiper audit list --history --state failed --stage data")]
    List {
        /// Every entry
        #[arg(long)]
        history: bool,
        /// Only what was over since: `24h` ago, or a time like 2026-01-31T12:00:00Z
        #[arg(long, value_name = "T")]
        since: Option<String>,
        /// Only entries with this state
        #[arg(long, value_name = "S")]
        state: Option<String>,
    },
    /// Tell all that happened to a change
    #[command(after_long_help = "\
Examples:
  sandpiper audit show add-status
  sandpiper audit show add-status --calls
  sandpiper audit show add-status --artifact ran.sql
  sandpiper audit show add-status --artifact - | diff - changes/_0002__AddStatus.sql")]
    Show {
        /// The change
        #[arg(value_name = "ID")]
        id: String,
        /// The calls of its newest attempt too
        #[arg(long)]
        calls: bool,
        /// The calls of this attempt, by the beginning of its id
        #[arg(long, value_name = "ATTEMPT")]
        attempt: Option<String>,
        /// Write what ran to a new file; `-`: to standard output, and nothing else
        #[arg(long, value_name = "FILE")]
        artifact: Option<PathBuf>,
    },
    /// Check that no entry was altered or removed
    Verify,
    /// Print every entry as a line of JSON, oldest first
    #[command(after_long_help = "Examples:\n  sandpiper audit export > audit.jsonl")]
    Export,
    /// Drop old calls, and old artifacts that nothing applied needs; entries stay
    #[command(after_long_help = "Examples:\n  sandpiper audit prune --older-than 90d")]
    Prune {
        /// How old: `90d`, `12h`
        #[arg(long, value_name = "D")]
        older_than: String,
    },
}
