//! OpenTelemetry: what is told of runs, to whom, and that nothing waits for it.

mod collector;
mod troubles;

use std::collections::BTreeMap;

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Project};

use collector::{Collector, attributes, names, within};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// Two changes, the second of which fails.
fn with_a_failing_change() -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);\nINSERT INTO a VALUES (1), (2);");
    project.sql("changes/_0002__B", "b", "INSERT INTO nowhere VALUES (1);");
    project
}

fn below_a_caller(project: &mut Project) -> String {
    let parent = format!("00-{TRACE}-{CALLER}-01");
    project.set_variable("TRACEPARENT", &parent);
    project.set_variable("TRACESTATE", "vendor=1");
    parent
}

#[test]
fn a_run_its_stage_its_changes_and_their_calls_are_one_tree_below_the_caller() {
    let (collector, mut project) = (Collector::start(), with_a_failing_change());
    collector.is_told_by(&mut project);
    below_a_caller(&mut project);
    let outcome = project.json("apply").exits(1);
    let spans = collector.spans();
    assert!(spans.iter().all(|it| it.trace == TRACE && it.json["traceState"] == "vendor=1"), "{spans:?}");
    let names_by_id: BTreeMap<_, _> = spans.iter().map(|it| (it.id.as_str(), it.name.as_str())).collect();
    assert_eq!(names_by_id.len(), spans.len(), "every span has an identity of its own");
    let below = |it: &collector::Span| {
        let parent = names_by_id.get(it.parent.as_str()).copied().unwrap_or(it.parent.as_str());
        format!("{} < {parent}", it.name)
    };
    let tree: Vec<String> = spans.iter().map(below).collect();
    assert_eq!(
        tree,
        [
            "CREATE target < change a",
            "INSERT target < change a",
            "change a < stage main",
            "INSERT target < change b",
            "change b < stage main",
            "stage main < sandpiper apply",
            &format!("sandpiper apply < {CALLER}"),
        ]
    );
    let number = |it: &collector::Span, key: &str| it.json[key].as_str().unwrap().parse::<u64>().unwrap();
    for span in &spans {
        assert!(number(span, "startTimeUnixNano") <= number(span, "endTimeUnixNano"), "{span:?}");
    }
    let run = collector.span("sandpiper apply");
    for (key, value) in [
        ("sandpiper.run_id", outcome.text("/run_id").as_str()),
        ("sandpiper.service", "tests"),
        ("sandpiper.environment", "default"),
        ("sandpiper.exit_code", "1"),
    ] {
        assert_eq!(run.says(key), value, "{key}");
    }
    let change = collector.span("change a");
    for (key, value) in [
        ("sandpiper.change.id", "a"),
        ("sandpiper.change.outcome", "applied"),
        ("sandpiper.mode", "shared"),
        ("sandpiper.target_system", "target"),
    ] {
        assert_eq!(change.says(key), value, "{key}");
    }
    let call = collector.span("CREATE target");
    assert_eq!(call.says("db.system.name"), "sqlite");
    assert_eq!(call.says("db.query.text"), "CREATE TABLE a (id INTEGER);");
    assert_eq!((&call.json["kind"], &change.json["kind"]), (&3.into(), &1.into()));
}

#[test]
fn what_went_wrong_is_a_status_with_its_code_on_the_way_up_to_the_run() {
    let (collector, mut project) = (Collector::start(), with_a_failing_change());
    collector.is_told_by(&mut project);
    project.json("apply").exits(1);
    for name in ["change b", "stage main", "sandpiper apply"] {
        let span = collector.span(name);
        assert_eq!(span.json.pointer("/status/code"), Some(&2.into()), "{name}");
        let message = span.json.pointer("/status/message").unwrap().as_str().unwrap();
        assert!(message.starts_with("change::failed: no such table"), "{message}");
        assert_eq!(span.says("error.type"), "change::failed");
    }
    let failed = collector.spans().into_iter().rfind(|it| it.name == "INSERT target").unwrap();
    assert_eq!(failed.json.pointer("/status/code"), Some(&2.into()));
    assert!(collector.span("change a").json.pointer("/status/code").is_none(), "it went well");
}

