//! Attempts in a transaction: the fence, the marker, the entries, and what ends a transaction early.

use sandpiper_engine::store::{AppendError, EntryQuery, StoreError};
use sandpiper_runtime::target::{CommitError, ProofError, TargetError};

use super::stores::refuse_entries;
use super::*;

#[test]
fn a_marked_attempt_commits_with_its_marker() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    let mut session = run(target.open(&opening("1", Mode::Marked, 1))).unwrap();
    assert!(!session.has_written());
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    assert!(session.has_written());
    assert!(!run(target.has_marker(&AttemptId("1".into()))).unwrap());
    run(session.prove()).unwrap();
    run(session.commit(marker())).unwrap();
    assert!(run(target.has_marker(&AttemptId("1".into()))).unwrap());
    assert!(!run(target.has_marker(&AttemptId("2".into()))).unwrap());
    assert_eq!(place.number("SELECT count(*) FROM users"), 0);
}

#[test]
fn a_marked_attempt_that_is_closed_leaves_nothing() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    let mut session = run(target.open(&opening("1", Mode::Marked, 1))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    run(session.close()).unwrap();
    assert!(!run(target.has_marker(&AttemptId("1".into()))).unwrap());
    assert_eq!(place.number("SELECT count(*) FROM sqlite_schema"), 0);
}

#[test]
fn a_session_that_is_dropped_is_rolled_back_and_the_next_begins() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    let mut session = run(target.open(&opening("1", Mode::Marked, 1))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    drop(session);
    let mut session = run(target.open(&opening("2", Mode::Marked, 1))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    run(session.commit(marker())).unwrap();
}

#[test]
fn recorded_markers_are_removed_with_the_next_attempt_or_when_asked() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    let attempt = |id: &str, recorded: Vec<AttemptId>| {
        let opening =
            Opening::Attempt { id: AttemptId(id.into()), mode: Mode::Marked, fence: fence(1), recorded };
        run(run(target.open(&opening)).unwrap().commit(marker())).unwrap();
    };
    attempt("1", Vec::new());
    attempt("2", vec![AttemptId("1".into())]);
    assert!(!run(target.has_marker(&AttemptId("1".into()))).unwrap());
    run(target.forget_markers(&[AttemptId("2".into())])).unwrap();
    assert!(!run(target.has_marker(&AttemptId("2".into()))).unwrap());
}

#[test]
fn an_attempt_with_an_older_token_does_not_begin() {
    let place = Place::new();
    let target = place.target(Role::Apart);
    run(target.fence(&fence(5))).unwrap();
    for mode in [Mode::Marked, Mode::Direct] {
        assert!(matches!(run(target.open(&opening("1", mode, 4))), Err(TargetError::Fenced)), "{mode}");
        assert!(run(target.open(&opening("1", mode, 5))).is_ok(), "{mode}");
    }
    assert_eq!(run(target.fence(&fence(4))), Err(TargetError::Fenced));
    let other = Fence { store: "another".into(), ..fence(1) };
    run(target.fence(&other)).unwrap();
}

#[test]
fn a_shared_attempt_commits_with_its_entries() {
    let place = Place::new();
    let (store, lease, target) = shared_store(&place);
    let mut session = run(target.open(&shared_opening(&store, &lease, "1"))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    assert!(run(store.entries(&EntryQuery::all(scope()))).unwrap().is_empty());
    let drafts = [always("a", State::Applied), draft("b", State::Started, Condition::NewestOrDrop(None))];
    let seal = Seal::Entries { lease: &lease, drafts: &drafts };
    let appended = run(session.commit(seal)).unwrap().unwrap();
    assert_eq!(appended.0.len(), 2);
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap().len(), 2);
    assert_eq!(place.number("SELECT count(*) FROM users"), 0);
}

#[test]
fn entries_that_are_refused_take_the_change_back() {
    let place = Place::new();
    let (store, lease, target) = shared_store(&place);
    refuse_entries(&place, "applied");
    let mut session = run(target.open(&shared_opening(&store, &lease, "1"))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    let drafts = [always("a", State::Applied)];
    let refused = run(session.commit(Seal::Entries { lease: &lease, drafts: &drafts }));
    assert!(
        matches!(refused, Err(CommitError::Entries(AppendError::Store(StoreError::Refused(_))))),
        "{refused:?}"
    );
    assert_eq!(place.number("SELECT count(*) FROM sqlite_schema WHERE name = 'users'"), 0);
    run(store.append(&lease, &[always("a", State::Failed)])).unwrap();
}

#[test]
fn a_shared_attempt_under_a_lost_lease_neither_begins_nor_commits() {
    let place = Place::new();
    let (store, lease, target) = shared_store(&place);
    let stale = Lease { token: sandpiper_engine::entry::Token(lease.token.0 - 1), ..lease.clone() };
    let opened = run(target.open(&shared_opening(&store, &stale, "1")));
    assert!(matches!(opened, Err(TargetError::Fenced)));
    let session = run(target.open(&shared_opening(&store, &lease, "1"))).unwrap();
    let drafts = [always("a", State::Applied)];
    let lost = run(session.commit(Seal::Entries { lease: &stale, drafts: &drafts }));
    assert_eq!(lost, Err(CommitError::Entries(AppendError::LeaseLost)));
}

#[test]
fn statements_that_begin_or_end_a_transaction_are_refused_and_savepoints_are_free() {
    let place = Place::new();
    let mut session = place.attempt("1", Mode::Marked);
    let mut calls = Calls(&mut *session);
    for statement in ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "END", "ROLLBACK", "begin exclusive transaction"]
    {
        assert!(calls.denied(statement).contains("transaction"), "{statement}");
    }
    calls.execute("CREATE TABLE t (a)").unwrap();
    calls
        .script("SAVEPOINT one; INSERT INTO t VALUES (1); ROLLBACK TO one; RELEASE one; SAVEPOINT open")
        .unwrap();
    calls.execute("INSERT INTO t VALUES (2)").unwrap();
    assert!(matches!(calls.execute("RELEASE unknown"), Err(SqlError::Refused(_))));
    run(session.prove()).unwrap();
    run(session.commit(marker())).unwrap();
    assert_eq!(place.number("SELECT sum(a) FROM t"), 2);
}

