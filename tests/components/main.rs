//! Components that behave well and badly, run by the binary: how each ends, what is left of it, and what is told.

mod atomic;
mod failures;
mod limits;
mod modes;
mod released;
mod shown;

use sandpiper_tests::{Outcome, Project, component};

const ID: &str = "test-guest-cases-transactional-0000000001";

/// A project with the component `name` as its one change.
fn with(project: Project, name: &str) -> Project {
    project.write("changes/_0001__Guest.wasm", component(name));
    project.configure("limits: { deadline: 20s }");
    project
}

/// Applies the case of a component in a transaction.
fn apply(project: &Project, settings: &str) -> Outcome {
    let settings: String = settings.split(' ').map(|setting| format!(" --set {setting}")).collect();
    project.json(&format!("apply{settings}"))
}

/// The same, in a project of its own.
fn case(settings: &str) -> (Project, Outcome) {
    let project = with(Project::shared(), "cases");
    let outcome = apply(&project, &format!("case={settings}"));
    (project, outcome)
}
