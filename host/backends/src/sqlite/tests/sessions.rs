//! What a change may do in its session, and what never reaches the next one.

use sandpiper_runtime::target::TargetError;

use super::*;

#[test]
fn the_hosts_own_tables_can_be_neither_read_nor_written_nor_named() {
    let place = Place::new();
    run(place.store().prepare()).unwrap();
    for mode in [Mode::Marked, Mode::Direct] {
        let mut session = place.attempt("1", mode);
        let mut calls = Calls(&mut *session);
        calls.execute("CREATE TABLE IF NOT EXISTS t (a)").unwrap();
        for statement in [
            "SELECT * FROM sandpiper_state",
            "SELECT count(*) FROM main.\"SANDPIPER_state\"",
            "DELETE FROM sandpiper_fence",
            "UPDATE sandpiper_lease SET token = 0",
            "INSERT INTO sandpiper_marker VALUES ('1', 'now')",
            "DROP TABLE sandpiper_entry",
            "CREATE TABLE sandpiper_new (a)",
            "CREATE TEMP TABLE sandpiper_marker (a)",
            "CREATE VIEW sandpiper_view AS SELECT 1",
            "CREATE INDEX i ON sandpiper_entry (body)",
            "CREATE INDEX sandpiper_i ON t (a)",
            "CREATE TRIGGER tr AFTER INSERT ON sandpiper_entry BEGIN SELECT 1; END",
            "CREATE TEMP TRIGGER tr AFTER INSERT ON main.sandpiper_marker BEGIN SELECT 1; END",
            "ALTER TABLE sandpiper_entry RENAME TO mine",
            "ALTER TABLE t RENAME TO Sandpiper_mine",
            "CREATE TABLE copy AS SELECT * FROM sandpiper_entry",
            "CREATE VIRTUAL TABLE sandpiper_text USING fts5(a)",
            "PRAGMA table_info(sandpiper_state)",
            "CREATE TRIGGER tr AFTER INSERT ON t BEGIN DELETE FROM sandpiper_entry; END",
            "CREATE VIEW v AS SELECT * FROM (SELECT body FROM [sandpiper_entry])",
        ] {
            assert!(calls.denied(statement).contains("host's own"), "{statement}");
        }
        calls.execute("ANALYZE").unwrap();
        run(session.close()).unwrap();
    }
}

#[test]
fn a_change_reaches_nothing_beside_its_file_and_nothing_beyond_itself() {
    let place = Place::new();
    let elsewhere = place.folder.path().join("other.db").display().to_string();
    for mode in [Mode::Marked, Mode::Direct] {
        let mut session = place.attempt("1", mode);
        let mut calls = Calls(&mut *session);
        for statement in [
            format!("ATTACH '{elsewhere}' AS other"),
            "ATTACH '' AS other".to_owned(),
            "DETACH other".to_owned(),
            format!("VACUUM INTO '{elsewhere}'"),
            "PRAGMA writable_schema = ON".to_owned(),
            "PRAGMA schema_version = 7".to_owned(),
            "PRAGMA temp_store_directory = '/'".to_owned(),
            "SELECT load_extension('x')".to_owned(),
        ] {
            assert!(calls.denied(&statement).contains("refused"), "{statement}");
        }
        let attach = run(calls.sql().execute("ATTACH ? AS other", &[Value::Text(elsewhere.clone())]));
        assert!(matches!(attach, Err(SqlError::Denied(_))));
        run(session.close()).unwrap();
    }
    assert!(!std::fs::exists(&elsewhere).unwrap());
}

#[test]
fn what_makes_a_commit_durable_cannot_be_changed_in_a_transaction() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    for pragma in
        ["journal_mode = OFF", "locking_mode = EXCLUSIVE", "synchronous = OFF", "main.synchronous(0)"]
    {
        assert!(calls.denied(&format!("PRAGMA {pragma}")).contains("transactional: false"), "{pragma}");
    }
    assert!(calls.denied("VACUUM").contains("transactional: false"));
    assert_eq!(calls.number("PRAGMA synchronous").unwrap(), 3);
}

#[test]
fn direct_changes_take_effect_statement_by_statement() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Direct);
    let mut calls = Calls(&mut *session);
    calls.execute("CREATE TABLE t (a)").unwrap();
    assert_eq!(place.number("SELECT count(*) FROM t"), 0);
    calls.script("BEGIN; INSERT INTO t VALUES (1); COMMIT; PRAGMA journal_mode = WAL").unwrap();
    assert_eq!(place.number("SELECT count(*) FROM t"), 1);
    calls.execute("VACUUM").unwrap();
    calls.execute("INSERT INTO t VALUES (2)").unwrap();
    run(session.close()).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM t"), 2);
}

#[test]
fn a_vacuum_of_a_file_that_holds_the_audit_is_allowed_in_a_direct_change() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let fence = Fence { token: lease.token, ..fence(1) };
    let opening =
        Opening::Attempt { id: AttemptId("1".into()), mode: Mode::Direct, fence, recorded: Vec::new() };
    let mut session = run(place.target(Role::Store).open(&opening)).unwrap();
    let mut calls = Calls(&mut *session);
    calls.script("CREATE TABLE t (a); VACUUM").unwrap();
    assert!(calls.denied("SELECT * FROM sandpiper_state").contains("host's own"));
    assert!(calls.denied("PRAGMA locking_mode = EXCLUSIVE").contains("refused"));
    // Between its statements the store is written to.
    run(store.append(&lease, &[always("a", State::Started)])).unwrap();
    calls.execute("INSERT INTO t VALUES (1)").unwrap();
    run(session.close()).unwrap();
}

