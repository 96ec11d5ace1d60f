//! Webhooks: signed, in order, sent again where that may help, and never in the way of a change.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandpiper::conformance::http::{Arrived, Reply};
use sandpiper_tests::{Api, Certificates, Outcome, Project, Running, component};
use serde_json::Value;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// What the path of the address holds, which must be told to nobody.
const TOKEN: &str = "T0-token-of-the-hook";

const ALL: &str = "[run-started, run-finished, change-finished]";
const LOCK: &str = "lock: { lease: 2s, wait: 30s, retry: 50ms }";

/// A project with two changes, and a webhook.
fn project(url: &str, events: &str) -> Project {
    let project = Project::shared();
    project.configure(LOCK).configure(&format!(
        "webhooks:\n  - {{ url: \"{url}\", secret: {SECRET}, events: {events}, timeout: 60s }}"
    ));
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (id INTEGER);\n-- rollback\nDROP TABLE a;",
    );
    project.sql(
        "changes/_0002__B",
        "b",
        "-- apply\nCREATE TABLE b (id INTEGER);\n-- rollback\nDROP TABLE b;",
    );
    project
}

fn hook(api: &Api) -> String {
    api.url(&format!("/hooks/{TOKEN}?key=of-the-hook"))
}

/// A receiver that takes everything.
fn receiver() -> Api {
    Api::start(|_, _| Reply::new(204, ""))
}

/// The bodies of what arrived.
fn bodies(api: &Api) -> Vec<Value> {
    api.arrived().iter().map(|arrived| serde_json::from_slice(&arrived.body).unwrap()).collect()
}

/// The events that arrived.
fn events(api: &Api) -> Vec<String> {
    bodies(api).iter().map(|body| body["event"].as_str().unwrap().to_owned()).collect()
}

/// What was told as undelivered; nothing of the address but its host is ever told.
#[track_caller]
fn undelivered(outcome: &Outcome) -> Vec<&str> {
    for secret in [TOKEN, "of-the-hook", SECRET] {
        assert!(!outcome.stderr.contains(secret) && !outcome.stdout.contains(secret), "{outcome}");
    }
    outcome.stderr.lines().filter(|line| line.starts_with("warning[webhook::undelivered]")).collect()
}

