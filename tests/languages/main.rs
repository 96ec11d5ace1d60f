//! One table of cases, and every language against every row of it: what a change does, says and leaves must not depend on
//! the language that it was written in.

mod guide;
mod http;
mod projects;
mod sources;
mod table;
mod typescript;

use sandpiper_tests::{Outcome, Project, language_project};

/// The id of every component.
const ID: &str = "language-cases";

/// A project with the component of a language, after one `apply`.
fn applied(language: &str, settings: &str) -> (Project, Outcome) {
    let project = language_project(language);
    let outcome = apply(&project, settings);
    (project, outcome)
}

fn apply(project: &Project, settings: &str) -> Outcome {
    let settings: String = settings.split_whitespace().map(|setting| format!(" --set {setting}")).collect();
    project.json(&format!("apply{settings}"))
}

/// What a case saw, in the order of its names.
fn seen(project: &Project) -> Vec<String> {
    project.rows("SELECT name || ': ' || seen FROM case_seen ORDER BY name")
}
