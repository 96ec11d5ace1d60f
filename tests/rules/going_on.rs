//! Going on after a stop outside of a transaction: what was taken back runs again, what stands never does, and where
//! nobody can say which is which a person has to.

use std::time::{Duration, Instant};

use sandpiper_tests::{MARKED, Project, SHARED, open};
use serde_json::json;

fn batch(project: &Project, text: &str) {
    let connection = open(&project.path("target.db"));
    connection.busy_timeout(Duration::from_secs(30)).unwrap();
    connection.execute_batch(text).unwrap();
}

fn with_log(configuration: &str) -> Project {
    let project = Project::new(configuration);
    project.configure("lock: { lease: 6s }\nlimits: { grace: 200ms }");
    project.write("target.db", "");
    batch(&project, "CREATE TABLE log (what TEXT)");
    project
}

fn log(project: &Project) -> Vec<String> {
    project.rows("SELECT what FROM log ORDER BY rowid")
}

fn insert(what: &str) -> String {
    format!("INSERT INTO log VALUES ('{what}')")
}

/// A change with steps, each with what takes it back.
fn steps(project: &Project, steps: &[(&str, &str)]) {
    let mut text = "id: a\nauthor: t\ntarget-system: target\ntransactional: false\nsteps:\n".to_owned();
    for (apply, rollback) in steps {
        text.push_str(&format!("  - {{ apply: \"{apply}\", rollback: \"{rollback}\" }}\n"));
    }
    project.write("changes/_0001__A.yaml", text);
}

fn issue(project: &Project) -> serde_json::Value {
    project.json("issue show a").exits(0).at("/issues/0")
}

const HALF_TAKEN_BACK: &str = "-- apply\nINSERT INTO log VALUES ('one');\nINSERT INTO log VALUES ('two');\n\
    INSERT INTO later VALUES ('three');\n-- rollback\nDELETE FROM log;\nDELETE FROM later;\n";

#[test]
fn one_part_that_was_taken_back_in_part_does_not_go_on_without_a_word() {
    for configuration in [SHARED, MARKED] {
        let project = with_log(configuration);
        project.direct_sql("changes/_0001__A", "a", HALF_TAKEN_BACK);
        project.json("apply").exits(4);
        assert_eq!(log(&project), [] as [&str; 0]);
        let issue = issue(&project);
        assert_eq!((&issue["last_step"], &issue["rollback_last_step"]), (&json!(null), &json!(1)), "{issue}");
        assert!(issue["steps"].as_str().is_some_and(|steps| steps.contains("taken back in part")), "{issue}");
        assert!(!issue["help"].as_str().unwrap().contains("--resume --reason"), "{issue}");
        batch(&project, "CREATE TABLE later (what TEXT)");
        let refused = project.json("issue resolve a --resume --reason x").exits(2);
        assert!(refused.stdout.contains("--resume --after N"), "{refused}");
        project.json("issue resolve a --resume --after 0 --reason \"nothing stands\"").exits(0);
        project.applied();
        assert_eq!(log(&project), ["one", "two"]);
    }
}

#[test]
fn one_part_whose_rollback_did_nothing_goes_on_where_it_stopped() {
    let project = with_log(MARKED);
    let body = HALF_TAKEN_BACK.replace("DELETE FROM log;\nDELETE FROM later", "DELETE FROM nowhere");
    project.direct_sql("changes/_0001__A", "a", &body);
    project.json("apply").exits(4);
    assert_eq!(issue(&project)["last_step"], 2);
    batch(&project, "CREATE TABLE later (what TEXT)");
    project.json("issue resolve a --resume --reason x").exits(0);
    project.applied();
    assert_eq!(log(&project), ["one", "two"]);
}

#[test]
fn steps_that_were_taken_back_run_again_and_those_that_stand_do_not() {
    let project = with_log(MARKED);
    let nowhere = "INSERT INTO nowhere VALUES (1)";
    let later = "INSERT INTO later VALUES (1)";
    steps(
        &project,
        &[
            (&insert("s1"), &insert("r1")),
            (&insert("s2"), nowhere),
            (later, &insert("r3")),
            (&insert("s4"), &insert("r4")),
        ],
    );
    project.json("apply").exits(4);
    assert_eq!(log(&project), ["s1", "s2", "r1"]);
    let told = issue(&project);
    assert_eq!((&told["done_steps"], &told["undone_steps"]), (&json!([2]), &json!([1])), "{told}");
    assert_eq!((&told["last_step"], &told["doubtful_step"]), (&json!(2), &json!(null)), "{told}");
    project.json("issue resolve a --resume --reason x").exits(0);
    // It fails once more: what stands is taken back newest first, and what does not is left alone.
    project.json("apply").exits(4);
    assert_eq!(log(&project), ["s1", "s2", "r1", "s1", "r1"]);
    batch(&project, "CREATE TABLE later (n INTEGER)");
    project.json("issue resolve a --resume --reason x").exits(0);
    project.applied();
    assert_eq!(log(&project), ["s1", "s2", "r1", "s1", "r1", "s1", "s4"]);
}

