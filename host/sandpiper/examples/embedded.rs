//! An application that brings its changes with it: applies them when it starts, and shows what happens meanwhile.
//!
//! `cargo run -p sandpiper --example embedded -- DIR`, where DIR holds a `sandpiper.yaml`, or is a folder of changes.

use std::process::ExitCode;
use std::sync::Arc;

use sandpiper::observer::{Event, Observer};
use sandpiper::report::{Finished, Report};
use sandpiper::{Sandpiper, Select};

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln!("usage: embedded DIR");
        return ExitCode::from(2);
    };
    // The configuration is read and checked here; nothing is connected to yet.
    let sandpiper = match Sandpiper::builder().directory(directory).observer(Arc::new(Printer)).build() {
        Ok(sandpiper) => sandpiper,
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::from(2);
        }
    };
    // An asynchronous application has a runtime already: the changes themselves run on threads of their own.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the asynchronous runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let finished = runtime.block_on(sandpiper.apply(&Select::default()));
    report(&finished);
    // An application would begin its work now if the exit code is 0, and stop otherwise.
    ExitCode::from(finished.exit.code())
}

/// What `apply` gives is plain data, also when it failed: what was done before stands in it.
fn report(finished: &Finished<Report>) {
    let counts = finished.body.counts;
    println!("{} applied, {} applied before, {} failed", counts.applied, counts.skipped, counts.failed);
    if let Some(fault) = &finished.error {
        println!("{}: {fault}", fault.code);
        if let Some(help) = &fault.help {
            println!("help: {help}");
        }
    }
}

/// Prints what happens, as it happens.
struct Printer;

impl Observer for Printer {
    fn event(&self, event: &Event<'_>) {
        match event {
            Event::Warning(problem) => println!("warning: {}", problem.message),
            Event::Waiting { stage, holder, .. } => println!("{stage}: {holder} has the lock"),
            Event::ChangeStarted { stage, id, .. } => println!("{stage}: applying {id}"),
            Event::Log { id, line, .. } => println!("{id} says: {line}"),
            Event::ChangeFinished { stage, change } => {
                println!("{stage}: {} is {:?}", change.id, change.outcome)
            }
            // Later releases may tell more.
            _ => {}
        }
    }
}
