//! When telemetry is not wanted, cannot be sent, or is asked for in a way that is not there: runs are as they are.

use sandpiper::conformance::http::Reply;
use sandpiper_tests::{Api, Certificates, Outcome, Project};

use super::collector::Collector;

fn project() -> Project {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project
}

#[track_caller]
fn warnings(outcome: &Outcome) -> Vec<String> {
    outcome.stderr.lines().filter(|line| line.starts_with("warning:")).map(str::to_owned).collect()
}

#[test]
fn nothing_is_told_where_nobody_asks_for_it() {
    for variables in [
        &[("OTEL_SDK_DISABLED", "true")][..],
        &[("OTEL_TRACES_EXPORTER", "none"), ("OTEL_METRICS_EXPORTER", "none")],
    ] {
        let (collector, mut project) = (Collector::start(), project());
        collector.is_told_by(&mut project);
        variables.iter().for_each(|(name, value)| project.set_variable(name, value));
        project.json("apply").exits(0);
        assert_eq!(collector.0.lines(), Vec::<String>::new(), "{variables:?}");
    }
}

#[test]
fn what_only_looks_tells_nothing() {
    let (collector, mut project) = (Collector::start(), project());
    collector.is_told_by(&mut project);
    for line in ["plan", "apply --dry-run", "status", "validate", "plan --preview"] {
        project.json(line).exits(0);
    }
    assert_eq!(collector.0.lines(), Vec::<String>::new());
}

#[test]
fn a_caller_that_does_not_sample_is_heeded_and_what_is_counted_is_told() {
    let (collector, mut project) = (Collector::start(), project());
    collector.is_told_by(&mut project);
    project.set_variable("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
    project.json("apply").exits(0);
    assert_eq!(collector.0.lines(), ["POST /v1/metrics"]);
}

#[test]
fn a_collector_that_takes_nothing_is_one_warning_and_changes_nothing() {
    let unavailable = |status: u16| Api::start(move |_, _| Reply::new(status, "no"));
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let hangs = Api::start(|_, _| Reply::Silence);
    let cuts = Api::start(|_, _| Reply::Close);
    let [busy, full, closed] = [503, 429, 401].map(unavailable);
    for (host, why) in [
        (format!("127.0.0.1:{}", hangs.port()), ""),
        (dead, "refused"),
        (format!("127.0.0.1:{}", cuts.port()), ""),
        (format!("127.0.0.1:{}", busy.port()), "status 503"),
        (format!("127.0.0.1:{}", full.port()), "status 429"),
        (format!("127.0.0.1:{}", closed.port()), "status 401"),
    ] {
        let mut project = project();
        project.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{host}?key=hunter2"));
        // Only who never answers is waited for that long.
        let patience = if host.ends_with(&format!(":{}", hangs.port())) { "1000" } else { "60000" };
        project.set_variable("OTEL_BSP_EXPORT_TIMEOUT", patience);
        let outcome = project.json("apply").exits(0);
        assert_eq!(outcome.at("/ok"), true);
        let warnings = warnings(&outcome);
        let [warning] = warnings.as_slice() else { panic!("not one warning\n{outcome}") };
        assert!(warning.contains(&format!("`http://{host}/v1/traces`")), "{warning}");
        assert!(warning.contains(why) && !warning.contains("hunter2"), "{warning}");
    }
    let traces = |api: &Api| api.lines().iter().filter(|line| line.starts_with("POST /v1/traces")).count();
    assert!(traces(&busy) > 1 && traces(&full) > 1, "what is for now is tried again");
    assert_eq!(traces(&closed), 1, "what is for good is not");
}

#[test]
fn a_failed_run_keeps_its_exit_code_beside_a_collector_that_is_not_there() {
    let mut project = project();
    project.sql("changes/_0002__B", "b", "INSERT INTO nowhere VALUES (1);");
    project.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
    assert_eq!(project.json("apply").exits(1).error(), "change::failed");
    let outcome = project.run("exec --start-anyway -- echo started").exits(0);
    assert_eq!(outcome.stdout, "started\n");
    project.remove("changes/_0002__B.sql");
    assert_eq!(project.run("apply -q").exits(0).stderr, "", "a quiet run says nothing of it");
}

#[test]
fn a_collector_with_a_certificate_is_told_where_its_root_is_named() {
    let folder = tempfile::tempdir().unwrap();
    Certificates::make(folder.path());
    let encrypted = Api::start_encrypted(folder.path(), false, |_, _| Reply::new(200, "{}"));
    let mut project = project();
    project.set_variable("OTEL_EXPORTER_OTLP_ENDPOINT", &encrypted.url(""));
    let outcome = project.json("apply").exits(0);
    assert!(outcome.stderr.contains("`OTEL_EXPORTER_OTLP_CERTIFICATE`"), "{outcome}");
    assert_eq!(encrypted.lines(), Vec::<String>::new());
    let root = folder.path().join("root.crt");
    project.set_variable("OTEL_EXPORTER_OTLP_CERTIFICATE", &root.to_string_lossy());
    assert_eq!(project.json("apply").exits(0).stderr, "");
    assert_eq!(encrypted.lines(), ["POST /v1/traces", "POST /v1/metrics"]);
}

#[test]
fn grpc_is_refused_in_words_and_the_run_goes_on() {
    let (collector, mut project) = (Collector::start(), project());
    collector.is_told_by(&mut project);
    project.set_variable("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let outcome = project.json("apply").exits(0);
    let warnings = warnings(&outcome);
    let [warning] = warnings.as_slice() else { panic!("not one warning\n{outcome}") };
    for part in ["`OTEL_EXPORTER_OTLP_PROTOCOL`", "`http/protobuf`", "4318"] {
        assert!(warning.contains(part), "{part} in {warning}");
    }
    assert_eq!(collector.0.lines(), Vec::<String>::new());
}
