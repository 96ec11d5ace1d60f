//! `plan --preview` on a server: one transaction that is rolled back, in which each change begins as in its own.

use sandpiper_tests::Outcome;
use serde_json::json;

use crate::Place;

#[track_caller]
fn passed(outcome: &Outcome, ids: &[&str]) {
    for id in ids {
        assert_eq!(outcome.of(id, "preview"), "passed", "{id}\n{outcome}");
    }
}

/// All that is in the database.
fn objects(place: &Place) -> Vec<String> {
    place.database.rows(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname NOT LIKE 'pg%' AND n.nspname <> 'information_schema' ORDER BY 1, 2",
    )
}

#[test]
fn a_preview_leaves_nothing_neither_in_the_target_nor_in_the_store() {
    for mode in ["shared", "marked"] {
        let place = Place::new(mode);
        let project = &place.project;
        project.sql(
            "changes/_0001__A",
            "a",
            "CREATE TABLE a (id serial, note text);\nINSERT INTO a (note) VALUES ('x'), ('y');",
        );
        project.sql("changes/_0002__B", "b", "UPDATE a SET note = 'z';");
        let preview = project.json("plan --preview").exits(0);
        passed(&preview, &["a", "b"]);
        assert_eq!(preview.change("a")["calls"][1]["rows"], 2);
        assert_eq!(preview.change("b")["calls"][0]["rows"], 2);
        assert_eq!(objects(&place), Vec::<String>::new(), "{mode}");
        project.json("apply --to a").exits(0);
        let before = (objects(&place), project.state("b"), project.json("lock status").at("/locks/0/token"));
        passed(&project.json("plan --preview").exits(0), &["b"]);
        let after = (objects(&place), project.state("b"), project.json("lock status").at("/locks/0/token"));
        assert_eq!(after, before);
        assert_eq!(place.database.rows("SELECT note FROM a"), ["x", "y"]);
        assert_eq!(
            place
                .database
                .rows("SELECT count(*) FROM sandpiper.sandpiper_marker WHERE attempt_id = 'preview'"),
            ["0"]
        );
    }
}

#[test]
fn what_a_change_leaves_in_its_session_does_not_reach_the_next() {
    let place = Place::new("marked");
    let project = &place.project;
    // As `pg_dump` begins every file.
    project.sql("changes/_0001__A", "a", "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id int PRIMARY KEY);");
    project.sql(
        "changes/_0002__B",
        "b",
        "CREATE TEMPORARY TABLE kept (id int);\nPREPARE one AS SELECT 1;\nSET statement_timeout = 200;",
    );
    project.sql("changes/_0003__C", "c", "CREATE TABLE c (id int);\nCREATE TEMPORARY TABLE kept (id int);\nPREPARE one AS SELECT 1;\nSELECT pg_sleep(0.4);");
    let preview = project.json("plan --preview").exits(0);
    passed(&preview, &["a", "b", "c"]);
    project.applied();
}

#[test]
fn constraints_are_checked_after_each_change_and_late_again_in_the_next() {
    let place = Place::new("shared");
    let project = &place.project;
    project.sql(
        "changes/_0001__A",
        "a",
        "CREATE TABLE p (id int PRIMARY KEY);\n\
         CREATE TABLE c (p int REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);\n\
         CREATE TABLE u (n int UNIQUE DEFERRABLE INITIALLY IMMEDIATE);\n\
         INSERT INTO c VALUES (1);\nINSERT INTO p VALUES (1);",
    );
    project.sql(
        "changes/_0002__B",
        "b",
        "ALTER TABLE c ADD COLUMN note text;\nINSERT INTO c VALUES (2);\nINSERT INTO p VALUES (2);",
    );
    passed(&project.json("plan --preview").exits(0), &["a", "b"]);
    project.sql("changes/_0003__C", "c", "INSERT INTO c VALUES (3);");
    project.sql("changes/_0004__D", "d", "INSERT INTO p VALUES (3);");
    let preview = project.json("plan --preview").exits(1);
    passed(&preview, &["a", "b"]);
    assert_eq!((preview.of("c", "preview"), preview.of("d", "preview")), ("failed".into(), "not-run".into()));
    let applied = project.json("apply").exits(1);
    assert_eq!(preview.at("/error/message"), applied.at("/error/message"));
}

#[test]
fn what_cannot_run_in_a_transaction_is_passed_over() {
    let place = Place::new("shared");
    let project = &place.project;
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id int);");
    project.sql("changes/_0002__B", "b", "CREATE INDEX CONCURRENTLY by_id ON a (id);");
    project.sql("changes/_0003__C", "c", "DROP INDEX by_id;");
    let preview = project.json("plan --preview").exits(0);
    passed(&preview, &["a"]);
    for id in ["b", "c"] {
        assert_eq!(
            (preview.of(id, "preview"), preview.change(id)["calls"].clone()),
            ("not-run".into(), json!([]))
        );
    }
}

#[test]
fn an_error_is_told_as_apply_tells_it_and_the_rest_of_the_transaction_is_gone() {
    let place = Place::new("marked");
    let project = &place.project;
    project.sql("changes/_0001__A", "a", "CREATE TABLE a (id int);\nINSERT INTO a VALUES ('x');");
    let preview = project.json("plan --preview").exits(1);
    let applied = project.json("apply").exits(1);
    for field in ["code", "message", "blame", "effect", "line", "column"] {
        assert_eq!(preview.at(&format!("/error/{field}")), applied.at(&format!("/error/{field}")), "{field}");
    }
    assert_eq!(place.database.rows("SELECT to_regclass('a') IS NULL"), ["t"]);
}