#[test]
fn a_statement_that_ends_the_transaction_ends_the_attempt() {
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)").unwrap();
    let raising =
        "CREATE TRIGGER r BEFORE INSERT ON t WHEN new.a = 9 BEGIN SELECT RAISE(ROLLBACK, 'no'); END";
    for (setup, ending) in
        [("SELECT 1", "INSERT OR ROLLBACK INTO t VALUES (1)"), (raising, "INSERT INTO t VALUES (9)")]
    {
        let mut session = place.attempt("1", Mode::Marked);
        let mut calls = Calls(&mut *session);
        calls.script(setup).unwrap();
        calls.execute("INSERT INTO t VALUES (2)").unwrap();
        assert!(matches!(calls.execute(ending), Err(SqlError::TransactionEnded(_))), "{ending}");
        assert!(matches!(calls.execute("INSERT INTO t VALUES (3)"), Err(SqlError::TransactionEnded(_))));
        assert!(matches!(calls.number("SELECT 1"), Err(SqlError::TransactionEnded(_))));
        assert!(matches!(run(session.prove()), Err(ProofError::Ended(_))));
        assert!(matches!(run(session.commit(marker())), Err(CommitError::Ended(_))));
        assert_eq!(place.number("SELECT count(*) FROM t"), 1);
    }
}

#[test]
fn a_script_stops_where_the_transaction_ends() {
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE t (a UNIQUE); INSERT INTO t VALUES (1)").unwrap();
    let mut session = place.attempt("1", Mode::Marked);
    let script = "INSERT OR ROLLBACK INTO t VALUES (1); INSERT INTO t VALUES (2)";
    assert!(matches!(Calls(&mut *session).script(script), Err(SqlError::TransactionEnded(_))));
    run(session.close()).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM t"), 1);
}

#[test]
fn the_attempts_of_a_process_on_one_file_take_turns() {
    let place = Place::new();
    let (one, other) = (place.target(Role::Apart), place.target(Role::Apart));
    run(async {
        let turn = one.turn().await.unwrap();
        let waiting = other.turn();
        let mut waiting = std::pin::pin!(waiting);
        let pending = std::future::poll_fn(|context| {
            std::task::Poll::Ready(waiting.as_mut().poll(context).is_pending())
        });
        assert!(pending.await);
        drop(turn);
        waiting.await.unwrap();
    });
}

#[test]
fn a_file_that_another_process_holds_is_busy_after_a_time() {
    let place = Place::new();
    let other = place.plain();
    other.execute_batch("CREATE TABLE t (a); BEGIN IMMEDIATE").unwrap();
    let opened = run(place.target(Role::Apart).open(&opening("1", Mode::Marked, 1)));
    assert!(matches!(opened, Err(TargetError::Busy(_))));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(run(place.target(Role::Apart).open(&opening("1", Mode::Marked, 1))).is_ok());
}

#[test]
fn a_target_without_its_folder_or_that_is_one_is_unreachable() {
    let place = Place::new();
    for path in [place.folder.path().join("missing/app.db"), place.folder.path().to_owned()] {
        let database = place.databases.database(&path);
        let target = SqliteTarget::new("db".into(), database, Vec::new(), Role::Apart);
        assert!(matches!(run(target.check()), Err(TargetError::Unreachable(_))));
        assert!(matches!(run(target.open(&opening("1", Mode::Marked, 1))), Err(TargetError::Unreachable(_))));
        assert!(matches!(run(target.has_marker(&AttemptId("1".into()))), Err(TargetError::Unreachable(_))));
    }
    assert!(files(&place).is_empty());
}

#[test]
fn checking_a_target_makes_nothing_and_finds_what_is_no_database() {
    let place = Place::new();
    run(place.target(Role::Apart).check()).unwrap();
    assert!(files(&place).is_empty());
    std::fs::write(
        place.path(),
        "this is a text, and a rather long one, so that it has a header of its own".repeat(20),
    )
    .unwrap();
    assert!(matches!(run(place.target(Role::Apart).check()), Err(TargetError::Refused(_))));
}

#[test]
fn the_markers_of_an_atomic_stage_are_one_commit() {
    let place = Place::new();
    let ids = ["1", "2", "3"].map(|id| AttemptId(id.into()));
    let target = place.target(Role::Apart);
    let there = || ids.iter().map(|id| run(target.has_marker(id)).unwrap()).collect::<Vec<_>>();
    run(place.attempt("1", Mode::Marked).close()).unwrap();
    assert_eq!(there(), [false; 3]);
    run(place.attempt("1", Mode::Marked).commit(Seal::Markers(&ids))).unwrap();
    assert_eq!(there(), [true; 3]);
    let again = run(place.attempt("1", Mode::Marked).commit(Seal::Markers(&ids)));
    assert!(matches!(again, Err(CommitError::Target(_))), "a marker is written once: {again:?}");
}
