//! What is told when an API does not do what it was asked: a code, whose fault it is, what is left, what to do next.

use sandpiper::conformance::http::{ELSEWHERE, Reply, reply};
use sandpiper_tests::{Api, Certificates, Outcome, Project};

use crate::{change, project};

fn asks(method: &str, path: &str, more: &str) -> String {
    format!("apply: {{ method: {method}, path: {path}{more} }}")
}

/// Applies one request to the server of the rules.
fn applied(body: &str) -> (Api, Project, Outcome) {
    let api = Api::start(reply);
    let project = project(&api.url("/base/"), "");
    change(&project, 1, "one", body);
    let outcome = project.json("apply");
    (api, project, outcome)
}

#[track_caller]
fn message(outcome: &Outcome) -> String {
    outcome.change("one")["error"]["message"]
        .as_str()
        .unwrap_or_else(|| panic!("no error in\n{outcome}"))
        .to_owned()
}

#[test]
fn a_change_cannot_leave_the_base_url() {
    for path in [
        "../secret",
        "\"%2e%2e/secret\"",
        "\"..%2fsecret\"",
        "//elsewhere.invalid/x",
        "http://elsewhere.invalid/x",
        "\"a\\r\\nX: y\"",
        "\"a#b\"",
    ] {
        let (api, project, outcome) = applied(&asks("POST", path, ""));
        let outcome = outcome.exits(1);
        assert_eq!(
            (outcome.of("one", "outcome"), outcome.error()),
            ("rolled-back".into(), "change::failed".into()),
            "{path}"
        );
        assert_eq!(outcome.change("one")["error"]["effect"], "none", "{outcome}");
        assert!(message(&outcome).contains("POST "), "{outcome}");
        assert!(api.arrived().is_empty(), "{path}");
        assert_eq!(project.history("one"), ["started", "failed", "rolled-back"]);
    }
}

#[test]
fn a_change_cannot_say_who_sends_it() {
    for header in [
        "Host: elsewhere.invalid",
        "Authorization: Bearer mine",
        "Proxy-Authorization: x",
        "Transfer-Encoding: chunked",
    ] {
        let (api, _, outcome) = applied(&asks("POST", "items", &format!(", headers: {{ {header} }}")));
        assert!(message(&outcome).contains("is the host's alone"), "{outcome}");
        assert!(api.arrived().is_empty(), "{header}");
    }
}

#[test]
fn a_redirect_is_an_answer_unless_the_settings_say_otherwise() {
    for path in ["elsewhere", "outside"] {
        let (api, _, outcome) = applied(&asks("GET", path, ", expect: { status: 302 }"));
        outcome.exits(0);
        assert_eq!(api.lines(), [format!("GET /base/{path}")]);
    }
    let api = Api::start(|request, _| match request.target.as_str() {
        "/base/old" => Reply::new(301, "").with("Location", "/base/new?x=1"),
        "/base/far" => Reply::new(307, "").with("Location", ELSEWHERE),
        "/base/round" => Reply::new(302, "").with("Location", "round"),
        _ => Reply::new(200, "{}"),
    });
    let project = project(&api.url("/base/"), ", settings: { redirects: same-origin }");
    change(&project, 1, "one", &asks("GET", "old", ", expect: { status: 200 }"));
    change(&project, 2, "two", &asks("GET", "far", ", expect: { status: 307 }"));
    change(&project, 3, "three", &asks("POST", "old", ", expect: { status: 301 }"));
    change(&project, 4, "four", &asks("GET", "round", ", expect: { status: 302 }"));
    project.applied();
    let lines = api.lines();
    assert_eq!(lines[..4], ["GET /base/old", "GET /base/new?x=1", "GET /base/far", "POST /base/old"]);
    assert_eq!(lines[4..].len(), 6, "they are not followed for ever");
}

#[test]
fn an_answer_that_did_not_come_leaves_the_effect_unknown() {
    let rollback = "\nrollback: { method: DELETE, path: \"items/${captured.id}\" }";
    let body = asks("POST", "close", ", capture: { id: /id }");
    let (api, project, outcome) = applied(&format!("{body}{rollback}"));
    let outcome = outcome.exits(4);
    assert!(message(&outcome).contains("no answer came, so what was done is not known"), "{outcome}");
    assert_eq!(outcome.of("one", "outcome"), "rollback-failed");
    assert_eq!(outcome.change("one")["error"]["effect"], "unknown");
    assert_eq!(api.lines(), ["POST /base/close"], "it is not sent again");
    let issue = project.json("issue show one").exits(0);
    assert_eq!(
        (issue.at("/issues/0/doubtful_step"), issue.at("/issues/0/mode")),
        (1.into(), "direct".into()),
        "{issue}"
    );
    let (_, project, outcome) = applied(&body);
    assert_eq!(outcome.exits(4).of("one", "outcome"), "failed");
    assert_eq!(project.json("issue show one").exits(0).at("/issues/0/doubtful_step"), 1);
}

