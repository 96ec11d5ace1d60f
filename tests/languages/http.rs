//! The rows of the table that work on an API: every language against every one of them, and a second system beside it.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use sandpiper::conformance::http::{Arrived, Reply};
use sandpiper_tests::{Api, Outcome, Project, language_http_project, open};

use crate::apply;

/// The id of every component.
const ID: &str = "language-http-cases";

/// The document of a queue, as the API has it.
const QUEUE: &str = "{\"id\": 7, \"name\": \"gr\u{fc}n \u{1f426}\"}";

/// How a case that does not succeed ends.
struct Failure {
    case: &'static str,
    code: &'static str,
    /// A part of the message.
    message: &'static str,
    /// What has arrived of its requests.
    arrived: &'static [&'static str],
    /// A language in which it ends otherwise, and how.
    but: Option<(&'static str, &'static str, &'static str)>,
}

const fn failure(case: &'static str, message: &'static str, arrived: &'static [&'static str]) -> Failure {
    Failure { case, code: "change::failed", message, arrived, but: None }
}

const FAILURES: &[Failure] = &[
    failure("missing", "the API answered with 404: no such queue", &["GET /base/missing"]),
    failure("not-text", "the body of the answer is not UTF-8", &["GET /base/bytes"]),
    failure("denied", "the host refused this: ", &[]),
    failure("undeclared", "the host refused this: ", &[]),
    failure("precondition", "a precondition did not hold: as the case says", &[]),
    failure("failed", "as the case says", &["POST /base/queues"]),
    failure("irreversible", "as the case says", &[]),
    failure("unknown", "there is no case `unknown`", &[]),
    // What is transient is tried again, and nothing else.
    failure("transient", "as the case says", &[]),
    failure("busy", "the API answered with 503: later", &["POST /base/busy", "POST /base/busy"]),
    // What was sent and not answered may have been done.
    failure("lost", "no answer came, its effect is unknown: ", &["POST /base/close"]),
    failure("late", "no answer came, its effect is unknown: ", &["POST /base/silence"]),
    Failure {
        case: "trap",
        code: "change::trap",
        message: "",
        arrived: &[],
        // Nothing in JavaScript ends the engine: what nobody catches is a failure.
        but: Some(("javascript", "change::failed", "TypeError: ")),
    },
];

/// An API that answers as the cases ask it to, and stops when it is told to.
struct Place {
    running: Arc<Mutex<Option<Api>>>,
    project: Project,
}

impl Place {
    fn new(language: &str) -> Self {
        let running: Arc<Mutex<Option<Api>>> = Arc::default();
        let own = running.clone();
        let api = Api::start(move |request, _| answer(request, &own));
        let project = language_http_project(language, &api.url("/base/"));
        *running.lock().unwrap() = Some(api);
        Self { running, project }
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.running.lock().unwrap().as_ref().map(Api::arrived).unwrap_or_default()
    }

    fn lines(&self) -> Vec<String> {
        self.arrived().iter().map(|it| format!("{} {}", it.method, it.target)).collect()
    }

    /// What a case saw: it tells the API.
    fn seen(&self) -> Vec<String> {
        let seen = self.arrived();
        let seen = seen.iter().filter_map(|it| Some((it.target.strip_prefix("/base/seen/")?, &it.body)));
        seen.map(|(name, body)| format!("{name}: {}", String::from_utf8_lossy(body))).collect()
    }

    fn apply(&self, settings: &str) -> Outcome {
        apply(&self.project, settings)
    }
}

