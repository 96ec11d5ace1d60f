//! Changes that are components, with an API as their target system.

use sandpiper::conformance::http::reply;
use sandpiper_tests::{Api, Project, component};

use crate::project;

const ID: &str = "test-guest-http-000000000000000000000001";

fn with() -> (Api, Project) {
    let api = Api::start(reply);
    let project = project(&api.url("/base/"), "");
    project.write("changes/_0001__Guest.wasm", component("http"));
    (api, project)
}

#[test]
fn a_component_sends_requests_and_takes_them_back() {
    let (api, project) = with();
    let applied = project.json("apply").exits(0);
    assert_eq!((applied.of(ID, "mode"), applied.of(ID, "outcome")), ("direct".into(), "applied".into()));
    let made = api.arrived().remove(0);
    assert_eq!((made.method.as_str(), made.target.as_str()), ("POST", "/base/items"));
    assert_eq!(
        (made.header("content-type"), made.body.as_slice()),
        ("application/json", b"{\"name\": \"guest\"}".as_slice())
    );
    project.json(&format!("undo {ID}")).exits(0);
    let removed = api.arrived().remove(1);
    assert_eq!((removed.method.as_str(), removed.target.as_str()), ("DELETE", "/base/items/guest"));
    assert_eq!(removed.header("idempotency-key"), made.header("idempotency-key"));
    assert!(!made.header("idempotency-key").is_empty());
}

#[test]
fn a_component_that_gives_up_after_a_request_is_rolled_back() {
    let (api, project) = with();
    let failed = project.json("apply --set case=fail-after-write").exits(1);
    assert_eq!(failed.of(ID, "outcome"), "rolled-back");
    assert_eq!(api.lines(), ["POST /base/items", "DELETE /base/items/guest"]);
}

#[test]
fn a_component_is_refused_what_a_template_is_refused() {
    for settings in [
        "--set case=get --set path=../secret",
        "--set case=header --set name=Host --set value=elsewhere.invalid",
        "--set case=method --set method=CONNECT",
    ] {
        let (api, project) = with();
        let failed = project.json(&format!("apply {settings}"));
        assert_ne!(failed.code, 0, "{failed}");
        let asked = api.lines().iter().filter(|line| !line.starts_with("DELETE")).count();
        assert_eq!(asked, 0, "{settings}");
    }
}

#[test]
fn what_a_component_may_touch_is_shown() {
    let (_, project) = with();
    let shown = project.json("inspect changes/_0001__Guest.wasm").exits(0);
    assert!(shown.stdout.contains("sandpiper:http/client"), "{shown}");
}
