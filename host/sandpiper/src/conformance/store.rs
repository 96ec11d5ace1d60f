//! The rules for audit stores.

use std::sync::{Arc, Barrier};
use std::time::Duration;

use jiff::Timestamp;
use sandpiper_engine::diagnosis::{Finding, Health};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Sequence, State};
use sandpiper_engine::store::{
    Acquisition, AppendError, Condition, EntryQuery, Lease, Pruned, Pruning, Renewal, StepMark, Store,
};

use super::StorePlace;
use super::facts::{MINUTE, always, draft, id, key, owner, run, scope, taken};

/// How often the race for a lease is run, and by how many.
const ROUNDS: usize = 500;
const CONTENDERS: usize = 8;

pub(super) fn made(place: &dyn StorePlace) -> Arc<dyn Store> {
    let store = place.open();
    run(store.prepare()).unwrap();
    store
}

#[track_caller]
pub(super) fn is_whole(store: &dyn Store, entries: u64) {
    let report = run(store.verify(&scope())).unwrap();
    assert_eq!((report.broken, report.entries), (None, entries), "the chain");
}

/// Looking makes nothing, and finds nothing.
pub fn a_place_without_a_store_stays_empty(place: &dyn StorePlace) {
    let store = place.open();
    assert_eq!(run(store.states(&scope())).unwrap(), None);
    assert_eq!(run(store.locks(&scope())).unwrap(), []);
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap(), []);
    assert_eq!(run(place.open().states(&scope())).unwrap(), None, "looking made a store");
    assert!(run(store.identity()).is_err());
}

/// Before it is made, which a look does not do, and after.
pub fn a_sound_store_is_found_sound(place: &dyn StorePlace) {
    let found = |store: &dyn Store| {
        let findings = run(store.diagnose(&scope()));
        assert_eq!(findings[0].aspect, "reachable");
        let wrong = findings.iter().filter(|it| matches!(it.health, Health::Bad | Health::Unknown));
        assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&Finding>::new());
    };
    let store = place.open();
    found(&*store);
    assert_eq!(run(store.states(&scope())).unwrap(), None, "a look made it");
    let store = made(place);
    let lease = taken(&*store, "main");
    run(store.append(&lease, &[always("a", State::Started), always("a", State::Applied)])).unwrap();
    found(&*store);
}

/// Hosts that meet on an empty place make one store, with one identity, that all of them can write to.
pub fn eight_hosts_make_one_store(place: &dyn StorePlace) {
    let barrier = Barrier::new(CONTENDERS);
    let identities: Vec<String> = std::thread::scope(|scope| {
        let host = |number: usize| {
            let barrier = &barrier;
            move || {
                let store = place.open();
                barrier.wait();
                run(store.prepare()).unwrap();
                let stage = format!("stage-{number}");
                let lease = taken(&*store, &stage);
                run(store.append(&lease, &[always(&stage, State::Applied)])).unwrap();
                run(store.identity()).unwrap()
            }
        };
        let hosts: Vec<_> = (0..CONTENDERS).map(|number| scope.spawn(host(number))).collect();
        hosts.into_iter().map(|host| host.join().unwrap()).collect()
    });
    assert!(identities.iter().all(|identity| *identity == identities[0]), "{identities:?}");
    is_whole(&*place.open(), CONTENDERS as u64);
}

