//! `serve` over tenants: what it tells is told for each of them, and it is ready when all are.

use sandpiper_tests::Server;

use crate::{execute, names, with_a_change};

#[test]
fn it_is_ready_when_every_tenant_is() {
    let project = with_a_change("[acme, globex]");
    let server = Server::start(project.folder(), &[]);
    let ready = server.until("/readyz", 200);
    assert_eq!((&ready["pending"], &ready["changes"]), (&0.into(), &serde_json::json!([])));
    for tenant in ["acme", "globex"] {
        assert_eq!(names(&project, tenant), [tenant]);
    }
    assert_eq!(server.json("/v1/status").1, project.json("status").exits(0).json());
    assert_eq!(server.json("/v1/plan").1, project.json("plan").exits(0).json());
    let audit = server.json("/v1/audit?history=true").1;
    assert_eq!(audit, project.json("audit list --history").exits(0).json());
    for (path, command) in [("/v1/status", "status"), ("/v1/plan", "plan"), ("/v1/audit", "audit list")] {
        let of_one = server.json(&format!("{path}?tenant=globex"));
        assert_eq!(of_one, (200, project.json(&format!("{command} --tenant globex")).exits(0).json()));
        let (status, refused) = server.json(&format!("{path}?tenant=globx"));
        assert_eq!((status, &refused["error"]["code"]), (400, &"config::not-found".into()), "{refused:#}");
        assert_eq!(server.get(&format!("{path}?tenants=globex")).0, 400);
    }
    let metrics = server.get("/metrics").1;
    for line in [
        "sandpiper_ready 1",
        "sandpiper_pending_changes 0",
        "sandpiper_changes_total{outcome=\"applied\"} 2",
        "sandpiper_change_duration_seconds_count 2",
        "sandpiper_lock_wait_seconds_count 2",
        "sandpiper_runs_total{exit_code=\"0\"} 1",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line} is not in\n{metrics}");
    }
    // Of tenants, of which there may be many, only the locks that are held are told.
    assert!(!metrics.contains("sandpiper_lease_held{"), "{metrics}");
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn a_tenant_that_fails_is_told_and_the_others_are_applied() {
    let project = with_a_change("[acme, globex, initech]");
    execute(&project, "db/globex.db", "CREATE TABLE names (y)");
    let server = Server::start(project.folder(), &[]);
    let left = server.until("/readyz", 503);
    // It may be asked before the run is over.
    let left = if left["applying"] == true {
        let applied = || server.json("/readyz").1["applying"] == false;
        while !applied() {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        std::thread::sleep(std::time::Duration::from_millis(1_100));
        server.json("/readyz").1
    } else {
        left
    };
    assert_eq!((&left["ready"], &left["failed"]), (&false.into(), &1.into()), "{left:#}");
    let changes = left["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{left:#}");
    assert_eq!((&changes[0]["tenant"], &changes[0]["id"]), (&"globex".into(), &"create".into()));
    for tenant in ["acme", "initech"] {
        assert_eq!(names(&project, tenant), [tenant]);
    }
    assert_eq!(server.stop("TERM"), Some(0));
}

#[test]
fn a_tenant_that_comes_is_applied_while_it_watches() {
    let project = with_a_change("{ file: tenants.txt }");
    project.write("tenants.txt", "acme\n");
    let server = Server::start(project.folder(), &["--watch"]);
    server.until("/readyz", 200);
    project.write("tenants.txt", "acme\nglobex\n");
    let since = std::time::Instant::now();
    while server.json("/v1/status?tenant=globex").1["pending"] != 0 {
        assert!(since.elapsed() < std::time::Duration::from_secs(60), "it is not applied");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(names(&project, "globex"), ["globex"]);
    server.until("/readyz", 200);
    assert_eq!(server.stop("TERM"), Some(0));
}
