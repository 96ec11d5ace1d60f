//! `plan --preview`: what is transactional is run, shown and rolled back.

use sandpiper_tests::{MARKED, Outcome, Project, SHARED, component, rows};
use serde_json::{Value, json};

const TWO_STAGES: &str = "\
service: tests
target-systems:
  target: { kind: sqlite, path: target.db }
  other: { kind: sqlite, path: other.db }
  again: { kind: sqlite, path: ./target.db }
pipeline:
  stages:
    - { name: schema, location: schema }
    - { name: data, location: data, after: [schema] }
    - { name: apart, location: apart }
";

#[track_caller]
fn statements(outcome: &Outcome, id: &str) -> Vec<String> {
    let change = outcome.change(id);
    let calls = change["calls"].as_array().unwrap_or_else(|| panic!("no calls in\n{outcome}"));
    calls.iter().map(|call| call["statement"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn not_run(outcome: &Outcome, id: &str, why: &str) {
    assert_eq!(
        (outcome.of(id, "preview"), outcome.change(id)["calls"].clone()),
        ("not-run".into(), json!([]))
    );
    let reason = outcome.of(id, "preview_reason");
    assert!(reason.contains(why), "`{why}` is not in: {reason}");
}

/// The calls without what is another in each run.
fn comparable(calls: &Value) -> Vec<Value> {
    let fields = ["number", "capability", "operation", "system", "statement", "rows", "digest", "error"];
    let one = |call: &Value| fields.iter().map(|field| call[*field].clone()).collect();
    calls.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn a_preview_shows_the_calls_that_the_audit_would_keep_and_leaves_nothing() {
    for configuration in [SHARED, MARKED] {
        let project = Project::new(configuration);
        let body = "CREATE TABLE a (id INTEGER, note TEXT);\nINSERT INTO a VALUES (1, 'x'), (2, NULL);";
        project.sql("changes/_0001__A", "a", body);
        project.sql("changes/_0002__B", "b", "UPDATE a SET note = 'y' WHERE id = 2;\nDELETE FROM a;");
        let before = project.tree();
        let preview = project.json("plan --preview").exits(0);
        assert_eq!(project.tree().paths(), before.paths(), "nothing is made");
        assert_eq!(
            (preview.of("a", "preview"), preview.of("b", "preview")),
            ("passed".into(), "passed".into())
        );
        project.applied();
        for id in ["a", "b"] {
            let kept = project.json(&format!("audit show {id} --calls")).exits(0).at("/calls");
            assert_eq!(comparable(&preview.change(id)["calls"]), comparable(&kept), "{id}");
        }
    }
}

#[test]
fn a_file_that_is_there_is_as_it_was_and_so_is_the_store() {
    for configuration in [SHARED, MARKED] {
        let project = Project::new(&configuration.replace(
            "path: target.db }",
            "path: target.db, settings: { journal_mode: wal, user_version: \"7\" } }",
        ));
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT);");
        project.sql("changes/_0002__B", "b", "INSERT INTO a VALUES (5);");
        project.json("apply --to a").exits(0);
        let store = if configuration == SHARED { "target.db" } else { ".sandpiper/audit.db" };
        let state = || {
            let kept = rows(&project.path(store), "SELECT count(*), max(sequence) FROM sandpiper_entry");
            let leases = rows(&project.path(store), "SELECT token FROM sandpiper_lease");
            let tables = project.rows("SELECT name, sql FROM sqlite_schema ORDER BY name");
            (kept, leases, tables, project.rows("SELECT * FROM a"), project.rows("PRAGMA user_version"))
        };
        let before = state();
        let preview = project.json("plan --preview").exits(0);
        assert_eq!(preview.change("b")["calls"][0]["rows"], 1);
        assert_eq!(preview.change("a")["calls"], json!([]), "what is applied is left alone");
        assert_eq!(state(), before);
        assert_eq!(project.state("b"), "");
        assert!(!project.has("target.db-wal"), "nobody has it open any more");
    }
}

#[test]
fn it_stops_at_the_first_that_fails_and_says_it_as_apply_would() {
    let project = Project::shared();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.sql("changes/_0002__B", "b", "INSERT INTO a VALUES (1);\nINSERT INTO nowhere VALUES (1);");
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id INTEGER);");
    let preview = project.json("plan --preview").exits(1);
    assert_eq!(preview.error(), "change::failed");
    assert_eq!(statements(&preview, "b"), ["INSERT INTO a VALUES (1);", "INSERT INTO nowhere VALUES (1);"]);
    not_run(&preview, "c", "the preview ended before it");
    assert!(!project.has("target.db"));
    let applied = project.json("apply").exits(1);
    for field in ["code", "message", "blame", "effect", "file", "line", "column"] {
        let pointer = format!("/error/{field}");
        assert_eq!(preview.at(&pointer), applied.at(&pointer), "{field}");
        assert_eq!(preview.change("b")["error"][field], applied.change("b")["error"][field], "{field}");
    }
}

#[test]
fn what_is_direct_is_not_run_and_neither_is_what_comes_after_it() {
    let project = Project::new(TWO_STAGES);
    project.sql("schema/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    project.direct_sql("schema/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    project.sql("schema/_0003__C", "c", "INSERT INTO b VALUES (1);");
    project.sql("data/_0001__D", "d", "INSERT INTO b VALUES (1);");
    project.sql("apart/_0001__E", "e", "CREATE TABLE e (id INTEGER);");
    let preview = project.json("plan --preview").exits(0);
    assert_eq!((preview.of("a", "preview"), preview.of("e", "preview")), ("passed".into(), "passed".into()));
    not_run(&preview, "b", "could not be rolled back: it says `transactional: false`");
    not_run(&preview, "c", "may need what `b`");
    not_run(&preview, "d", "stage `schema`, which it is after");
    let human = project.run("plan --preview").exits(0).stdout;
    assert!(human.contains("• not previewed: what it does could not be rolled back"), "{human}");
    assert!(human.ends_with("5 pending · 2 previewed, 3 not previewed\n"), "{human}");
    assert!(!project.has("target.db") && !project.has(".sandpiper"));
}

#[test]
fn a_stage_sees_what_the_ones_before_it_did_in_every_system() {
    let project = Project::new(TWO_STAGES);
    project.write("schema/.keep", "").write("apart/.keep", "");
    project.sql("schema/_0001__A", "a", "CREATE TABLE a (id INTEGER);");
    let other = "-- sandpiper: id=b author=t target-system=other\nCREATE TABLE b (id INTEGER);\n";
    project.write("schema/_0002__B.sql", other);
    project.sql("schema/_0003__C", "c", "INSERT INTO a VALUES (1);");
    project.sql("data/_0001__D", "d", "UPDATE a SET id = 2;");
    let preview = project.json("plan --preview").exits(0);
    assert_eq!(preview.change("d")["calls"][0]["rows"], 1, "{preview}");
    // Another name of a file whose transaction is open.
    let again = "-- sandpiper: id=e author=t target-system=again\nDROP TABLE a;\n";
    project.write("data/_0002__E.sql", again);
    let preview = project.json("plan --preview").exits(0);
    not_run(&preview, "e", "`target` is the same database");
}

#[test]
fn an_atomic_stage_is_proved_at_its_end_and_others_after_each_change() {
    let parent = "CREATE TABLE p (id INTEGER PRIMARY KEY);\nCREATE TABLE c (p REFERENCES p (id));";
    for (atomic, code) in [("true", 0), ("false", 1)] {
        let project = Project::new(&SHARED.replace("changes }", &format!("changes, atomic: {atomic} }}")));
        project.sql("changes/_0001__A", "a", parent);
        project.sql("changes/_0002__B", "b", "INSERT INTO c VALUES (1);");
        project.sql("changes/_0003__C", "c", "INSERT INTO p VALUES (1);");
        let preview = project.json("plan --preview").exits(code);
        assert_eq!(preview.of("c", "preview"), if code == 0 { "passed" } else { "not-run" });
        project.json("apply").exits(code);
    }
}

#[test]
fn the_selection_is_that_of_the_plan() {
    let project = Project::shared();
    for id in ["a", "b"] {
        project.sql(&format!("changes/_000{id}__X"), id, &format!("CREATE TABLE {id} (id);"));
    }
    let preview = project.json("plan --preview --to a").exits(0);
    assert_eq!(preview.of("a", "preview"), "passed");
    assert_eq!(
        (preview.change("b")["preview"].clone(), preview.change("b")["calls"].clone()),
        (Value::Null, json!([]))
    );
    project.json("plan --preview --only b").exits(2);
    project.json("plan --preview --to nobody").exits(2);
    assert!(project.json("plan").exits(0).change("a").get("calls").is_none());
}

#[test]
fn with_check_the_exit_code_tells_both() {
    let project = Project::shared();
    project.json("plan --preview --check").exits(0);
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id);");
    project.json("plan --preview --check").exits(3);
    project.applied();
    project.json("plan --preview --check").exits(0);
    project.sql("changes/_0002__B", "b", "nonsense");
    project.json("plan --preview --check").exits(1);
    project.sql("changes/_0001__A", "a", "CREATE TABLE edited (id);");
    assert_eq!(project.json("plan --preview --check").exits(6).error(), "plan::modified");
    project.json("plan --preview").exits(1);
}

#[test]
fn a_stage_that_needs_a_person_is_not_previewed() {
    let project = Project::shared();
    project.direct_sql("changes/_0001__A", "a", "CREATE TABLE a (id);\nnonsense;");
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id);");
    project.json("apply").exits(4);
    let preview = project.json("plan --preview").exits(0);
    for id in ["a", "b"] {
        assert_eq!(preview.change(id)["calls"], json!([]), "{preview}");
    }
    project.json("plan --preview --check").exits(4);
}

#[test]
fn a_stage_that_somebody_is_at_is_not_previewed_beside_him() {
    let project = Project::marked();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = project.start("apply --set case=wait-for-cancel");
    while project.json("lock status").at("/locks/0/held") != true {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let preview = project.json("plan --preview --set case=normal").exits(5);
    assert_eq!(preview.error(), "lock::busy");
    running.kill();
    // A holder that was killed on this machine is nobody.
    project.json("plan --preview --set case=normal").exits(0);
}

#[test]
fn a_component_runs_as_in_an_attempt() {
    let project = Project::new(&format!("{MARKED}limits: {{ deadline: 2s }}\n"));
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let id = "test-guest-cases-transactional-0000000001";
    let preview = project.json("plan --preview").exits(0);
    let inserted = statements(&preview, id);
    assert!(inserted.iter().any(|statement| statement.starts_with("INSERT")), "{inserted:?}");
    let cut = project.json("plan --preview --set case=calls --set count=10050").exits(0);
    assert_eq!((cut.change(id)["calls_cut"].clone(), statements(&cut, id).len()), (json!(true), 10_000));
    for (case, code) in
        [("trap", "change::trap"), ("endless", "change::deadline"), ("failed-after-write", "change::failed")]
    {
        let preview = project.json(&format!("plan --preview --set case={case}")).exits(1);
        assert_eq!(preview.error(), code);
        assert_eq!(preview.at("/error/effect"), "none");
    }
    assert!(!project.has("target.db") && !project.has(".sandpiper"));
}

#[test]
fn no_secret_is_shown() {
    let secret = "hunter2-from-the-environment";
    let mut project = Project::new(&MARKED.replace(
        "path: target.db }",
        "path: target.db, record: full }\n  other: { kind: sqlite, path: \"${env:SECRET}.db\" }",
    ));
    project.set_variable("SECRET", secret);
    project.sql(
        "changes/_0001__A",
        "a",
        &format!("CREATE TABLE a (note);\nINSERT INTO a VALUES ('{secret}');\nSELECT x AS \"{secret}\";"),
    );
    for line in ["plan --preview", "plan --preview --format json"] {
        let shown = project.run(line).exits(1);
        assert!(!shown.stdout.contains(secret) && !shown.stderr.contains(secret), "{shown}");
        assert!(shown.stdout.contains("VALUES ('***')"), "{shown}");
    }
}

#[test]
fn a_preview_that_is_told_to_stop_ends_at_once() {
    let project = Project::marked();
    project.write("changes/_0001__Guest.wasm", component("cases"));
    let running = project.start("plan --preview --set case=endless --format json");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let status = std::process::Command::new("kill").args(["-TERM", &running.id().to_string()]).status();
    assert!(status.unwrap().success());
    let outcome = running.wait().exits(143);
    assert_eq!(outcome.of("test-guest-cases-transactional-0000000001", "preview"), "failed");
    assert!(!project.has("target.db"));
}
