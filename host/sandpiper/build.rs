//! Builds the template plugins for the sandbox and packs the SDKs, so that the library can embed both.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Where a guest runs.
const GUEST_TARGET: &str = "wasm32-wasip2";

/// What decides about the bytes of a plugin, below the workspace's root.
const INPUTS: [&str; 6] =
    ["Cargo.lock", "Cargo.toml", "host/sql-syntax/Cargo.toml", "host/sql-syntax/src", "plugins", "wit"];

/// The templates that are embedded: each is the folder of that name below `plugins`.
const TEMPLATES: [&str; 2] = ["http", "sql"];

/// What the host's own build passes on to build scripts, or a user sets for it, and a guest must not get:
/// a linter in the compiler's place, flags and folders of another target.
const FOREIGN_VARIABLES: [&str; 8] = [
    "CARGO_ENCODED_RUSTDOCFLAGS",
    "CARGO_INCREMENTAL",
    "OUT_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTDOCFLAGS",
    "RUSTFLAGS",
    "TARGET",
];

/// The same by how the names begin; `CARGO_TARGET_` is the target directory too.
const FOREIGN_PREFIXES: [&str; 5] =
    ["CARGO_BUILD_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PROFILE_", "CARGO_TARGET_"];

fn main() -> ExitCode {
    match build_templates() {
        Ok(folder) => println!("cargo:rustc-env=SANDPIPER_TEMPLATES={}", folder.display()),
        Err(error) => {
            eprintln!("error: the template plugins were not built: {error}");
            eprintln!("help: install the target: rustup target add {GUEST_TARGET}");
            return ExitCode::FAILURE;
        }
    }
    match pack_sdks().and_then(|()| translate_adapter()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: the SDKs were not packed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What is carried for guest projects: the constant's name, the folder below the root, and what counts in it.
const PACKS: [(&str, &str, &[&str]); 6] = [
    ("RUST", "sdk/rust", &["Cargo.toml", "README.md", "src", "wit", "macros/Cargo.toml", "macros/src"]),
    ("JAVASCRIPT", "sdk/javascript", &["package.json", "README.md", "src", "types", "build"]),
    ("PYTHON", "sdk/python", &["pyproject.toml", "README.md", "sandpiper_sdk", "build"]),
    (
        "GO",
        "sdk/go",
        &[
            "go.mod",
            "README.md",
            "change.go",
            "failure.go",
            "context.go",
            "context_wasip1.go",
            "abi",
            "guest",
            "http",
            "sandpipertest",
            "sql",
        ],
    ),
    ("C", "sdk/c", &["README.md", "sandpiper.h", "sandpiper.c"]),
    ("WIT", "wit", &["deps"]),
];

/// Writes `sdk.rs`: the path and the bytes of every file that a guest project is built against.
fn pack_sdks() -> Result<(), String> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let mut code = String::new();
    for (constant, folder, parts) in PACKS {
        let folder = root.join(folder);
        println!("cargo:rerun-if-changed={}", folder.display());
        let mut files = Vec::new();
        for part in parts {
            collect(&folder.join(part), &mut files)?;
        }
        files.retain(|file| !file.components().any(|part| part.as_os_str() == "__pycache__"));
        files.sort();
        code.push_str(&format!("const {constant}: &[(&str, &[u8])] = &[\n"));
        for file in files {
            let name = file.strip_prefix(&folder).map_err(|error| error.to_string())?.to_string_lossy();
            code.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", file.to_string_lossy()));
        }
        code.push_str("];\n");
    }
    let output = Path::new(&variable("OUT_DIR")?).join("sdk.rs");
    std::fs::write(&output, code).map_err(|error| format!("{}: {error}", output.display()))
}

/// Writes `preview1.wasm`: the adapter of guests in C and Go.
fn translate_adapter() -> Result<(), String> {
    let text = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("adapter/preview1.wat");
    println!("cargo:rerun-if-changed={}", text.display());
    let bytes = wat::parse_file(&text).map_err(|error| error.to_string())?;
    let output = Path::new(&variable("OUT_DIR")?).join("preview1.wasm");
    std::fs::write(&output, bytes).map_err(|error| format!("{}: {error}", output.display()))
}

/// Every file at or below a path.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(failed)? {
        collect(&entry.map_err(failed)?.path(), files)?;
    }
    Ok(())
}

/// Builds the plugins. Gives the folder in which the components lie.
fn build_templates() -> Result<PathBuf, String> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..");
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    for input in INPUTS {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }

    let target_dir = Path::new(&variable("OUT_DIR")?).join("plugins");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo
        .current_dir(&root)
        .args(["build", "--locked", "--profile", "guest"])
        .args(TEMPLATES.iter().flat_map(|name| ["--package".to_owned(), format!("sandpiper-plugin-{name}")]))
        .args(["--target", GUEST_TARGET, "--target-dir"])
        .arg(&target_dir)
        .stdin(Stdio::null())
        // What a build script prints there is read as instructions.
        .stdout(Stdio::null());
    for (name, _) in env::vars_os() {
        if is_foreign(&name) {
            cargo.env_remove(name);
        }
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(&root));

    // Its messages go to our stderr, which is shown when we fail.
    let status = cargo.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("cargo ended with {status}; its messages stand above"));
    }
    let folder = target_dir.join(GUEST_TARGET).join("guest");
    for name in TEMPLATES {
        let component = folder.join(format!("sandpiper_plugin_{name}.wasm"));
        if !component.is_file() {
            return Err(format!("cargo made no {}", component.display()));
        }
    }
    Ok(folder)
}

/// The compiler's flags, as cargo encodes them. They replace those of any configuration file, and keep the paths of
/// this machine out of the component: its digest is recorded with every change that it runs.
fn flags(root: &Path) -> OsString {
    let mut flags = OsString::from("--remap-path-prefix=");
    flags.push(root);
    flags.push("=");
    if let Some(home) = cargo_home() {
        flags.push("\u{1f}--remap-path-prefix=");
        flags.push(home.join("registry").join("src"));
        flags.push("=registry");
    }
    flags
}

/// Where cargo keeps the sources of dependencies.
fn cargo_home() -> Option<PathBuf> {
    env::var_os("CARGO_HOME").map(PathBuf::from).or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

fn is_foreign(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    FOREIGN_VARIABLES.iter().any(|foreign| name == *foreign)
        || FOREIGN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn variable(name: &str) -> Result<OsString, String> {
    env::var_os(name).ok_or_else(|| format!("the variable `{name}` is not set: run this through cargo"))
}
