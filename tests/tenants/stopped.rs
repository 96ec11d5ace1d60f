//! A run over tenants that is told to stop, or killed, in the middle of one.

use std::process::Command;
use std::time::{Duration, Instant};

use sandpiper_tests::{Project, Running, rows};

use crate::{each, of};

/// For one of the tenants long enough to be met in its midst.
const CHANGE: &str = "CREATE TABLE names (x);\nINSERT INTO names WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 \
                      FROM n WHERE i < CASE '${var:tenant}' WHEN 'globex' THEN ${var:rows} ELSE 2 END) SELECT i FROM n;";

/// Three tenants one after the other, and a run that is amid the second.
fn amid_the_second() -> (Project, Running) {
    let project = of("[acme, globex, initech]");
    project.configure("parallel-tenants: 1\nlimits: { grace: 1s }");
    project.sql("changes/_0001__Create", "create", CHANGE);
    let run = project.start("apply --set rows=300000000 --format json");
    let since = Instant::now();
    while project.json("lock status --tenant globex").at("/locks/0/owner").is_null() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come to it");
        std::thread::sleep(Duration::from_millis(20));
    }
    std::thread::sleep(Duration::from_millis(200));
    (project, run)
}

#[test]
fn a_run_that_is_told_to_stop_amid_tenants_stops_in_good_order() {
    let (project, run) = amid_the_second();
    Command::new("kill").args(["-TERM", &run.id().to_string()]).status().unwrap();
    let stopped = run.wait().exits(143);
    assert_eq!(each(&stopped, "/outcome"), ["acme complete", "globex failed", "initech not-reached"]);
    for tenant in ["acme", "globex", "initech"] {
        let locks = project.json(&format!("lock status --tenant {tenant}")).exits(0).at("/locks");
        assert!(locks.as_array().unwrap().iter().all(|lock| lock["owner"].is_null()), "{locks:#}");
    }
    let again = project.json("apply --set rows=2").exits(0);
    assert_eq!(each(&again, "/counts/applied"), ["acme 0", "globex 1", "initech 1"]);
}

#[test]
fn a_run_that_is_killed_amid_tenants_is_gone_on_with() {
    let (project, run) = amid_the_second();
    run.kill();
    let again = project.json("apply --set rows=2").exits(0);
    assert_eq!(each(&again, "/counts/applied"), ["acme 0", "globex 1", "initech 1"]);
    for tenant in ["acme", "globex", "initech"] {
        assert_eq!(rows(&project.path(&format!("db/{tenant}.db")), "SELECT count(*) FROM names"), ["2"]);
    }
}