#[test]
fn a_step_that_was_taken_back_in_part_is_in_doubt() {
    let project = with_log(MARKED);
    let half = format!("{}; INSERT INTO nowhere VALUES (1)", insert("r2"));
    steps(
        &project,
        &[
            (&insert("s1"), &insert("r1")),
            (&insert("s2"), &half),
            ("INSERT INTO later VALUES (1)", &insert("r3")),
        ],
    );
    project.json("apply").exits(4);
    let told = issue(&project);
    assert_eq!((&told["undone_steps"], &told["doubtful_step"]), (&json!([1]), &json!(2)), "{told}");
    project.json("issue resolve a --resume --reason x").exits(2);
    assert_eq!(project.history("a"), ["started", "failed", "rollback-failed"]);
}

/// Starts a run, and gives it back once a row is there that is written before something slow.
fn killed_after(project: &Project, what: &str) {
    let running = project.start("apply");
    let since = Instant::now();
    while !log(project).contains(&what.to_owned()) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come so far");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(500));
    running.kill();
}

const SLOW: &str = "CREATE TABLE slow AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < \
                    1000000000) SELECT count(*) FROM c";

#[test]
fn what_verify_does_not_find_is_applied_from_the_start() {
    for recovery in ["manual-intervention", "always-retry"] {
        let project = with_log(MARKED);
        let body = format!(
            "-- apply\nINSERT INTO log VALUES ('one');\n{SLOW};\nINSERT INTO log VALUES ('two');\n\
             -- verify\nSELECT count(*) = 2 FROM log;\n"
        );
        let header = format!(
            "-- sandpiper: id=a author=t target-system=target transactional=false recovery={recovery}\n"
        );
        project.write("changes/_0001__A.sql", format!("{header}{body}"));
        killed_after(&project, "one");
        batch(&project, "DELETE FROM log");
        project.write("changes/_0001__A.sql", format!("{header}{}", body.replace("1000000000", "10")));
        assert_eq!(project.json("plan").exits(0).of("a", "action"), "recover");
        project.applied();
        assert_eq!(log(&project), ["one", "two"], "{recovery}");
    }
}

#[test]
fn a_kill_inside_of_the_rollback_leaves_one_of_its_statements_in_doubt() {
    let project = with_log(MARKED);
    let body = format!(
        "-- apply\nINSERT INTO log VALUES ('one');\nINSERT INTO later VALUES (1);\n\
         -- rollback\nINSERT INTO log VALUES ('back');\n{SLOW};\nDELETE FROM log;\n"
    );
    project.direct_sql("changes/_0001__A", "a", &body);
    killed_after(&project, "back");
    let told = issue(&project);
    assert_eq!(told["state"], "failed");
    let back = (&told["rollback_last_step"], &told["rollback_doubtful_step"]);
    assert_eq!((&told["last_step"], back), (&json!(null), (&json!(1), &json!(2))), "{told}");
    project.json("issue resolve a --resume --reason x").exits(2);
}

#[test]
fn an_undo_that_stops_halfway_names_the_statements_of_its_rollback() {
    let project = with_log(MARKED);
    let body = format!(
        "-- apply\n{};\n-- rollback\n{};\n{};\nINSERT INTO nowhere VALUES (1);\n",
        insert("s"),
        insert("r1"),
        insert("r2")
    );
    project.direct_sql("changes/_0001__A", "a", &body);
    project.applied();
    project.json("undo a").exits(4);
    let told = issue(&project);
    assert_eq!((&told["last_step"], &told["rollback_last_step"]), (&json!(2), &json!(2)), "{told}");
    assert!(told["steps"].as_str().is_some_and(|steps| steps.contains("rollback step 2")), "{told}");
}

#[test]
fn an_undo_of_steps_says_which_are_left() {
    let project = with_log(MARKED);
    let steps_of = [
        (insert("s1"), insert("r1")),
        (insert("s2"), "INSERT INTO nowhere VALUES (1)".to_owned()),
        (insert("s3"), insert("r3")),
    ];
    let all: Vec<(&str, &str)> = steps_of.iter().map(|(s, r)| (s.as_str(), r.as_str())).collect();
    steps(&project, &all);
    project.applied();
    project.json("undo a").exits(4);
    assert_eq!(log(&project), ["s1", "s2", "s3", "r3", "r1"]);
    let told = issue(&project);
    assert_eq!((&told["doubtful_steps"], &told["undone_steps"]), (&json!([2]), &json!([1, 3])), "{told}");
    assert_eq!(told["steps"], "steps 1 and 3 were taken back; step 2 is in doubt");
}

/// Two statements are done, and the third fails; then the first is edited.
fn edited() -> Project {
    let project = with_log(MARKED);
    let header =
        "-- sandpiper: id=a author=t target-system=target transactional=false recovery=always-retry\n";
    let body = format!("{};\n{};\nINSERT INTO later VALUES (1);\n", insert("one"), insert("two"));
    project.write("changes/_0001__A.sql", format!("{header}{body}"));
    project.json("apply").exits(1);
    let plan = project.json("plan").exits(0);
    assert_eq!(plan.of("a", "action"), "resume", "{plan}");
    project.write("changes/_0001__A.sql", format!("{header}{}", body.replace("'one'", "'other'")));
    project
}