#[test]
fn a_transaction_that_a_direct_change_leaves_open_is_rolled_back_and_reported() {
    let place = Place::new();
    for script in ["BEGIN; INSERT INTO t VALUES (1)", "SAVEPOINT one; INSERT INTO t VALUES (1)"] {
        let mut session = place.attempt("1", Mode::Direct);
        Calls(&mut *session).script("CREATE TABLE IF NOT EXISTS t (a)").unwrap();
        Calls(&mut *session).script(script).unwrap();
        assert_eq!(run(session.close()), Err(TargetError::LeftOpen));
        assert_eq!(place.number("SELECT count(*) FROM t"), 0);
    }
}

#[test]
fn what_a_change_leaves_in_its_session_never_reaches_the_next() {
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let leavings: [(&str, &str, i64); 4] = [
        ("CREATE TEMP TABLE t (a)", "SELECT count(*) FROM t", 1),
        ("CREATE TEMP VIEW t AS SELECT 7 LIMIT 0", "SELECT count(*) FROM t", 1),
        ("PRAGMA recursive_triggers = ON", "PRAGMA recursive_triggers", 0),
        ("PRAGMA ignore_check_constraints = ON", "PRAGMA ignore_check_constraints", 0),
    ];
    let target = place.target(Role::Apart);
    for (leaving, asking, expected) in leavings {
        for commits in [true, false] {
            let mut session = run(target.open(&opening("1", Mode::Marked, 1))).unwrap();
            Calls(&mut *session).execute(leaving).unwrap();
            if commits {
                run(session.commit(marker())).unwrap();
                run(target.forget_markers(&[AttemptId("1".into())])).unwrap();
            } else {
                run(session.close()).unwrap();
            }
            let mut session = run(target.open(&opening("2", Mode::Marked, 1))).unwrap();
            assert_eq!(Calls(&mut *session).number(asking).unwrap(), expected, "{leaving}");
            run(session.close()).unwrap();
        }
    }
}

#[test]
fn a_read_only_session_changes_nothing() {
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE t (a); INSERT INTO t VALUES (1)").unwrap();
    let mut session = run(place.target(Role::Apart).open(&Opening::ReadOnly)).unwrap();
    let mut calls = Calls(&mut *session);
    assert_eq!(calls.number("SELECT a FROM t").unwrap(), 1);
    for statement in [
        "INSERT INTO t VALUES (2)",
        "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)",
        "PRAGMA query_only = OFF",
        "PRAGMA user_version = 5",
        "BEGIN IMMEDIATE",
        "VACUUM",
    ] {
        calls.denied(statement);
    }
    assert_eq!(calls.number("SELECT count(*) FROM pragma_table_info('t')").unwrap(), 1);
    assert!(!session.has_written());
    run(session.close()).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM t"), 1);
}

#[test]
fn a_read_only_session_makes_no_file() {
    let place = Place::new();
    let opened = run(place.target(Role::Apart).open(&Opening::ReadOnly));
    assert!(matches!(opened, Err(TargetError::Unreachable(_))));
    assert!(files(&place).is_empty());
}

#[test]
fn settings_are_set_before_each_change() {
    let place = Place::new();
    let settings =
        vec![("cache_size".to_owned(), "-77".to_owned()), ("foreign_keys".to_owned(), "ON".to_owned())];
    let database = place.databases.database(&place.path());
    let target = SqliteTarget::new("db".into(), database, settings, Role::Apart);
    for mode in [Mode::Marked, Mode::Direct, Mode::Marked] {
        let mut session = run(target.open(&opening("1", mode, 1))).unwrap();
        let mut calls = Calls(&mut *session);
        assert_eq!(calls.number("PRAGMA cache_size").unwrap(), -77, "{mode}");
        assert_eq!(calls.number("PRAGMA foreign_keys").unwrap(), 0, "{mode}");
        run(session.close()).unwrap();
    }
    let mut session = place.attempt("1", Mode::Marked);
    assert_ne!(Calls(&mut *session).number("PRAGMA cache_size").unwrap(), -77);
    drop(session);
    let bad = vec![("cache_size = 1; DROP TABLE t; --".to_owned(), "1".to_owned())];
    let target = SqliteTarget::new("db".into(), place.databases.database(&place.path()), bad, Role::Apart);
    assert!(matches!(run(target.open(&opening("1", Mode::Marked, 1))), Err(TargetError::Refused(_))));
}

#[test]
fn a_statement_that_runs_is_interrupted_from_outside() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let interrupter = session.interrupter();
    let stopping = {
        let interrupter = interrupter.clone();
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || {
            while !seen.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
                interrupter.interrupt();
            }
        });
        (over, thread)
    };
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    assert_eq!(Calls(&mut *session).number(endless), Err(SqlError::Interrupted));
    stopping.0.store(true, std::sync::atomic::Ordering::SeqCst);
    stopping.1.join().unwrap();
    run(session.close()).unwrap();
    // A late interruption reaches nobody.
    let mut session = place.attempt("2", Mode::Marked);
    interrupter.interrupt();
    assert_eq!(Calls(&mut *session).number("SELECT 1").unwrap(), 1);
}

#[test]
fn an_interrupted_write_leaves_nothing_to_commit() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let interrupter = session.interrupter();
    Calls(&mut *session).execute("CREATE TABLE t (a)").unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(5));
                interrupter.interrupt();
            }
        });
        let endless =
            "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n";
        assert_eq!(Calls(&mut *session).execute(endless), Err(SqlError::Interrupted));
        over.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    assert!(matches!(run(session.prove()), Err(sandpiper_runtime::target::ProofError::Ended(_))));
    run(session.close()).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM sqlite_schema"), 0);
}
