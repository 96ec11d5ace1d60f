//! The table of exit codes, and the fields that every JSON document has.

use sandpiper_tests::Project;

const DIRECT_FAILURE: &str = "CREATE TABLE t (id INTEGER);\nINSERT INTO nowhere VALUES (1);";

#[test]
fn done_and_nothing_to_do_is_0() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    assert_eq!(project.json("apply").exits(0).counts(), [1, 0, 0, 0, 0]);
    assert_eq!(project.json("apply").exits(0).counts(), [0, 1, 0, 0, 0]);
}

#[test]
fn an_empty_stage_is_nothing_to_do() {
    let project = Project::shared();
    let outcome = project.json("apply").exits(0);
    assert_eq!((outcome.counts(), outcome.stage("main")), ([0; 5], "complete".to_owned()));
    assert!(!project.has("target.db"), "a store was made for nothing");
}

#[test]
fn a_failed_change_is_1() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER); INSERT INTO nowhere VALUES (1);");
    let outcome = project.json("apply").exits(1);
    assert_eq!(
        (outcome.error(), outcome.of("a", "outcome")),
        ("change::failed".to_owned(), "rolled-back".to_owned())
    );
    assert_eq!(outcome.counts(), [0, 0, 1, 0, 0]);
}

#[test]
fn wrong_usage_is_2_and_json_when_json_was_asked_for() {
    let project = Project::shared();
    for line in [
        "apply --no-such-option",
        "no-such-command",
        "issue resolve",
        "apply --to a --only b",
        "--color pink status",
    ] {
        let outcome = project.run(line).exits(2);
        assert!(outcome.stdout.is_empty() && !outcome.stderr.is_empty(), "{outcome}");
        assert_eq!(project.json(line).exits(2).error(), "usage", "{line}");
    }
}

#[test]
fn wrong_configuration_is_2() {
    let project = Project::new("service: tests\npipeline: { stagse: [] }\n");
    assert_eq!(project.json("apply").exits(2).error(), "config::unknown-key");
}

#[test]
fn pending_is_3_only_with_check() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.json("status").exits(0);
    project.json("plan").exits(0);
    assert_eq!(project.json("status --check").exits(3).at("/pending"), 1);
    assert_eq!(project.json("plan --check").exits(3).at("/pending"), 1);
    project.applied();
    project.json("status --check").exits(0);
    project.json("plan --check").exits(0);
}

#[test]
fn what_needs_a_person_is_4() {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", DIRECT_FAILURE);
    assert_eq!(project.json("apply").exits(4).of("a", "outcome"), "failed");
    let outcome = project.json("apply").exits(4);
    assert_eq!((outcome.counts(), outcome.stage("main")), ([0, 0, 0, 0, 1], "blocked".to_owned()));
    assert_eq!(
        (outcome.error(), outcome.of("a", "outcome")),
        ("plan::blocked".to_owned(), "blocked".to_owned())
    );
    project.json("status --check").exits(4);
    project.json("plan --check").exits(4);
    project.json("status").exits(0);
    assert_eq!(project.json("plan").exits(0).of("a", "action"), "blocked");
}

#[test]
fn a_lock_that_is_not_free_in_time_is_5() {
    let project = Project::marked();
    project.configure("lock: { lease: 30s, wait: 300ms, retry: 50ms }");
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let endless = "CREATE TABLE b AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n LIMIT 1000000000;";
    project.sql("changes/_0002__B", "b", endless);
    let holder = project.start("apply");
    while project.json("lock status").exits(0).at("/locks/0/held") != true {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let outcome = project.json("apply").exits(5);
    holder.kill();
    assert_eq!((outcome.error(), outcome.counts()), ("lock::busy".to_owned(), [0, 1, 0, 1, 0]));
}

#[test]
fn integrity_is_6() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER, more TEXT);");
    assert_eq!(project.json("apply").exits(6).error(), "plan::modified");
    project.json("status --check").exits(6);
    project.json("plan --check").exits(6);
    assert_eq!(project.json("status").exits(0).change("a")["modified"], true);
}

#[test]
fn a_system_that_cannot_be_reached_is_7() {
    let project = Project::new(
        "service: tests\nstore: sqlite:audit.db\ntarget-systems:\n  target: { kind: sqlite, path: no/such/folder/target.db }\n\
         pipeline: { stages: [{ name: main, location: changes }] }\n",
    );
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let before = project.tree();
    assert_eq!(project.json("apply").exits(7).error(), "target::unreachable");
    assert!(
        before.differences(&project.tree()).iter().all(|it| it.contains("audit.db")),
        "{:?}",
        project.tree()
    );
    assert!(!project.has("no"), "the folder of a target is not made");
}

#[test]
fn every_document_has_the_common_fields() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let lines = [
        ("apply", "apply"),
        ("apply --dry-run", "apply"),
        ("plan", "plan"),
        ("status", "status"),
        ("validate", "validate"),
        ("issue list", "issue list"),
        ("issue show", "issue show"),
        ("audit list", "audit list"),
        ("audit show a", "audit show"),
        ("audit verify", "audit verify"),
        ("lock status", "lock status"),
        ("lock release --reason x", "lock release"),
        ("status --nonsense", "status"),
        ("apply --to nothing", "apply"),
    ];
    for (line, command) in lines {
        let outcome = project.json(line);
        let document = outcome.json();
        assert_eq!(document["version"], 1, "{outcome}");
        assert_eq!(document["command"], command, "{outcome}");
        assert_eq!(document["ok"], outcome.code == 0, "{outcome}");
        let error = document.get("error").unwrap_or_else(|| panic!("no error field\n{outcome}"));
        assert_eq!(error.is_null(), outcome.code == 0, "{outcome}");
        for field in ["code", "message", "blame", "effect", "help", "problems"] {
            assert!(error.is_null() || error.get(field).is_some(), "{field}\n{outcome}");
        }
        assert_eq!(outcome.stdout.trim_end().lines().count(), 1, "one document on one line\n{outcome}");
    }
}

#[test]
fn the_document_of_apply_has_the_fields_of_the_interface() {
    let project = Project::shared();
    project.sql("changes/_0001__CreateA", "a", "CREATE TABLE a (id INTEGER);");
    let outcome = project.applied();
    assert!(!outcome.text("/run_id").is_empty() && outcome.at("/duration_ms").is_u64(), "{outcome}");
    let change = outcome.change("a");
    let expected = [
        ("order", "0001"),
        ("name", "CreateA"),
        ("author", "tests"),
        ("target_system", "target"),
        ("outcome", "applied"),
        ("state", "applied"),
        ("mode", "shared"),
    ];
    for (field, value) in expected {
        assert_eq!(change[field], value, "{outcome}");
    }
    assert!(
        change["duration_ms"].is_u64() && change["reason"].is_string() && change["error"].is_null(),
        "{outcome}"
    );
}
