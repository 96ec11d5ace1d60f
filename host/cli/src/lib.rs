//! The command line of Sandpiper: arguments, output and exit codes over the library, which does the work.

mod args;
mod bug;
mod commands;
mod document;
mod output;
mod render;
mod scan;
mod serve;
mod signals;
mod telemetry;
mod usage;
mod watch;

use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory as _, FromArgMatches as _};

use args::{Arguments, Colors};
use bug::Panics;
use output::Output;

/// A run is thousands of small pieces that live to its end: this one hands them out in half the time of the C library's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The program: reads the arguments of the process, does what they say, and gives its exit code.
pub fn main() -> ExitCode {
    let panics = Panics::listen();
    let arguments: Vec<_> = std::env::args_os().collect();
    let mut grammar = Arguments::command();
    let scan = scan::scan(&grammar, arguments.get(1..).unwrap_or_default());
    let output = Output::new(&scan);
    let code = panics.catch(|| {
        grammar = grammar.clone().color(match scan.color {
            Colors::Auto => ColorChoice::Auto,
            Colors::Always => ColorChoice::Always,
            Colors::Never => ColorChoice::Never,
        });
        let parsed = grammar.try_get_matches_from_mut(&arguments);
        match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
            Ok(mut arguments) => {
                arguments.global.set = scan.set;
                let output = output.clone().with(&arguments.global);
                commands::run(arguments, &output, &panics)
            }
            Err(error) => usage::answer(&error, &output),
        }
    });
    ExitCode::from(code.unwrap_or_else(|bug| output.refuse(bug)))
}
