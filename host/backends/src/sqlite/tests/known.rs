//! What is remembered of a file between two attempts: only what nobody else can have changed.

use sandpiper_engine::progress::StepMark;
use sandpiper_engine::store::{AppendError, ChainReport};
use sandpiper_runtime::target::{ProofError, TargetError};

use super::*;

/// A store, its lease, and an attempt that was committed with its entries: as much is known as ever is.
fn known(place: &Place) -> (SqliteStore, Lease, Arc<SqliteTarget>) {
    let (store, lease, target) = shared_store(place);
    run(store.append(&lease, &[always("a", State::Started)])).unwrap();
    let mut session = run(target.open(&shared_opening(&store, &lease, "1"))).unwrap();
    Calls(&mut *session).execute("CREATE TABLE a (id INTEGER PRIMARY KEY)").unwrap();
    run(session.prove()).unwrap();
    let drafts = [
        draft("a", State::Applied, Condition::Newest(sequence(1))),
        draft("b", State::Started, Condition::NewestOrDrop(None)),
    ];
    run(session.commit(Seal::Entries { lease: &lease, drafts: &drafts })).unwrap();
    (store, lease, target)
}

/// The store as another process has it.
fn elsewhere(place: &Place) -> SqliteStore {
    SqliteStore::new(Place::databases().database(&place.path()))
}

fn whole(entries: u64) -> ChainReport {
    ChainReport { entries, broken: None }
}

#[test]
fn a_lease_that_another_process_took_away_is_ours_no_more() {
    let place = Place::new();
    let (store, lease, target) = known(&place);
    let opening = shared_opening(&store, &lease, "2");
    run(run(target.open(&opening)).unwrap().close()).unwrap();
    run(elsewhere(&place).break_lock(&key(), record("b", State::Applied))).unwrap();
    assert!(matches!(run(target.open(&opening)), Err(TargetError::Fenced)));
    let late = [always("b", State::Applied)];
    assert!(matches!(run(store.append(&lease, &late)), Err(AppendError::LeaseLost)));
    assert_eq!(run(store.verify(&scope())).unwrap(), whole(4));
}

#[test]
fn entries_of_another_process_are_linked_to() {
    let place = Place::new();
    let (store, lease, target) = known(&place);
    let other = LockKey { stage: "data".into(), ..key() };
    let another = elsewhere(&place);
    let Acquisition::Taken { lease: theirs, .. } =
        run(another.acquire(&other, &owner("other"), MINUTE, None)).unwrap()
    else {
        panic!("the other stage is free")
    };
    for (id, state) in [("c", State::Started), ("c", State::Applied)] {
        run(another.append(&theirs, &[always(id, state)])).unwrap();
        let session = run(target.open(&shared_opening(&store, &lease, "2"))).unwrap();
        let ours = [always("b", State::Started)];
        run(session.commit(Seal::Entries { lease: &lease, drafts: &ours })).unwrap();
    }
    // A change that the other one wrote about in between is not taken for one without entries.
    let stale = [draft("c", State::Started, Condition::Newest(None))];
    assert!(matches!(run(store.append(&lease, &stale)), Err(AppendError::Superseded(_))));
    assert_eq!(run(store.verify(&scope())).unwrap(), whole(7));
}

#[test]
fn what_was_refused_or_taken_back_is_not_taken_for_written() {
    let place = Place::new();
    let (store, lease, target) = known(&place);
    let refused = [
        draft("b", State::Applied, Condition::Newest(sequence(3))),
        draft("c", State::Started, Condition::Newest(sequence(9))),
    ];
    let session = run(target.open(&shared_opening(&store, &lease, "2"))).unwrap();
    assert!(run(session.commit(Seal::Entries { lease: &lease, drafts: &refused })).is_err());
    assert!(run(store.append(&lease, &refused)).is_err());
    run(store.append(&lease, &[draft("b", State::Applied, Condition::Newest(sequence(3)))])).unwrap();
    assert_eq!(run(store.verify(&scope())).unwrap(), whole(4));
}

#[test]
fn progress_that_was_kept_since_is_forgotten_with_the_change() {
    let place = Place::new();
    let (store, lease, _) = known(&place);
    let id = ChangeId::new("b").unwrap();
    let mark = StepMark {
        step: 0,
        payload: Digest::of(b"payload"),
        finished: 1,
        doubtful: None,
        statements: Digest::of(b"statements"),
        complete: true,
        rollback: None,
    };
    run(store.put_step(&lease, &id, &mark)).unwrap();
    assert_eq!(run(store.steps(&scope(), &id)).unwrap().len(), 1);
    run(store.append(&lease, &[always("b", State::Applied)])).unwrap();
    assert!(run(store.steps(&scope(), &id)).unwrap().is_empty());
}

#[test]
fn a_foreign_key_that_another_program_declared_since_is_checked() {
    let place = Place::new();
    let (store, lease, target) = known(&place);
    let tables = "CREATE TABLE users (id INTEGER PRIMARY KEY);
        CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id REFERENCES users (id))";
    place.plain().execute_batch(tables).unwrap();
    let mut session = run(target.open(&shared_opening(&store, &lease, "2"))).unwrap();
    Calls(&mut *session).execute("INSERT INTO orders VALUES (1, 7)").unwrap();
    assert!(matches!(run(session.prove()), Err(ProofError::Violated(_))));
}

#[test]
fn a_folder_that_is_gone_is_noticed() {
    let place = Place::new();
    let (store, lease, target) = known(&place);
    std::fs::remove_dir_all(place.path().parent().unwrap()).unwrap();
    let opened = run(target.open(&shared_opening(&store, &lease, "2")));
    assert!(matches!(opened, Err(TargetError::Unreachable(_))));
}
