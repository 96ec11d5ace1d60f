//! New projects in every language, as a user makes them: made, built, applied, and not built again.

use sandpiper_tests::{Project, toolchain_path};

/// A fresh project with the toolchains at hand.
fn project() -> Project {
    let mut project = Project::shared();
    for (name, value) in toolchain_path() {
        project.set_variable(name, &value);
    }
    project
}

#[track_caller]
fn begins_well(language: &str, named: &str) {
    let project = project();
    let made = project.json(&format!("new FirstStep --language {language}")).exits(0);
    assert!(made.to_string().contains("changes/src/_0001__FirstStep/"), "{made}");
    let built = project.json("build").exits(0);
    assert_eq!(built.text("/built/0/file"), "changes/_0001__FirstStep.wasm");
    assert!(!built.text("/built/0/command").is_empty());
    let inspected = project.json("inspect changes/_0001__FirstStep.wasm").exits(0);
    assert_eq!(inspected.text("/language"), named, "{inspected}");
    assert_eq!(inspected.text("/info/id"), "first-step", "{inspected}");
    let ours: Vec<String> =
        inspected.at("/imports").as_array().unwrap().iter().map(ToString::to_string).collect();
    assert!(
        !ours.iter().any(|import| import.contains("sandpiper:http")),
        "it asks for what it was not given: {ours:?}"
    );
    assert_eq!(project.json("apply").exits(0).of("first-step", "mode"), "shared");
    let again = project.json("build").exits(0);
    assert_eq!(again.at("/built/0/unchanged"), true, "{again}");
    project.json("undo first-step").exits(0);
}

#[test]
fn a_new_project_in_javascript_is_built_and_applied() {
    begins_well("javascript", "JavaScript");
}

#[test]
fn a_new_project_in_typescript_is_built_and_applied() {
    begins_well("typescript", "JavaScript");
}

#[test]
fn a_new_project_in_python_is_built_and_applied() {
    begins_well("python", "Python");
}

#[test]
fn a_new_project_in_go_is_built_and_applied() {
    begins_well("go", "Go");
}

#[test]
fn a_new_project_in_c_is_built_and_applied() {
    begins_well("c", "C");
}

#[test]
fn a_tool_that_is_missing_is_told_with_the_command_that_installs_it() {
    let mut project = Project::shared();
    let empty = project.path("empty");
    std::fs::create_dir(&empty).unwrap();
    project.set_variable("PATH", &empty.to_string_lossy());
    for (language, help) in [
        ("javascript", "Node.js 20 or newer"),
        ("python", "Python 3.11 or newer"),
        ("go", "Go 1.24 or newer"),
        ("c", "pip install ziglang"),
    ] {
        project.json(&format!("new In-{language} --language {language}")).exits(0);
        let folder = std::fs::read_dir(project.path("changes/src")).unwrap().next().unwrap().unwrap().path();
        let refused = project.json("build").exits(2);
        assert!(refused.text("/error/help").contains(help), "{language}: {refused}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_mistake_is_told_in_the_words_of_the_languages_tool() {
    let project = project();
    for (language, file, text, expected) in [
        ("javascript", "change.js", "export default { id: 1, apply() {} };", "`rollback` is missing"),
        ("python", "change.py", "import nothing_of_that_name", "nothing_of_that_name"),
        ("go", "change.go", "package change\n\nfunc Apply() {}\n", "`Rollback` is missing"),
        ("c", "change.c", "#include <sandpiper.h>\nint broken(void) { return missing; }\n", "missing"),
    ] {
        project.json(&format!("new In-{language} --language {language}")).exits(0);
        let folder = std::fs::read_dir(project.path("changes/src")).unwrap().next().unwrap().unwrap().path();
        std::fs::write(folder.join(file), text).unwrap();
        let refused = project.json("build").exits(2);
        assert!(refused.text("/error/message").contains(expected), "{language}: {refused}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_system_that_is_not_configured_is_named_before_anything_is_built() {
    let project = project();
    project.json("new Lost --language python").exits(0);
    let file = "changes/src/_0001__Lost/change.py";
    let text = project.read(file).replace("target_system = \"target\"", "target_system = \"tagret\"");
    project.write(file, text);
    let refused = project.json("build").exits(2);
    assert_eq!(refused.error(), "change::unknown-target", "{refused}");
}