#[test]
fn an_api_that_nobody_serves_is_unreachable_before_anything_is_recorded() {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    for url in [format!("http://127.0.0.1:{port}/"), "http://no-such-host.invalid/".to_owned()] {
        let project = project(&url, "");
        change(&project, 1, "one", &asks("POST", "items", ""));
        let outcome = project.json("apply").exits(7);
        assert_eq!(outcome.error(), "target::unreachable");
        assert!(outcome.text("/error/message").contains("`target`"), "{outcome}");
        assert!(!outcome.text("/error/help").is_empty());
        assert_eq!(project.state("one"), "");
    }
}

#[test]
fn a_response_that_is_too_large_names_the_limit() {
    let api = Api::start(reply);
    let project = project(&api.url("/base/"), "");
    project.configure("limits: { body: 1KiB }");
    change(&project, 1, "one", &asks("GET", "large", ""));
    let outcome = project.json("apply").exits(4);
    assert_eq!(outcome.error(), "change::limit");
    assert!(message(&outcome).contains("limits.body"), "{outcome}");
}

#[test]
fn a_response_that_is_no_json_is_told_where_some_is_expected() {
    let (_, _, outcome) = applied(&asks("GET", "items", ", expect: { json: { /id: 1 } }"));
    assert!(message(&outcome).contains("is no JSON: fine"), "{outcome}");
    assert_eq!(outcome.change("one")["error"]["line"], 4);
    let shown = outcome.change("one")["error"]["help"].as_str().unwrap_or_default().to_owned();
    assert!(!shown.is_empty(), "{outcome}");
}

#[test]
fn an_api_that_is_busy_is_asked_again_where_that_may_be_done_twice() {
    let (api, _, outcome) = applied(&asks("GET", "busy", ""));
    outcome.exits(0);
    assert_eq!(api.arrived().len(), 3);
    let (api, _, outcome) = applied(&asks("POST", "busy", ""));
    assert!(message(&outcome).contains("503"), "{outcome}");
    assert_eq!(api.arrived().len(), 1);
    // What a change says itself counts for all of it, in attempts of their own.
    let rollback = "retry: 3 10ms..10ms\nrollback: { method: GET, path: items }\n";
    let (api, project, outcome) = applied(&format!("{rollback}{}", asks("POST", "busy", "")));
    outcome.exits(0);
    assert_eq!(api.lines().iter().filter(|line| line.starts_with("POST")).count(), 3);
    assert_eq!(project.state("one"), "applied");
}

#[test]
fn a_request_ends_at_the_deadline_of_its_change() {
    let api = Api::start(reply);
    let project = project(&api.url("/base/"), "");
    project.configure("limits: { deadline: 1s }");
    change(&project, 1, "one", &asks("POST", "silence", ""));
    let outcome = project.json("apply").exits(4);
    assert_eq!(outcome.error(), "change::deadline");
    assert_eq!(project.json("issue show one").exits(0).at("/issues/0/doubtful_step"), 1);
}

#[test]
fn a_server_is_verified_and_may_ask_for_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    Certificates::make(folder.path());
    let other = tempfile::tempdir().unwrap();
    Certificates::make(other.path());
    let api = Api::start_encrypted(folder.path(), true, reply);
    let outcome = |url: &str, settings: &str| {
        let project = project(url, &format!(", settings: {{ {settings} }}"));
        for name in ["root.crt", "client.crt", "client.key"] {
            project.write(name, std::fs::read(folder.path().join(name)).unwrap());
        }
        project.write("other.crt", std::fs::read(other.path().join("root.crt")).unwrap());
        change(&project, 1, "one", &asks("GET", "items", ""));
        project.json("apply")
    };
    let url = api.url("/base/");
    let ours = "sslrootcert: root.crt, sslcert: client.crt, sslkey: client.key";
    outcome(&url, ours).exits(0);
    for (url, settings, words) in [
        (url.as_str(), "retries: 0", "no root that is trusted"),
        (url.as_str(), "sslrootcert: other.crt", "certificate"),
        (&url.replace("localhost", "127.0.0.1"), ours, "not for the host"),
        (url.as_str(), "sslrootcert: missing.crt", "missing.crt"),
    ] {
        let refused = outcome(url, settings).exits(7);
        assert!(refused.text("/error/message").contains(words), "{words} in\n{refused}");
    }
    let without = outcome(&url, "sslrootcert: root.crt");
    assert_ne!(without.code, 0, "{without}");
}