/// From a barrier, round after round: one gets it, and its token is higher than every one before.
pub fn one_contender_of_a_race_gets_the_lease(place: &dyn StorePlace) {
    made(place);
    let barrier = Barrier::new(CONTENDERS);
    let won = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for number in 0..CONTENDERS {
            let (barrier, won) = (&barrier, &won);
            scope.spawn(move || {
                let store = place.open();
                let owner = owner(&number.to_string());
                for round in 0..ROUNDS {
                    barrier.wait();
                    let taken = run(store.acquire(&key("schema"), &owner, MINUTE, None)).unwrap();
                    barrier.wait();
                    if let Acquisition::Taken { lease, .. } = taken {
                        won.lock().unwrap().push((round, lease.token));
                        run(store.release(&lease)).unwrap();
                    }
                    barrier.wait();
                }
            });
        }
    });
    let won = won.into_inner().unwrap();
    let rounds: Vec<usize> = won.iter().map(|(round, _)| *round).collect();
    assert_eq!(rounds, (0..ROUNDS).collect::<Vec<_>>(), "each round has one owner");
    assert!(won.windows(2).all(|pair| pair[0].1 < pair[1].1), "tokens rise");
}

/// Whoever asks meanwhile hears who holds it; afterwards it is free.
pub fn a_lease_is_held_until_it_is_given_back(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let other = place.open();
    match run(other.acquire(&key("schema"), &owner("other"), MINUTE, None)).unwrap() {
        Acquisition::Held(holder) => {
            assert_eq!((holder.owner, holder.token), (owner("run"), lease.token));
        }
        taken @ Acquisition::Taken { .. } => panic!("it was taken twice: {taken:?}"),
    }
    let locks = run(other.locks(&scope())).unwrap();
    assert!(locks.len() == 1 && locks[0].holder.is_some(), "{locks:?}");
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Renewed);
    run(store.release(&lease)).unwrap();
    assert_eq!(run(store.renew(&lease, MINUTE)).unwrap(), Renewal::Lost);
    let next = taken(&*other, "schema");
    assert!(next.token > lease.token);
    // A holder that is certainly gone is not waited for.
    let gone = run(store.acquire(&key("schema"), &owner("third"), MINUTE, Some(next.token))).unwrap();
    assert!(matches!(gone, Acquisition::Taken { lease, .. } if lease.token > next.token));
}

fn refused(store: &dyn Store, lease: &Lease) {
    let before = run(store.entries(&EntryQuery::all(scope()))).unwrap().len();
    let appended = run(store.append(lease, &[always("late", State::Applied)]));
    assert_eq!(appended.unwrap_err(), AppendError::LeaseLost);
    assert_eq!(run(store.put_checkpoint(lease, &id("late"), b"x")).unwrap_err(), AppendError::LeaseLost);
    let mark = StepMark::begin(0, Digest::of(b"x"));
    assert_eq!(run(store.put_step(lease, &id("late"), &mark)).unwrap_err(), AppendError::LeaseLost);
    let forgotten = run(store.forget_progress(lease, &id("late"), Sequence(1)));
    assert_eq!(forgotten.unwrap_err(), AppendError::LeaseLost);
    assert_eq!(run(store.renew(lease, MINUTE)).unwrap(), Renewal::Lost);
    run(store.release(lease)).unwrap();
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap().len(), before);
}

/// A holder that slept through its lease writes nothing more, and cannot give back what is another's.
pub fn a_lease_that_ran_out_is_fenced(place: &dyn StorePlace) {
    let store = made(place);
    let short = Duration::from_millis(50);
    let Acquisition::Taken { lease: old, .. } =
        run(store.acquire(&key("schema"), &owner("sleeper"), short, None)).unwrap()
    else {
        panic!("the first lease is free");
    };
    std::thread::sleep(Duration::from_millis(200));
    let other = place.open();
    let Acquisition::Taken { lease: new, expired } =
        run(other.acquire(&key("schema"), &owner("next"), MINUTE, None)).unwrap()
    else {
        panic!("a lease that ran out is free");
    };
    assert!(new.token > old.token);
    assert_eq!(expired.map(|holder| holder.owner), Some(owner("sleeper")));
    refused(&*store, &old);
    run(other.append(&new, &[always("in-time", State::Applied)])).unwrap();
    is_whole(&*other, 1);
}

