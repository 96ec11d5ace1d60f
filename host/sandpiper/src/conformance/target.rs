//! The rules for target systems with transactions.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandpiper_engine::diagnosis::{Finding, Health};
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_runtime::sql::SqlError;
use sandpiper_runtime::target::{Atomicity, CommitError, Opening, Seal, Session, Target, TargetError};

use super::TargetPlace;
use super::facts::{Calls, attempt, define, defining, fence, opening, run};

fn marker_of(target: &dyn Target, attempt: &str) -> bool {
    run(target.has_marker(&AttemptId(attempt.into()))).unwrap()
}

fn committed(session: Box<dyn Session>) -> Result<(), CommitError> {
    let mut session = session;
    run(async {
        session.prove().await.map_err(|error| CommitError::Violated(error.to_string()))?;
        session.commit(Seal::Marker).await.map(drop)
    })
}

/// A table, made in a change of its own.
fn with_table(place: &dyn TargetPlace) -> Arc<dyn Target> {
    let target = place.open();
    define(&*target, "table", ["CREATE TABLE t (n INTEGER)".to_owned()]);
    target
}

fn count(place: &dyn TargetPlace) -> Vec<String> {
    place.rows("SELECT count(*) FROM t")
}

/// The marker is there if and only if the effect is.
pub fn a_commit_leaves_a_marker_and_a_rollback_none(place: &dyn TargetPlace) {
    let target = with_table(place);
    run(target.check()).unwrap();
    let mut session = attempt(&*target, "one", Mode::Marked);
    assert!(!session.has_written());
    Calls(&mut *session).done("INSERT INTO t VALUES (1)");
    assert!(session.has_written());
    assert_eq!(count(place), ["0"], "nothing shows before the commit");
    committed(session).unwrap();
    let mut session = attempt(&*target, "two", Mode::Marked);
    Calls(&mut *session).done("INSERT INTO t VALUES (2)");
    run(session.close()).unwrap();
    assert_eq!(count(place), ["1"]);
    let other = place.open();
    assert!(marker_of(&*other, "one") && !marker_of(&*other, "two") && !marker_of(&*other, "none"));
}

/// With the next attempt, or on request.
pub fn recorded_markers_are_forgotten(place: &dyn TargetPlace) {
    let target = with_table(place);
    for id in ["one", "two"] {
        committed(attempt(&*target, id, Mode::Marked)).unwrap();
    }
    let recorded = vec![AttemptId("one".into())];
    let next =
        Opening::Attempt { id: AttemptId("three".into()), mode: Mode::Marked, fence: fence(1), recorded };
    committed(run(target.open(&next)).unwrap()).unwrap();
    assert!(!marker_of(&*target, "one") && marker_of(&*target, "two") && marker_of(&*target, "three"));
    run(target.forget_markers(&[AttemptId("two".into()), AttemptId("none".into())])).unwrap();
    assert!(!marker_of(&*target, "two") && marker_of(&*target, "three"));
}

/// Once it stands in the fence row, nobody with an older one begins.
pub fn a_newer_token_keeps_an_older_one_out(place: &dyn TargetPlace) {
    let target = with_table(place);
    run(target.fence(&fence(7))).unwrap();
    run(target.fence(&fence(7))).unwrap();
    let other = place.open();
    for mode in [Mode::Marked, Mode::Direct] {
        let opened = run(other.open(&opening("old", mode, 6)));
        assert!(matches!(opened, Err(TargetError::Fenced)), "{mode:?}");
    }
    assert!(matches!(run(other.fence(&fence(6))), Err(TargetError::Fenced)));
    committed(run(other.open(&opening("same", Mode::Marked, 7))).unwrap()).unwrap();
    committed(run(other.open(&opening("newer", Mode::Marked, 8))).unwrap()).unwrap();
}

