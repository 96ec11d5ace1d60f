//! `atomic: true` at a stage: all of its pending changes in one transaction, all or none.

use sandpiper_tests::{MARKED, Project, SHARED, open, rows};

fn atomic(configuration: &str) -> Project {
    Project::new(&configuration.replace("location: changes }", "location: changes, atomic: true }"))
}

/// Both modes that have a transaction.
fn projects() -> [(Project, &'static str); 2] {
    [(atomic(SHARED), "shared"), (atomic(MARKED), "marked")]
}

/// Three changes, of which the second does what it is told.
fn three(project: &Project, second: &str) {
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (x);");
    project.write(
        "changes/_0002__B.yaml",
        format!("id: b\nauthor: t\ntarget-system: target\nsteps:\n- apply: INSERT INTO a VALUES (1)\n- apply: {second}\n"),
    );
    project.sql("changes/_0003__C", "c", "CREATE TABLE c AS SELECT x FROM a;");
}

#[test]
fn all_are_applied_in_one_transaction_with_an_attempt_each() {
    for (project, mode) in projects() {
        three(&project, "INSERT INTO a VALUES (2)");
        let planned = project.json("plan").exits(0);
        assert_eq!(planned.at("/stages/0/atomic"), true);
        assert!(project.run("plan").stdout.contains("main (atomic)"));
        let outcome = project.applied();
        assert_eq!(outcome.counts(), [3, 0, 0, 0, 0]);
        for id in ["a", "b", "c"] {
            assert_eq!((outcome.of(id, "mode"), outcome.of(id, "state")), (mode.into(), "applied".into()));
            assert_eq!(project.history(id), ["started", "applied"]);
        }
        let audit = project.json("audit list --history").exits(0);
        let states: Vec<String> = audit
            .at("/entries")
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["state"].as_str().unwrap().into())
            .collect();
        assert_eq!(states, ["started", "started", "started", "applied", "applied", "applied"]);
        assert_eq!(project.rows("SELECT x FROM c ORDER BY x"), ["1", "2"]);
        if mode == "marked" {
            assert_eq!(project.rows("SELECT count(*) FROM sandpiper_marker"), ["0"]);
        }
        let before = project.tree();
        project.applied();
        assert_eq!(before.differences(&project.tree()), [""; 0], "a second run wrote something");
        assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
    }
}

#[test]
fn one_that_fails_takes_all_back() {
    for (project, mode) in projects() {
        three(&project, "INSERT INTO nowhere VALUES (2)");
        let outcome = project.json("apply").exits(1);
        assert!(project.tables().is_empty(), "{outcome}");
        assert_eq!((outcome.counts(), outcome.stage("main")), ([0, 0, 3, 0, 0], "failed".into()));
        for id in ["a", "b", "c"] {
            let of = |field| outcome.of(id, field);
            assert_eq!(
                (of("outcome"), of("state"), of("mode")),
                ("rolled-back".into(), "rolled-back".into(), mode.into())
            );
        }
        assert_eq!(outcome.of("b", "/error/effect"), "none");
        assert_eq!(outcome.of("b", "/error/file"), "changes/_0002__B.yaml");
        assert!(outcome.change("a")["error"].is_null() && outcome.of("a", "reason").contains("`b` failed"));
        assert_eq!(project.history("a"), ["started", "rolled-back"]);
        assert_eq!(project.history("b"), ["started", "failed", "rolled-back"]);
        assert_eq!(project.history("c"), ["started", "rolled-back"], "it was never called");
        assert_eq!(project.json("issue list").exits(0).at("/issues"), serde_json::json!([]));
        three(&project, "INSERT INTO a VALUES (2)");
        assert_eq!(project.applied().counts(), [3, 0, 0, 0, 0]);
        assert_eq!(project.rows("SELECT x FROM c ORDER BY x"), ["1", "2"]);
    }
}

#[test]
fn only_what_is_selected_is_in_the_transaction() {
    for (project, _) in projects() {
        three(&project, "INSERT INTO a VALUES (2)");
        let outcome = project.json("apply --to b").exits(0);
        assert_eq!(
            ["a", "b", "c"].map(|id| outcome.of(id, "outcome")),
            ["applied", "applied", "not-reached"]
        );
        project.json("apply --only c").exits(0);
        assert_eq!(project.tables(), ["a", "c"]);
    }
}

#[test]
fn what_is_applied_already_stays_when_a_later_one_fails() {
    for (project, _) in projects() {
        three(&project, "INSERT INTO a VALUES (2)");
        project.applied();
        project.sql("changes/_0004__D", "d", "CREATE TABLE d (x);");
        project.sql("changes/_0005__E", "e", "INSERT INTO nowhere VALUES (1);");
        let outcome = project.json("apply").exits(1);
        assert_eq!((outcome.counts(), project.tables()), ([0, 3, 2, 0, 0], vec!["a".into(), "c".into()]));
    }
}

