//! The audit: a chain that shows every change to it, and one entry for each step of an attempt.

use sandpiper_tests::{Project, open, rows};

fn project() -> Project {
    let project = Project::marked();
    for number in 1..=4 {
        project.sql(
            &format!("changes/_000{number}__C"),
            &format!("c{number}"),
            &format!("CREATE TABLE t{number} (id INTEGER);"),
        );
    }
    project.applied();
    project
}

/// The one table of entries, and the column that holds what was hashed.
fn tamper(project: &Project, statement: &str) {
    let store = project.path(".sandpiper/audit.db");
    let tables =
        rows(&store, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'sandpiper%entr%'");
    let [table] = tables.as_slice() else { panic!("one table of entries: {tables:?}") };
    let connection = open(&store);
    let changed = connection
        .execute(&statement.replace("ENTRIES", table), [])
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
    assert_eq!(changed, 1, "{statement}");
}

#[test]
fn a_whole_chain_verifies() {
    let verified = project().json("audit verify").exits(0);
    assert_eq!((verified.at("/valid"), verified.at("/entries")), (true.into(), 8.into()));
    assert!(verified.at("/first_broken").is_null());
}

#[test]
fn a_removed_entry_is_found_wherever_it_was() {
    for (place, first) in [("min(sequence)", 1), ("max(sequence)", 8), ("4", 4)] {
        let project = project();
        tamper(&project, &format!("DELETE FROM ENTRIES WHERE sequence = (SELECT {place} FROM ENTRIES)"));
        let verified = project.json("audit verify").exits(6);
        assert_eq!((verified.at("/valid"), verified.error()), (false.into(), "audit::broken".to_owned()));
        let broken = verified.at("/first_broken").as_u64().unwrap();
        assert!(broken.abs_diff(first) <= 1, "{place}\n{verified}");
        assert!(project.run("audit verify").exits(6).stderr.contains("audit::broken"));
    }
}

#[test]
fn an_edited_entry_is_found() {
    let project = project();
    let store = project.path(".sandpiper/audit.db");
    let table =
        rows(&store, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'sandpiper%entr%'");
    let columns = rows(
        &store,
        &format!(
            "SELECT name FROM pragma_table_info('{}') WHERE name LIKE '%body%' OR name LIKE '%canonical%'",
            table[0]
        ),
    );
    let [column] = columns.as_slice() else { panic!("one column with the entry: {columns:?}") };
    tamper(
        &project,
        &format!("UPDATE ENTRIES SET {column} = replace({column}, 'c2', 'c9') WHERE sequence = 4"),
    );
    let verified = project.json("audit verify").exits(6);
    assert_eq!((verified.at("/valid"), verified.at("/first_broken")), (false.into(), 4.into()), "{verified}");
}

#[test]
fn the_list_has_the_newest_entry_of_each_change_and_the_history_all() {
    let project = project();
    project.sql("changes/_0005__C", "c5", "INSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(1);
    let of = |line: &str| -> Vec<String> {
        let shown = project.json(line).exits(0);
        let entries = shown.at("/entries");
        entries
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {}", it["change_id"], it["state"]).replace('"', ""))
            .collect()
    };
    assert_eq!(of("audit list"), ["c1 applied", "c2 applied", "c3 applied", "c4 applied", "c5 rolled-back"]);
    let history = of("audit list --history");
    assert_eq!(history.len(), 11, "{history:?}");
    assert_eq!(history[8..], ["c5 started", "c5 failed", "c5 rolled-back"]);
}

#[test]
fn an_entry_has_the_fields_of_the_interface() {
    let project = project();
    let entry = project.json("audit show c1 --operator ann").exits(0).at("/entry");
    let fields = [
        "sequence",
        "run_id",
        "attempt_id",
        "service",
        "environment",
        "tenant",
        "change_id",
        "stage",
        "order",
        "author",
        "state",
        "attempt",
        "target_system",
        "mode",
        "recovery",
        "digest",
        "template_digest",
        "started_at",
        "finished_at",
        "duration_ms",
        "host",
        "operator",
        "reason",
        "token",
        "error",
        "labels",
        "calls",
        "version",
        "hash",
    ];
    for field in fields {
        assert!(entry.get(field).is_some(), "`{field}` is not in {entry}");
    }
    assert!(entry["started_at"].as_str().unwrap().ends_with('Z') && entry["calls"] == 1, "{entry}");
}

#[test]
fn the_operator_is_recorded() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "SELECT 1;");
    project.json("apply --operator ann").exits(0);
    project.sql("changes/_0002__B", "b", "SELECT 1;");
    project.applied();
    let operator = |id: &str| project.json(&format!("audit show {id}")).exits(0).text("/entry/operator");
    assert_eq!(operator("a"), "ann");
    assert!(operator("b").starts_with("tester@"), "user@host: {}", operator("b"));
}

#[test]
fn labels_are_kept() {
    let project = Project::marked();
    project.write("changes/_0001__Guest.wasm", sandpiper_tests::component("cases"));
    project.json("apply --set case=nothing").exits(0);
    let entry = project.json("audit show test-guest-cases-transactional-0000000001").exits(0).at("/entry");
    assert_eq!(entry["labels"]["purpose"], "tests", "{entry}");
}

/// The changes of the entries that a line lists.
#[track_caller]
fn listed(project: &Project, line: &str) -> Vec<String> {
    let shown = project.json(line).exits(0);
    let entries = shown.at("/entries");
    entries.as_array().unwrap().iter().map(|it| it["change_id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_list_is_filtered_by_time_state_and_stage() {
    let project = Project::new(
        "service: tests\ntarget-systems:\n  target: { kind: sqlite, path: target.db }\npipeline:\n  stages:\n    - { name: \
         one, location: one }\n    - { name: two, location: two, after: [one] }\n",
    );
    project.sql("one/_0001__A", "a", "SELECT 1;").sql("two/_0001__B", "b", "SELECT 1;");
    project.applied();
    project.sql("two/_0002__C", "c", "INSERT INTO nowhere VALUES (1);");
    project.json("apply").exits(1);
    assert_eq!(listed(&project, "audit list --history --state failed"), ["c"]);
    assert_eq!(listed(&project, "audit list --state rolled-back"), ["c"]);
    assert!(listed(&project, "audit list --state failed").is_empty(), "its newest entry is another");
    assert_eq!(listed(&project, "audit list --stage one"), ["a"]);
    assert_eq!(listed(&project, "audit list --history --stage two --state started"), ["b", "c"]);
    let entries = project.json("audit list --history").exits(0).at("/entries");
    let began = entries[0]["started_at"].as_str().unwrap().to_owned();
    let ended = entries[6]["finished_at"].as_str().unwrap().to_owned();
    assert_eq!(listed(&project, "audit list --history --since 24h").len(), 7);
    assert_eq!(listed(&project, &format!("audit list --history --since {began}")).len(), 7);
    assert!(listed(&project, &format!("audit list --since {ended}")).contains(&"c".to_owned()));
    assert!(listed(&project, "audit list --history --since 2100-01-01T00:00:00Z").is_empty());
}

#[test]
fn a_filter_that_means_nothing_is_a_mistake_with_a_hint() {
    let project = project();
    for (line, hint) in [
        ("audit list --since yesterday", "24h"),
        ("audit list --since 2026-13-01T00:00:00Z", "24h"),
        ("audit list --history --state aplied", "did you mean `applied`?"),
        ("audit list --stage mian", "did you mean `main`?"),
    ] {
        let refused = project.json(line).exits(2);
        assert_eq!(refused.error(), "usage", "{line}");
        assert!(refused.text("/error/help").contains(hint), "{refused}");
    }
}

#[test]
fn the_export_has_every_entry_as_a_line_oldest_first() {
    let project = project();
    project.json("lock release --reason why").exits(0);
    let exported = project.run("audit export").exits(0);
    let lines: Vec<serde_json::Value> =
        exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let listed = project.json("audit list --history").exits(0).at("/entries");
    assert_eq!(serde_json::Value::Array(lines), listed);
    assert_eq!(project.json("audit export").stdout, exported.stdout);
}

#[test]
fn a_reader_that_goes_away_is_no_failure_of_the_export() {
    let project = project();
    // More than a pipe holds.
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
                INSERT INTO sandpiper_entry (sequence, hash, body)
                SELECT 100 + i, hash, body FROM n, sandpiper_entry WHERE sequence = 1";
    open(&project.path(".sandpiper/audit.db")).execute(fill, []).unwrap();
    let line = format!("'{}' audit export | head -n 1", sandpiper_tests::binary().display());
    let script = format!("{line}; echo \"${{PIPESTATUS[0]}}\"");
    let output = std::process::Command::new("bash")
        .args(["-c", &script])
        .current_dir(project.folder())
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!((stdout.lines().nth(1), stderr.as_ref()), (Some("0"), ""), "{stdout}");
}

#[test]
fn a_note_has_neither_mode_nor_attempt() {
    let project = project();
    project.json("lock release --reason why").exits(0);
    let entries = project.json("audit list --history").exits(0).at("/entries");
    let note = entries.as_array().unwrap().last().unwrap();
    for field in ["state", "mode", "attempt", "attempt_id", "error"] {
        assert_eq!(note.get(field), Some(&serde_json::Value::Null), "{field} of {note}");
    }
    assert!(note["reason"].as_str().unwrap().contains("why"), "{note}");
    assert_eq!(listed(&project, "audit list").len(), 4, "a note is never newest");
}

#[test]
fn without_a_store_there_is_nothing_to_see_and_nothing_is_made() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "SELECT 1;");
    let before = project.tree();
    for line in [
        "audit list",
        "audit list --history --since 1h --state failed",
        "audit show a --calls",
        "audit verify",
        "audit export",
        "audit prune --older-than 0s",
    ] {
        project.run(line).exits(0);
        project.json(line).exits(0);
    }
    assert_eq!(project.tree(), before);
}
