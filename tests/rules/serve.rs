//! `serve`: applies, and tells of the changes over HTTP.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use sandpiper_tests::{Project, Server};

#[test]
fn it_applies_and_is_ready_when_nothing_is_left() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let server = Server::start(project.folder(), &[]);
    assert_eq!(server.get("/healthz").0, 200);
    let ready = server.until("/readyz", 200);
    assert_eq!((&ready["ready"], &ready["pending"]), (&true.into(), &0.into()));
    assert_eq!(project.tables(), ["a"]);
    let (status, document) = server.json("/v1/status");
    assert_eq!((status, document), (200, project.json("status").exits(0).json()));
    assert_eq!(server.json("/v1/plan").1, project.json("plan").exits(0).json());
    let audit = server.json("/v1/audit?history=true").1;
    assert_eq!(audit, project.json("audit list --history").exits(0).json());
    assert_eq!(server.json("/v1/audit?nonsense=1").0, 400);
    let (status, metrics) = server.get("/metrics");
    assert_eq!(status, 200);
    for line in [
        "sandpiper_ready 1",
        "sandpiper_pending_changes 0",
        "sandpiper_changes_total{outcome=\"applied\"} 1",
        "sandpiper_change_duration_seconds_count 1",
        "sandpiper_lock_wait_seconds_count 1",
        "sandpiper_lease_held{stage=\"main\"} 0",
        "sandpiper_runs_total{exit_code=\"0\"} 1",
        "# EOF",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
    }
    let told = open_metrics(&metrics);
    // The template that ran the change was compiled, or found compiled, and took memory.
    assert!(told["sandpiper_compiled_components_total"] >= 1.0, "{metrics}");
    assert!(told["sandpiper_compile_seconds_total"] > 0.0, "{metrics}");
    assert!(told["sandpiper_guest_memory_peak_bytes"] >= 65536.0, "{metrics}");
    let paths = server.json("/v1/openapi.json").1["paths"].as_object().unwrap().clone();
    for path in paths.keys() {
        assert_eq!(server.get(path).0, 200, "{path}");
    }
    assert_eq!(server.get("/nothing").0, 404);
    assert_eq!(server.send("POST /v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n").0, 405);
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn what_is_pending_blocked_or_failed_is_not_ready_and_the_body_says_what() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let server = Server::start(project.folder(), &["--no-apply"]);
    let (status, body) = server.json("/readyz");
    assert_eq!((status, &body["pending"], &body["changes"][0]["id"]), (503, &1.into(), &"a".into()));
    assert!(!project.has("target.db"), "a look makes nothing");
    project.applied();
    server.until("/readyz", 200);
    project.direct_sql(
        "changes/_0002__B",
        "b",
        "CREATE TABLE b (id INTEGER); INSERT INTO nowhere VALUES (1);",
    );
    project.json("apply").exits(4);
    std::thread::sleep(Duration::from_millis(1100));
    let (status, body) = server.json("/readyz");
    assert_eq!(status, 503);
    assert_eq!((&body["blocked"], &body["failed"]), (&1.into(), &1.into()), "{body}");
    assert_eq!(body["error"]["code"], "plan::blocked");
    assert_eq!(server.get("/healthz").0, 200);
}

#[test]
fn with_watch_new_files_are_applied() {
    let project = Project::shared();
    let server = Server::start(project.folder(), &["--watch"]);
    server.until("/readyz", 200);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let since = Instant::now();
    while !project.has("target.db") || project.state("a") != "applied" {
        assert!(since.elapsed() < Duration::from_secs(60), "it is not applied");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_token_is_asked_for_and_never_shown() {
    let project = Project::shared();
    project.write("token", "a-long-and-secret-token\n");
    let server = Server::start(project.folder(), &["--token-file", "token"]);
    for path in ["/v1/status", "/v1/audit", "/v1/plan", "/metrics", "/v1/openapi.json"] {
        let (status, body) = server.get(path);
        assert_eq!(status, 401, "{path}");
        assert!(!body.contains("a-long"), "{body}");
    }
    let asked = |token: &str| {
        server.send(&format!("GET /v1/status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")).0
    };
    assert_eq!((asked("a-long-and-secret-token"), asked("a-long-and-secret-tokem")), (200, 401));
    assert_eq!((server.get("/healthz").0, server.get("/readyz").0), (200, 200));
}

#[test]
fn elsewhere_than_on_loopback_it_does_not_start_without_a_token() {
    let project = Project::shared();
    assert_eq!(project.json("serve --listen 0.0.0.0:0").exits(2).error(), "usage");
    project.write("token", "\n");
    project.run("serve --token-file token").exits(2);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    assert_eq!(project.json(&format!("serve --listen {address}")).exits(2).error(), "usage");
}

#[test]
fn a_page_of_another_name_reads_nothing() {
    let project = Project::shared();
    let server = Server::start(project.folder(), &[]);
    let (status, _) = server.send("GET /v1/status HTTP/1.1\r\nHost: rebound.example\r\n\r\n");
    assert_eq!(status, 403);
}

#[test]
fn hostile_callers_do_not_exhaust_it() {
    let project = Project::shared();
    let server = Server::start(project.folder(), &[]);
    assert_eq!(server.send("nonsense\r\n\r\n").0, 400);
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert_eq!(server.send(&many).0, 431);
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    // Those that say nothing are sent away, and then others are answered again.
    let since = Instant::now();
    while server.try_send("GET /healthz HTTP/1.1\r\n\r\n").is_none_or(|(status, _)| status != 200) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not answer any more");
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(silent);
}

/// The samples of a text of OpenMetrics 1.0, which is checked: families are told once and together, with type and help
/// before their samples; a unit ends its family's name; the samples of each type have its suffixes; nothing follows the
/// end.
fn open_metrics(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families: Vec<&str> = Vec::new();
    let (mut kind, mut has_help) = ("", false);
    let body = text.strip_suffix("# EOF\n").expect("its end is not told");
    for line in body.lines() {
        let mut words = line.splitn(4, ' ');
        if line.starts_with("# ") {
            let (_, what, name) = (words.next(), words.next().unwrap(), words.next().unwrap());
            let said = words.next().unwrap_or_else(|| panic!("{line}"));
            if what == "TYPE" {
                assert!(!families.contains(&name), "{name} is told twice");
                assert!(["counter", "gauge", "histogram", "info"].contains(&said), "{line}");
                families.push(name);
                (kind, has_help) = (said, false);
            }
            assert_eq!(families.last(), Some(&name), "{line}");
            if what == "UNIT" {
                assert!(name.ends_with(&format!("_{said}")), "{line}");
            }
            has_help |= what == "HELP";
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        let name = series.split('{').next().unwrap();
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            _ => &[""],
        };
        let family = families.last().unwrap();
        assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{line} in {family}");
        assert!(has_help, "{family} has no help");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        assert!(value >= 0.0 && samples.insert(series.to_owned(), value).is_none(), "{line}");
    }
    for (series, count) in &samples {
        if let Some(family) = series.strip_suffix("_bucket{le=\"+Inf\"}") {
            assert_eq!(*count, samples[&format!("{family}_count")], "{series}");
        }
    }
    samples
}
