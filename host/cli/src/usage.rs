//! What clap has to say - help, version, mistakes - in the form that was asked for.

use clap::error::ErrorKind;
use sandpiper::engine::fault::Fault;
use sandpiper::report::{Exit, Finished};
use serde::Serialize;

use crate::args::Format;
use crate::output::Output;
use crate::render::{Body, View};

/// Help or version as a document.
#[derive(Debug, Serialize)]
struct Told {
    text: String,
}

impl Body for Told {
    fn text(&self, _: View) -> String {
        self.text.clone()
    }

    fn is_empty(&self) -> bool {
        false
    }
}

/// Prints why the arguments could not be used, or the help that they asked for, and gives the exit code.
pub(crate) fn answer(error: &clap::Error, output: &Output) -> u8 {
    let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    match (output.format, asked) {
        (Format::Json, true) => output.finish(&Finished::done(Told { text: error.to_string() })),
        (Format::Json, false) => output.refuse(fault(error)),
        (Format::Human, _) => {
            // clap colours it as the arguments say, and knows which stream is meant; a closed one is no failure.
            let _ = error.print();
            if asked { Exit::Done.code() } else { Exit::Usage.code() }
        }
    }
}

/// A mistake in the arguments as data: the first paragraph is what is wrong, the others are what helps.
fn fault(error: &clap::Error) -> Fault {
    use ErrorKind::{DisplayHelpOnMissingArgumentOrSubcommand, MissingSubcommand};
    if matches!(error.kind(), DisplayHelpOnMissingArgumentOrSubcommand | MissingSubcommand) {
        return Fault::usage("a command is missing").with_help("`sandpiper help` lists the commands");
    }
    let text = error.to_string();
    let mut paragraphs = text.split("\n\n").map(|paragraph| {
        paragraph.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let message = paragraphs.next().unwrap_or_default();
    let fault = Fault::usage(message.strip_prefix("error: ").unwrap_or(&message));
    let help: Vec<_> =
        paragraphs.filter(|paragraph| !paragraph.starts_with("For more information")).collect();
    let help: Vec<_> = help.iter().map(|it| it.strip_prefix("tip: ").unwrap_or(it)).collect();
    if help.is_empty() { fault } else { fault.with_help(help.join("; ")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Arguments;

    fn of(line: &str) -> Fault {
        fault(&Arguments::try_parse_from(line.split(' ')).unwrap_err())
    }

    #[test]
    fn a_mistake_is_one_sentence_and_its_help_another() {
        let fault = of("sandpiper apply --too x");
        assert_eq!((fault.code, fault.message.as_str()), ("usage", "unexpected argument '--too' found"));
        let help = fault.help.unwrap();
        assert!(help.contains("'--to'; Usage: sandpiper apply"), "{help}");
    }

    #[test]
    fn a_missing_argument_is_named_in_the_sentence() {
        let message = of("sandpiper audit show").message;
        assert_eq!(message, "the following required arguments were not provided: <ID>");
    }

    #[test]
    fn a_missing_command_is_said_so() {
        assert_eq!(of("sandpiper audit").message, "a command is missing");
        assert_eq!(of("sandpiper -v").message, "a command is missing");
    }
}
