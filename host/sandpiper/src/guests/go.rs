//! Guest projects in Go: a package with the variable `Change` and the functions `Apply`, `Rollback` and `Verify`. A `main`
//! package that exports them is written beside it, and the Go toolchain builds a module, which becomes a component here.

use std::path::Path;
use std::process::Command;

use sandpiper_engine::fault::Fault;

use super::encode;
use super::job::{Job, Made, Tool};
use super::sdk::GO_SDK;

const GO: Tool = Tool { name: "go", install: "Go 1.24 or newer" };

/// Builds a project against the SDK of this release.
pub(super) fn build(job: &Job<'_>) -> Result<Made, Fault> {
    let sdk = job.sdk(&GO_SDK)?;
    let scratch = job.scratch("go")?;
    let source = source(job.folder).map_err(|error| job.io("the project cannot be read", &error))?;
    let manifest = std::fs::read_to_string(job.folder.join("go.mod"))
        .map_err(|error| job.io("`go.mod` cannot be read", &error))?;
    let module = manifest.lines().find_map(|line| line.trim().strip_prefix("module ")).unwrap_or_default();
    let main = main_package(module.trim().trim_matches('"'), &source).map_err(|why| job.failed(&why))?;
    job.write(&scratch.join("main.go"), &main)?;
    job.write(&scratch.join("go.mod"), "module sandpiper-guest\n\ngo 1.24\n")?;
    let used =
        [job.folder, &scratch, &sdk].map(|folder| format!("\t{:?}\n", folder.to_string_lossy())).concat();
    job.write(&scratch.join("go.work"), &format!("go 1.24\n\nuse (\n{used})\n"))?;
    let mut go = Command::new(GO.name);
    go.current_dir(&scratch)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .env("GOWORK", scratch.join("go.work"))
        .env("GOFLAGS", "")
        .args(["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", "change.wasm", "."]);
    let mut commands = Vec::new();
    job.run(&GO, go, &mut commands)?;
    let module = job.read(&scratch.join("change.wasm"))?;
    let component = encode::component(&module).map_err(|why| job.failed(&why))?;
    Ok(Made { component, commands })
}

/// The text of the package, without its tests.
fn source(folder: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".go") && !name.ends_with("_test.go") {
            text.push_str(&std::fs::read_to_string(&path)?);
            text.push('\n');
        }
    }
    Ok(text)
}

/// The package that exports what the author's package has. Whether the change is one to a database or to an API is told
/// by the type of `Apply`'s first argument.
fn main_package(module: &str, source: &str) -> Result<String, String> {
    let has = |begin: &str| source.lines().any(|line| line.starts_with(begin));
    let apply = source.lines().find(|line| line.starts_with("func Apply("));
    let Some(apply) = apply else {
        return Err(
            "`Apply` is missing: write `func Apply(db *sql.Connection, ctx *sandpiper.Context) error`"
                .to_owned(),
        );
    };
    if !has("func Rollback(") {
        return Err("`Rollback` is missing: write `func Rollback(db *sql.Connection, ctx *sandpiper.Context) error`; \
                    where there is no way back, return `sandpiper.Irreversible(..)`"
            .to_owned());
    }
    let capability = if apply.contains("http.Endpoint") { "http" } else { "sql" };
    let (mut imports, mut verify) = (String::new(), "");
    if has("func Verify(") {
        imports = format!("\tverify \"sandpiper-sdk/guest/{capability}verify\"\n");
        verify = "\tverify.Verify = change.Verify\n";
    }
    Ok(format!(
        "// Written by `sandpiper build`.\npackage main\n\nimport (\n\tchange {module:?}\n\n\
         \tdescription \"sandpiper-sdk/guest/description\"\n\texported \"sandpiper-sdk/guest/{capability}change\"\n\
         {imports})\n\nfunc init() {{\n\tdescription.Change = change.Change\n\
         \texported.Apply, exported.Rollback = change.Apply, change.Rollback\n{verify}}}\n\nfunc main() {{}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTIONS: &str =
        "func Apply(db *sql.Connection, ctx *sandpiper.Context) error {\n}\nfunc Rollback(db";

    #[test]
    fn what_the_package_has_is_exported() {
        let main = main_package("backfill", FUNCTIONS).unwrap();
        assert!(main.contains("\tchange \"backfill\"\n") && main.contains("guest/sqlchange\""), "{main}");
        assert!(!main.contains("verify"), "{main}");
        let verified = format!("{}\nfunc Verify(", FUNCTIONS.replace("*sql.Connection", "*http.Endpoint"));
        let main = main_package("backfill", &verified).unwrap();
        assert!(main.contains("guest/httpchange\"") && main.contains("guest/httpverify\""), "{main}");
    }

    #[test]
    fn what_is_missing_is_told_with_how_to_write_it() {
        assert!(main_package("a", "").unwrap_err().starts_with("`Apply` is missing: write `func Apply("));
        assert!(main_package("a", "func Apply(").unwrap_err().contains("sandpiper.Irreversible"));
    }
}