/// Verifies a signature as the documentation tells it.
fn verify(arrived: &Arrived) -> bool {
    let page = include_str!("../../docs/events.md");
    let code = page.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let headers: serde_json::Map<String, Value> =
        arrived.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let call =
        "import json, sys\nprint(verify(sys.argv[1], json.loads(sys.argv[2]), sys.stdin.buffer.read()))";
    let mut python = Command::new("python3")
        .args(["-c", &format!("{code}\n{call}"), SECRET, &Value::Object(headers).to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(&arrived.body).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    output.stdout == b"True\n"
}

fn signal(running: &Running, name: &str) {
    let told = Command::new("kill").args(["-s", name, &running.id().to_string()]).status().unwrap();
    assert!(told.success());
}

fn until(what: &str, is: impl Fn() -> bool) {
    let since = Instant::now();
    while !is() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what} does not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_receiver_is_told_in_order_with_the_lines_of_events_and_a_signature_that_can_be_verified() {
    let api = receiver();
    let project = project(&hook(&api), ALL);
    let outcome = project.json("apply --events events.jsonl").exits(0);
    assert_eq!(undelivered(&outcome), [""; 0]);
    let arrived = api.arrived();
    assert_eq!(events(&api), ["run-started", "change-finished", "change-finished", "run-finished"]);
    for one in &arrived {
        assert_eq!((one.method.as_str(), one.header("content-type")), ("POST", "application/json"));
        assert_eq!(one.target, format!("/hooks/{TOKEN}?key=of-the-hook"));
    }
    assert!(verify(&arrived[1]) && verify(&arrived[3]));
    let mut forged = arrived[1].clone();
    forged.body.push(b' ');
    assert!(!verify(&forged));
    let without_time = |mut line: Value| {
        line["at"] = Value::Null;
        line
    };
    let text = project.read("events.jsonl");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for body in bodies(&api) {
        assert_eq!((&body["service"], &body["run_id"]), (&"tests".into(), &outcome.at("/run_id")));
        let body = without_time(body);
        assert!(lines.iter().any(|line| without_time(line.clone()) == body), "{body} is not in {text}");
    }
}

#[test]
fn what_is_refused_for_now_is_sent_again_before_what_comes_after_it() {
    let times = Mutex::new(0);
    let api = Api::start(move |_, _| {
        let mut times = times.lock().unwrap();
        *times += 1;
        match *times {
            2 => Reply::new(503, ""),
            3 => Reply::new(429, "").with("Retry-After", "1"),
            4 => Reply::Close,
            _ => Reply::new(200, ""),
        }
    });
    let project = project(&hook(&api), ALL);
    let outcome = project.run("apply").exits(0);
    assert_eq!(undelivered(&outcome), [""; 0]);
    let expected: Vec<&str> =
        ["run-started"].into_iter().chain(["change-finished"; 5]).chain(["run-finished"]).collect();
    assert_eq!(events(&api), expected);
    let arrived = api.arrived();
    let ids: Vec<&str> = arrived.iter().map(|one| one.header("webhook-id")).collect();
    assert!(ids[1..5].iter().all(|id| *id == ids[1]) && ids[0] != ids[1] && ids[5] != ids[1], "{ids:?}");
    assert!(arrived.iter().all(|one| one.body == arrived[1].body || one.header("webhook-id") != ids[1]));
    assert!(verify(&arrived[4]), "each attempt is signed with its own time");
}

#[test]
fn a_receiver_that_does_not_answer_delays_no_change() {
    let answers = Arc::new(AtomicBool::new(false));
    let may = answers.clone();
    let api = Api::start(move |_, _| {
        until("the end of the test", || may.load(Ordering::Acquire));
        Reply::new(200, "")
    });
    let project = project(&hook(&api), ALL);
    let running = project.start("apply --events events.jsonl");
    until("the end of the run", || {
        project.has("events.jsonl") && project.read("events.jsonl").contains("run-finished")
    });
    assert_eq!(events(&api), ["run-started"], "it has answered nothing");
    assert_eq!(project.tables(), ["a", "b"]);
    answers.store(true, Ordering::Release);
    let outcome = running.wait().exits(0);
    assert_eq!(undelivered(&outcome), [""; 0]);
    assert_eq!(events(&api), ["run-started", "change-finished", "change-finished", "run-finished"]);
}

#[test]
fn a_receiver_that_is_not_there_is_a_warning_and_no_failure() {
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let project = project(&format!("http://127.0.0.1:{port}/{TOKEN}"), "[change-finished]");
    let outcome = project.run("apply -v").exits(0);
    let told = undelivered(&outcome);
    assert_eq!(told.len(), 2, "{outcome}");
    for (line, what) in told.iter().zip(["`change-finished` of `a`", "`change-finished` of `b`"]) {
        for part in [what, &format!("`127.0.0.1:{port}`"), "refused"] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert_eq!(project.tables(), ["a", "b"]);
}

#[test]
fn what_is_refused_for_good_is_sent_once_and_a_redirect_is_not_followed() {
    let api = Api::start(|_, earlier| match earlier {
        0 => Reply::new(400, ""),
        _ => Reply::new(307, "").with("Location", "/elsewhere"),
    });
    let project = project(&hook(&api), "[change-finished]");
    let outcome = project.json("apply").exits(0);
    assert_eq!(outcome.at("/ok"), true);
    let told = undelivered(&outcome);
    assert!(told[0].contains("400") && told[1].contains("307") && told[1].contains("redirects"), "{outcome}");
    assert_eq!((told.len(), api.arrived().len()), (2, 2));
    assert!(api.lines().iter().all(|line| line.contains(TOKEN)));
}

#[test]
fn a_run_with_nothing_to_do_tells_nobody() {
    let api = receiver();
    let project = project(&hook(&api), "[run-started, run-finished, stage-finished, change-finished]");
    project.applied();
    let before = api.arrived().len();
    for line in ["apply", "apply --format json", "apply --no-cache", "plan", "status", "validate"] {
        project.run(line).exits(0);
    }
    assert_eq!(api.arrived().len(), before);
    project.sql("changes/_0003__C", "c", "INSERT INTO nowhere VALUES (1);");
    project.run("apply").exits(1);
    let told = bodies(&api);
    let last = told.last().unwrap();
    assert_eq!(
        (&last["event"], &last["ok"], &last["error"]["code"]),
        (&"run-finished".into(), &false.into(), &"change::failed".into())
    );
}

#[test]
fn those_that_went_wrong_are_told_by_themselves_and_an_undo_is_told_too() {
    let api = receiver();
    let project = project(&hook(&api), "[change-failed, run-failed, stage-failed]");
    project.applied();
    assert_eq!(events(&api), [""; 0]);
    project.sql("changes/_0003__C", "c", "INSERT INTO nowhere VALUES (1);");
    project.run("apply").exits(1);
    assert_eq!(events(&api), ["change-finished", "stage-finished", "run-finished"]);
    assert_eq!(bodies(&api)[0]["change"]["outcome"], "rolled-back");
    let api = receiver();
    project
        .write("sandpiper.yaml", sandpiper_tests::SHARED)
        .configure(&format!("webhooks: [{{ url: \"{}\", secret: {SECRET}, events: {ALL} }}]", hook(&api)));
    project.run("undo b").exits(0);
    assert_eq!(events(&api), ["run-started", "change-finished", "run-finished"]);
    let last = &bodies(&api)[2];
    assert_eq!((&last["command"], &last["counts"]["undone"]), (&"undo".into(), &1.into()));
}

#[test]
fn each_event_names_its_tenant() {
    let api = receiver();
    let project = Project::new(&format!(
        "service: tests\ntenants: [acme, globex, idle]\nparallel-tenants: 1\nstore: target\n\
         target-systems: {{ target: {{ kind: sqlite, path: '${{var:tenant}}.db' }} }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n\
         webhooks: [{{ url: '{}', secret: {SECRET}, events: [run-started, tenant-started, change-finished, \
         tenant-finished, run-finished] }}]\n",
        hook(&api)
    ));
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.run("apply --tenant idle").exits(0);
    let told = |from: usize| -> Vec<String> {
        let word = |body: &Value, key: &str| body[key].as_str().unwrap_or_default().to_owned();
        bodies(&api)[from..]
            .iter()
            .map(|body| format!("{} {}", word(body, "event"), word(body, "tenant")))
            .collect()
    };
    assert_eq!(told(0), ["run-started idle", "change-finished idle", "run-finished idle"]);
    project.run("apply").exits(0);
    let each = |tenant: &str| {
        ["tenant-started", "change-finished", "tenant-finished"].map(|event| format!("{event} {tenant}"))
    };
    let mut expected = vec!["run-started ".to_owned()];
    expected.extend(each("acme"));
    expected.extend(each("globex"));
    expected.push("run-finished ".to_owned());
    assert_eq!(told(3), expected, "of the tenant that found nothing to do nothing is told");
}

#[test]
fn exec_tells_before_it_becomes_the_command() {
    let told = tempfile::tempdir().unwrap();
    let file = told.path().join("told");
    let writes = file.clone();
    let api = Api::start(move |arrived, _| {
        std::fs::write(&writes, &arrived.body).unwrap();
        Reply::new(200, "")
    });
    let project = project(&hook(&api), "run-finished");
    let outcome = project.run(&format!("exec -- cat {}", file.display())).exits(0);
    assert!(outcome.stdout.contains("run-finished"), "{outcome}");
}

#[test]
fn a_process_that_is_told_to_stop_waits_no_longer_than_it_must() {
    let api = Api::start(|_, _| Reply::Silence);
    let project = project(&hook(&api), "run-finished");
    let running = project.start("apply");
    until("the event", || !api.arrived().is_empty());
    signal(&running, "TERM");
    let outcome = running.wait().exits(0);
    let told = undelivered(&outcome);
    assert!(
        told.len() == 1 && told[0].contains("`run-finished`") && told[0].contains("than 2 s"),
        "{outcome}"
    );
}

#[test]
fn a_run_that_is_stopped_tells_its_end_and_serve_tells_too() {
    let api = receiver();
    let project = project(&hook(&api), "run-finished");
    project.write("changes/_0003__Guest.wasm", component("cases"));
    let running = project.start("apply --set case=wait-for-cancel");
    until("the change", || project.json("status").at("/stages/0/changes/2/state") == "started");
    signal(&running, "TERM");
    running.wait().exits(143);
    assert_eq!(bodies(&api)[0]["exit_code"], 143);
    project.remove("changes/_0003__Guest.wasm");
    project.sql("changes/_0004__D", "d", "CREATE TABLE d (id INTEGER);");
    let running = project.start("serve --listen 127.0.0.1:0");
    until("the event", || api.arrived().len() == 2);
    signal(&running, "TERM");
    running.wait().exits(0);
}

#[test]
fn a_certificate_has_to_be_trusted() {
    let folder = tempfile::tempdir().unwrap();
    Certificates::make(folder.path());
    let api = Api::start_encrypted(folder.path(), false, |_, _| Reply::new(200, ""));
    let mut project = project(&hook(&api), "change-finished");
    let outcome = project.run("apply --to a").exits(0);
    let told = undelivered(&outcome);
    assert!(told.len() == 1 && told[0].contains("no root that is trusted"), "{outcome}");
    assert!(told[0].contains("SSL_CERT_FILE"), "{outcome}");
    project.set_variable("SSL_CERT_FILE", &folder.path().join("root.crt").to_string_lossy());
    assert_eq!(undelivered(&project.run("apply").exits(0)), [""; 0]);
    assert_eq!(bodies(&api).len(), 1);
}

#[test]
fn a_webhook_without_an_address_is_off_and_one_that_is_wrong_is_a_problem_with_its_line() {
    let project = Project::shared();
    project.configure("webhooks:\n  - { url: \"${env:NO_HOOK:-}\", secret: \"${env:NO_SECRET:-}\" }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.run("apply").exits(0);
    for (hook, says) in [
        (format!("{{ url: 'https://h.example/{TOKEN}' }}"), "`secret` is missing"),
        (format!("{{ secret: {SECRET} }}"), "`url` is missing"),
        (format!("{{ url: 'hooks.example/{TOKEN}', secret: {SECRET} }}"), "scheme"),
        (format!("{{ url: 'https://h/{TOKEN}', secret: {SECRET}x }}"), "base64"),
        (
            format!("{{ url: 'https://h/', secret: {SECRET}, events: [run-finishd] }}"),
            "did you mean `run-finished`?",
        ),
        (format!("{{ url: 'https://h/', secret: {SECRET}, timeout: soon }}"), "duration"),
        (format!("{{ url: 'https://h/', secret: {SECRET}, event: run-failed }}"), "did you mean `events`?"),
        (format!("{{ url: 'https://h/', secrets: {SECRET} }}"), "did you mean `secret`?"),
    ] {
        project.write("sandpiper.yaml", sandpiper_tests::SHARED).configure(&format!("webhooks:\n  - {hook}"));
        let outcome = project.json("validate").exits(2);
        let problem = outcome.at("/problems/0");
        assert_eq!((&problem["file"], &problem["line"]), (&"sandpiper.yaml".into(), &9.into()), "{outcome}");
        assert!(outcome.stdout.contains(says), "{says}: {outcome}");
        assert!(!problem["help"].as_str().unwrap().is_empty(), "{outcome}");
        let shown = project.run("validate").exits(2);
        for secret in [&SECRET["whsec_".len()..], TOKEN] {
            assert!(!shown.stdout.contains(secret) && !shown.stderr.contains(secret), "{shown}");
        }
    }
}
