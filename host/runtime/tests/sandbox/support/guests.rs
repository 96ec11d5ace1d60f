//! Builds the guests, once for all tests, and loads each once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use sandpiper_runtime::Component;

/// A guest by its name: `lib`, an example of `tests/guests`, or `plugin-sql`.
pub(crate) fn guest(name: &str) -> Component {
    static LOADED: LazyLock<Mutex<HashMap<String, Component>>> = LazyLock::new(Mutex::default);
    let mut loaded = LOADED.lock().unwrap();
    loaded.entry(name.to_owned()).or_insert_with(|| super::load(bytes(name))).clone()
}

/// The bytes of a guest.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(build);
    let file = match name {
        "lib" => "sandpiper_test_guests.wasm".to_owned(),
        "plugin-sql" => "sandpiper_plugin_sql.wasm".to_owned(),
        example => format!("examples/{example}.wasm"),
    };
    let file = BUILT.join(file);
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn build() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["build", "--quiet", "--target", "wasm32-wasip2", "--profile", "guest"])
        .args([
            "--package",
            "sandpiper-plugin-sql",
            "--package",
            "sandpiper-test-guests",
            "--lib",
            "--examples",
        ])
        .arg("--target-dir")
        .arg(target);
    let status = cargo.status().expect("cargo starts");
    assert!(status.success(), "the guests cannot be built: {cargo:?}");
    target.join("wasm32-wasip2/guest")
}
