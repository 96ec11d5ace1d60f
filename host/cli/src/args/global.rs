//! The options that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Options that may stand before or after the command.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Print help; `--help` tells more
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    /// Configuration; default: sandpiper.yaml here or above
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print results as `human` text or as `json`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub(crate) format: Format,
    /// Print only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print more; -vv: all logs of changes too
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colours: `auto`, `always` or `never`
    #[arg(
        long,
        global = true,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        hide_short_help = true,
        value_name = "WHEN"
    )]
    pub(crate) color: Colors,
    /// Who runs this; default: user@host
    #[arg(long, global = true, hide_short_help = true, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// In place of the configured environment
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) environment: Option<String>,
    /// A variable, in place of the configured one
    #[arg(long, global = true, value_name = "VAR=VALUE", value_parser = assignment)]
    pub(crate) set: Vec<(String, String)>,
    /// Only this stage
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) stage: Option<String>,
    /// Only this tenant
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Read every file again, whatever the cache knows
    #[arg(long, global = true, hide_short_help = true)]
    pub(crate) no_cache: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON document.
    Json,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Colors {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Splits `VAR=VALUE`.
pub(crate) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some(("", _)) => Err("the variable has no name".to_owned()),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(format!("give it a value: `--set {text}=VALUE`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_needs_a_name_and_a_value() {
        assert_eq!(assignment("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(assignment("a="), Ok(("a".to_owned(), String::new())));
        assert!(assignment("=b").is_err());
        assert!(assignment("a").unwrap_err().contains("--set a=VALUE"));
    }
}
