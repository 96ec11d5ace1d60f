//! Changes to an API: what they send, what they get, and how requests go wrong.

use std::time::Duration;

use sandpiper_runtime::guest::{Call, CallError};
use sandpiper_runtime::http::{Header, HttpError, Method, Request};
use sandpiper_runtime::stop::StopReason;
use sandpiper_runtime::{Limits, Runtime, Settings};

use crate::support::{Attempt, guest, limits};

/// A case of the guest, whose target system is an API.
fn case(case: &str) -> Attempt {
    Attempt { api: Some(Default::default()), ..Attempt::new(guest("http")) }.variable("case", case)
}

fn get(path: &str) -> Attempt {
    case("get").variable("path", path)
}

/// The one request of an attempt.
#[track_caller]
fn only_request(attempt: &Attempt) -> Request {
    let requests = attempt.api.as_ref().unwrap().requests();
    let [request] = requests.as_slice() else { panic!("not one request: {requests:?}") };
    request.clone()
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

/// The words of a failure.
#[track_caller]
fn failure(attempt: &Attempt) -> String {
    match attempt.run().error() {
        CallError::Failed { message, .. } => message,
        other => panic!("it did not fail: {other:?}"),
    }
}

#[test]
fn a_request_reaches_the_session_as_the_guest_made_it_and_is_counted() {
    let attempt = case("normal");
    let ended = attempt.run();
    assert_eq!(ended.calls, 1);
    ended.done();
    let expected = Request {
        method: Method::Post,
        path: "items".to_owned(),
        query: Vec::new(),
        headers: vec![header("Idempotency-Key", "key-1"), header("Content-Type", "application/json")],
        body: Some(b"{\"name\": \"guest\"}".to_vec()),
        timeout: None,
        max_body: 16 << 20,
    };
    assert_eq!(only_request(&attempt), expected);
}

#[test]
fn a_query_and_a_timeout_cross_the_border_and_so_does_the_response() {
    let attempt = get("items/1");
    attempt.run().done();
    let request = only_request(&attempt);
    assert_eq!((request.method, request.body), (Method::Get, None));
    assert_eq!(request.query, [("q".to_owned(), "a b&c=d".to_owned())]);
    assert_eq!(request.timeout, Some(Duration::from_secs(5)));
    assert_eq!(attempt.host.lines(), ["200 Some(\"application/json\") Ok(\"{}\")"]);
}

#[test]
fn a_rollback_is_another_call() {
    let mut attempt = case("normal");
    attempt.call = Call::Rollback;
    attempt.run().done();
    let request = only_request(&attempt);
    assert_eq!((request.method, request.path.as_str()), (Method::Delete, "items/guest"));
}

#[test]
fn a_method_without_a_case_of_its_own_is_passed_by_name() {
    for (name, method) in [("PURGE", Method::Other("PURGE".to_owned())), ("PUT", Method::Put)] {
        let attempt = case("method").variable("method", name);
        attempt.run().done();
        assert_eq!(only_request(&attempt).method, method);
    }
}

#[test]
fn a_response_of_any_status_is_the_guests_to_judge() {
    assert_eq!(failure(&get("missing")), "the API answered with 404: no such item");
}

#[test]
fn a_request_without_a_response_is_told_by_what_is_known_of_its_effect() {
    let error = get("unreachable").run().error();
    let said = "the request was not sent: nobody listens there".to_owned();
    assert_eq!(error, CallError::Transient(said));
    assert_eq!(failure(&get("silent")), "no answer came, its effect is unknown: the connection was closed");
    let denied = failure(&get("https://elsewhere"));
    assert_eq!(denied, "the host refused this: the path leaves the base URL");
}

#[test]
fn a_body_up_to_the_limit_is_read_and_a_longer_one_ends_the_attempt() {
    let limits = Limits { body: 1 << 10, ..limits() };
    let runtime: &'static Runtime = Box::leak(Box::new(Runtime::new(Settings { cache_dir: None, limits })));
    let http = guest("http");
    let component = runtime.load(http.bytes().clone(), http.digest()).unwrap();
    let run = |path| Attempt { runtime, component: component.clone(), ..get(path) }.run();
    run("limit").done();
    let reached = "a response's body is longer than 1 KiB (`limits.body`)".to_owned();
    assert_eq!(HttpError::body_too_long(1 << 10).to_string(), reached);
    for path in ["long", "too-long"] {
        assert_eq!(run(path).limit(), ("change::limit", reached.clone()));
    }
}

#[test]
fn a_body_beyond_the_limit_of_arguments_is_never_sent() {
    let attempt = case("huge-body");
    let (code, message) = attempt.run().limit();
    assert_eq!(
        (code, message.as_str()),
        ("change::limit", "one call passes more than 16 MiB (`limits.arguments`)")
    );
    assert!(attempt.api.unwrap().requests().is_empty());
}

#[test]
fn a_deadline_ends_a_guest_that_waits_for_its_api() {
    let attempt = get("slow").within(Duration::from_millis(100));
    assert_eq!(attempt.run().error(), CallError::Stopped(StopReason::Deadline));
    assert_eq!(only_request(&attempt).path, "slow");
}

#[test]
fn a_failure_after_a_write_is_the_guests_own() {
    let attempt = case("fail-after-write");
    assert_eq!(failure(&attempt), "the guest gave up after a write");
    assert!(only_request(&attempt).method.writes());
}