#[test]
fn foreign_keys_are_checked_at_the_end_of_all() {
    for (project, _) in projects() {
        let tables = "CREATE TABLE parent (id INTEGER PRIMARY KEY);\nCREATE TABLE child (parent REFERENCES parent (id));";
        project.sql("changes/_0001__A", "a", tables);
        project.sql("changes/_0002__B", "b", "INSERT INTO child VALUES (1);");
        project.sql("changes/_0003__C", "c", "INSERT INTO parent VALUES (1);");
        project.applied();
        project.sql("changes/_0004__D", "d", "INSERT INTO child VALUES (2);");
        project.sql("changes/_0005__E", "e", "CREATE TABLE e (x);");
        let outcome = project.json("apply").exits(1);
        assert!(outcome.text("/error/message").contains("`child`"), "{outcome}");
        assert_eq!((project.rows("SELECT * FROM child"), project.tables().len()), (vec!["1".into()], 2));
    }
}

#[test]
fn what_a_change_leaves_in_the_session_lasts_until_the_commit() {
    for (project, _) in projects() {
        project.sql("changes/_0001__A", "a", "CREATE TEMP TABLE kept AS SELECT 7 AS x;");
        project.sql("changes/_0002__B", "b", "CREATE TABLE b AS SELECT x FROM kept;");
        project.applied();
        assert_eq!(project.rows("SELECT x FROM b"), ["7"]);
        project.sql("changes/_0003__C", "c", "CREATE TABLE c AS SELECT x FROM kept;");
        project.json("apply").exits(1);
    }
}

#[test]
fn a_transaction_that_a_change_ended_is_not_called_rolled_back() {
    for (project, _) in projects() {
        let body = "CREATE TABLE a (x INTEGER PRIMARY KEY);\nINSERT INTO a VALUES (1);";
        project.sql("changes/_0001__A", "a", body);
        project.sql("changes/_0002__B", "b", "INSERT OR ROLLBACK INTO a VALUES (1);");
        project.sql("changes/_0003__C", "c", "CREATE TABLE c (x);");
        let outcome = project.json("apply").exits(4);
        assert_eq!(["a", "b", "c"].map(|id| outcome.of(id, "state")), ["failed", "failed", "rolled-back"]);
        let entry = project.json("audit show a").exits(0);
        assert_eq!(
            (entry.text("/entry/mode"), entry.text("/entry/error/effect")),
            ("direct".into(), "unknown".into())
        );
        project.json("apply").exits(4);
        for id in ["a", "b"] {
            project.json(&format!("issue resolve {id} --rolled-back --reason seen")).exits(0);
        }
        project.sql("changes/_0002__B", "b", "INSERT INTO a VALUES (2);");
        project.applied();
    }
}

#[test]
fn a_commit_that_could_not_be_recorded_is_found_again_whole() {
    let project = atomic(MARKED);
    three(&project, "INSERT INTO a VALUES (2)");
    project.sql("changes/_0004__D", "d", "SELECT 1;");
    let store = project.path(".sandpiper/audit.db");
    project.json("apply --to a").exits(0);
    open(&store)
        .execute_batch(
            "CREATE TRIGGER full BEFORE INSERT ON sandpiper_entry WHEN instr(new.body, '\"state\":\"applied\"') > 0
             BEGIN SELECT raise(ABORT, 'no room'); END",
        )
        .unwrap();
    project.json("apply --to c").exits(7);
    assert_eq!(rows(&project.path("target.db"), "SELECT count(*) FROM sandpiper_marker"), ["2"]);
    assert_eq!(["b", "c"].map(|id| project.state(id)), ["started", "started"]);
    open(&store).execute_batch("DROP TRIGGER full").unwrap();
    let outcome = project.applied();
    assert_eq!(["b", "c", "d"].map(|id| outcome.of(id, "outcome")), ["recovered", "recovered", "applied"]);
    assert_eq!(project.rows("SELECT x FROM c ORDER BY x"), ["1", "2"]);
}

#[test]
fn a_change_that_is_tried_again_takes_the_whole_stage_along() {
    for (project, _) in projects() {
        project.sql("changes/_0001__A", "a", "CREATE TABLE a (x);");
        let keys = "id: b\nauthor: t\ntarget-system: target\nrecovery: always-retry\nretry: { attempts: 2, backoff: 1ms }\n";
        project.write("changes/_0002__B.yaml", format!("{keys}apply: INSERT INTO nowhere VALUES (1)\n"));
        let outcome = project.json("apply").exits(1);
        assert_eq!(["a", "b"].map(|id| outcome.change(id)["attempts"].as_u64()), [Some(2), Some(2)]);
        assert_eq!(project.history("a"), ["started", "rolled-back", "started", "rolled-back"]);
    }
}

#[test]
fn the_calls_of_each_change_stand_with_its_own_attempt() {
    for (project, _) in projects() {
        three(&project, "INSERT INTO a VALUES (2)");
        project.applied();
        for (id, calls) in [("a", 1), ("b", 2), ("c", 1)] {
            let shown = project.json(&format!("audit show {id} --calls")).exits(0);
            assert_eq!(shown.at("/calls").as_array().map(Vec::len), Some(calls), "{shown}");
        }
    }
    for (project, _) in projects() {
        three(&project, "INSERT INTO nowhere VALUES (2)");
        project.json("apply").exits(1);
        for (id, calls) in [("a", 1), ("b", 2), ("c", 0)] {
            let shown = project.json(&format!("audit show {id} --calls")).exits(0);
            assert_eq!(shown.at("/calls").as_array().map(Vec::len), Some(calls), "{shown}");
        }
    }
}
