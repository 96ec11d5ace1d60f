//! What statements do, and what is said of those that fail.

use crate::Place;

#[test]
fn an_error_names_its_code_line_and_column() {
    let Place { project, database: _database } = Place::new("shared");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int PRIMARY KEY);");
    // The header is the first line.
    project.sql(
        "changes/_0002__Bad",
        "bad",
        "INSERT INTO t VALUES (1);\n-- \u{fc}\nSELECT '\u{fc}',\n  statsu FROM t;",
    );
    let failed = project.json("apply").exits(1);
    let error = failed.change("bad")["error"].clone();
    assert_eq!(error["code"], "change::failed");
    assert!(
        error["message"].as_str().unwrap().contains("column \"statsu\" does not exist (42703)"),
        "{error}"
    );
    assert_eq!((&error["line"], &error["column"]), (&5.into(), &3.into()), "{error}");
    assert_eq!(failed.of("bad", "outcome"), "rolled-back");
}

#[test]
fn detail_and_hint_are_told() {
    let Place { project, database: _database } = Place::new("shared");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int PRIMARY KEY);\nINSERT INTO t VALUES (1);");
    project.sql("changes/_0002__Twice", "twice", "INSERT INTO t VALUES (1);");
    let message =
        project.json("apply").exits(1).change("twice")["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("23505") && message.contains("Key (n)=(1) already exists."), "{message}");
}

#[test]
fn notices_are_in_the_log() {
    let Place { project, database: _database } = Place::new("shared");
    project.sql(
        "changes/_0001__N",
        "n",
        "DO $$ BEGIN RAISE NOTICE 'seen it'; RAISE WARNING 'mind it'; END $$;",
    );
    let said = project.run("apply -v").exits(0);
    assert!(said.stderr.contains("seen it") || said.stdout.contains("seen it"), "{said}");
    assert!(said.stderr.contains("mind it") || said.stdout.contains("mind it"), "{said}");
}

#[test]
fn a_constraint_that_is_checked_late_fails_the_change() {
    let Place { project, database } = Place::new("shared");
    project.sql(
        "changes/_0001__T",
        "t",
        "CREATE TABLE t (n int PRIMARY KEY, up int REFERENCES t DEFERRABLE INITIALLY DEFERRED);",
    );
    project.sql("changes/_0002__Bad", "bad", "INSERT INTO t VALUES (1, 2);");
    let failed = project.json("apply").exits(1);
    assert_eq!(failed.of("bad", "outcome"), "rolled-back");
    assert_eq!(database.rows("SELECT count(*) FROM t"), ["0"]);
}

#[test]
fn a_role_a_search_path_and_a_lazy_commit_of_the_change_do_not_lead_the_host_astray() {
    for mode in ["shared", "marked"] {
        let Place { project, database } = Place::new(mode);
        database.rows("CREATE SCHEMA trap; CREATE TABLE trap.sandpiper_marker (attempt_id text)");
        database.rows("DO $$ BEGIN CREATE ROLE powerless; EXCEPTION WHEN duplicate_object THEN END $$");
        project.sql(
            "changes/_0001__T",
            "t",
            "CREATE TABLE t (n int);\nSET search_path = trap, public;\nSET synchronous_commit = off;\nSET ROLE powerless;",
        );
        project.sql("changes/_0002__U", "u", "INSERT INTO t VALUES (1);");
        project.applied();
        assert_eq!(database.rows("SELECT count(*) FROM t"), ["1"]);
        assert_eq!(project.history("t"), ["started", "applied"]);
    }
}

#[test]
fn settings_are_set_before_each_change() {
    let Place { project, database } = Place::new("marked");
    let before = project.read("sandpiper.yaml");
    let set = before.replace("\" }", "\", settings: { search_path: app, work_mem: 8MB } }");
    project.write("sandpiper.yaml", set);
    database.rows("CREATE SCHEMA app");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (v text);\nSET search_path = public;");
    project.sql("changes/_0002__U", "u", "INSERT INTO t SELECT current_setting('work_mem');");
    project.direct_sql("changes/_0003__V", "v", "INSERT INTO t SELECT current_setting('search_path');");
    project.applied();
    assert_eq!(database.rows("SELECT v FROM app.t"), ["8MB", "app"]);
}

#[test]
fn a_transaction_is_bounded_on_the_server() {
    let Place { project, database } = Place::new("marked");
    let names =
        ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation"];
    let all = names.map(|name| format!("current_setting('{name}')")).join(" || ' ' || ");
    project.sql("changes/_0001__T", "t", &format!("CREATE TABLE t AS SELECT {all} AS v;"));
    project.configure("limits: { deadline: 30s }");
    project.applied();
    assert_eq!(database.rows("SELECT v FROM t"), ["35s 35s 2s read committed"]);
}

#[test]
fn a_statement_that_runs_past_its_deadline_is_ended_on_the_server() {
    let Place { project, database } = Place::new("shared");
    project.configure("limits: { deadline: 1s }");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);\nSELECT pg_sleep(600);");
    let ended = project.json("apply").exits(1);
    assert_eq!(ended.change("t")["error"]["code"], "change::deadline");
    assert_eq!(ended.of("t", "outcome"), "rolled-back");
    let busy = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' \
                AND datname = current_database() AND pid <> pg_backend_pid()";
    assert_eq!(database.rows(busy), ["0"]);
}

#[test]
fn psql_commands_and_copy_from_the_input_are_problems() {
    let Place { project, database: _database } = Place::new("shared");
    project.sql("changes/_0001__T", "t", "CREATE TABLE t (n int);\nCOPY t FROM STDIN;\n1\n\\.\n");
    project.json("apply").exits(2);
}
