//! The rules for audit stores on servers that are disturbed: answers that are lost, connections that are cut, a restart,
//! writes that are refused. A place that cannot disturb its server in a way passes the rule.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sandpiper_engine::entry::{Sequence, State};
use sandpiper_engine::store::{AppendError, Condition, EntryQuery, Renewal, Store, StoreError};

use super::StorePlace;
use super::facts::{MINUTE, always, draft, run, scope, taken};
use super::store::{is_whole, made};

fn appended(store: &dyn Store) -> usize {
    run(store.entries(&EntryQuery::all(scope()))).unwrap().len()
}

/// It is looked for, and neither lost nor written twice; the first of its chain, and one after others.
pub fn an_entry_whose_answer_is_lost_is_appended_once(place: &dyn StorePlace) {
    let store = made(place);
    let Some(losing) = place.losing_commits(true) else { return };
    let lease = taken(&*store, "schema");
    for number in 1..=2_u64 {
        let before = (number > 1).then(|| Sequence(number - 1));
        let entry = draft("a", State::Started, Condition::Newest(before));
        let appended = run(losing.append(&lease, &[entry])).unwrap();
        assert_eq!(appended.0[0].as_ref().unwrap().sequence, Sequence(number));
        is_whole(&*store, number);
    }
}

/// It is tried again, and told as unreachable when that does not help; nothing of it is there.
pub fn an_entry_that_never_arrives_is_not_told_as_appended(place: &dyn StorePlace) {
    let store = made(place);
    let Some(losing) = place.losing_commits(false) else { return };
    let lease = taken(&*store, "schema");
    match run(losing.append(&lease, &[always("a", State::Started)])) {
        Err(AppendError::Store(StoreError::Unreachable(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(appended(&*store), 0);
    run(store.append(&lease, &[always("a", State::Started)])).unwrap();
    is_whole(&*store, 1);
}

/// Whoever holds a lease notices nothing of connections that end, and appends everything once.
pub fn cut_connections_cost_no_entry(place: &dyn StorePlace) {
    const ENTRIES: u64 = 60;
    let store = made(place);
    if !place.cut_connections() {
        return;
    }
    let lease = taken(&*store, "schema");
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                place.cut_connections();
                std::thread::sleep(Duration::from_millis(40));
            }
        });
        let host = place.open();
        for number in 0..ENTRIES {
            let newest = (number > 0).then_some(Sequence(number));
            let entry = draft("a", State::Started, Condition::Newest(newest));
            let done = run(host.append(&lease, &[entry]));
            if done.is_err() {
                over.store(true, Ordering::Relaxed);
            }
            done.unwrap();
        }
        over.store(true, Ordering::Relaxed);
    });
    is_whole(&*place.open(), ENTRIES);
}

/// What it had acknowledged is there, also who holds which lease; and a host goes on with what it has.
pub fn a_server_that_restarts_forgets_nothing(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    run(store.append(&lease, &[always("a", State::Started)])).unwrap();
    if !place.restart() {
        return;
    }
    run(store.append(&lease, &[always("a", State::Applied)])).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Renewed);
    is_whole(&*store, 2);
    run(store.release(&lease)).unwrap();
}

/// A batch of which the server refuses one entry leaves none, and the next goes on where the chain was.
pub fn a_refused_write_leaves_nothing_of_its_batch(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    run(store.append(&lease, &[always("a", State::Applied)])).unwrap();
    if !place.refuse_entries(true) {
        return;
    }
    let batch = [always("a", State::Undone), always("b", State::Applied)];
    match run(store.append(&lease, &batch)) {
        Err(AppendError::Store(StoreError::Refused(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(run(store.states(&scope())).unwrap().unwrap().len(), 1);
    is_whole(&*store, 1);
    place.refuse_entries(false);
    run(store.append(&lease, &batch)).unwrap();
    is_whole(&*store, 3);
}
