//! The modes, the store, and the commands that read it.

use sandpiper_tests::{PgBouncer, Postgres, Project};

use crate::{Place, configuration};

const TABLE: &str =
    "CREATE TABLE orders (id int PRIMARY KEY, note text);\nINSERT INTO orders VALUES (1, 'one');";

#[test]
fn a_change_commits_together_with_its_entry() {
    let Place { project, database } = Place::new("shared");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    let planned = project.json("plan").exits(0);
    assert_eq!(planned.at("/stages/0/changes/0/mode"), "shared");
    assert_eq!(database.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'sandpiper'"), ["0"]);
    let applied = project.applied();
    assert_eq!(applied.of("orders", "mode"), "shared");
    assert_eq!(database.rows("SELECT note FROM orders"), ["one"]);
    assert_eq!(project.history("orders"), ["started", "applied"]);
    assert_eq!(project.json("audit verify").exits(0).at("/entries"), 2);
    assert_eq!(database.rows("SELECT count(*) FROM sandpiper.sandpiper_marker"), ["0"]);
    assert_eq!(project.applied().of("orders", "outcome"), "already-applied");
    assert_eq!(project.json("status --check").exits(0).at("/pending"), 0);
}

#[test]
fn a_change_to_another_database_leaves_a_marker_until_it_is_recorded() {
    let Place { project, database } = Place::new("marked");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    project.sql("changes/_0002__More", "more", "INSERT INTO orders VALUES (2, 'two');");
    let applied = project.applied();
    assert_eq!(applied.of("more", "mode"), "marked");
    assert_eq!(database.rows("SELECT count(*) FROM orders"), ["2"]);
    assert_eq!(database.rows("SELECT count(*) FROM sandpiper.sandpiper_fence"), ["1"]);
    assert_eq!(database.rows("SELECT to_regclass('sandpiper.sandpiper_entry') IS NULL"), ["t"]);
    assert!(database.rows("SELECT count(*) FROM sandpiper.sandpiper_marker")[0].parse::<u32>().unwrap() <= 1);
}

#[test]
fn a_store_in_one_database_keeps_the_audit_of_another() {
    let (store, target) = (Postgres::shared().database(), Postgres::shared().database());
    let project = Project::new(&configuration(&format!("store: \"{}\"\n", store.url()), &target.url()));
    project.sql("changes/_0001__Orders", "orders", TABLE);
    assert_eq!(project.applied().of("orders", "mode"), "marked");
    assert_eq!(store.rows("SELECT count(*) FROM sandpiper.sandpiper_entry"), ["2"]);
    assert_eq!(target.rows("SELECT to_regclass('sandpiper.sandpiper_entry') IS NULL"), ["t"]);
    // The same database, by its address instead of its name.
    let project = Project::new(&configuration(&format!("store: \"{}\"\n", target.url()), &target.url()));
    project.sql("changes/_0001__More", "more", "INSERT INTO orders VALUES (2, 'two');");
    assert_eq!(project.applied().of("more", "mode"), "shared");
}

#[test]
fn what_cannot_run_in_a_transaction_is_direct_by_itself() {
    let Place { project, database } = Place::new("shared");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    project.sql("changes/_0002__Mood", "mood", "CREATE TYPE mood AS ENUM ('good');");
    project.sql("changes/_0003__Index", "index", "CREATE INDEX CONCURRENTLY by_note ON orders (note);");
    project.sql("changes/_0004__Bad", "bad", "ALTER TYPE mood ADD VALUE 'bad';");
    project.sql("changes/_0005__Vacuum", "vacuum", "VACUUM orders;\nVACUUM ANALYZE orders;");
    project.sql("changes/_0006__Use", "use", "ALTER TABLE orders ADD COLUMN mood mood DEFAULT 'bad';");
    let applied = project.applied();
    for (id, mode) in
        [("mood", "shared"), ("index", "direct"), ("bad", "direct"), ("vacuum", "direct"), ("use", "shared")]
    {
        assert_eq!(applied.of(id, "mode"), mode, "{id}");
    }
    assert_eq!(database.rows("SELECT mood FROM orders"), ["bad"]);
    assert_eq!(
        database.rows("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_note'::regclass"),
        ["t"]
    );
}

#[test]
fn a_direct_change_that_fails_needs_a_person_and_goes_on_where_it_was() {
    let Place { project, database } = Place::new("shared");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    let body = "INSERT INTO orders VALUES (2, 'two');\nINSERT INTO orders VALUES (1, 'again');\nINSERT INTO orders VALUES (3, 'three');";
    project.direct_sql("changes/_0002__More", "more", body);
    let failed = project.json("apply").exits(4);
    assert_eq!(failed.of("more", "outcome"), "failed");
    let issue = project.json("issue show more").exits(0);
    assert_eq!(issue.at("/issues/0/last_step"), 1);
    database.rows("DELETE FROM orders WHERE id = 1");
    project.run("issue resolve more --resume --reason looked").exits(0);
    project.applied();
    assert_eq!(database.rows("SELECT id, note FROM orders ORDER BY id"), ["1|again", "2|two", "3|three"]);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_change_that_goes_on_finds_what_its_finished_statements_had_set() {
    let Place { project, database } = Place::new("shared");
    let body = "SET search_path = app;\nCREATE TABLE t (n INT);\nINSERT INTO public.missing VALUES (1);\nCREATE TABLE u (n INT);";
    database.rows("CREATE SCHEMA app");
    project.direct_sql("changes/_0001__Index", "index", body);
    project.run("apply").exits(4);
    database.rows("CREATE TABLE public.missing (n INT)");
    project.run("issue resolve index --resume --reason made").exits(0);
    project.applied();
    let tables =
        database.rows("SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('app', 'public')");
    assert_eq!(tables, ["app|t", "public|missing", "app|u"]);
}

#[test]
fn a_lock_of_the_session_is_taken_again_also_after_a_transaction_that_was_taken_back() {
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
    for (before, count) in [
        ("SELECT pg_advisory_lock(7);", "1"),
        ("BEGIN;\nSELECT pg_advisory_lock(7);\nROLLBACK;", "1"),
        ("SELECT pg_advisory_lock(7);\nSELECT pg_advisory_unlock(7);", "0"),
    ] {
        let Place { project, database } = Place::new("shared");
        let body = format!("{before}\nINSERT INTO missing VALUES (1);\nCREATE TABLE found AS {held};");
        project.direct_sql("changes/_0001__Lock", "lock", &body);
        project.run("apply").exits(4);
        database.rows("CREATE TABLE missing (n INT)");
        project.run("issue resolve lock --resume --reason made").exits(0);
        project.applied();
        assert_eq!(database.rows("SELECT * FROM found"), [count], "{before}");
    }
}

#[test]
fn a_change_does_not_go_on_without_a_lock_that_it_may_not_get() {
    let Place { project, database } = Place::new("shared");
    let body = "SELECT pg_try_advisory_lock(7);\nINSERT INTO missing VALUES (1);";
    project.direct_sql("changes/_0001__Lock", "lock", body);
    project.run("apply").exits(4);
    database.rows("CREATE TABLE missing (n INT)");
    project.run("issue resolve lock --resume --reason made").exits(0);
    let blocked = project.json("apply").exits(4);
    assert!(blocked.text("/error/message").contains("the lock that `SELECT pg_try"), "{blocked}");
    assert_eq!(database.rows("SELECT * FROM missing"), [""; 0]);
}

#[test]
fn a_change_does_not_go_on_without_what_only_its_session_had() {
    let Place { project, database } = Place::new("shared");
    let body = "CREATE TEMP TABLE kept AS SELECT 1 AS n;\nINSERT INTO missing SELECT n FROM kept;";
    project.direct_sql("changes/_0001__Move", "move", body);
    project.run("apply").exits(4);
    database.rows("CREATE TABLE missing (n INT)");
    project.run("issue resolve move --resume --reason made").exits(0);
    let blocked = project.json("apply").exits(4);
    assert_eq!(blocked.of("move", "outcome"), "blocked");
    assert_eq!(blocked.error(), "plan::blocked");
    assert!(blocked.text("/error/message").contains("CREATE TEMP TABLE kept"), "{blocked}");
    assert_eq!(database.rows("SELECT * FROM missing"), [""; 0]);
    // An author who says that it may be done twice lets it begin anew.
    project.direct_sql("changes/_0001__Move", "move recovery=always-retry", body);
    project.run("issue resolve move --rolled-back --reason gone").exits(0);
    project.applied();
    assert_eq!(database.rows("SELECT * FROM missing"), ["1"]);
}

#[test]
fn the_store_works_through_a_pooler_that_gives_each_transaction_another_connection() {
    let pooler = PgBouncer::start(Postgres::shared());
    let (store, target) = (Postgres::shared().database(), Postgres::shared().database());
    let at = format!("store: \"{}\"\n", store.url_at(pooler.port()));
    let project = Project::new(&configuration(&at, &target.url()));
    project.sql("changes/_0001__Orders", "orders", TABLE);
    project.direct_sql("changes/_0002__More", "more", "INSERT INTO orders VALUES (2, 'two');");
    project.applied();
    assert_eq!(project.history("more"), ["started", "applied"]);
    assert_eq!(project.json("audit verify").exits(0).at("/valid"), true);
}

#[test]
fn a_newer_schema_of_the_store_is_refused() {
    let Place { project, database } = Place::new("shared");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    project.applied();
    database.rows("UPDATE sandpiper.sandpiper_store SET value = '99' WHERE name = 'schema'");
    for line in ["apply", "status", "plan", "audit verify"] {
        let refused = project.json(line).exits(7);
        assert_eq!(refused.error(), "store::version", "{line}");
        assert!(refused.text("/error/message").contains("newer Sandpiper"), "{refused}");
    }
}

#[test]
fn a_removed_entry_shows() {
    let Place { project, database } = Place::new("shared");
    project.sql("changes/_0001__Orders", "orders", TABLE);
    project.applied();
    database.rows("DELETE FROM sandpiper.sandpiper_entry WHERE sequence = 2");
    let broken = project.json("audit verify").exits(6);
    assert_eq!(broken.at("/first_broken"), 2);
}
