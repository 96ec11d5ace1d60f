//! `issue resolve`: what a person may say, and what the next run makes of it.

use sandpiper_tests::{Project, open};

const HALF: &str = "CREATE TABLE t (id INTEGER);\nINSERT INTO t VALUES (1);\nINSERT INTO later VALUES (2);\nINSERT INTO t VALUES (3);";

fn blocked() -> Project {
    let project = Project::marked();
    project.direct_sql("changes/_0001__A", "a", HALF);
    project.sql("changes/_0002__B", "b", "CREATE TABLE b (id INTEGER);");
    project.json("apply").exits(4);
    project
}

fn batch(project: &Project, text: &str) {
    open(&project.path("target.db")).execute_batch(text).unwrap();
}

#[test]
fn applied_means_that_it_never_runs_again() {
    let project = blocked();
    let outcome = project.json("issue resolve a --applied --reason \"seen\" --operator ann").exits(0);
    assert_eq!(
        (outcome.text("/entries/0/state"), outcome.text("/entries/0/reason")),
        ("marked-applied".into(), "seen".into())
    );
    assert_eq!(outcome.text("/entries/0/operator"), "ann");
    let outcome = project.applied();
    assert_eq!((outcome.counts(), outcome.of("a", "outcome")), ([1, 1, 0, 0, 0], "already-applied".into()));
    assert_eq!(project.rows("SELECT id FROM t"), ["1"]);
    assert_eq!(project.history("a"), ["started", "failed", "marked-applied"]);
}

#[test]
fn rolled_back_means_that_it_runs_anew() {
    let project = blocked();
    batch(&project, "DROP TABLE t; CREATE TABLE later (id INTEGER)");
    project.json("issue resolve a --rolled-back --reason \"removed the half\"").exits(0);
    assert_eq!(project.state("a"), "marked-rolled-back");
    assert_eq!(project.applied().counts(), [2, 0, 0, 0, 0]);
    assert_eq!(project.rows("SELECT id FROM t"), ["1", "3"]);
}

#[test]
fn resume_means_that_it_goes_on_after_the_last_finished_step() {
    let project = blocked();
    batch(&project, "CREATE TABLE later (id INTEGER)");
    project.json("issue resolve a --resume --reason \"later is there now\"").exits(0);
    assert_eq!(project.json("plan").exits(0).of("a", "action"), "resume");
    project.applied();
    assert_eq!(project.rows("SELECT id FROM t"), ["1", "3"]);
    assert_eq!(project.rows("SELECT id FROM later"), ["2"]);
    assert_eq!(project.state("a"), "applied");
}

#[test]
fn resume_after_a_step_leaves_out_what_a_person_did() {
    let project = blocked();
    project.json("issue resolve a --resume --after 3 --reason \"step 3 is not needed\"").exits(0);
    project.applied();
    assert_eq!(project.rows("SELECT id FROM t"), ["1", "3"]);
    assert_eq!(project.tables(), ["b", "t"]);
}

#[test]
fn a_change_whose_finished_part_was_edited_does_not_resume() {
    let project = blocked();
    project.json("issue resolve a --resume --reason \"go on\"").exits(0);
    project.direct_sql("changes/_0001__A", "a", &HALF.replace("VALUES (1)", "VALUES (9)"));
    batch(&project, "CREATE TABLE later (id INTEGER)");
    let outcome = project.json("apply");
    assert_ne!(outcome.code, 0, "{outcome}");
    assert_eq!(project.rows("SELECT id FROM t"), ["1"]);
}

#[test]
fn what_is_left_to_do_may_be_edited_before_it_resumes() {
    let project = blocked();
    project.json("issue resolve a --resume --reason \"go on\"").exits(0);
    project.direct_sql("changes/_0001__A", "a", &HALF.replace("INTO later VALUES (2)", "INTO t VALUES (2)"));
    project.applied();
    assert_eq!(project.rows("SELECT id FROM t"), ["1", "2", "3"]);
}

#[test]
fn a_reason_is_needed_and_an_issue_and_one_of_three_words() {
    let project = blocked();
    for line in [
        "issue resolve a --applied",
        "issue resolve a --reason x",
        "issue resolve a --applied --resume --reason x",
        "issue resolve b --applied --reason x",
        "issue resolve nothing --applied --reason x",
        "lock release",
    ] {
        project.json(line).exits(2);
    }
    assert_eq!(project.history("a"), ["started", "failed"]);
    project.json("issue resolve a --applied --reason x").exits(0);
    project.json("issue resolve a --applied --reason x").exits(2);
}

#[test]
fn releasing_a_free_lock_raises_the_token_and_is_audited() {
    let project = blocked();
    let before = project.json("lock status").exits(0).at("/locks/0/token").as_u64().unwrap();
    project.json("lock release --reason \"to see it\"").exits(0);
    let after = project.json("lock status").exits(0).at("/locks/0/token").as_u64().unwrap();
    assert!(after > before, "{after} > {before}");
    let audit = project.json("audit list --history").exits(0);
    assert!(audit.stdout.contains("to see it"), "{audit}");
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_person_may_say_that_what_could_not_be_undone_was_never_there() {
    for resolved in [false, true] {
        let project = Project::marked();
        let body = "-- apply\nCREATE TABLE a (n INTEGER);\n-- rollback\nDROP TABLE a;";
        if resolved {
            project.direct_sql(
                "changes/_0001__A",
                "a",
                "CREATE TABLE x (n INTEGER);\nINSERT INTO nowhere VALUES (1);",
            );
            project.json("apply").exits(4);
            project.json("issue resolve a --applied --reason \"taken for granted\"").exits(0);
            project.sql("changes/_0001__A", "a", body);
            project.json("accept a --reason \"it is another one\"").exits(0);
        } else {
            project.sql("changes/_0001__A", "a", body);
            project.json("baseline --reason \"it should be there\"").exits(0);
        }
        let undone = project.json("undo a --working-copy");
        assert!(undone.code == 1 || undone.code == 4, "{undone}");
        assert_eq!(project.state("a"), "undo-failed");
        project.json("issue resolve a --rolled-back --reason \"it never was\"").exits(0);
        assert_eq!(project.applied().of("a", "outcome"), "applied");
        assert!(project.tables().contains(&"a".to_owned()));
    }
}
