//! The command line's grammar: commands, options, and the help that people read.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use sandpiper::scaffold::Language;

pub(crate) use self::audit::AuditCommand;
pub(crate) use self::global::{Colors, Format, Global, assignment};
pub(crate) use self::issue::{Found, IssueCommand};
pub(crate) use self::lock::LockCommand;
pub(crate) use self::running::{Exec, Serve};
pub(crate) use self::selection::{Rollouts, Selection, Taken, Waits};

mod audit;
mod global;
mod issue;
mod lock;
mod running;
mod selection;

/// All that was given on the command line.
#[derive(Debug, Parser)]
#[command(
    name = "sandpiper",
    version,
    about = "Applies changes to databases and APIs: in order, once, and with an audit.",
    after_help = "`sandpiper help COMMAND` tells more about a command, with examples.",
    after_long_help = FIRST_STEPS,
    disable_help_flag = true,
    disable_version_flag = true,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const FIRST_STEPS: &str = "\
Examples:
  sandpiper init                       a project that applies at once
  sandpiper new AddStatus              its next change
  sandpiper plan                       what `apply` would do, and why
  sandpiper apply                      apply what is pending
  sandpiper status --check             in a script: 3 when something is pending
  sandpiper apply --format json        one JSON document on standard output

Exit codes:
  0 done   1 a change failed   2 usage, configuration or files   3 pending (--check)
  4 a person is needed   5 lock   6 integrity   7 unreachable   70 a bug of ours";

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a project that applies at once
    #[command(
        after_long_help = "Examples:\n  sandpiper init\n  sandpiper init shop && cd shop && sandpiper apply"
    )]
    Init {
        /// Where; here by default
        #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
        directory: PathBuf,
    },
    /// Make the next change, its order chosen
    #[command(after_long_help = "\
Examples:
  sandpiper new AddStatus              a .sql file in the last stage
  sandpiper new AddStatus --stage schema --language yaml
  sandpiper new Backfill --language python")]
    New {
        /// The change's name: AddStatus
        #[arg(value_name = "NAME")]
        name: String,
        /// `sql`, `yaml`, `rust`, `javascript`, `typescript`, `python`, `go` or `c`
        #[arg(long, value_name = "LANGUAGE", default_value = "sql", value_parser = str::parse::<Language>)]
        language: Language,
    },
    /// Build guest projects to components in their stages
    #[command(
        after_long_help = "Examples:\n  sandpiper build\n  sandpiper build changes/data/src/_0003__Backfill"
    )]
    Build {
        /// Only what lies at or below this path
        #[arg(value_name = "PATH")]
        path: Option<PathBuf>,
    },
    /// Check the configuration and the changes; connects to nothing
    #[command(
        after_long_help = "Examples:\n  sandpiper validate\n  sandpiper validate -c deploy/sandpiper.yaml"
    )]
    Validate,
    /// Show what `apply` would do, and why
    #[command(after_long_help = "\
Examples:
  sandpiper plan
  sandpiper plan --check               exit code 3 when something is pending
  sandpiper plan --preview             run it, show every statement, and roll all of it back
  sandpiper plan --to add-status       up to and with this change")]
    Plan {
        #[command(flatten)]
        selection: Selection,
        /// Run what is transactional, show its calls, and roll it back
        #[arg(long)]
        preview: bool,
        /// As `apply --allow-undo`
        #[arg(long)]
        allow_undo: bool,
        /// Set the exit code: 3 pending, 4 a person is needed, 6 integrity
        #[arg(long)]
        check: bool,
        #[command(flatten)]
        waits: Waits,
    },
    /// Apply what is pending
    #[command(after_long_help = "\
Examples:
  sandpiper apply
  sandpiper apply --wait 60s           where the database starts at the same time
  sandpiper apply --dry-run            print the plan instead
  sandpiper apply --to add-status      up to and with this change
  sandpiper apply --canary 1           the first tenant alone, then the others
  sandpiper apply changes/             without configuration: the folder is the one stage")]
    Apply {
        /// Without configuration: the folder of the one stage
        #[arg(value_name = "DIR")]
        directory: Option<PathBuf>,
        #[command(flatten)]
        selection: Selection,
        #[command(flatten)]
        rollout: Rollouts,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Take back what has no file any more, where the policy is `on-missing: undo`
        #[arg(long)]
        allow_undo: bool,
        /// Write what happens as lines of JSON, at the end of this file; `-`: to standard output
        #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
        events: Option<PathBuf>,
        #[command(flatten)]
        waits: Waits,
    },
    /// Apply, then become a command: the entry point of a container
    #[command(after_long_help = "\
The command takes the place of this process: its signals and its exit code are its own. When applying fails, it does
not start, and the exit code is that of `apply`. What is printed before goes to standard error.

Examples:
  sandpiper exec -- ./server --port 80
  sandpiper exec --wait 60s -- node server.js
  sandpiper exec --start-anyway -- ./server      start it whatever became of the changes")]
    Exec(Exec),
    /// Apply, then tell of them over HTTP: health, metrics, status
    #[command(after_long_help = "\
Paths: /healthz /readyz /metrics /v1/status /v1/audit /v1/plan /v1/openapi.json

Examples:
  sandpiper serve                                a sidecar, on 127.0.0.1:8080
  sandpiper serve --wait 60s --watch             apply again when files change
  sandpiper serve --no-apply                     only tell
  sandpiper serve --listen 0.0.0.0:8080 --token-file /run/secrets/token")]
    Serve(Serve),
    /// Take applied changes back, newest first
    #[command(after_long_help = "\
