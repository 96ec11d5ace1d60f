//! Changes that work on an API and on a database: what commits is one system, unless a change says otherwise.

use sandpiper::conformance::http::{Reply, reply};
use sandpiper_tests::{Api, Project, component};

use crate::TOKEN;

const READER: &str = "test-guest-uses-http-00000000000000000001";
const WRITER: &str = "test-guest-http-uses-00000000000000000001";

/// A database as target, an API beside it; or the other way round.
fn configured(target: &str, second: &str, more: &str) -> Project {
    Project::new(&format!(
        "service: tests\n{more}target-systems:\n  target: {target}\n  second: {second}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n"
    ))
}

fn reader(api: &Api, more: &str) -> Project {
    let second =
        format!("{{ kind: http, base-url: \"{}\", auth: {{ bearer: {TOKEN} }} }}", api.url("/base/"));
    let project = configured("{ kind: sqlite, path: target.db }", &second, more);
    project.write("changes/_0001__Guest.wasm", component("uses_http"));
    project
}

fn lines() -> Api {
    Api::start(|request, earlier| match (request.method.as_str(), request.target.as_str()) {
        ("GET" | "HEAD", _) => Reply::new(200, "one\ntwo\n"),
        _ => reply(request, earlier),
    })
}

#[test]
fn what_was_read_from_an_api_commits_with_the_database() {
    for more in ["store: target\n", ""] {
        let api = lines();
        let project = reader(&api, more);
        let applied = project.json("apply --set case=head").exits(0);
        assert_eq!(applied.of(READER, "mode"), if more.is_empty() { "marked" } else { "shared" });
        assert_eq!(project.rows("SELECT note FROM guest_rows"), ["one", "two"]);
        assert_eq!(api.lines(), ["GET /base/items?after=0", "HEAD /base/items"]);
        let calls = project.json(&format!("audit show {READER} --calls")).exits(0);
        let of = |number: usize, field: &str| calls.at(&format!("/calls/{number}/{field}"));
        assert_eq!((of(0, "operation"), of(0, "system")), ("open".into(), "second".into()), "{calls}");
        assert_eq!(
            (of(1, "statement"), of(1, "status")),
            ("GET items?after=0".into(), 200.into()),
            "{calls}"
        );
        assert_eq!(of(1, "system"), "second");
        assert!(!calls.stdout.contains(TOKEN));
    }
}

#[test]
fn in_a_transaction_an_api_is_only_read() {
    for case in ["write", "override"] {
        let api = lines();
        let project = reader(&api, "store: target\n");
        let failed = project.json(&format!("apply --set case={case}")).exits(1);
        assert_eq!(failed.of(READER, "outcome"), "rolled-back", "{case}");
        assert!(
            failed.change(READER)["error"]["message"].as_str().unwrap().contains("read-only"),
            "{failed}"
        );
        assert_eq!(project.tables(), [""; 0], "nothing of it is left");
        assert_eq!(api.lines(), ["GET /base/items?after=0"]);
    }
}

#[test]
fn an_api_of_a_change_is_reachable_before_its_lock_is_taken() {
    let api = lines();
    let project = reader(&api, "store: target\n");
    drop(api);
    std::thread::sleep(std::time::Duration::from_millis(50));
    let failed = project.json("apply").exits(7);
    assert!(failed.text("/error/message").contains("`second`"), "{failed}");
    assert_eq!(project.state(READER), "");
}

#[test]
fn a_change_without_a_transaction_may_write_to_both() {
    let api = Api::start(reply);
    let target = format!("{{ kind: http, base-url: \"{}\" }}", api.url("/base/"));
    let project = configured(&target, "{ kind: sqlite, path: target.db }", "");
    project.write("changes/_0001__Guest.wasm", component("http_uses"));
    let failed = project.json("apply --set case=fail").exits(1);
    assert_eq!(
        (failed.of(WRITER, "mode"), failed.of(WRITER, "outcome")),
        ("direct".into(), "rolled-back".into())
    );
    assert_eq!(project.tables(), [""; 0]);
    assert_eq!(api.lines(), ["POST /base/items", "DELETE /base/items/1"]);
    project.json("apply").exits(0);
    assert_eq!(project.tables(), ["guest_rows"]);
    project.json(&format!("undo {WRITER}")).exits(0);
    assert_eq!((project.tables().len(), api.arrived().len()), (0, 4));
}
