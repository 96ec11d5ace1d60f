//! Builds what the tests run: the binary, and the components of `tests/guests` and `plugins`, each once a process.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// The binary: the one that `SANDPIPER_BIN` names, else the workspace's own, built beside this test.
pub fn binary() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| {
        if let Some(given) = std::env::var_os("SANDPIPER_BIN") {
            return PathBuf::from(given);
        }
        build_host("sandpiper", &[])
    });
    &BINARY
}

/// The binary that ends itself where a variable says: `host/backends/src/crash.rs`. It has a file of its own, and shares
/// all dependencies with the other.
pub fn binary_with_crash_points() -> &'static Path {
    static BINARY: LazyLock<PathBuf> =
        LazyLock::new(|| build_host("sandpiper-crash-points", &["--features", "sandpiper-cli/crash-points"]));
    &BINARY
}

/// The application of `examples/axum`.
pub fn example_application() -> &'static Path {
    static BINARY: LazyLock<PathBuf> = LazyLock::new(|| build_host("notes", &[]));
    &BINARY
}

fn build_host(name: &str, features: &[&str]) -> PathBuf {
    let profile = profile_folder();
    let mut cargo = cargo();
    // The dependencies have the features that the tests give them, and are compiled once.
    cargo.args(["--workspace", "--bin", name]).args(features);
    if profile.file_name() == Some(OsStr::new("release")) {
        cargo.arg("--release");
    }
    run(cargo);
    profile.join(name)
}

/// The bytes of a component of `tests/guests`: `cases` is its library, any other name one of its examples.
pub fn component(name: &str) -> Vec<u8> {
    let file = if name == "cases" {
        "sandpiper_test_guests.wasm".to_owned()
    } else {
        format!("examples/{name}.wasm")
    };
    read(&guests().join(file))
}

/// The same with another id, which is filled up to the length of the old one with zeros.
///
/// # Panics
///
/// When the component has no id that may be replaced, or `id` is longer than it.
pub fn component_with_id(name: &str, id: &str) -> (String, Vec<u8>) {
    let old = match name {
        "cases" => "test-guest-cases-transactional-0000000001",
        "direct" => "test-guest-cases-direct-000000000000000001",
        "always_retry" => "test-guest-cases-always-retry-0000000001",
        "verify" => "test-guest-cases-verify-000000000000000001",
        "uses" => "test-guest-uses-000000000000000000000001",
        _ => panic!("`{name}` has no id that may be replaced"),
    };
    assert!(id.len() < old.len(), "`{id}` is longer than `{old}`");
    let new = format!("{id}-{}", "0".repeat(old.len() - id.len() - 1));
    let mut bytes = component(name);
    let found: Vec<usize> =
        (0..=bytes.len() - old.len()).filter(|at| bytes[*at..].starts_with(old.as_bytes())).collect();
    assert_eq!(found.len(), 1, "the id of `{name}` occurs once");
    bytes[found[0]..][..old.len()].copy_from_slice(new.as_bytes());
    (new, bytes)
}

/// The bytes of a plugin of `plugins/`.
pub fn plugin(name: &str) -> Vec<u8> {
    read(&guests().join(format!("sandpiper_plugin_{name}.wasm")))
}

/// The file of a language plugin of `plugins/`, which `cargo xtask plugin` builds.
pub fn language_plugin(name: &str) -> PathBuf {
    static BUILT: LazyLock<Mutex<BTreeSet<String>>> = LazyLock::new(Mutex::default);
    let mut built = BUILT.lock().expect("no build has panicked");
    if built.insert(name.to_owned()) {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .env("CARGO_TARGET_DIR", target_folder());
        cargo.args(["run", "--quiet", "--package", "xtask", "--", "plugin", name]).stdout(Stdio::null());
        run(cargo);
    }
    target_folder().join("plugins").join(format!("{name}.wasm"))
}

fn guests() -> &'static Path {
    static GUESTS: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut cargo = cargo();
        cargo.args(["--target", "wasm32-wasip2", "--profile", "guest", "--lib", "--examples"]);
        cargo.args(["--package", "sandpiper-plugin-sql", "--package", "sandpiper-plugin-http"]);
        cargo.args(["--package", "sandpiper-test-guests"]);
        run(cargo);
        target_folder().join("wasm32-wasip2/guest")
    });
    &GUESTS
}

fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    cargo.args(["build", "--quiet", "--target-dir"]).arg(target_folder());
    // What the outer cargo tells this test about itself would make the inner one build dependencies anew that ask for it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

fn run(mut cargo: Command) {
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "this cannot be built: {cargo:?}");
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// `target/debug`, say: a test lies in its folder `deps`.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it lies");
    test.ancestors().nth(2).expect("tests lie in `target/PROFILE/deps`").to_owned()
}

/// Where all that is built lies.
pub fn target_folder() -> PathBuf {
    profile_folder().parent().expect("a profile's folder lies in the target folder").to_owned()
}