/// A person takes it: the token rises, also of a lock that is free, and a note says so.
pub fn breaking_a_lock_fences_its_holder(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let other = place.open();
    let note = || {
        let mut note = always("schema", State::Applied).record;
        note.state = None;
        note
    };
    let held = run(other.break_lock(&key("schema"), note())).unwrap().expect("somebody held it");
    assert_eq!(held.token, lease.token);
    refused(&*store, &lease);
    assert_eq!(run(other.break_lock(&key("schema"), note())).unwrap(), None);
    assert!(taken(&*other, "schema").token > lease.token);
    is_whole(&*other, 2);
}

/// Two hosts that planned on the same newest entry: one of them starts.
pub fn a_change_cannot_be_started_twice(place: &dyn StorePlace) {
    let store = made(place);
    for round in 0..20 {
        let change = format!("change-{round}");
        let barrier = Barrier::new(2);
        let started: Vec<bool> = std::thread::scope(|threads| {
            let host = |stage: &'static str| {
                let (barrier, change) = (&barrier, &change);
                move || {
                    let store = place.open();
                    let lease = taken(&*store, stage);
                    barrier.wait();
                    let start = draft(change, State::Started, Condition::Newest(None));
                    let appended = run(store.append(&lease, &[start]));
                    run(store.release(&lease)).unwrap();
                    match appended {
                        Ok(_) => true,
                        Err(AppendError::Superseded(which)) if which == id(change) => false,
                        Err(error) => panic!("{error}"),
                    }
                }
            };
            let hosts = ["one", "other"].map(|stage| threads.spawn(host(stage)));
            hosts.into_iter().map(|host| host.join().unwrap()).collect()
        });
        assert_eq!(started.iter().filter(|started| **started).count(), 1, "round {round}");
    }
    is_whole(&*store, 20);
}

/// One that is overtaken takes the others of its batch with it.
pub fn entries_are_appended_all_or_none(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let newest = Condition::Newest;
    run(store.append(&lease, &[draft("a", State::Started, newest(None))])).unwrap();
    let batch = [draft("b", State::Started, newest(None)), draft("a", State::Started, newest(None))];
    let refused = run(store.append(&lease, &batch)).unwrap_err();
    assert_eq!(refused, AppendError::Superseded(id("a")));
    assert_eq!(run(store.states(&scope())).unwrap().unwrap().len(), 1);
    let next =
        [draft("a", State::Applied, newest(Some(Sequence(1)))), draft("b", State::Started, newest(None))];
    assert_eq!(run(store.append(&lease, &next)).unwrap().0.len(), 2);
    is_whole(&*store, 3);
}

/// It goes without the entry that it rode with.
pub fn a_rider_that_is_overtaken_is_dropped_alone(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let rider = |newest| draft("b", State::Started, Condition::NewestOrDrop(newest));
    let appended =
        run(store.append(&lease, &[always("a", State::Applied), rider(Some(Sequence(7)))])).unwrap();
    assert_eq!(appended.0.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    let appended = run(store.append(&lease, &[always("a", State::Applied), rider(None)])).unwrap();
    assert_eq!(appended.0.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true]);
    is_whole(&*store, 3);
}

/// Hosts that append at once to one chain, each under a lease of its own.
pub fn the_chain_is_whole_after_concurrent_appends(place: &dyn StorePlace) {
    const HOSTS: usize = 6;
    const EACH: usize = 30;
    made(place);
    std::thread::scope(|scope| {
        for host in 0..HOSTS {
            scope.spawn(move || {
                let store = place.open();
                let lease = taken(&*store, &format!("stage-{host}"));
                for number in 0..EACH {
                    let change = format!("{host}-{number}");
                    let entries = [always(&change, State::Started), always(&change, State::Applied)];
                    run(store.append(&lease, &entries)).unwrap();
                }
            });
        }
    });
    let store = place.open();
    is_whole(&*store, (HOSTS * EACH * 2) as u64);
    let entries = run(store.entries(&EntryQuery::all(scope()))).unwrap();
    let sequences: Vec<u64> = entries.iter().map(|entry| entry.sequence.0).collect();
    assert_eq!(sequences, (1..=(HOSTS * EACH * 2) as u64).collect::<Vec<_>>());
    let states = run(store.states(&scope())).unwrap().unwrap();
    assert!(states.len() == HOSTS * EACH && states.values().all(|state| state.state == State::Applied));
}