What runs is what was applied: the archive of the audit store has it, also when the file is gone.

Examples:
  sandpiper undo add-status            this change, if it was applied last in its stage
  sandpiper undo --last 2 --dry-run    what would be taken back: the two that were applied last
  sandpiper undo --to create-orders    all that was applied after this change")]
    Undo {
        #[command(flatten)]
        taken: Taken,
        /// Also below changes of the same stage that were applied later: these stay
        #[arg(long)]
        only: bool,
        /// Print what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
        /// Run the file as it is now, in place of what was applied
        #[arg(long)]
        working_copy: bool,
    },
    /// Show each change and its state
    #[command(after_long_help = "\
Examples:
  sandpiper status
  sandpiper status --check             exit code 3 pending, 4 a person is needed, 6 integrity
  sandpiper status --verify            ask the changes whether they are still there
  sandpiper status --format json")]
    Status {
        /// Set the exit code: 3 pending, 4 a person is needed, 6 integrity
        #[arg(long)]
        check: bool,
        /// Ask the `verify` of what is applied whether it is there
        #[arg(long)]
        verify: bool,
        #[command(flatten)]
        waits: Waits,
    },
    /// Count changes as applied without running them
    #[command(after_long_help = "\
Examples:
  sandpiper baseline --reason \"the database is older than this pipeline\"
  sandpiper baseline --to add-status --reason \"was there\"   up to and with this change
  sandpiper issue resolve add-status --rolled-back --reason \"was not there\"   takes it back")]
    Baseline {
        /// Up to and with this change, and the stages that its stage is after
        #[arg(long, value_name = "ID")]
        to: Option<String>,
        /// Why, for those who read the audit later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Say that the edit of an applied change is meant
    #[command(
        after_long_help = "Examples:\n  sandpiper accept add-status --reason \"only the comment was edited\""
    )]
    Accept {
        /// The change
        #[arg(value_name = "ID")]
        id: String,
        /// Why, for those who read the audit later
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// See and settle what needs a person
    #[command(subcommand, arg_required_else_help = true)]
    Issue(IssueCommand),
    /// Read the trail of what was done
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditCommand),
    /// See or release the locks of the stages
    #[command(subcommand, arg_required_else_help = true)]
    Lock(LockCommand),
    /// Compile all components for later runs, as when an image is built
    #[command(after_long_help = "\
Compiled code is kept below `sandpiper` in `$XDG_CACHE_HOME`, else in `~/.cache`. It connects to
nothing; variables and secrets that the configuration names need not be there.

Examples:
  XDG_CACHE_HOME=/var/cache sandpiper warm")]
    Warm,
    /// Check every system, and say how to mend what is wrong
    #[command(after_long_help = "Examples:\n  sandpiper doctor\n  sandpiper doctor --format json")]
    Doctor,
    /// Show what a change or a plugin is, and what it may touch
    #[command(
        after_long_help = "Examples:\n  sandpiper inspect changes/_0003__Backfill.wasm\n  sandpiper inspect changes/_0004__Split.js"
    )]
    Inspect {
        /// A change, whatever it is written in, a template or a language plugin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Print the JSON Schema of a file, for editors
    #[command(after_long_help = "Examples:\n  sandpiper schema config > sandpiper.schema.json")]
    Schema {
        /// Of which file
        #[arg(value_name = "config|change", hide_possible_values = true)]
        of: SchemaOf,
    },
    /// Print the completions of a shell
    #[command(
        after_long_help = "Examples:\n  sandpiper completions bash > ~/.local/share/bash-completion/completions/sandpiper"
    )]
    Completions {
        /// Which shell
        #[arg(value_name = "SHELL")]
        shell: Shell,
    },
}

impl Command {
    /// How long it waits for what is not up yet.
    pub(crate) fn wait(&self) -> Duration {
        let waits = match self {
            Self::Plan { waits, .. } | Self::Apply { waits, .. } | Self::Status { waits, .. } => waits.wait,
            Self::Exec(exec) => exec.waits.wait,
            Self::Serve(serve) => serve.waits.wait,
            _ => None,
        };
        waits.unwrap_or_default()
    }
}

/// A file that has a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// `sandpiper.yaml`
    Config,
    /// A YAML change
    Change,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_grammar_holds() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [
            "sandpiper -c x.yaml --format json plan --check",
            "sandpiper plan --check --format=json -c x.yaml",
        ] {
            let arguments = parse(line).unwrap();
            assert_eq!(arguments.global.format, Format::Json);
            assert_eq!(arguments.global.config, Some(PathBuf::from("x.yaml")));
            assert!(matches!(arguments.command, Command::Plan { check: true, .. }));
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for line in [
            "sandpiper apply --to a --only b",
            "sandpiper apply -q -v",
            "sandpiper apply --wait 60",
            "sandpiper undo a --wait 60s",
            "sandpiper undo",
            "sandpiper undo a --last 2",
            "sandpiper undo --last 2 --to a",
            "sandpiper undo --last 0",
            "sandpiper issue resolve a --applied --resume",
            "sandpiper issue resolve a --applied --after 3",
            "sandpiper issue resolve a --resume --after x",
            "sandpiper schema changes",
            "sandpiper audit prune",
            "sandpiper status --set x",
            "sandpiper new X --language cobol",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn a_mistyped_command_is_answered_with_the_nearest() {
        assert!(parse("sandpiper aply").unwrap_err().to_string().contains("'apply'"));
    }

    #[test]
    fn the_short_help_fits_the_screen() {
        let help = Arguments::command().term_width(80).render_help().to_string();
        assert!(help.lines().count() <= 40, "{help}");
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
    }
}
