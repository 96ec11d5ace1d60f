//! `warm`: what an image brings with it, so that no start compiles; and whose compiled code is run.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use sandpiper_tests::{Outcome, Project, Running, Tree, binary, component, environment, words};
use serde_json::Value;

/// A component, and a change that the template `sql` runs; compiled code is kept in the folder `cache`.
fn project() -> Project {
    let project = Project::shared();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    project.sql("changes/_0002__A", "a", "CREATE TABLE a (id INTEGER);");
    project
}

/// A command of the binary with these variables alone.
fn command(project: &Project, line: &str, variables: &[(&str, &Path)]) -> Command {
    let mut command = Command::new("setpriv");
    if Command::new("id").arg("-u").output().unwrap().stdout == b"0\n" {
        // Permissions bind nobody else like root.
        command.args(["--bounding-set=-all", "--inh-caps=-all"]);
    }
    command.arg(binary()).args(words(line)).current_dir(project.folder()).env_clear();
    command.envs(environment().into_iter().filter(|(name, _)| *name == "PATH"));
    command.envs(variables.iter().copied());
    command
}

fn run(project: &Project, line: &str) -> Outcome {
    Running::spawn(command(project, line, &[("XDG_CACHE_HOME", &project.path("cache"))])).wait()
}

/// How many were compiled, found, and compiled for nothing.
#[track_caller]
fn counts(outcome: &Outcome) -> [Value; 3] {
    ["compiled", "cached", "not_kept"].map(|name| outcome.at(&format!("/counts/{name}")))
}

fn walk(path: &Path, each: &mut dyn FnMut(&Path)) {
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), each);
        }
    }
    each(path);
}

/// Takes away, or gives back, the right to write to anything in a folder.
fn set_writable(folder: &Path, writable: bool) {
    let mut found = Vec::new();
    walk(folder, &mut |path| found.push(path.to_owned()));
    if writable {
        found.reverse();
    }
    for path in found {
        let mode = if path.is_dir() || writable { 0o755 } else { 0o644 };
        let mode = if writable { mode } else { mode & 0o555 };
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    }
}

#[test]
fn what_an_image_brings_is_read_and_never_written() {
    let project = project();
    let warmed = run(&project, "warm --format json").exits(0);
    assert_eq!(counts(&warmed), [2, 0, 0], "{warmed}");
    assert_eq!(warmed.text("/folder"), project.path("cache/sandpiper").to_string_lossy());
    let names = [0, 1].map(|at| {
        let of = |field: &str| warmed.text(&format!("/components/{at}/{field}"));
        [of("name"), of("kind"), of("outcome")].join(" ")
    });
    assert_eq!(names, ["changes/_0001__Guest.wasm change compiled", "sql template compiled"]);
    assert!(!project.has("target.db"), "it connects to nothing");

    set_writable(&project.path("cache"), false);
    let before = Tree::of(&project.path("cache"));
    assert_eq!(counts(&run(&project, "warm --format json").exits(0)), [0, 2, 0]);
    let doctor = run(&project, "doctor").exits(0);
    assert!(doctor.stdout.contains("it is only read"), "{doctor}");
    run(&project, "apply --set case=nothing").exits(0);
    run(&project, "apply --set case=nothing").exits(0);
    assert_eq!(before.differences(&Tree::of(&project.path("cache"))), [""; 0]);
    set_writable(&project.path("cache"), true);
}

#[test]
fn a_folder_that_cannot_be_written_to_keeps_nothing_and_says_so() {
    let project = project();
    project.write("cache/sandpiper/none", "");
    set_writable(&project.path("cache"), false);
    let lost = run(&project, "warm --format json").exits(2);
    assert_eq!((lost.error().as_str(), counts(&lost)), ("config::cache", [0, 0, 2].map(Value::from)));
    run(&project, "apply --set case=nothing").exits(0);
    set_writable(&project.path("cache"), true);
}

