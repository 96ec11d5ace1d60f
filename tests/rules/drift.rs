//! `status --verify`: what is applied by the audit, and not there by its own word.

use sandpiper_tests::{Project, component, open};

fn project() -> Project {
    let project = Project::marked();
    let there =
        |table: &str| format!("-- verify\nSELECT count(*) = 1 FROM sqlite_master WHERE name = '{table}';");
    project.sql("changes/_0001__A", "a", &format!("-- apply\nCREATE TABLE a (id);\n{}", there("a")));
    project.sql(
        "changes/_0002__B",
        "b",
        "-- apply\nCREATE TABLE b (id);\n-- verify\nSELECT count(*) = 0 FROM b;",
    );
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id);");
    project
}

fn batch(project: &Project, text: &str) {
    open(&project.path("target.db")).execute_batch(text).unwrap();
}

#[test]
fn what_is_there_has_no_drift() {
    let project = project();
    let outcome = project.json("status --verify").exits(0);
    assert_eq!(outcome.at("/drift"), serde_json::json!([]), "nothing is applied yet");
    assert!(!project.has(".sandpiper"), "it makes nothing");
    project.applied();
    assert_eq!(project.json("status --verify --check").exits(0).at("/drift"), serde_json::json!([]));
    assert!(project.json("status").exits(0).json().get("drift").is_none(), "it was not asked");
    assert!(project.run("status --verify").exits(0).stdout.contains("no drift"));
}

#[test]
fn what_is_gone_is_drift_and_check_tells() {
    let project = project();
    project.applied();
    batch(&project, "DROP TABLE a; INSERT INTO b VALUES (1)");
    let before = project.json("audit list --history").at("/entries");
    let outcome = project.json("status --verify").exits(0);
    let drift = outcome.at("/drift");
    assert_eq!((&drift[0]["id"], &drift[0]["verdict"]), (&"a".into(), &"not-applied".into()), "{outcome}");
    assert_eq!((&drift[1]["id"], &drift[1]["verdict"]), (&"b".into(), &"not-applied".into()), "{outcome}");
    let checked = project.json("status --check --verify").exits(6);
    assert_eq!((checked.at("/drift").as_array().unwrap().len(), checked.at("/ok")), (2, false.into()));
    project.json("status --check").exits(0);
    let text = project.run("status --verify").exits(0).stdout;
    assert!(text.contains("drift") && text.contains("a is not there"), "{text}");
    assert_eq!(project.json("audit list --history").at("/entries"), before, "asking records nothing");
}

#[test]
fn a_verify_that_fails_cannot_tell() {
    let project = project();
    project.applied();
    batch(&project, "DROP TABLE b");
    let outcome = project.json("status --verify --check").exits(6);
    assert_eq!(
        (outcome.text("/drift/0/id"), outcome.text("/drift/0/verdict")),
        ("b".into(), "unknown".into())
    );
    assert!(outcome.text("/drift/0/message").contains("no such table"), "{outcome}");
}

#[test]
fn drift_stands_after_a_person_and_before_what_is_pending() {
    let project = project();
    project.applied();
    batch(&project, "DROP TABLE a");
    project.sql("changes/_0004__D", "d", "SELECT 1;");
    project.json("status --check").exits(3);
    project.json("status --check --verify").exits(6);
    project.direct_sql("changes/_0004__D", "d", "INSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(4);
    project.json("status --check --verify").exits(4);
}

#[test]
fn a_verify_that_writes_is_a_problem() {
    let project = Project::marked();
    project.sql(
        "changes/_0001__A",
        "a",
        "-- apply\nCREATE TABLE a (id);\n-- verify\nINSERT INTO a VALUES (1) RETURNING 1;",
    );
    project.json("apply").exits(2);
}

#[test]
fn a_target_that_cannot_be_reached_is_told() {
    let project = project();
    project.applied();
    std::fs::remove_file(project.path("target.db")).unwrap();
    std::fs::create_dir(project.path("target.db")).unwrap();
    project.json("status").exits(0);
    project.json("status --verify").exits(7);
}

#[test]
fn a_component_is_asked_too() {
    let project = Project::marked();
    project.write("changes/_0001__Verify.wasm", component("verify"));
    project.json("apply --set case=nothing").exits(0);
    let verdict = |said: &str| {
        let line = format!("status --verify --set verdict={said}");
        let outcome = project.json(&line).exits(0);
        (outcome.text("/drift/0/verdict"), outcome.text("/drift/0/message"))
    };
    assert_eq!(verdict("applied").0, "");
    for said in ["not-applied", "partly-applied", "unknown"] {
        assert_eq!(verdict(said), (said.to_owned(), String::new()));
    }
    for (said, why) in [("failed", "cannot tell"), ("trap", "trapped"), ("write", "")] {
        let (verdict, message) = verdict(said);
        assert!(verdict == "unknown" && message.contains(why), "{said}: {verdict} {message}");
    }
    assert!(!project.tables().contains(&"guest_seen".to_owned()));
}