/// Who judges a marker absent has waited for whoever could still write it.
pub fn the_fence_waits_for_a_transaction_that_may_still_commit(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "slow", Mode::Marked);
    Calls(&mut *session).done("INSERT INTO t VALUES (1)");
    let is_committed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let fencing = scope.spawn(|| {
            let other = place.open();
            let fenced = loop {
                match run(other.fence(&fence(2))) {
                    Err(TargetError::Busy(_)) => {}
                    other => break other,
                }
            };
            fenced.unwrap();
            assert!(is_committed.load(Ordering::SeqCst), "it did not wait");
            marker_of(&*other, "slow")
        });
        std::thread::sleep(Duration::from_millis(300));
        is_committed.store(true, Ordering::SeqCst);
        committed(session).unwrap();
        assert!(fencing.join().unwrap(), "the marker of what was committed meanwhile is found");
    });
}

/// The host begins and ends it; savepoints are free.
pub fn what_ends_a_transaction_is_refused_in_one(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "one", Mode::Marked);
    let mut calls = Calls(&mut *session);
    calls.done("INSERT INTO t VALUES (1)");
    for statement in ["COMMIT", "ROLLBACK", "END", "BEGIN", "/* a */ commit; -- b"] {
        assert!(calls.denied(statement).contains("is refused"), "{statement}");
    }
    assert!(run(calls.sql().run_script("INSERT INTO t VALUES (2); COMMIT; BEGIN;")).is_err());
    for statement in ["SAVEPOINT a", "INSERT INTO t VALUES (3)", "ROLLBACK TO a", "RELEASE SAVEPOINT a"] {
        calls.done(statement);
    }
    assert_eq!(count(place), ["0"], "nothing was committed");
    run(session.close()).unwrap();
    assert_eq!(count(place), ["0"]);
}

/// There every call takes effect by itself, and a transaction may be the change's own.
pub fn what_cannot_run_in_a_transaction_is_possible_in_direct_mode(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "direct", Mode::Direct);
    let mut calls = Calls(&mut *session);
    calls.done("INSERT INTO t VALUES (1)");
    assert_eq!(count(place), ["1"]);
    calls.done(place.words().outside);
    for statement in ["BEGIN", "INSERT INTO t VALUES (2)", "COMMIT"] {
        calls.done(statement);
    }
    assert_eq!(count(place), ["2"]);
    run(session.close()).unwrap();
}

/// And reported.
pub fn a_transaction_left_open_in_direct_mode_is_taken_back(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "direct", Mode::Direct);
    for statement in ["BEGIN", "INSERT INTO t VALUES (1)"] {
        Calls(&mut *session).done(statement);
    }
    assert_eq!(run(session.close()), Err(TargetError::LeftOpen));
    assert_eq!(count(place), ["0"]);
}

/// In no mode.
pub fn objects_of_the_host_cannot_be_named(place: &dyn TargetPlace) {
    let target = with_table(place);
    for mode in [Mode::Marked, Mode::Direct] {
        let mut session = attempt(&*target, "one", mode);
        for statement in ["DELETE FROM sandpiper_marker", "CREATE TABLE Sandpiper_X (n INTEGER)"] {
            Calls(&mut *session).denied(statement);
        }
        run(session.close()).unwrap();
    }
}

/// Neither after a commit nor after a rollback.
pub fn what_a_session_leaves_behind_does_not_reach_the_next(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mode = defining(&*target);
    let mut session = attempt(&*target, "one", mode);
    Calls(&mut *session).done("CREATE TEMPORARY TABLE left_behind (n INTEGER)");
    if mode == Mode::Direct {
        run(session.close()).unwrap()
    } else {
        committed(session).unwrap()
    }
    for mode in [Mode::Marked, Mode::Direct] {
        let mut session = attempt(&*target, "two", mode);
        let found = Calls(&mut *session).execute("INSERT INTO left_behind VALUES (1)");
        assert!(matches!(found, Err(SqlError::Refused(_))), "{mode:?}: {found:?}");
        run(session.close()).unwrap();
    }
}

/// It reads, and that is all.
pub fn a_session_for_looking_cannot_write(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = run(target.open(&Opening::ReadOnly)).unwrap();
    let mut calls = Calls(&mut *session);
    assert_eq!(calls.all("SELECT n FROM t", &[]).unwrap(), Vec::<Vec<_>>::new());
    for statement in ["INSERT INTO t VALUES (1)", "DROP TABLE t", "COMMIT", "CREATE TABLE u (n INTEGER)"] {
        // A refusal may end the transaction: each is tried in one of its own.
        assert!(calls.execute(statement).is_err(), "{statement}");
        run(session.close()).unwrap();
        session = run(target.open(&Opening::ReadOnly)).unwrap();
        calls = Calls(&mut *session);
    }
    run(session.close()).unwrap();
    assert_eq!(count(place), ["0"]);
}