#[test]
fn changes_by_outcome_durations_lock_waits_and_calls_are_counted() {
    let (collector, mut project) = (Collector::start(), with_a_failing_change());
    collector.is_told_by(&mut project);
    project.json("apply").exits(1);
    let counted = |name: &str, key: &str| -> Vec<String> {
        let said = |point: &serde_json::Value| {
            let count =
                point.get("asInt").or_else(|| point.get("count")).unwrap().as_str().unwrap().to_owned();
            let value = attributes(point).get(key).cloned().unwrap_or_default();
            format!("{} {count}", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        collector.points(name).iter().map(said).collect()
    };
    assert_eq!(counted("sandpiper.changes", "sandpiper.change.outcome"), ["applied 1", "rolled-back 1"]);
    assert_eq!(counted("sandpiper.change.duration", "sandpiper.change.outcome").len(), 2);
    assert_eq!(counted("sandpiper.runs", "sandpiper.exit_code"), ["1 1"]);
    assert_eq!(counted("sandpiper.run.duration", "error.type"), ["change::failed 1"]);
    assert_eq!(counted("sandpiper.lock.wait.duration", "sandpiper.stage"), ["main 1"]);
    assert_eq!(counted("sandpiper.calls", "sandpiper.target_system"), ["target 3"]);
    let statements = counted("db.client.operation.duration", "db.operation.name");
    assert_eq!(statements, ["CREATE 1", "INSERT 1", "INSERT 1"]);
}

#[test]
fn protobuf_is_the_usual_form() {
    let (collector, mut project) = (Collector::start(), with_a_failing_change());
    project.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.0.url("/otlp/"));
    project.set_variable("OTEL_SERVICE_NAME", "orders");
    below_a_caller(&mut project);
    project.json("apply").exits(1);
    let sent = collector.at("/otlp/v1/traces").remove(0);
    assert_eq!(sent.header("content-type"), "application/x-protobuf");
    // The numbers are those of the standard: ResourceSpans 1, ScopeSpans 2, Span 2; its name 5, its trace 1.
    let texts = |path: &[u64]| -> Vec<String> {
        within(&sent.body, path).into_iter().map(|it| String::from_utf8(it).unwrap()).collect()
    };
    assert_eq!(texts(&[1, 2, 2, 5]).last().unwrap(), "sandpiper apply");
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(within(&sent.body, &[1, 2, 2, 1]).iter().all(|id| hexadecimal(id) == TRACE));
    assert_eq!(hexadecimal(within(&sent.body, &[1, 2, 2, 4]).last().unwrap()), CALLER);
    // The status is 15, its message 2; Resource is 1, its attributes 1, of which key 1 and value 2, a text 1.
    assert!(texts(&[1, 2, 2, 15, 2]).last().unwrap().starts_with("change::failed: "));
    assert_eq!(
        (texts(&[1, 1, 1, 1]), texts(&[1, 1, 1, 2, 1])),
        (vec!["service.name".into()], vec!["orders".into()])
    );
    // ResourceMetrics 1, ScopeMetrics 2, Metric 2, its name 1, a sum 7.
    let sent = collector.at("/otlp/v1/metrics").remove(0);
    let metrics = within(&sent.body, &[1, 2, 2, 1]);
    assert!(metrics.contains(&b"sandpiper.changes".to_vec()));
    // Of a sum the points 1, of a point the number 6.
    let counts = within(&sent.body, &[1, 2, 2, 7, 1, 6]);
    assert!(counts.iter().all(|count| count.len() == 8 && count[0] > 0), "{counts:?}");
}

#[test]
fn requests_are_told_in_the_words_of_http_and_no_secret_is() {
    let collector = Collector::start();
    let api = Api::start(|_, _| Reply::new(201, "{}"));
    let mut project = Project::new(&format!(
        "service: tests\ntarget-systems:\n  crm:\n    kind: http\n    base-url: {}\n    auth: {{ bearer: \"${{env:CRM_TOKEN}}\" }}\n\
         pipeline: {{ stages: [{{ name: main, location: changes }}] }}\n",
        api.url("/api/")
    ));
    collector.is_told_by(&mut project);
    project.set_variable("CRM_TOKEN", "hunter2-token");
    project.set_variable("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20collector-key");
    project.write(
        "changes/_0001__Queue.yaml",
        "id: queue\nauthor: tests\ntarget-system: crm\ntemplate: http\n\
         apply: { method: POST, path: queues, query: { key: hunter2-token }, body: { name: mail }, expect: { status: 201 } }\n",
    );
    project.json("apply").exits(0);
    let call = collector.span("POST");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.response.status_code", "201"),
        ("server.address", "127.0.0.1"),
        ("server.port", &api.port().to_string()),
        ("url.full", &format!("{}queues?key=***", api.url("/api/"))),
        ("sandpiper.target_system", "crm"),
    ] {
        assert_eq!(call.says(key), value, "{key}");
    }
    for arrived in collector.0.arrived() {
        assert_eq!(arrived.header("authorization"), "Bearer collector-key");
        let body = String::from_utf8(arrived.body).unwrap();
        assert!(!body.contains("hunter2") && !body.contains("collector-key"), "{body}");
    }
}

