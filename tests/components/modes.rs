//! Components in every mode, and what the next run makes of their attempts.

use crate::{apply, with};
use sandpiper_tests::{Project, component_with_id};

const DIRECT: &str = "test-guest-cases-direct-000000000000000001";
const VERIFY: &str = "test-guest-cases-verify-000000000000000001";
const RETRY: &str = "test-guest-cases-always-retry-0000000001";

#[test]
fn a_failed_direct_component_is_rolled_back_by_its_rollback() {
    let project = with(Project::marked(), "direct");
    let outcome = apply(&project, "case=failed-after-write").exits(1);
    assert_eq!(
        (outcome.of(DIRECT, "outcome"), outcome.of(DIRECT, "mode")),
        ("rolled-back".into(), "direct".into())
    );
    assert!(project.tables().is_empty());
    apply(&project, "case=normal").exits(0);
}

#[test]
fn a_rollback_that_fails_blocks() {
    let project = with(Project::marked(), "direct");
    let outcome = apply(&project, "case=trap-after-write rollback=failed").exits(4);
    assert_eq!(
        (outcome.of(DIRECT, "outcome"), outcome.error()),
        ("rollback-failed".into(), "change::trap".into())
    );
    assert_eq!(project.rows("SELECT count(*) FROM guest_rows"), ["1"]);
    assert_eq!(apply(&project, "case=normal").exits(4).of(DIRECT, "outcome"), "blocked");
    project.json(&format!("issue resolve {DIRECT} --applied --reason seen")).exits(0);
    apply(&project, "case=trap").exits(0);
}

#[test]
fn a_precondition_before_any_write_needs_no_rollback() {
    let project = with(Project::marked(), "direct");
    let outcome = apply(&project, "case=precondition rollback=failed").exits(1);
    assert_eq!(outcome.of(DIRECT, "outcome"), "rolled-back");
}

#[test]
fn always_retry_tries_again_after_a_failed_rollback() {
    let project = with(Project::marked(), "always_retry");
    let outcome = apply(&project, "case=failed rollback=failed");
    assert_eq!((outcome.code, outcome.of(RETRY, "outcome")), (1, "rollback-failed".into()), "{outcome}");
    apply(&project, "case=normal").exits(0);
}

#[test]
fn steps_go_on_after_the_last_checkpoint() {
    let project = with(Project::marked(), "direct");
    let outcome = apply(&project, "case=steps count=6 fail-at=4 rollback=failed").exits(4);
    assert_eq!(outcome.of(DIRECT, "outcome"), "rollback-failed");
    project.json(&format!("issue resolve {DIRECT} --resume --reason again")).exits(0);
    apply(&project, "case=steps count=6 rollback=failed").exits(0);
    assert_eq!(project.rows("SELECT count(*), count(DISTINCT step) FROM guest_steps"), ["6|6"]);
}

#[test]
fn after_a_crash_verify_is_asked() {
    for (verdict, code, states) in [
        ("applied", 0, "recovered"),
        ("not-applied", 0, "applied"),
        ("partly-applied", 4, "blocked"),
        ("unknown", 4, "blocked"),
        ("failed", 4, "blocked"),
        ("trap", 4, "blocked"),
        ("write", 4, "blocked"),
    ] {
        let project = with(Project::marked(), "verify");
        let running = project.start("apply --set case=sleep --set milliseconds=60000");
        while !project.has("target.db") || project.tables().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        running.kill();
        assert_eq!(project.json("status").exits(0).of(VERIFY, "state"), "started");
        project.json("lock release --reason \"it was killed\"").exits(0);
        let outcome = apply(&project, &format!("case=nothing verdict={verdict}")).exits(code);
        assert_eq!(outcome.of(VERIFY, "outcome"), states, "{verdict}\n{outcome}");
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    }
}

#[test]
fn after_a_crash_without_verify_a_direct_component_is_blocked() {
    let project = with(Project::marked(), "direct");
    let running = project.start("apply --set case=sleep --set milliseconds=60000");
    while !project.has("target.db") || project.tables().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    running.kill();
    project.json("lock release --reason \"it was killed\"").exits(0);
    assert_eq!(apply(&project, "case=normal").exits(4).of(DIRECT, "outcome"), "blocked");
    assert_eq!(project.json("issue list").exits(0).text("/issues/0/state"), "started");
}

#[test]
fn many_changes_of_one_component_have_ids_of_their_own() {
    let project = Project::marked();
    let ids: Vec<String> = (1..=5)
        .map(|number| {
            let (id, bytes) = component_with_id("cases", &format!("number-{number}"));
            project.write(&format!("changes/_000{number}__Guest.wasm"), bytes);
            id
        })
        .collect();
    let outcome = apply(&project, "case=nothing").exits(0);
    assert_eq!(outcome.counts(), [5, 0, 0, 0, 0]);
    assert!(ids.iter().all(|id| outcome.of(id, "mode") == "marked"));
}

#[test]
fn a_second_system_is_read_only_in_a_transaction() {
    let project = with(Project::marked(), "uses");
    let two = "  target: { kind: sqlite, path: target.db }\n  second: { kind: sqlite, path: second.db }\n";
    let before = project.read("sandpiper.yaml");
    project.write("sandpiper.yaml", before.replace("  target: { kind: sqlite, path: target.db }\n", two));
    let second = rusqlite::Connection::open(project.path("second.db")).unwrap();
    second.execute_batch("CREATE TABLE guest_rows (id INTEGER PRIMARY KEY, note TEXT); INSERT INTO guest_rows VALUES (7, 'from there')").unwrap();
    drop(second);
    let outcome = project
        .json("apply --set case=open --set system=second --set \"sql=DELETE FROM guest_rows\"")
        .exits(1);
    assert_eq!(outcome.error(), "change::failed");
    project.json("apply").exits(0);
    assert_eq!(project.rows("SELECT id FROM guest_rows"), ["7"]);
}
