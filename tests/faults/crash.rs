//! Runs of the binary that ends itself at a point: `host/backends/src/crash.rs` says what a point is.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::scene::Scene;
use sandpiper_tests::{Outcome, Project, Running, binary_with_crash_points, environment, words};

/// What a process does at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// It is gone.
    Kill,
    /// It is told to stop.
    Terminate,
    /// It freezes.
    Stop,
}

/// Starts a line of the command line, which meets a signal at a point.
pub(crate) fn start(project: &Project, line: &str, point: &str, signal: Signal) -> Running {
    let signal = match signal {
        Signal::Kill => "KILL",
        Signal::Terminate => "TERM",
        Signal::Stop => "STOP",
    };
    spawn(project, line, &[("SANDPIPER_CRASH_AT", point), ("SANDPIPER_CRASH_SIGNAL", signal)])
}

/// The same, to its end.
pub(crate) fn run(project: &Project, line: &str, point: &str, signal: Signal) -> Outcome {
    start(project, line, point, signal).wait()
}

/// The same in a new scene, and in another one if the run ended as if nothing had happened: stages beside each other
/// pass their points in another order each time, and a busy machine may tell a process too late that it is to stop.
pub(crate) fn disturbed(
    scene: &(dyn Fn() -> Scene + Sync),
    line: &str,
    point: &str,
    signal: Signal,
) -> (Scene, Outcome) {
    const TRIES: usize = 5;
    for _ in 1..TRIES {
        let project = scene();
        let outcome = run(&project, line, point, signal);
        if outcome.code != 0 {
            return (project, outcome);
        }
    }
    let project = scene();
    let outcome = run(&project, line, point, signal);
    (project, outcome)
}

/// The points that a line passes, in their order, and what came of it.
pub(crate) fn points(project: &Project, line: &str) -> (Vec<String>, Outcome) {
    let list = project.path("../points");
    let outcome = spawn(project, line, &[("SANDPIPER_CRASH_LIST", list.to_str().unwrap())]).wait();
    let points = std::fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect();
    (points, outcome)
}

fn spawn(project: &Project, line: &str, variables: &[(&str, &str)]) -> Running {
    let mut command = Command::new(binary_with_crash_points());
    command.args(words(line)).current_dir(project.folder()).env_clear().envs(environment());
    command.envs(variables.iter().copied());
    Running::spawn(command)
}

/// Does the same for each of them, several beside each other, and names the one with which it fails.
pub(crate) fn each<T: Sync + std::fmt::Debug>(what: &str, items: &[T], test: impl Fn(&T) + Sync) {
    // Much of the time is spent waiting for the disk.
    let workers = 2 * std::thread::available_parallelism().map_or(2, NonZero::get);
    each_of(workers, what, items, test);
}

/// The same, so many beside each other.
pub(crate) fn each_of<T: Sync + std::fmt::Debug>(
    workers: usize,
    what: &str,
    items: &[T],
    test: impl Fn(&T) + Sync,
) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| test(item))) {
                        eprintln!("{what}, at {item:?}");
                        next.store(items.len(), Ordering::Relaxed);
                        resume_unwind(panic);
                    }
                }
            });
        }
    });
}