fn answer(request: &Arrived, running: &Mutex<Option<Api>>) -> Reply {
    let path = request.target.split('?').next().unwrap_or_default();
    match (request.method.as_str(), path.strip_prefix("/base/").unwrap_or_default()) {
        ("POST", "queues") => {
            Reply::new(201, QUEUE).with("X-Made-By", "v1").with("X-Two", "one").with("X-Two", "two")
        }
        ("GET", "queues/7") => Reply::new(200, QUEUE),
        ("DELETE", _) => Reply::new(204, ""),
        (_, "echo") => Reply::new(200, request.body.clone()),
        (_, "bytes") => Reply::new(200, [0xff, 0x00]),
        (_, "missing") => Reply::new(404, " no such queue\n"),
        (_, "busy") => Reply::new(503, "later").with("Retry-After", "0"),
        (_, "taken") => Reply::new(409, "there"),
        (_, "close") => Reply::Close,
        (_, "silence") => Reply::Silence,
        (_, "stop") => {
            let api = running.lock().unwrap().take();
            let port = api.as_ref().map(Api::port).unwrap_or_default();
            drop(api);
            // Nobody listens from here on.
            while TcpStream::connect(("127.0.0.1", port)).is_ok() {}
            Reply::new(200, "").with("Connection", "close")
        }
        _ => Reply::new(200, ""),
    }
}

/// Runs the rows for one language.
fn behaves(language: &str) {
    sends_reads_and_takes_back(language);
    sends_any_method_and_any_bytes(language);
    fails_in_every_way(language);
    finds_nobody(language);
    tells_whether_it_is_applied(language);
    reads_and_writes_a_database_beside_it(language);
    logs(language);
}

fn sends_reads_and_takes_back(language: &str) {
    let place = Place::new(language);
    let outcome = place.apply("case=normal").exits(0);
    assert_eq!(outcome.of(ID, "mode"), "direct", "{language}: {outcome}");
    let made = place.arrived().remove(0);
    assert_eq!(
        (made.method.as_str(), made.target.as_str()),
        ("POST", "/base/queues?text=a%20b%26c&page=1&page=2"),
        "{language}"
    );
    let document: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(document, serde_json::json!({ "name": "mail", "size": 1 }), "{language}");
    assert_eq!(made.header("content-type"), "application/json", "{language}");
    assert!(made.header("x-key").len() > 10, "{language}: {made:?}");
    let two = made.headers.iter().filter(|(name, _)| name == "x-two").map(|(_, value)| value.as_str());
    assert_eq!(two.collect::<Vec<_>>(), ["one", "two"], "{language}");
    let expected = ["status: 201", "header: v1", "headers: one two", "unset: none"];
    let text = format!("text: {QUEUE}");
    let expected: Vec<&str> = expected.into_iter().chain([text.as_str(), "id: 7"]).collect();
    assert_eq!(place.seen(), expected, "{language}");

    let refused = place.project.json(&format!("undo {ID} --set rollback=irreversible")).exits(4);
    assert!(refused.to_string().contains("as the case says"), "{language}: {refused}");
    place.project.json(&format!("issue resolve {ID} --applied --reason seen")).exits(0);
    place.project.json(&format!("undo {ID}")).exits(0);
    assert_eq!(place.lines().last().unwrap(), "DELETE /base/queues/7", "{language}");
}