#[test]
fn each_tenant_has_a_span_and_is_named_below_it() {
    let (collector, mut project) = (
        Collector::start(),
        Project::new(
            "service: tests\nstore: target\ntenants: [acme, globex]\n\
             target-systems: { target: { kind: sqlite, path: 'db/${var:tenant}.db' } }\n\
             pipeline: { stages: [{ name: main, location: changes }] }\n",
        ),
    );
    project.write("db/README", "").sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    collector.is_told_by(&mut project);
    project.json("apply").exits(0);
    let spans = collector.spans();
    let run = collector.span("sandpiper apply");
    for tenant in ["acme", "globex"] {
        let of_tenant: Vec<_> = spans.iter().filter(|it| it.says("sandpiper.tenant") == tenant).collect();
        let told: Vec<_> = of_tenant.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(told, ["CREATE target", "change a", "stage main", "tenant"]);
        let [.., stage, span] = of_tenant.as_slice() else { panic!("{told:?}") };
        assert_eq!((&stage.parent, &span.parent), (&span.id, &run.id));
    }
    assert_eq!(run.says("sandpiper.tenants"), "2");
}

#[test]
fn an_undo_is_a_run_too() {
    let (collector, mut project) = (Collector::start(), Project::shared());
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (id INTEGER);\n-- rollback\nDROP TABLE a;",
    );
    project.applied();
    collector.is_told_by(&mut project);
    project.json("undo a").exits(0);
    assert_eq!(names(&collector.spans()), ["DROP target", "change a", "stage main", "sandpiper undo"]);
    assert_eq!(collector.span("change a").says("sandpiper.change.outcome"), "undone");
    assert_eq!(attributes(&collector.points("sandpiper.changes")[0])["sandpiper.change.outcome"], "undone");
}

#[test]
fn the_command_of_exec_starts_when_all_is_told_and_with_the_parent_of_the_run() {
    let (collector, mut project) = (Collector::start(), Project::shared());
    collector.is_told_by(&mut project);
    let parent = below_a_caller(&mut project);
    let outcome = project.run("exec -- printenv TRACEPARENT").exits(0);
    assert_eq!(outcome.stdout.trim(), parent);
    assert_eq!(collector.span("sandpiper exec").parent, CALLER);
    assert_eq!(collector.points("sandpiper.runs").len(), 1);
}

#[test]
fn what_serve_applies_is_told_while_it_runs() {
    let (collector, mut project) = (Collector::start(), with_a_failing_change());
    collector.is_told_by(&mut project);
    project.set_variable("OTEL_BSP_SCHEDULE_DELAY", "20");
    project.set_variable("OTEL_METRIC_EXPORT_INTERVAL", "20");
    let serving = project.start("serve --listen 127.0.0.1:0 --watch");
    let is_there = |count: usize| {
        move |it: &Collector| it.spans().iter().filter(|span| span.name == "sandpiper serve").count() >= count
    };
    collector.until("the first run is told", is_there(1));
    collector.until("what is counted is told", |it| !it.points("sandpiper.runs").is_empty());
    project.sql("changes/_0002__B", "b", "INSERT INTO a VALUES (3);");
    collector.until("the second run is told", is_there(2));
    let spans = collector.spans();
    let runs: Vec<_> = spans.iter().filter(|it| it.name == "sandpiper serve").collect();
    assert_ne!(runs[0].trace, runs[1].trace, "each is a trace of its own");
    std::process::Command::new("kill").arg(serving.id().to_string()).status().unwrap();
    serving.wait().exits(0);
}