#[test]
fn a_change_whose_finished_part_was_edited_is_an_issue_like_any_other() {
    let project = edited();
    assert_eq!(project.json("plan").exits(0).of("a", "action"), "blocked");
    project.json("plan --check").exits(4);
    project.json("status --check").exits(4);
    assert_eq!(project.json("apply").exits(4).of("a", "outcome"), "blocked");
    assert_eq!(project.json("issue list").exits(0).text("/issues/0/change_id"), "a");
    assert!(issue(&project)["help"].as_str().unwrap().contains("edited since"));
    project.json("issue resolve a --resume --reason x").exits(2);
}

#[test]
fn each_word_of_a_person_settles_what_was_edited() {
    for (said, rows, state) in [
        ("--applied", &["one", "two"][..], "marked-applied"),
        ("--rolled-back", &["one", "two", "other", "two"][..], "applied"),
        ("--resume --after 2", &["one", "two"][..], "applied"),
        ("--resume --after 1", &["one", "two", "two"][..], "applied"),
    ] {
        let project = edited();
        batch(&project, "CREATE TABLE later (n INTEGER)");
        project.json(&format!("issue resolve a {said} --reason x")).exits(0);
        project.applied();
        assert_eq!(log(&project), rows, "{said}");
        assert_eq!(project.state("a"), state);
    }
}

#[test]
fn what_a_person_allowed_may_be_said_better_before_it_runs() {
    let project = with_log(MARKED);
    let body = format!("{};\n{};\nINSERT INTO later VALUES (1);\n", insert("one"), insert("two"));
    project.direct_sql("changes/_0001__A", "a", &body);
    project.json("apply").exits(4);
    batch(&project, "CREATE TABLE later (n INTEGER)");
    project.json("issue resolve a --resume --after 1 --reason \"by mistake\"").exits(0);
    project.json("issue resolve a --resume --after 2 --reason \"that is it\"").exits(0);
    project.applied();
    assert_eq!(log(&project), ["one", "two"]);
    project.json("issue resolve a --resume --after 1 --reason \"too late\"").exits(2);
}

#[test]
fn what_was_done_outside_of_a_transaction_does_not_go_on_inside_of_one() {
    let project = with_log(MARKED);
    let body = format!("{};\nINSERT INTO later VALUES (1);\n", insert("one"));
    project.direct_sql("changes/_0001__A", "a", &body);
    project.json("apply").exits(4);
    batch(&project, "CREATE TABLE later (n INTEGER)");
    project.json("issue resolve a --resume --reason x").exits(0);
    project.sql("changes/_0001__A", "a", &body);
    assert_eq!(project.json("apply").exits(4).of("a", "outcome"), "blocked");
    assert_eq!(log(&project), ["one"]);
}

/// Somebody else writes to the file all the while, as the renewal of the lease does now and then: the rollback waits
/// for its turn, though the change was interrupted.
#[test]
fn the_rollback_of_a_change_that_was_told_to_stop_waits_for_the_file() {
    let project = with_log(SHARED);
    let body = format!("-- apply\n{};\n{SLOW};\n-- rollback\nDELETE FROM log;\n", insert("one"));
    project.direct_sql("changes/_0001__A", "a", &body);
    let mut running = project.start("apply --format json");
    let since = Instant::now();
    while log(&project).is_empty() {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    let signal = std::process::Command::new("kill").args(["-s", "TERM", &running.id().to_string()]).status();
    assert!(signal.unwrap().success());
    let busy = open(&project.path("target.db"));
    busy.busy_timeout(Duration::ZERO).unwrap();
    while !running.has_ended() {
        // It asks without a pause, and so is there as soon as the file is free.
        if busy.execute_batch("BEGIN IMMEDIATE").is_ok() {
            std::thread::sleep(Duration::from_millis(10));
            busy.execute_batch("COMMIT").unwrap();
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    let outcome = running.wait().exits(143);
    assert_eq!(outcome.of("a", "outcome"), "rolled-back");
    let help = outcome.change("a")["error"]["help"].to_string();
    assert!(!help.contains("fix the file"), "{help}");
    assert_eq!(log(&project), [] as [&str; 0]);
}

#[test]
fn what_the_next_run_cannot_find_out_is_not_promised() {
    let project = with_log(MARKED);
    project.direct_sql("changes/_0000__First", "first", &insert("first"));
    project.applied();
    let store = open(&project.path(".sandpiper/audit.db"));
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON sandpiper_entry WHEN new.body LIKE '%\"state\":\"applied\"%' \
                  BEGIN SELECT RAISE(ABORT, 'no more history'); END";
    store.execute_batch(refuse).unwrap();
    project.direct_sql("changes/_0001__A", "a", &insert("a"));
    let outcome = project.json("apply").exits(7);
    let help = outcome.change("a")["error"]["help"].to_string();
    assert!(help.contains("issue resolve a") && !help.contains("finds out what became"), "{help}");
    project.json("apply").exits(4);
}
