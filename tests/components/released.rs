//! Components that were built with a released version of the contract: this host still runs them, as they were built.

use std::path::{Path, PathBuf};

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Project};

/// The components of every version whose name ends with this.
fn released(end: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let versions = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let versions = versions.filter(|path| path.is_dir() && !path.ends_with("sources"));
    let files = versions.flat_map(|version| std::fs::read_dir(version).unwrap());
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(end));
    files.sort();
    assert!(files.len() >= 3, "the components of 0.1.0 are kept for good: {files:?}");
    files
}

#[test]
fn components_of_every_release_still_change_a_database() {
    for file in released("-sql.wasm") {
        let project = Project::shared();
        project.write("changes/_0001__Calls.wasm", std::fs::read(&file).unwrap());
        let applied = project.json("apply --set count=4").exits(0);
        assert_eq!(applied.of("released-calls", "mode"), "shared", "{}: {applied}", file.display());
        let rows = project.rows("SELECT id || ' ' || note FROM calls");
        assert_eq!((rows.len(), rows[3].as_str()), (4, "4 as the author says"), "{}", file.display());
        let drift = project.json("status --verify").exits(0);
        assert_eq!(drift.at("/drift"), serde_json::json!([]), "{}: {drift}", file.display());
        project.json("undo released-calls").exits(0);
        assert!(project.tables().is_empty(), "{}", file.display());
    }
}

#[test]
fn components_of_every_release_still_ask_an_api() {
    for file in released("-http.wasm") {
        let api = Api::start(|_, _| Reply::new(200, "{\"id\": 7}"));
        let project = Project::new(&format!(
            "service: tests\ntarget-systems:\n  api: {{ kind: http, base-url: \"{}\" }}\n\
             pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n",
            api.url("/base/")
        ));
        project.write("changes/_0001__Queue.wasm", std::fs::read(&file).unwrap());
        project.json("apply").exits(0);
        assert_eq!(api.arrived()[0].body, b"{\"name\": \"mail\"}", "{}", file.display());
        let drift = project.json("status --verify").exits(0);
        assert_eq!(drift.at("/drift"), serde_json::json!([]), "{}: {drift}", file.display());
        project.json("undo released-queue").exits(0);
        let expected = ["POST /base/queues?page=1", "GET /base/queues/7", "DELETE /base/queues/7"];
        assert_eq!(api.lines(), expected, "{}", file.display());
    }
}
