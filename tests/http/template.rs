//! The template `http`: steps, expectations, captured values, rollback in another run.

use serde_json::json;

use crate::{CREATE, Place};

#[test]
fn a_change_makes_a_thing_and_another_run_removes_it() {
    let place = Place::new();
    place.change(1, "mail", CREATE);
    let planned = place.project.json("plan").exits(0);
    assert_eq!(planned.change("mail")["mode"], "direct");
    assert!(planned.of("mail", "reason").contains("no transactions"), "{planned}");
    assert!(place.api.arrived().is_empty(), "planning asks nobody");
    let applied = place.project.applied();
    assert_eq!(
        (applied.of("mail", "mode"), applied.of("mail", "state")),
        ("direct".into(), "applied".into())
    );
    // As it is written: numbers are no floats on their way.
    let sent: serde_json::Value =
        serde_json::from_str(r#"{ "name": "mail", "size": 1.50, "id": 1 }"#).unwrap();
    assert_eq!(place.things.all(), [sent]);
    assert_eq!(place.api.arrived()[0].header("content-type"), "application/json");
    assert_eq!(place.project.applied().of("mail", "outcome"), "already-applied");
    assert_eq!(place.api.lines(), ["POST /base/items"]);
    // What was edited since does not count: the artifact and the captured value of the first run do.
    place.change(1, "mail", &CREATE.replace("items/${captured.id}", "nowhere"));
    let undone = place.project.json("undo mail").exits(0);
    assert_eq!(undone.of("mail", "outcome"), "undone");
    assert_eq!(place.api.lines(), ["POST /base/items", "DELETE /base/items/1"]);
    assert_eq!(place.things.count(), 0);
    place.change(1, "mail", CREATE);
    assert_eq!(place.project.applied().of("mail", "outcome"), "applied");
    place.project.json("undo mail").exits(0);
    assert_eq!(place.project.history("mail")[4..], ["started", "applied", "undoing", "undone"]);
    assert_eq!(place.project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn an_api_needs_no_word_about_its_template() {
    let place = Place::new();
    place.change(1, "mail", CREATE.strip_prefix("template: http\n").unwrap());
    place.project.applied();
    assert_eq!(place.things.count(), 1);
}

const STEPS: &str = "\
steps:
  - apply: { method: POST, path: items, body: { name: one }, expect: { status: [201] }, capture: { one: /data/id } }
    rollback: { method: DELETE, path: \"items/${captured.one}\" }
  - apply: { method: POST, path: /items, body: { name: two, of: \"${captured.one}\" }, capture: { two: /data/id } }
    rollback: { method: DELETE, path: \"items/${captured.two}\" }
  - apply: { method: PUT, path: \"items/${captured.two}\", body: { note: \"after ${captured.one}\" }, expect: { status: 2xx } }
    rollback: { method: GET, path: \"items/${captured.one}\", query: { because: [a, b] } }";

#[test]
fn later_steps_and_rollbacks_use_what_was_captured() {
    let place = Place::new();
    place.change(1, "both", STEPS);
    place.project.applied();
    assert_eq!(place.things.all(), [json!({ "name": "one", "id": 1 }), json!({ "note": "after 1" })]);
    assert_eq!(place.api.arrived()[1].body, br#"{"name":"two","of":1}"#);
    place.project.json("undo --last 1").exits(0);
    assert_eq!(
        place.api.lines()[3..],
        ["GET /base/items/1?because=a&because=b", "DELETE /base/items/2", "DELETE /base/items/1"]
    );
    assert_eq!(place.things.count(), 0);
}

#[test]
fn a_step_may_be_written_as_its_request_alone() {
    let place = Place::new();
    let steps = "steps:\n  - method: POST\n    path: items\n    body: { name: one }\n    capture: { id: /data/id }\n    \
                 rollback: { method: DELETE, path: \"items/${captured.id}\" }\n  - { method: POST, path: items, body: text }";
    place.change(1, "steps", steps);
    let failed = place.project.json("apply").exits(4);
    assert_eq!(failed.change("steps")["error"]["line"], 10, "{failed}");
    assert_eq!(place.project.state("steps"), "failed", "not every step can be taken back");
    let mended = format!("{steps}\n    rollback: {{ method: GET, path: items }}").replace(
        "- { method: POST, path: items, body: text }",
        "- method: POST\n    path: items\n    body: text",
    );
    place.change(2, "mended", &mended);
    place.project.json("issue resolve steps --applied --reason looked").exits(0);
    let failed = place.project.json("apply").exits(1);
    assert_eq!(failed.of("mended", "outcome"), "rolled-back");
    assert_eq!(place.things.count(), 1, "its first step is taken back");
}

#[test]
fn a_failed_step_takes_those_before_it_back() {
    let place = Place::new();
    let body = STEPS.replace("expect: { status: 2xx }", "expect: { json: { /note: other } }");
    place.change(1, "both", &body);
    let failed = place.project.json("apply").exits(1);
    assert_eq!(failed.of("both", "outcome"), "rolled-back");
    let error = &failed.change("both")["error"];
    assert_eq!((&error["code"], &error["line"]), (&json!("change::failed"), &json!(9)), "{failed}");
    assert!(error["message"].as_str().unwrap().contains("stands \"after 1\", not \"other\""), "{failed}");
    assert_eq!(place.things.count(), 0);
    assert_eq!(place.project.history("both"), ["started", "failed", "rolled-back"]);
    // It begins anew, and captures anew.
    place.change(1, "both", STEPS);
    place.project.applied();
    assert_eq!(place.things.count(), 2);
}

#[test]
fn what_the_api_refused_is_not_taken_back() {
    let place = Place::new();
    place.change(
        1,
        "mine",
        &CREATE.replace("{ name: mail, size: 1.50 }", "nothing").replace("items/${captured.id}", "items/1"),
    );
    place.things.answer(&sandpiper::conformance::http::Arrived {
        method: "POST".into(),
        target: "/base/items".into(),
        headers: Vec::new(),
        body: b"{\"name\":\"of somebody else\"}".to_vec(),
    });
    let failed = place.project.json("apply").exits(1);
    assert_eq!(failed.of("mine", "outcome"), "rolled-back");
    assert!(
        failed.change("mine")["error"]["message"]
            .as_str()
            .unwrap()
            .contains("422, not 201: a thing is an object")
    );
    assert_eq!(place.things.count(), 1);
    assert_eq!(place.api.lines(), ["POST /base/items"]);
}

#[test]
fn verify_tells_by_its_expectation() {
    let place = Place::new();
    place.change(1, "mail", CREATE);
    place.project.applied();
    let status = place.project.json("status --verify --check").exits(0);
    assert_eq!(status.at("/drift"), json!([]));
    place.api.lines().iter().for_each(|line| assert!(line.starts_with("POST") || line.starts_with("GET")));
    let remove = sandpiper::conformance::http::Arrived {
        method: "DELETE".into(),
        target: "/base/items/1".into(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    place.things.answer(&remove);
    let status = place.project.json("status --verify --check").exits(6);
    assert_eq!(status.at("/drift/0/verdict"), "not-applied");
}

#[test]
fn a_request_says_on_request_that_it_may_be_sent_twice() {
    let place = Place::new();
    let body = format!("configuration: {{ idempotency-key: true }}\n{STEPS}");
    place.change(1, "both", &body);
    place.project.applied();
    let keys: Vec<String> =
        place.api.arrived().iter().map(|arrived| arrived.header("idempotency-key").to_owned()).collect();
    assert!(keys.iter().all(|key| key.len() > 10) && keys[0] != keys[1], "{keys:?}");
}

#[test]
fn every_request_is_kept_with_its_attempt() {
    let place = Place::with(", record: full");
    place.change(1, "mail", CREATE);
    place.project.applied();
    let calls = place.project.json("audit show mail --calls").exits(0).at("/calls");
    assert_eq!(calls[0]["capability"], "http");
    assert_eq!((&calls[0]["operation"], &calls[0]["statement"]), (&json!("send"), &json!("POST items")));
    assert_eq!((&calls[0]["status"], &calls[0]["rows"]), (&json!(201), &json!(null)));
    assert_eq!(calls[0]["values"], r#"{"name":"mail","size":1.50}"#);
    assert!(calls[0]["response"].as_str().unwrap().contains("\"id\":1"), "{calls}");
    assert_eq!(calls[0]["digest"].as_str().unwrap().len(), 64);
    let place = Place::new();
    place.change(1, "mail", CREATE);
    place.project.applied();
    let calls = place.project.json("audit show mail --calls").exits(0).at("/calls");
    assert_eq!((&calls[0]["values"], &calls[0]["response"]), (&json!(null), &json!(null)), "digests alone");
}
