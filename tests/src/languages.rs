//! The components of `tests/languages`: each is built once, by `sandpiper build`, and kept below the target folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use crate::{Project, binary, built, environment};

/// The languages that there are cases in.
pub const LANGUAGES: [&str; 5] = ["rust", "javascript", "python", "go", "c"];

/// The languages whose cases are run from their source too, with the name of the file: `NAME-source`.
pub const SOURCES: [(&str, &str); 2] = [("javascript-source", "change.js"), ("python-source", "change.py")];

/// The projects of every language: the cases of a database, and those of an API.
const SQL: &str = "_0001__Cases";
const HTTP: &str = "_0002__HttpCases";

const CONFIGURATION: &str = "\
service: languages
target-systems:
  target: { kind: sqlite, path: target.db }
  second: { kind: sqlite, path: second.db }
  api: { kind: http, base-url: \"http://127.0.0.1:9/\" }
limits: { deadline: 120s }
pipeline:
  stages:
    - { name: main, location: changes }
";

/// A project whose one change is the component of a language: `language-cases`; or its source, run by a plugin.
pub fn language_project(language: &str) -> Project {
    project(language, SQL)
}

/// The same for an API with this base URL: `language-http-cases`.
pub fn language_http_project(language: &str, url: &str) -> Project {
    let project = project(language, HTTP);
    let configuration = project.read("sandpiper.yaml").replace("http://127.0.0.1:9/", url);
    project.write("sandpiper.yaml", configuration);
    project
}

fn project(language: &str, cases: &str) -> Project {
    let project = Project::new(CONFIGURATION);
    let Some((_, file)) = SOURCES.iter().find(|(name, _)| *name == language) else {
        let component = component(language).join(format!("{cases}.wasm"));
        std::fs::copy(component, project.path(&format!("changes/{cases}.wasm")))
            .expect("a component can be copied");
        return project;
    };
    let language = language.trim_end_matches("-source");
    let extension = file.rsplit('.').next().expect("a source has an extension");
    let plugin = built::language_plugin(language);
    project.configure(&format!("languages: {{ {extension}: {} }}", plugin.display()));
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("languages").join(language).join(cases).join(file);
    std::fs::copy(source, project.path(&format!("changes/{cases}.{extension}")))
        .expect("a file can be copied");
    project
}

/// The path with the toolchains that `cargo xtask setup` installs, and the variables by which cargo and Go find theirs.
pub fn toolchain_path() -> Vec<(&'static str, String)> {
    let toolchains = built::target_folder().join("toolchains");
    let own = [toolchains.join("javascript/node_modules/.bin"), toolchains.join("python/bin")];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(own.into_iter().chain(std::env::split_paths(&path))).expect("a path");
    let mut variables = vec![("PATH", path.to_string_lossy().into_owned())];
    let home = std::env::var("HOME").unwrap_or_default();
    for (name, folder) in [
        ("CARGO_HOME", ".cargo"),
        ("RUSTUP_HOME", ".rustup"),
        ("GOCACHE", ".cache/go-build"),
        ("GOPATH", "go"),
    ] {
        variables.push((name, std::env::var(name).unwrap_or_else(|_| format!("{home}/{folder}"))));
    }
    variables.extend(std::env::var("RUSTUP_TOOLCHAIN").ok().map(|value| ("RUSTUP_TOOLCHAIN", value)));
    variables
}

/// The folder of the components of a language, built if their sources, the SDK or what builds it differ from last time.
fn component(language: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<BTreeMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    let mut all = BUILT.lock().expect("no build has panicked");
    if let Some(folder) = all.get(language) {
        return folder.clone();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = built::target_folder().join("languages").join(language);
    let changes = folder.join("changes");
    std::fs::create_dir_all(&changes).expect("the target folder can be written");
    let sources = root.join("tests/languages").join(language);
    let sources = sources.canonicalize().expect("every language has cases");
    let stage = format!("    - {{ name: main, location: changes, sources: {} }}\n", sources.display());
    let configuration = CONFIGURATION.replace("    - { name: main, location: changes }\n", &stage);
    std::fs::write(folder.join("sandpiper.yaml"), configuration).expect("the target folder can be written");
    // The sources of the change are looked at by `build` itself; what it adds to them is looked at here.
    let made_with = made_with(&root, language);
    let stamp = folder.join("made-with.txt");
    if std::fs::read_to_string(&stamp).ok().as_ref() != Some(&made_with) {
        for cases in [SQL, HTTP] {
            let _ = std::fs::remove_file(changes.join(format!("{cases}.wasm")));
        }
    }
    let mut build = Command::new(binary());
    build.arg("build").current_dir(&folder).env_clear().envs(environment()).envs(toolchain_path());
    let output = build.output().expect("the binary starts");
    assert!(
        output.status.success(),
        "`{language}` does not build (does `cargo xtask setup` pass?)\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    std::fs::write(stamp, made_with).expect("the target folder can be written");
    all.insert(language.to_owned(), changes.clone());
    changes
}

/// The digests of an SDK and of what builds with it.
fn made_with(root: &Path, language: &str) -> String {
    let mut files = Vec::new();
    for folder in
        [format!("sdk/{language}"), "host/sandpiper/adapter".into(), "host/sandpiper/src/guests".into()]
    {
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let text = |file: &PathBuf| {
        let bytes = std::fs::read(file).unwrap_or_default();
        let digest = sandpiper_engine::digest::Digest::of(&bytes);
        format!("{} {digest}\n", file.strip_prefix(root).unwrap_or(file).display())
    };
    files.iter().map(text).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with("__pycache__") {
            collect(&path, files);
        } else if path.is_file() {
            files.push(path);
        }
    }
}