/// Hosts whose clocks are wrong by decades change nothing about what is newest.
pub fn the_order_of_entries_is_not_that_of_clocks(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    for (state, year) in [(State::Started, 2099), (State::Applied, 1999), (State::Undone, 2050)] {
        let mut late = always("a", state);
        late.record.started_at = format!("{year}-01-01T00:00:00Z").parse::<Timestamp>().unwrap();
        late.record.finished_at = Some(late.record.started_at);
        run(store.append(&lease, &[late])).unwrap();
    }
    let states = run(store.states(&scope())).unwrap().unwrap();
    assert_eq!(states[&id("a")].state, State::Undone);
    // How long a lease lasts is counted by the store.
    let locks = run(store.locks(&scope())).unwrap();
    assert!(locks[0].holder.is_some(), "{locks:?}");
    is_whole(&*store, 3);
}

/// What was appended is what is read, by every question that can be asked.
pub fn entries_are_read_back_as_they_were_appended(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let drafts: Vec<_> = ["a", "b", "a\"';--\u{fc}"].map(|change| always(change, State::Applied)).into();
    let appended = run(store.append(&lease, &drafts)).unwrap();
    let appended: Vec<_> = appended.0.into_iter().flatten().collect();
    let again = run(store.append(&lease, &[always("a", State::Undone)])).unwrap().0.remove(0).unwrap();
    let other = place.open();
    let mut all = appended.clone();
    all.push(again.clone());
    assert_eq!(run(other.entries(&EntryQuery::all(scope()))).unwrap(), all);
    let of = |change: &str| run(other.entries(&EntryQuery::of_change(scope(), id(change)))).unwrap();
    assert_eq!(of("a"), [appended[0].clone(), again]);
    assert_eq!(of("a\"';--\u{fc}"), [appended[2].clone()]);
    assert_eq!(of("none"), []);
    let newest = EntryQuery { newest_only: true, ..EntryQuery::all(scope()) };
    assert_eq!(run(other.entries(&newest)).unwrap(), all[1..]);
    let page = EntryQuery { after: Some(Sequence(1)), limit: Some(2), ..EntryQuery::all(scope()) };
    assert_eq!(run(other.entries(&page)).unwrap(), all[1..3]);
    let states = run(other.states(&scope())).unwrap().unwrap();
    assert_eq!(states.len(), 3);
    assert_eq!(states[&id("b")].applied.as_ref().map(|applied| applied.digest), Some(Digest::of(b"x")));
}

