//! Leases: one holder at a time, a token that only rises, whoever the contenders are.

use std::sync::Barrier;

use sandpiper_engine::entry::Token;
use sandpiper_engine::store::{Renewal, StoreError};

use super::*;

#[test]
fn a_lease_has_one_holder() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let Acquisition::Held(holder) = run(store.acquire(&key(), &owner("other"), MINUTE, None)).unwrap() else {
        panic!("taken twice")
    };
    assert_eq!((holder.owner, holder.token), (owner("run"), lease.token));
    assert!(holder.expires_at > Timestamp::now());
    let other = LockKey { stage: "data".into(), ..key() };
    assert!(matches!(
        run(store.acquire(&other, &owner("other"), MINUTE, None)).unwrap(),
        Acquisition::Taken { .. }
    ));
}

#[test]
fn a_token_rises_with_each_acquisition_and_is_no_less_than_the_clock() {
    let place = Place::new();
    let clock = u64::try_from(Timestamp::now().as_millisecond()).unwrap();
    let (store, first) = place.leased();
    assert!(first.token.0 >= clock);
    let mut last = first;
    for _ in 0..3 {
        run(store.release(&last)).unwrap();
        let next = taken(&store);
        assert!(next.token > last.token);
        last = next;
    }
    place.plain().execute("UPDATE sandpiper_lease SET token = token + 1000000000", []).unwrap();
    run(store.break_lock(&key(), record("a", State::Applied))).unwrap();
    assert_eq!(taken(&store).token, Token(last.token.0 + 1_000_000_002));
}

#[test]
fn a_lease_that_ran_out_is_taken_and_its_holder_named() {
    let place = Place::new();
    let (store, old) = place.leased();
    place.plain().execute("UPDATE sandpiper_lease SET expires_at = 1000", []).unwrap();
    let taken = run(store.acquire(&key(), &owner("other"), MINUTE, None)).unwrap();
    let Acquisition::Taken { lease, expired: Some(expired) } = taken else { panic!("{taken:?}") };
    assert_eq!((expired.owner, expired.token), (owner("run"), old.token));
    assert!(lease.token > old.token);
    assert_eq!(run(store.renew(&old, MINUTE)).unwrap(), Renewal::Lost);
    run(store.release(&old)).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Renewed);
}

#[test]
fn a_lease_that_was_given_back_names_nobody() {
    let place = Place::new();
    let (store, lease) = place.leased();
    run(store.release(&lease)).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Lost);
    let again = run(store.acquire(&key(), &owner("other"), MINUTE, None)).unwrap();
    assert!(matches!(again, Acquisition::Taken { expired: None, .. }));
}

#[test]
fn a_renewal_makes_the_lease_last_from_now() {
    let place = Place::new();
    let (store, lease) = place.leased();
    place.plain().execute("UPDATE sandpiper_lease SET expires_at = 1000", []).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Renewed);
    let [status] = &run(store.locks(&scope())).unwrap()[..] else { panic!("one lock") };
    assert!(status.holder.as_ref().unwrap().expires_at > Timestamp::now());
}

#[test]
fn a_renewal_during_the_holders_own_transaction_is_busy_and_no_loss() {
    let place = Place::new();
    let (store, lease, target) = shared_store(&place);
    let session = run(target.open(&shared_opening(&store, &lease, "1"))).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Busy);
    run(session.close()).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Renewed);
}

#[test]
fn a_lock_that_is_broken_raises_the_token_and_leaves_a_note() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let mut note = record("a", State::Applied);
    note.state = None;
    let held = run(store.break_lock(&key(), note.clone())).unwrap().unwrap();
    assert_eq!(held.token, lease.token);
    let [status] = &run(store.locks(&scope())).unwrap()[..] else { panic!("one lock") };
    assert!(status.holder.is_none() && status.token > lease.token);
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Lost);
    let before = status.token;
    assert!(run(store.break_lock(&key(), note)).unwrap().is_none());
    assert!(run(store.locks(&scope())).unwrap()[0].token > before);
    let entries = run(store.entries(&sandpiper_engine::store::EntryQuery::all(scope()))).unwrap();
    assert_eq!(entries.len(), 2);
    assert!(run(store.states(&scope())).unwrap().unwrap().is_empty());
}

#[test]
fn of_eight_contenders_exactly_one_gets_the_lease() {
    let place = Place::new();
    run(place.store().prepare()).unwrap();
    let barrier = Barrier::new(8);
    let path = place.path();
    let rounds = 100;
    let won: Vec<Vec<Result<Option<Lease>, StoreError>>> = std::thread::scope(|scope| {
        let contend = |number: usize| {
            let (barrier, path) = (&barrier, &path);
            scope.spawn(move || {
                let databases = Databases::new(Options { busy: MINUTE, renewal: MINUTE });
                let store = SqliteStore::new(databases.database(path));
                // No panic in here: the others would wait at the barrier for ever.
                let round = |_| {
                    barrier.wait();
                    let taken = run(store.acquire(&key(), &owner(&number.to_string()), MINUTE, None));
                    barrier.wait();
                    match taken? {
                        Acquisition::Taken { lease, .. } => run(store.release(&lease)).map(|()| Some(lease)),
                        Acquisition::Held(_) => Ok(None),
                    }
                };
                (0..rounds).map(round).collect()
            })
        };
        let threads: Vec<_> = (0..8).map(contend).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut last = Token(0);
    for round in 0..rounds {
        let leases: Vec<&Lease> =
            won.iter().filter_map(|of_one| of_one[round].as_ref().unwrap().as_ref()).collect();
        let [lease] = &leases[..] else { panic!("round {round}: {} owners", leases.len()) };
        assert!(lease.token > last, "round {round}");
        last = lease.token;
    }
}

#[test]
fn hosts_that_make_the_same_store_at_once_all_find_it_made() {
    let place = Place::new();
    let barrier = Barrier::new(8);
    let identities: Vec<String> = std::thread::scope(|scope| {
        let make = |_| {
            let (barrier, path) = (&barrier, place.path());
            scope.spawn(move || {
                let databases = Databases::new(Options { busy: MINUTE, renewal: MINUTE });
                let store = SqliteStore::new(databases.database(&path));
                barrier.wait();
                run(store.prepare()).unwrap();
                run(store.identity()).unwrap()
            })
        };
        let threads: Vec<_> = (0..8).map(make).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
}