fn sends_any_method_and_any_bytes(language: &str) {
    let place = Place::new(language);
    place.apply("case=methods").exits(0);
    let methods: Vec<String> = place.arrived().into_iter().map(|it| it.method).collect();
    assert_eq!(methods, ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PURGE"], "{language}");
    let place = Place::new(language);
    place.apply("case=bytes").exits(0);
    assert_eq!(place.arrived().remove(0).body, b"\x00\xff\x80", "{language}");
    assert_eq!(place.seen(), ["bytes: 00ff80"], "{language}");
    // A status that is no success is an error that the change can look at.
    let place = Place::new(language);
    place.apply("case=handled").exits(0);
    assert_eq!(place.seen(), ["handled: 409 there"], "{language}");
}

fn fails_in_every_way(language: &str) {
    for Failure { case, code, message, arrived, but } in FAILURES {
        let other = but.filter(|(other, ..)| language.starts_with(other));
        let (code, message) = other.map_or((*code, *message), |(_, code, message)| (code, message));
        let place = Place::new(language);
        let outcome = place.apply(&format!("case={case} rollback=nothing")).exits(1);
        let ended = (outcome.error(), outcome.of(ID, "outcome"));
        assert_eq!(ended, (code.to_owned(), "rolled-back".to_owned()), "{language}, {case}: {outcome}");
        assert!(outcome.text("/error/message").contains(message), "{language}, {case}: {outcome}");
        assert_eq!(place.lines(), *arrived, "{language}, {case}");
        let attempts = if ["transient", "busy"].contains(case) { 2 } else { 1 };
        assert_eq!(outcome.change(ID)["attempts"], attempts, "{language}, {case}: {outcome}");
    }
}

fn finds_nobody(language: &str) {
    let place = Place::new(language);
    let outcome = place.apply("case=stopped rollback=nothing");
    assert_ne!(outcome.code, 0, "{language}: {outcome}");
    assert!(outcome.to_string().contains("the request was not sent: "), "{language}: {outcome}");
}

fn tells_whether_it_is_applied(language: &str) {
    let place = Place::new(language);
    place.apply("case=nothing").exits(0);
    let drift = place.project.json("status --verify").exits(0);
    assert_eq!(drift.at("/drift"), serde_json::json!([]), "{language}: {drift}");
    let other = Api::start(|_, _| Reply::new(404, ""));
    let configuration = place.project.read("sandpiper.yaml");
    let url = place.running.lock().unwrap().as_ref().unwrap().url("/base/");
    place.project.write("sandpiper.yaml", configuration.replace(&url, &other.url("/base/")));
    let drift = place.project.json("status --verify").exits(0);
    assert_eq!(drift.text("/drift/0/verdict"), "not-applied", "{language}: {drift}");
}

fn reads_and_writes_a_database_beside_it(language: &str) {
    let place = Place::new(language);
    let second = rusqlite::Connection::open(place.project.path("second.db")).unwrap();
    let tables = "CREATE TABLE there (id INTEGER, note TEXT); CREATE TABLE made (id INTEGER, status INTEGER); \
                  INSERT INTO there VALUES (7, 'gr\u{fc}n'), (8, NULL)";
    second.execute_batch(tables).unwrap();
    drop(second);
    place.apply("case=uses").exits(0);
    let arrived: Vec<(String, Vec<u8>)> =
        place.arrived().into_iter().map(|it| (it.target, it.body)).collect();
    let expected =
        [("/base/items/7".to_owned(), "gr\u{fc}n".into()), ("/base/items/8".to_owned(), Vec::new())];
    assert_eq!(arrived, expected, "{language}");
    let second = open(&place.project.path("second.db"));
    let made: String = second
        .query_row("SELECT group_concat(id || ' ' || status, ', ') FROM made", [], |row| row.get(0))
        .unwrap();
    assert_eq!(made, "7 200, 8 200", "{language}");
}

fn logs(language: &str) {
    let place = Place::new(language);
    let logged = place.project.run("apply -v --set case=log").exits(0);
    for line in ["level warn", "a line that was printed"] {
        assert!(logged.to_string().contains(line), "{language}: {line} is not in\n{logged}");
    }
}

#[test]
fn rust_asks_an_api_as_every_language() {
    behaves("rust");
}

#[test]
fn javascript_asks_an_api_as_every_language() {
    behaves("javascript");
}

#[test]
fn a_source_file_in_javascript_asks_an_api_as_every_language() {
    behaves("javascript-source");
}

#[test]
fn a_source_file_in_python_asks_an_api_as_every_language() {
    // What is the SDK's own is shown by the component; here it is about the plugin.
    sends_reads_and_takes_back("python-source");
    tells_whether_it_is_applied("python-source");
    reads_and_writes_a_database_beside_it("python-source");
}

#[test]
fn python_asks_an_api_as_every_language() {
    behaves("python");
}

#[test]
fn go_asks_an_api_as_every_language() {
    behaves("go");
}

#[test]
fn c_asks_an_api_as_every_language() {
    behaves("c");
}