/// Checkpoints and steps: kept until an entry says that the change is over.
pub fn progress_is_kept_until_its_change_ends(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let (a, b) = (id("a"), id("b"));
    run(store.append(&lease, &[always("a", State::Started)])).unwrap();
    run(store.put_checkpoint(&lease, &a, b"one")).unwrap();
    run(store.put_checkpoint(&lease, &a, &[0, 255, b'\\'])).unwrap();
    run(store.put_checkpoint(&lease, &b, b"other")).unwrap();
    let mut mark = StepMark::begin(1, Digest::of(b"payload"));
    mark.sends(1);
    run(store.put_step(&lease, &a, &mark)).unwrap();
    mark.finishes(Digest::of(b"statement"));
    run(store.put_step(&lease, &a, &mark)).unwrap();
    // What takes it back is kept in the same way.
    mark.is_taken_back();
    mark.finishes(Digest::of(b"back"));
    mark.sends(2);
    run(store.put_step(&lease, &a, &mark)).unwrap();
    assert_eq!(run(store.steps(&scope(), &a)).unwrap(), std::slice::from_ref(&mark));
    mark.completes();
    run(store.put_step(&lease, &a, &mark)).unwrap();
    run(store.put_step(&lease, &a, &StepMark::begin(0, Digest::of(b"first")))).unwrap();
    run(store.append(&lease, &[always("a", State::Failed)])).unwrap();
    let other = place.open();
    let kept = |change| run(other.checkpoint(&scope(), change)).unwrap();
    assert_eq!(kept(&a), Some(vec![0, 255, b'\\']));
    assert_eq!(
        run(other.steps(&scope(), &a)).unwrap(),
        [StepMark::begin(0, Digest::of(b"first")), mark.clone()],
        "in their order, the newest of each"
    );
    run(store.forget_progress(&lease, &a, Sequence(1))).unwrap();
    assert_eq!(run(other.steps(&scope(), &a)).unwrap().len(), 2, "its newest entry is another one");
    run(store.forget_progress(&lease, &a, Sequence(2))).unwrap();
    assert_eq!((kept(&a), run(other.steps(&scope(), &a)).unwrap()), (None, Vec::new()));
    run(store.put_checkpoint(&lease, &a, b"again")).unwrap();
    run(store.put_step(&lease, &a, &mark)).unwrap();
    run(store.append(&lease, &[always("a", State::RolledBack)])).unwrap();
    assert_eq!(kept(&a), None);
    assert_eq!(run(other.steps(&scope(), &a)).unwrap(), []);
    assert_eq!(kept(&b), Some(b"other".to_vec()));
}

/// What was captured while a change was applied takes it back in another run; and it is nothing to one that begins anew.
pub fn a_checkpoint_is_kept_until_its_change_is_undone(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let a = id("a");
    let kept = || run(place.open().checkpoint(&scope(), &a)).unwrap();
    let append = |state| drop(run(store.append(&lease, &[always("a", state)])).unwrap());
    append(State::Started);
    run(store.put_checkpoint(&lease, &a, b"captured")).unwrap();
    run(store.put_step(&lease, &a, &StepMark::begin(0, Digest::of(b"first")))).unwrap();
    append(State::Applied);
    assert_eq!((kept(), run(store.steps(&scope(), &a)).unwrap()), (Some(b"captured".to_vec()), Vec::new()));
    append(State::Undoing);
    append(State::UndoFailed);
    assert_eq!(kept(), Some(b"captured".to_vec()));
    append(State::Undone);
    assert_eq!(kept(), None);
    append(State::Started);
    run(store.put_checkpoint(&lease, &a, b"captured")).unwrap();
    append(State::MarkedApplied);
    assert_eq!(kept(), Some(b"captured".to_vec()));
    append(State::Started);
    assert_eq!(kept(), None, "it is applied again");
}

/// Beside their entry, in no hash; and artifacts that nothing needs go with them.
pub fn calls_are_kept_until_they_are_pruned(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let bytes: Arc<[u8]> = Arc::from(b"nobody needs it".as_slice());
    run(store.keep(&[(Digest::of(&bytes), bytes.clone())], &[])).unwrap();
    let long = format!("[\"{}\"]", "x".repeat(100_000));
    let calls = |calls: &str| {
        let mut draft = always("a", State::Applied);
        draft.calls = Some(calls.to_owned());
        draft
    };
    run(store.append(&lease, &[calls("[\"\u{fc}\"]"), always("a", State::Applied), calls(&long)])).unwrap();
    let kept = |store: &dyn Store| run(store.calls(&scope(), &[1, 2, 3, 4].map(Sequence))).unwrap();
    assert_eq!(kept(&*store), [(Sequence(1), "[\"\u{fc}\"]".to_owned()), (Sequence(3), long)]);
    let (long_ago, soon) = (Timestamp::UNIX_EPOCH, "2999-01-01T00:00:00Z".parse().unwrap());
    let prune = |before| run(store.prune(&scope(), before, &[])).unwrap();
    assert!(matches!(prune(soon), Pruning::Held(..)), "never while somebody holds a lease");
    run(store.release(&lease)).unwrap();
    assert!(matches!(prune(long_ago), Pruning::Done(Pruned { calls: 0, artifacts: 1, .. })));
    assert!(matches!(prune(soon), Pruning::Done(Pruned { calls: 2, artifacts: 0, .. })));
    assert_eq!(kept(&*place.open()), []);
    assert_eq!(run(store.artifact(Digest::of(&bytes))).unwrap(), None);
    is_whole(&*store, 3);
}

