//! One run over all tenants: what one failure does to the others, and what is told of it.

use std::time::{Duration, Instant};

use sandpiper_tests::Project;

use crate::{each, execute, names, of, with_a_change};

/// Has the change fail for a tenant: its table is there already.
fn break_for(project: &Project, tenant: &str) {
    execute(project, &format!("db/{tenant}.db"), "CREATE TABLE names (x)");
}

fn mend_for(project: &Project, tenant: &str) {
    execute(project, &format!("db/{tenant}.db"), "DROP TABLE names");
}

/// One tenant after the other.
fn one_by_one(tenants: &str) -> Project {
    let project = with_a_change(tenants);
    project.configure("parallel-tenants: 1");
    project
}

#[test]
fn one_that_fails_does_not_stop_the_others_and_a_second_run_does_what_is_left() {
    let project = with_a_change("[acme, globex, initech]");
    break_for(&project, "acme");
    let failed = project.json("apply").exits(1);
    assert_eq!(each(&failed, "/outcome"), ["acme failed", "globex complete", "initech complete"]);
    assert_eq!(each(&failed, "/error/code"), ["acme change::failed", "globex null", "initech null"]);
    assert_eq!(
        (failed.error(), failed.at("/counts/failed"), failed.at("/counts/applied")),
        ("change::failed".into(), 1.into(), 2.into())
    );
    let told = project.run("apply").exits(1);
    assert!(told.stdout.contains("✗ acme") && told.stdout.contains("already exists"), "{told}");
    assert!(told.stdout.contains("3 tenants, 1 failed, 2 with nothing to do"), "{told}");
    assert_eq!(told.stderr, "");
    mend_for(&project, "acme");
    assert_eq!(each(&project.applied(), "/counts/applied"), ["acme 1", "globex 0", "initech 0"]);
}

#[test]
fn with_fail_fast_no_further_tenant_begins() {
    let project = one_by_one("[acme, globex, initech]");
    break_for(&project, "globex");
    let failed = project.json("apply --fail-fast").exits(1);
    assert_eq!(each(&failed, "/outcome"), ["acme complete", "globex failed", "initech not-reached"]);
    assert!(names(&project, "initech").is_empty());
}

#[test]
fn with_fail_fast_what_was_put_off_for_a_lock_is_told_with_what_it_did() {
    let project = Project::new(
        "service: tests\nstore: target\ntenants: [acme, globex]\nparallel-tenants: 1\nvariables: { rows: 2 }\n\
         target-systems:\n  target: { kind: sqlite, path: 'db/${var:tenant}.db' }\n  \
         other: { kind: sqlite, path: 'db/${var:tenant}-other.db' }\n\
         pipeline: { stages: [{ name: one, location: one }, { name: two, location: two }] }\n",
    );
    project.write("db/README", "");
    project.sql("one/_0001__Create", "create", "CREATE TABLE names (x);");
    project.write(
        "two/_0001__Fill.sql",
        "-- sandpiper: id=fill author=tests target-system=other\nCREATE TABLE n (i);\nINSERT INTO n WITH RECURSIVE n(i) AS \
         (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${var:rows}) SELECT i FROM n;\n",
    );
    break_for(&project, "globex");
    let holder = project.start("apply --tenant acme --stage two --set rows=300000000");
    let since = Instant::now();
    let is_held = || {
        let locks = project.json("lock status --tenant acme").at("/locks");
        locks.as_array().is_some_and(|locks| locks.iter().any(|lock| lock["held"] == true))
    };
    while !is_held() {
        assert!(since.elapsed() < Duration::from_secs(60), "no lock is taken");
        std::thread::sleep(Duration::from_millis(20));
    }
    let failed = project.json("apply --fail-fast").exits(5);
    holder.kill();
    assert_eq!(each(&failed, "/outcome"), ["acme failed", "globex failed"], "{failed}");
    assert_eq!(each(&failed, "/error/code"), ["acme lock::busy", "globex change::failed"]);
    assert_eq!(each(&failed, "/counts/applied"), ["acme 1", "globex 1"]);
    assert_eq!(failed.at("/counts/applied"), 2);
}

#[test]
fn a_summary_counts_what_was_done_and_nothing_else() {
    let project = of("[acme, globex, initech]");
    project.sql("changes/_0001__A", "a", "INSERT INTO a VALUES ('");
    let failed = project.run("apply --canary 1").exits(2);
    let summary = failed.stdout.lines().last().unwrap_or_default().to_owned();
    assert!(
        summary.starts_with("3 tenants, 1 failed, 2 not reached · ") && summary.ends_with(" ms"),
        "{summary}"
    );
    assert_eq!(summary.matches('·').count(), 1, "{summary}");
}

