//! Bad input: each is a problem that names its file, its line where there is one, and what to do; nothing is done.

mod atomic;
mod components;
mod configuration;
mod data_files;
mod files;

use sandpiper_tests::Project;
use serde_json::Value;

const GOOD: &str = "CREATE TABLE good (id INTEGER);";

/// A project with one good change.
fn project() -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__Good", "good", GOOD);
    project
}

/// Sees that a project is refused: by `apply`, `plan` and `validate`, with this problem, and that nothing is made.
#[track_caller]
fn refused(project: &Project, code: &str, file: &str, line: Option<u64>) -> Value {
    let before = project.tree();
    let mut found = None;
    for (command, pointer) in
        [("apply", "/error/problems"), ("plan", "/error/problems"), ("validate", "/problems")]
    {
        let outcome = project.json(command).exits(2);
        assert_eq!(before.differences(&project.tree()), [""; 0], "{outcome}");
        let problems = outcome.at(pointer);
        let problems = problems.as_array().cloned().unwrap_or_default();
        let problem = problems
            .iter()
            .find(|problem| problem["code"] == code && problem["file"] == file)
            .unwrap_or_else(|| panic!("no `{code}` of `{file}` in\n{outcome}"));
        assert_eq!(problem["line"].as_u64(), line, "{outcome}");
        assert!(
            problem["help"].as_str().is_some_and(|help| !help.is_empty()),
            "it says no next step\n{outcome}"
        );
        found = Some(problem.clone());
    }
    let shown = project.run("apply").exits(2);
    let place = line.map_or(file.to_owned(), |line| format!("{file}:{line}"));
    assert!(shown.stderr.contains(&place) && shown.stderr.contains("help: "), "{shown}");
    assert_eq!(before.differences(&project.tree()), [""; 0], "{shown}");
    found.unwrap()
}

/// A part of a problem's text.
#[track_caller]
fn says(problem: &Value, text: &str) {
    let all = format!("{} {}", problem["message"], problem["help"]).replace("\\\"", "\"");
    assert!(all.contains(text), "`{text}` is not in {all}");
}