/// They are found by their place, and those without a state by that; a note moves the place of its change alone.
pub fn notes_are_entries_that_change_no_state(place: &dyn StorePlace) {
    let store = made(place);
    let lease = taken(&*store, "schema");
    let mut note = always("a", State::Applied);
    note.record.state = None;
    note.record.name = "Renamed".into();
    let entries = run(store.append(&lease, &[always("a", State::Applied), note])).unwrap().0;
    let note = entries[1].clone().unwrap();
    let notes = EntryQuery { notes_only: true, ..EntryQuery::all(scope()) };
    assert_eq!(run(store.entries(&notes)).unwrap(), std::slice::from_ref(&note));
    assert_eq!(run(store.entries(&EntryQuery::at(scope(), Sequence(2)))).unwrap(), [note]);
    let states = run(place.open().states(&scope())).unwrap().unwrap();
    let state = &states[&id("a")];
    assert_eq!((state.state, state.sequence, state.name.as_str()), (State::Applied, Sequence(1), "Renamed"));
    is_whole(&*store, 2);
}

/// Large and small, once and twice.
pub fn artifacts_and_descriptions_are_kept_by_digest(place: &dyn StorePlace) {
    let store = made(place);
    let large: Vec<u8> =
        (0..1_000_000_u32).flat_map(|number| number.wrapping_mul(number).to_le_bytes()).collect();
    let artifacts: Vec<(Digest, Arc<[u8]>)> = [large.as_slice(), b"", b"small"]
        .into_iter()
        .map(|bytes| (Digest::of(bytes), Arc::from(bytes)))
        .collect();
    let descriptions = [(Digest::of(b"d"), "{\"id\":\"\u{fc}\"}".to_owned())];
    for _ in 0..2 {
        run(store.keep(&artifacts, &descriptions)).unwrap();
    }
    let other = place.open();
    for (digest, bytes) in &artifacts {
        assert_eq!(run(other.artifact(*digest)).unwrap().as_deref(), Some(&**bytes));
    }
    assert_eq!(run(other.artifact(Digest::of(b"none"))).unwrap(), None);
    let asked = [Digest::of(b"none"), Digest::of(b"d")];
    assert_eq!(run(other.descriptions(&asked)).unwrap(), descriptions);
}

/// A long history: it verifies, and what is asked of it is answered.
pub fn a_hundred_thousand_entries_are_one_chain(place: &dyn StorePlace) {
    const BATCHES: u64 = 200;
    const EACH: u64 = 500;
    let store = made(place);
    let lease = taken(&*store, "schema");
    for batch in 0..BATCHES {
        let entries: Vec<_> = (0..EACH)
            .map(|number| always(&format!("c{}", (batch * EACH + number) % 700), State::Applied))
            .collect();
        run(store.append(&lease, &entries)).unwrap();
    }
    let other = place.open();
    assert_eq!(run(other.states(&scope())).unwrap().unwrap().len(), 700);
    let newest = EntryQuery { newest_only: true, ..EntryQuery::all(scope()) };
    assert_eq!(run(other.entries(&newest)).unwrap().len(), 700);
    is_whole(&*other, BATCHES * EACH);
}
