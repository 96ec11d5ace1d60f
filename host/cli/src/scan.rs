//! A first look at the raw arguments, for what must be known even when they are wrong: the command, and how to print.

use std::ffi::OsString;

use clap::Command;

use crate::args::{Colors, Format, assignment};

/// What the first look found.
#[derive(Debug, PartialEq, Eq, Default)]
pub(crate) struct Scan {
    /// The words of the command as far as they are known: `audit list`; empty if there are none.
    pub(crate) command: String,
    /// How to print results.
    pub(crate) format: Format,
    /// When to use colours.
    pub(crate) color: Colors,
    /// Every variable, before and after the command: clap keeps only one side of a repeated global option.
    pub(crate) set: Vec<(String, String)>,
}

/// Looks at the arguments that follow the program's name.
pub(crate) fn scan(grammar: &Command, arguments: &[OsString]) -> Scan {
    let mut scan = Scan::default();
    let (mut here, mut words) = (grammar, Vec::new());
    let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy()).peekable();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            break;
        }
        let Some(option) = argument.strip_prefix('-') else {
            if let Some(command) = here.find_subcommand(&*argument) {
                words.push(command.get_name());
                here = command;
            }
            continue;
        };
        let (name, joined) = match option.strip_prefix('-') {
            Some(long) => {
                long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value.to_owned())))
            }
            None => (option, None),
        };
        if joined.is_none() && !takes_value(grammar, here, name) {
            continue;
        }
        // As for clap, what begins with a dash is no value.
        let next = || arguments.next_if(|value| !value.starts_with('-')).map(|value| value.into_owned());
        let Some(value) = joined.or_else(next) else {
            continue;
        };
        match (name, value.as_str()) {
            ("format", "json") => scan.format = Format::Json,
            ("color", "always") => scan.color = Colors::Always,
            ("color", "never") => scan.color = Colors::Never,
            ("set", text) => scan.set.extend(assignment(text).ok()),
            _ => {}
        }
    }
    scan.command = words.join(" ");
    scan
}

/// Whether the option, without its dashes, is followed by a value. Options of the whole program count everywhere.
fn takes_value(grammar: &Command, here: &Command, name: &str) -> bool {
    here.get_arguments().chain(grammar.get_arguments()).any(|argument| {
        let long = argument.get_long().is_some_and(|long| long == name);
        let short = argument.get_short().is_some_and(|short| name.chars().eq([short]));
        (long || short) && argument.get_action().takes_values()
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn look(line: &str) -> Scan {
        let arguments: Vec<_> = line.split(' ').map(OsString::from).collect();
        scan(&Arguments::command(), &arguments)
    }

    #[test]
    fn the_command_is_known_though_the_rest_is_wrong() {
        assert_eq!(look("--format json audit list --nonsense").command, "audit list");
        assert_eq!(look("-c plan apply --bad").command, "apply");
        assert_eq!(look("apply plan").command, "apply");
        assert_eq!(look("nonsense").command, "");
    }

    #[test]
    fn json_is_seen_anywhere_but_behind_the_double_dash() {
        assert_eq!(look("apply --nonsense --format json").format, Format::Json);
        assert_eq!(look("--format=json").format, Format::Json);
        assert_eq!(look("apply -- --format json").format, Format::Human);
        assert_eq!(look("apply --to --format json").format, Format::Json);
        assert_eq!(look("apply --only --format").format, Format::Human);
    }

    #[test]
    fn variables_of_both_sides_count() {
        let set = look("--set a=1 apply --set=b=2").set;
        assert_eq!(set, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    }
}
