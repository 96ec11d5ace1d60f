//! A store that somebody else wrote to: nothing is decided by it, and `audit verify` says where it is damaged.

use sandpiper_tests::{Project, open};

/// Two changes that are applied, and one that is pending.
fn project() -> Project {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;");
    project.sql("changes/_0002__B", "b", "-- apply\nINSERT INTO a VALUES (1);\n-- rollback\nDELETE FROM a;");
    project.applied();
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (n INTEGER);");
    project
}

fn tamper(project: &Project, statement: &str) {
    let changed = open(&project.path(".sandpiper/audit.db")).execute(statement, []);
    assert_eq!(changed.unwrap_or_else(|error| panic!("{statement}: {error}")), 1, "{statement}");
}

#[test]
fn nothing_is_decided_by_a_damaged_table_of_states() {
    for statement in [
        "DELETE FROM sandpiper_state WHERE change_id = 'b'",
        "UPDATE sandpiper_state SET state = 'undone' WHERE change_id = 'b'",
        "UPDATE sandpiper_state SET sequence = 1 WHERE change_id = 'b'",
        "DELETE FROM sandpiper_chain",
        "UPDATE sandpiper_chain SET sequence = 3",
        "DELETE FROM sandpiper_entry WHERE sequence = (SELECT max(sequence) FROM sandpiper_entry)",
    ] {
        let project = project();
        tamper(&project, statement);
        for line in [
            "status",
            "plan",
            "apply --dry-run",
            "apply",
            "undo b",
            "undo b --dry-run",
            "issue list",
            "audit list",
            "baseline --reason x",
            "audit verify",
        ] {
            let outcome = project.json(line).exits(6);
            assert_eq!(outcome.error(), "audit::broken", "{statement}\n{outcome}");
        }
        assert_eq!(
            (project.tables(), project.rows("SELECT n FROM a")),
            (vec!["a".to_owned()], vec!["1".into()])
        );
        project.json("audit verify").exits(6);
    }
}

#[test]
fn a_missing_entry_is_damage_and_no_bug_of_ours() {
    let project = project();
    tamper(
        &project,
        "DELETE FROM sandpiper_entry WHERE instr(body, '\"change_id\":\"a\"') AND instr(body, '\"state\":\"applied\"')",
    );
    for line in ["undo --to a", "undo a --only", "status", "audit verify"] {
        let outcome = project.json(line);
        if line == "undo --to a" {
            // `a` itself stays, and `b` is whole.
            outcome.exits(0);
        } else {
            assert_eq!(outcome.exits(6).error(), "audit::broken", "{line}");
        }
    }
    assert_eq!(project.tables(), ["a"]);
}

#[test]
fn damaged_artifacts_and_calls_are_found_by_verify() {
    for (statement, shows) in [
        (
            "UPDATE sandpiper_artifact SET body = x'00' WHERE rowid = (SELECT min(rowid) FROM sandpiper_artifact)",
            "",
        ),
        ("UPDATE sandpiper_entry SET calls = x'00' WHERE sequence = 4", "audit show b --calls"),
    ] {
        let project = project();
        project.json("audit verify").exits(0);
        tamper(&project, statement);
        let verified = project.json("audit verify").exits(6);
        assert_eq!(
            (verified.error(), verified.at("/valid")),
            ("audit::broken".to_owned(), false.into()),
            "{verified}"
        );
        assert!(verified.at("/first_broken").as_u64().is_some(), "{verified}");
        if !shows.is_empty() {
            project.json(shows).exits(6);
        }
    }
}

#[test]
fn calls_that_an_entry_does_not_count_are_found_by_verify() {
    let project = Project::marked();
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (n INTEGER);");
    project.sql(
        "changes/_0002__B",
        "b",
        "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (2);\nINSERT INTO a VALUES (3);",
    );
    project.applied();
    let with_calls = "SELECT max(sequence) FROM sandpiper_entry WHERE calls IS NOT NULL";
    let first = "SELECT min(sequence) FROM sandpiper_entry WHERE calls IS NOT NULL";
    tamper(
        &project,
        &format!(
            "UPDATE sandpiper_entry SET calls = (SELECT calls FROM sandpiper_entry WHERE sequence = ({with_calls}))
             WHERE sequence = ({first})"
        ),
    );
    assert_eq!(project.json("audit verify").exits(6).error(), "audit::broken");
}

#[test]
fn what_is_pruned_is_no_damage() {
    let project = project();
    project.json("audit prune --older-than 0s").exits(0);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn nothing_is_dropped_from_a_damaged_store() {
    for statement in [
        "UPDATE sandpiper_state SET state = 'undone' WHERE change_id = 'b'",
        "DELETE FROM sandpiper_chain",
        "DELETE FROM sandpiper_entry WHERE sequence = 2",
    ] {
        let project = project();
        tamper(&project, statement);
        let kept =
            "SELECT (SELECT count(*) FROM sandpiper_artifact), (SELECT count(calls) FROM sandpiper_entry)";
        let count = || sandpiper_tests::rows(&project.path(".sandpiper/audit.db"), kept);
        let before = count();
        let refused = project.json("audit prune --older-than 0s").exits(6);
        assert_eq!(refused.error(), "audit::broken", "{statement}: {refused}");
        assert_eq!(count(), before, "{statement}");
    }
}
