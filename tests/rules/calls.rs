//! Every call that a change makes through its handles is kept with its attempt.

use sandpiper_tests::{Project, component, rows};
use serde_json::{Value, json};

/// The calls that `audit show` gives of a change's newest attempt.
#[track_caller]
fn calls(project: &Project, id: &str) -> Vec<Value> {
    let shown = project.json(&format!("audit show {id} --calls")).exits(0);
    shown.at("/calls").as_array().unwrap_or_else(|| panic!("no calls in\n{shown}")).clone()
}

fn statements(calls: &[Value]) -> Vec<&str> {
    calls.iter().map(|call| call["statement"].as_str().unwrap()).collect()
}

const GUEST: &str = "test-guest-cases-transactional-0000000001";

#[test]
fn every_statement_is_kept_as_it_was_sent_with_its_rows() {
    for project in [Project::shared(), Project::marked()] {
        let body = "CREATE TABLE a (id INTEGER, note TEXT);\nINSERT INTO a VALUES (1, 'it''s'), (2, NULL);";
        project.sql("changes/_0001__A", "a", body);
        project.applied();
        let calls = calls(&project, "a");
        assert_eq!(statements(&calls)[1], "INSERT INTO a VALUES (1, 'it''s'), (2, NULL);");
        for (index, call) in calls.iter().enumerate() {
            assert_eq!(call["number"], index + 1, "{call}");
            assert_eq!((&call["capability"], &call["operation"]), (&json!("sql"), &json!("execute")));
            assert_eq!((&call["status"], &call["digest"]), (&Value::Null, &Value::Null), "{call}");
            assert!(call["duration_ms"].is_u64(), "{call}");
        }
        assert_eq!((calls.len(), &calls[1]["rows"]), (2, &json!(2)));
        assert_eq!(project.json("audit show a").exits(0).at("/calls"), Value::Null);
    }
}

#[test]
fn the_calls_of_a_failed_attempt_are_kept_and_stay_when_it_is_tried_again() {
    for project in [Project::shared(), Project::marked()] {
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);\nINSERT INTO nowhere VALUES (1);");
        project.json("apply").exits(1);
        let failed = calls(&project, "a");
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(failed[1]["error"].as_str().unwrap().contains("nowhere"), "{failed:?}");
        let attempt = project.json("audit show a").exits(0).text("/entry/attempt_id");
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
        project.applied();
        assert_eq!(calls(&project, "a").len(), 1);
        let earlier = project.json(&format!("audit show a --attempt {}", &attempt[..8])).exits(0);
        assert_eq!(earlier.at("/calls"), Value::Array(failed));
        project.json("audit show a --attempt nobody").exits(2);
    }
}

#[test]
fn the_calls_of_a_rollback_follow_those_of_what_it_takes_back() {
    let project = Project::marked();
    let body =
        "-- apply\nCREATE TABLE a (id INTEGER);\nINSERT INTO nowhere VALUES (1);\n-- rollback\nDROP TABLE a;";
    project.direct_sql("changes/_0001__A", "a", body);
    project.json("apply").exits(1);
    assert_eq!(project.history("a"), ["started", "failed", "rolled-back"]);
    let calls = calls(&project, "a");
    assert_eq!(
        statements(&calls),
        ["CREATE TABLE a (id INTEGER);", "INSERT INTO nowhere VALUES (1);", "DROP TABLE a;"]
    );
    assert_eq!(calls.iter().map(|call| call["number"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(project.json("audit show a").exits(0).at("/entry/calls"), 3);
}

#[test]
fn parameters_are_kept_by_their_digest_alone_unless_the_system_is_recorded_in_full() {
    let digest = |record: &str| {
        let project =
            Project::new(&sandpiper_tests::MARKED.replace("target.db }", &format!("target.db{record} }}")));
        project.write("changes/_0001__Guest.wasm", component("cases"));
        project.json("apply").exits(0);
        let calls = calls(&project, GUEST);
        let insert =
            calls.iter().find(|call| call["statement"].as_str().unwrap().starts_with("INSERT")).unwrap();
        assert_eq!(insert["digest"].as_str().unwrap().len(), 64, "{insert}");
        (insert["digest"].clone(), insert.get("values").cloned())
    };
    let (by_default, none) = digest("");
    let (in_full, values) = digest(", record: full");
    assert_eq!(digest(", record: digest"), (by_default.clone(), None));
    assert_eq!((by_default, none), (in_full, None));
    assert_eq!(values, Some(json!([1, "first"])));
}

#[test]
fn a_query_and_its_batches_are_calls_too_and_all_are_counted() {
    let project = Project::marked();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    project.json("apply --set case=cursor --set count=20").exits(0);
    let calls = calls(&project, GUEST);
    let of = |operation: &str| calls.iter().filter(|call| call["operation"] == operation).collect::<Vec<_>>();
    assert_eq!((of("execute-many").len(), of("query").len()), (1, 1), "{calls:?}");
    let fetched: u64 = of("next").iter().map(|call| call["rows"].as_u64().unwrap()).sum();
    assert_eq!(fetched, 20);
    let counted = project.json(&format!("audit show {GUEST}")).exits(0).at("/entry/calls");
    assert_eq!(counted, calls.len());
}

#[test]
fn beyond_ten_thousand_calls_are_only_counted_and_the_entry_says_so() {
    let project = Project::marked();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    project.json("apply --set case=calls --set count=10050").exits(0);
    let shown = project.json(&format!("audit show {GUEST} --calls")).exits(0);
    assert_eq!(shown.at("/calls").as_array().unwrap().len(), 10_000);
    assert!(shown.at("/entry/calls").as_u64().unwrap() >= 10_050);
    assert_eq!(shown.at("/entry/calls_cut"), true);
    let bytes =
        rows(&project.path(".sandpiper/audit.db"), "SELECT max(octet_length(calls)) FROM sandpiper_entry");
    assert!(bytes[0].parse::<u64>().unwrap() < 400_000, "they are compressed: {bytes:?}");
    assert!(project.run(&format!("audit show {GUEST}")).exits(0).stdout.contains("more than are recorded"));
}

#[test]
fn what_was_not_cut_says_so() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "SELECT 1;");
    project.applied();
    assert_eq!(project.json("audit show a").exits(0).at("/entry/calls_cut"), false);
}

#[test]
fn a_secret_in_a_call_is_replaced_also_where_values_are_kept() {
    let secret = "hunter2-from-the-environment";
    let mut project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: target.db, record: full }\n  other: { kind: \
         sqlite, path: \"${env:SECRET}.db\" }\npipeline: { stages: [{ name: main, location: changes }] }\n",
    );
    project.set_variable("SECRET", secret);
    project.sql(
        "changes/_0001__A",
        "a",
        &format!("CREATE TABLE a (note TEXT);\nINSERT INTO a VALUES ('{secret}');"),
    );
    project.applied();
    let calls = calls(&project, "a");
    assert_eq!(statements(&calls)[1], "INSERT INTO a VALUES ('***');");
}

#[test]
fn people_read_the_calls_as_a_table() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.applied();
    let shown = project.run("audit show a --calls").exits(0);
    assert!(shown.stdout.contains("CREATE TABLE a (id INTEGER);"), "{shown}");
    assert!(!project.run("audit show a").exits(0).stdout.contains("CREATE TABLE"));
}
