//! A template that a user wrote: built with cargo alone, and used by a change.

use std::process::Command;

use sandpiper_tests::{rows, target_folder};

use crate::example;

#[test]
fn a_template_of_ones_own_runs_verifies_and_takes_back_and_tells_where_a_mistake_is() {
    let project = example("template");
    let folder = target_folder().join("example-template");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/template/seed/Cargo.toml");
    // Its own tests need no WebAssembly; in one profile, so that what both need is compiled once.
    for arguments in [&["test", "--release"][..], &["build", "--release", "--target", "wasm32-wasip2"]] {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).args(["--quiet", "--locked", "--manifest-path", sources]);
        cargo.env("CARGO_TARGET_DIR", &folder).env_remove("RUSTFLAGS");
        assert!(cargo.status().unwrap().success(), "{arguments:?}");
    }
    let built = std::fs::read(folder.join("wasm32-wasip2/release/seed.wasm")).unwrap();
    assert!(built.len() < 300_000, "{} bytes", built.len());
    project.write("seed/target/wasm32-wasip2/release/seed.wasm", built);

    let names = || {
        rows(
            &project.path("shop.db"),
            "SELECT code || ' ' || name || ' ' || vat FROM countries ORDER BY code",
        )
    };
    assert_eq!(project.json("apply").exits(0).counts()[0], 2);
    assert_eq!(names(), ["de Germany 19.0", "dk Denmark 25.0", "gr Greece 24.0"]);
    assert_eq!(project.json("status --verify").exits(0).at("/drift"), serde_json::json!([]));
    project.run("undo countries").exits(0);
    assert!(names().is_empty());

    let file = "changes/_0002__Countries.yaml";
    let text = project.read(file);
    project.write(file, text.replace("{ code: gr, name", "{ name"));
    let told = project.json("validate").exits(2);
    assert_eq!(told.at("/problems/0/message"), "the row has no `code`", "{told}");
    assert_eq!((told.at("/problems/0/line"), told.at("/problems/0/column")), (10.into(), 7.into()));
    project.write(file, text.replace("table: countries", "table: countries; --"));
    assert_eq!(project.json("validate").exits(2).at("/problems/0/message"), "`countries; --` is no name");
    project.write(file, text.replace("key: code", "keys: code"));
    let told = project.json("validate").exits(2);
    let places = [0, 1, 2, 3].map(|at| told.at(&format!("/problems/{at}/line")));
    assert_eq!(places, [6, 6, 13, 13].map(serde_json::Value::from), "{told}");
    assert!(told.at("/problems").to_string().contains("'keys' was unexpected"), "{told}");
}