#[test]
fn everybody_may_read_what_was_made_for_them_whatever_the_umask() {
    let project = project();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let masked = |folder: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", "umask 077; exec \"$0\" warm --format json"]).arg(binary());
        command.current_dir(project.folder()).env("XDG_CACHE_HOME", project.path(folder));
        counts(&Running::spawn(command).wait().exits(0))
    };
    assert_eq!(masked("cache"), [2, 0, 0]);
    let mut code = 0;
    walk(&project.path("cache"), &mut |path| {
        let is_code = path.extension().is_none() && path.is_file();
        code += u32::from(is_code);
        // What else wasmtime keeps is for those who write.
        if is_code || path.is_dir() {
            assert_eq!(mode(path) & 0o755, if is_code { 0o644 } else { 0o755 }, "{}", path.display());
        }
        assert_eq!(mode(path) & 0o022, 0, "{}", path.display());
    });
    assert_eq!(code, 2);

    project.write("mine/sandpiper/none", "");
    fs::set_permissions(project.path("mine/sandpiper"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(masked("mine"), [2, 0, 0]);
    walk(&project.path("mine/sandpiper/modules"), &mut |path| {
        assert_eq!(mode(path) & 0o077, 0, "what was private stays so: {}", path.display());
    });
}

#[test]
fn what_others_may_write_to_is_neither_filled_nor_run() {
    let project = project();
    run(&project, "warm").exits(0);
    let modules = project.path("cache/sandpiper/modules");
    fs::set_permissions(&modules, Permissions::from_mode(0o777)).unwrap();
    let folder = project.path("cache/sandpiper");
    fs::set_permissions(&folder, Permissions::from_mode(0o555)).unwrap();
    let refused = run(&project, "warm --format json").exits(2);
    assert_eq!(refused.error(), "config::cache");
    assert!(refused.text("/error/message").contains("others may write to"), "{refused}");
    fs::set_permissions(&folder, Permissions::from_mode(0o757)).unwrap();
    assert_eq!(run(&project, "warm --format json").exits(2).error(), "config::cache");
    let doctor = run(&project, "doctor").exits(0);
    assert!(doctor.stdout.contains("is not used: others may write to"), "{doctor}");
    run(&project, "apply --set case=nothing").exits(0);
}

#[test]
fn code_that_is_damaged_is_compiled_anew() {
    let project = project();
    run(&project, "warm").exits(0);
    walk(&project.path("cache"), &mut |path| {
        if path.is_file() {
            let mut bytes = fs::read(path).unwrap();
            bytes.truncate(bytes.len() / 2);
            fs::write(path, bytes).unwrap();
        }
    });
    assert_eq!(counts(&run(&project, "warm --format json").exits(0)), [2, 0, 0]);
}

#[test]
fn what_only_the_running_process_has_is_not_needed() {
    let project = Project::new(
        "service: tests\nenvironment: ${env:ABSENT}\nstore: ${env:ABSENT_STORE}\n\
         target-systems:\n  target: { kind: postgres, url: \"${env:ABSENT_URL}\" }\n  \
         api: { kind: http, base-url: \"${env:ABSENT_API}/v1/\", auth: { bearer: \"${file:/run/secrets/absent}\" } }\n\
         pipeline: { stages: [{ name: main, location: changes, when: environment == production }] }\n",
    );
    project.write("changes/_0001__Guest.wasm", component("minimal"));
    project.write(
        "changes/_0002__Call.yaml",
        "id: call\nauthor: me\ntarget-system: api\napply: { method: POST, path: x }\n",
    );
    project.sql("changes/_0003__A", "a", "CREATE TABLE a (id INTEGER);");
    assert_eq!(project.json("validate").exits(2).error(), "config::unset-variable");
    let warmed = run(&project, "warm --format json").exits(0);
    let names = [0, 1, 2].map(|at| warmed.text(&format!("/components/{at}/name")));
    assert_eq!(names, ["changes/_0001__Guest.wasm", "http", "sql"]);
    assert_eq!(counts(&run(&project, "warm --format json --stage main").exits(0)), [0, 3, 0]);
}

#[test]
fn what_inspect_compiled_is_kept_for_the_run() {
    let project = project();
    run(&project, "inspect changes/_0001__Guest.wasm --no-cache").exits(0);
    assert!(!project.has("cache"));
    run(&project, "inspect changes/_0001__Guest.wasm").exits(0);
    assert_eq!(counts(&run(&project, "warm --format json").exits(0)), [1, 1, 0]);
}

#[test]
fn without_a_home_nothing_is_kept_and_everything_works() {
    let project = project();
    let alone = |line: &str| Running::spawn(command(&project, line, &[])).wait();
    let refused = alone("warm --format json").exits(2);
    assert_eq!(refused.error(), "config::cache");
    assert!(refused.text("/error/help").contains("XDG_CACHE_HOME"), "{refused}");
    let before = project.tree().paths().len();
    alone("validate").exits(0);
    assert_eq!(project.tree().paths().len(), before);
    alone("apply --set case=nothing").exits(0);
    assert_eq!(run(&project, "warm --no-cache --format json").exits(2).error(), "config::cache");
}

#[test]
fn problems_are_told_before_anything_is_compiled() {
    let project = project();
    project.write("changes/_0003__Broken.wasm", "no component");
    project.write(
        "changes/_0004__B.yaml",
        "id: b\nauthor: me\ntarget-system: target\ntemplate: sqk\napply: x\n",
    );
    let refused = run(&project, "warm --format json").exits(2);
    let codes = refused.codes();
    for code in ["change::not-a-component", "change::unknown-template"] {
        assert!(codes.iter().any(|found| found == code), "{code}: {refused}");
    }
    assert!(!project.has("cache"));
}
