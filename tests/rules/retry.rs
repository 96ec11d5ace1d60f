//! `retry`: what is tried again within one run, how often, and what is recorded of it.

use std::time::{Duration, Instant};

use sandpiper_tests::{Project, open};

/// Long enough that a test can act while the run waits, and often enough that it cannot be too late.
const PATIENT: &str = "{ attempts: 100, backoff: 300ms }";

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn yaml(project: &Project, keys: &str, rest: &str) {
    let text = format!("id: a\nauthor: t\ntarget-system: target\n{keys}\n{rest}\n");
    project.write("changes/_0001__A.yaml", text);
}

#[test]
fn a_failure_that_is_not_transient_is_tried_once() {
    let project = Project::shared();
    yaml(&project, "retry: 5", "apply: INSERT INTO nowhere VALUES (1)");
    let outcome = project.json("apply").exits(1);
    assert_eq!(outcome.change("a")["attempts"], 1);
    assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
}

#[test]
fn without_retry_nothing_is_tried_twice() {
    let project = Project::shared();
    yaml(&project, "recovery: always-retry", "apply: INSERT INTO nowhere VALUES (1)");
    project.json("apply").exits(1);
    assert_eq!(project.history("a").len(), 3);
}

#[test]
fn always_retry_is_tried_again_after_any_failure_and_every_attempt_is_recorded() {
    for project in [Project::shared(), Project::marked()] {
        yaml(
            &project,
            "recovery: always-retry\nretry: { attempts: 3, backoff: 1ms..5ms }",
            "apply: INSERT INTO nowhere VALUES (1)",
        );
        let planned = project.json("plan").exits(0);
        assert_eq!(planned.change("a")["attempts"], 3);
        let outcome = project.json("apply").exits(1);
        assert_eq!(
            (outcome.of("a", "outcome"), outcome.of("a", "state")),
            ("rolled-back".into(), "rolled-back".into())
        );
        assert_eq!(outcome.change("a")["attempts"], 3);
        let shown = project.json("audit show a").exits(0);
        let history = shown.at("/history");
        let told: Vec<String> = history
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| format!("{} {}", entry["attempt"], entry["state"].as_str().unwrap()))
            .collect();
        let expected = [1, 2, 3]
            .map(|attempt| ["started", "failed", "rolled-back"].map(|state| format!("{attempt} {state}")));
        assert_eq!(told, expected.concat());
        let shown = project.run("apply").exits(1);
        assert!(shown.stdout.contains("rolled back after 3 attempts"), "{shown}");
        assert!(shown.stderr.contains("attempt 1 of 3 of `a` failed"), "{shown}");
    }
}

#[test]
fn a_direct_change_goes_on_after_its_last_finished_step() {
    let project = Project::marked();
    yaml(
        &project,
        &format!("transactional: false\nrecovery: always-retry\nretry: {PATIENT}"),
        "steps:\n- apply: CREATE TABLE t (x); INSERT INTO t VALUES ('first')\n- apply: INSERT INTO later VALUES (1)",
    );
    let running = project.start("apply --format json");
    wait_for("it fails", || project.state("a") == "failed");
    open(&project.path("target.db")).execute_batch("CREATE TABLE later (x)").unwrap();
    let outcome = running.wait().exits(0);
    assert!(outcome.change("a")["attempts"].as_u64().unwrap() > 1, "{outcome}");
    assert_eq!(project.rows("SELECT x FROM t"), ["first"]);
    assert_eq!(project.rows("SELECT x FROM later"), ["1"]);
    assert_eq!(project.history("a").last().unwrap(), "applied");
}

#[test]
fn what_a_rollback_took_back_begins_anew() {
    let project = Project::marked();
    yaml(
        &project,
        &format!("transactional: false\nrecovery: always-retry\nretry: {PATIENT}"),
        "steps:\n- { apply: CREATE TABLE t (x), rollback: DROP TABLE t }\n\
         - { apply: INSERT INTO later VALUES (1), rollback: DELETE FROM later }",
    );
    let running = project.start("apply --format json");
    wait_for("it is rolled back", || project.state("a") == "rolled-back");
    open(&project.path("target.db")).execute_batch("CREATE TABLE IF NOT EXISTS later (x)").unwrap();
    running.wait().exits(0);
    assert_eq!(
        (project.tables(), project.rows("SELECT x FROM later")),
        (vec!["later".into(), "t".into()], vec!["1".into()])
    );
}

#[test]
fn a_failed_direct_change_that_needs_a_person_is_not_tried_again() {
    let project = Project::marked();
    yaml(
        &project,
        "transactional: false\nretry: 5",
        "apply: CREATE TABLE t (x); INSERT INTO nowhere VALUES (1)",
    );
    assert_eq!(project.json("apply").exits(4).change("a")["attempts"], 1);
    assert_eq!(project.history("a"), ["started", "failed"]);
}

#[test]
fn a_target_that_is_busy_is_tried_again() {
    let project = Project::marked();
    project.configure("lock: { lease: 30s, wait: 300ms, retry: 50ms }");
    project.sql("changes/_0001__First", "first", "CREATE TABLE t (x);");
    project.applied();
    project.sql("changes/_0002__Second", "second", "INSERT INTO t VALUES (1);");
    let header = format!("-- sandpiper: id=second author=t target-system=target retry=\"{PATIENT}\"\n");
    project.write("changes/_0002__Second.sql", format!("{header}INSERT INTO t VALUES (1);\n"));
    let other = open(&project.path("target.db"));
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let running = project.start("apply --format json");
    wait_for("it meets the lock", || project.state("second") == "rolled-back");
    other.execute_batch("COMMIT").unwrap();
    let outcome = running.wait().exits(0);
    assert!(outcome.change("second")["attempts"].as_u64().unwrap() > 1, "{outcome}");
    assert_eq!(project.rows("SELECT x FROM t"), ["1"]);
    let history = project.history("second");
    assert_eq!(history[..3], ["started", "failed", "rolled-back"]);
    assert_eq!(history.last().unwrap(), "applied");
}

#[test]
fn while_it_waits_the_lock_is_kept_others_go_on_and_a_signal_ends_the_wait() {
    let project = Project::shared();
    project.configure("    - { name: other, location: other }\nlock: { lease: 2s, wait: 30s, retry: 50ms }");
    project.sql("other/_0001__B", "b", "CREATE TABLE b (x);");
    yaml(
        &project,
        "recovery: always-retry\nretry: { attempts: 2, backoff: 10m }",
        "apply: INSERT INTO nowhere VALUES (1)",
    );
    let running = project.start("apply --format json");
    wait_for("it fails", || project.state("a") == "rolled-back");
    wait_for("the other stage, of the same file, goes on", || project.state("b") == "applied");
    std::thread::sleep(Duration::from_secs(3));
    let locks = project.json("lock status").exits(0);
    assert_eq!(
        locks.at("/locks").as_array().unwrap().iter().filter(|it| it["held"] == true).count(),
        1,
        "{locks}"
    );
    let signalled =
        std::process::Command::new("kill").args(["-s", "TERM", &running.id().to_string()]).status();
    assert!(signalled.unwrap().success());
    let outcome = running.wait().exits(143);
    assert_eq!((outcome.of("a", "outcome"), outcome.counts()), ("rolled-back".into(), [1, 0, 1, 0, 0]));
    assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
    assert_eq!(project.json("lock status").exits(0).at("/locks/0/held"), false);
}