#[test]
fn the_canary_goes_alone_and_the_others_only_if_it_went_well() {
    let project = with_a_change("[acme, globex, initech, umbrella]");
    break_for(&project, "globex");
    let failed = project.json("apply --canary 2").exits(1);
    let expected = ["acme complete", "globex failed", "initech not-reached", "umbrella not-reached"];
    assert_eq!(each(&failed, "/outcome"), expected);
    mend_for(&project, "globex");
    let applied = project.json("apply --canary 2").exits(0);
    assert_eq!(each(&applied, "/counts/applied"), ["acme 0", "globex 1", "initech 1", "umbrella 1"]);
    project.json("apply --canary 9").exits(0);
    project.json("apply --canary 0").exits(2);
}

#[test]
fn of_several_exit_codes_integrity_stands_before_failure_and_a_person_before_both() {
    let project = with_a_change("[acme, globex, initech]");
    project.json("apply --tenant acme").exits(0);
    let file = "changes/_0001__Create.sql";
    project.write(file, project.read(file).replace("(x)", "(x, y)").replace("VALUES", "(x) VALUES"));
    break_for(&project, "globex");
    let both = project.json("apply").exits(6);
    assert_eq!(each(&both, "/error/code"), ["acme plan::modified", "globex change::failed", "initech null"]);
    // A change that needs a person stands before both.
    let project = one_by_one("[acme, globex]");
    break_for(&project, "globex");
    let half = "INSERT INTO names VALUES ('half');\nINSERT INTO none VALUES (1);";
    project.direct_sql("changes/_0002__Half", "half", half);
    let blocked = project.json("apply").exits(4);
    assert_eq!(each(&blocked, "/outcome"), ["acme blocked", "globex failed"]);
    assert_eq!(project.json("status --check").exits(4).error(), "plan::blocked");
}

#[test]
fn plan_status_and_undo_go_over_tenants() {
    let project = with_a_change("[acme, globex]");
    project.json("apply --tenant acme").exits(0);
    let planned = project.json("plan").exits(0);
    assert_eq!(each(&planned, "/stages/0/changes/0/action"), ["acme skip", "globex apply"]);
    assert_eq!(planned.at("/pending"), 1);
    assert_eq!(project.json("apply --dry-run").exits(0).at("/pending"), 1);
    assert_eq!(project.json("plan --check").exits(3).error(), "plan::pending");
    let status = project.json("status --check").exits(3);
    assert_eq!(each(&status, "/stages/0/changes/0/state"), ["acme applied", "globex null"]);
    project.applied();
    let file = "changes/_0001__Create.sql";
    let text = project.read(file).replace("CREATE", "-- apply\nCREATE");
    project.write(file, format!("{text}-- rollback\nDROP TABLE names;\n"));
    let undone = project.json("undo --last 1 --working-copy").exits(0);
    assert_eq!(each(&undone, "/counts/undone"), ["acme 1", "globex 1"]);
    assert_eq!(undone.at("/counts/undone"), 2);
}

#[test]
fn events_name_their_tenant_and_the_run_is_one() {
    let project = one_by_one("[acme, globex]");
    project.json("apply --events events.jsonl").exits(0);
    let text = project.read("events.jsonl");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<String> = lines
        .iter()
        .map(|line| format!("{} {}", line["event"].as_str().unwrap(), line["tenant"].as_str().unwrap_or("-")))
        .collect();
    for event in ["tenant-started", "locking", "change-finished", "tenant-finished"] {
        for tenant in ["acme", "globex"] {
            assert_eq!(told.iter().filter(|it| **it == format!("{event} {tenant}")).count(), 1, "{told:?}");
        }
    }
    assert_eq!(
        (told.first().unwrap().as_str(), told.last().unwrap().as_str()),
        ("run-started -", "run-finished -")
    );
    assert!(lines.iter().all(|line| line["run_id"] == lines[0]["run_id"]));
    assert_eq!(lines.last().unwrap()["counts"]["applied"], 2);
}

#[test]
fn a_command_starts_when_all_tenants_are_applied() {
    let project = with_a_change("[acme, globex]");
    break_for(&project, "globex");
    let refused = project.run("exec -- echo started").exits(1);
    assert_eq!(refused.stdout, "");
    mend_for(&project, "globex");
    assert_eq!(project.run("exec -- echo started").exits(0).stdout, "started\n");
}

#[test]
fn without_tenants_what_is_about_them_has_no_effect_and_says_so() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (x);");
    let applied = project.json("apply --fail-fast").exits(0);
    assert!(applied.text("/warnings/0/message").contains("`--fail-fast` has no effect"), "{applied}");
    assert_eq!((applied.of("a", "outcome"), applied.at("/tenants").is_null()), ("applied".into(), true));
}