/// Each change of it finds what the ones before did, and what a session of its own would find; nothing is left.
pub fn a_preview_leaves_nothing_behind(place: &dyn TargetPlace) {
    let target = place.open();
    let defines = target.atomicity() == Atomicity::Transaction { ddl: true };
    if !defines {
        with_table(place);
    }
    let mut session = run(target.open(&Opening::Preview)).unwrap();
    let statements = ["CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"];
    for statement in statements.into_iter().skip(usize::from(!defines)) {
        Calls(&mut *session).done(statement);
        run(session.previewed()).unwrap();
    }
    assert_eq!(Calls(&mut *session).all("SELECT n FROM t", &[]).unwrap().len(), 2);
    Calls(&mut *session).denied("COMMIT");
    run(session.close()).unwrap();
    assert!(!marker_of(&*target, "preview"));
    if defines {
        // As if it had never been: the table can be made.
        with_table(place);
    }
    assert_eq!(count(place), ["0"]);
}

/// Before anything was made in it, and after.
pub fn a_sound_system_is_found_sound(place: &dyn TargetPlace) {
    let found = |target: &dyn Target| {
        let findings = run(target.diagnose());
        assert_eq!(findings[0].aspect, "reachable");
        let wrong = findings.iter().filter(|it| matches!(it.health, Health::Bad | Health::Unknown));
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&Finding>::new());
    };
    found(&*place.open());
    found(&*with_table(place));
}

/// What is lost of it shows, and nothing of it remains.
pub fn a_connection_that_is_cut_takes_its_transaction_back(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "cut", Mode::Marked);
    Calls(&mut *session).done("INSERT INTO t VALUES (1)");
    if !place.cut_connections() {
        return;
    }
    let next = Calls(&mut *session).execute("INSERT INTO t VALUES (2)");
    assert!(matches!(next, Err(SqlError::ConnectionLost(_))), "{next:?}");
    let lost = committed(session).unwrap_err();
    assert!(!matches!(lost, CommitError::Unknown(_)), "no commit was sent: {lost:?}");
    after_the_loss(place, &*target, "cut", false);
}

/// The same with the whole server.
pub fn a_server_that_restarts_takes_its_transactions_back(place: &dyn TargetPlace) {
    let target = with_table(place);
    let mut session = attempt(&*target, "crash", Mode::Marked);
    Calls(&mut *session).done("INSERT INTO t VALUES (1)");
    if !place.restart() {
        return;
    }
    assert!(committed(session).is_err());
    after_the_loss(place, &*target, "crash", false);
}

/// First the fence, then the marker.
fn after_the_loss(place: &dyn TargetPlace, target: &dyn Target, attempt_id: &str, is_there: bool) {
    run(target.fence(&fence(1))).unwrap();
    assert_eq!(marker_of(target, attempt_id), is_there, "the marker");
    assert_eq!(count(place), [if is_there { "1" } else { "0" }]);
    // And the target system is as good as before.
    committed(attempt(target, "after", Mode::Marked)).unwrap();
}

/// It happened, and nobody said so.
pub fn a_commit_whose_answer_is_lost_is_found_by_its_marker(place: &dyn TargetPlace) {
    lost_commit(place, true);
}

/// It never reached the server.
pub fn a_commit_that_is_lost_is_known_not_to_have_happened(place: &dyn TargetPlace) {
    lost_commit(place, false);
}

fn lost_commit(place: &dyn TargetPlace, arrives: bool) {
    let target = with_table(place);
    let Some(losing) = place.losing_commits(arrives) else { return };
    let mut session = attempt(&*losing, "lost", Mode::Marked);
    Calls(&mut *session).done("INSERT INTO t VALUES (1)");
    let lost = committed(session).unwrap_err();
    assert!(matches!(lost, CommitError::Unknown(_)), "{lost:?}");
    after_the_loss(place, &*target, "lost", arrives);
}
