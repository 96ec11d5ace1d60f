//! The store: what it keeps, what it refuses, and how it proves that nobody touched it.

use sandpiper_engine::entry::Token;
use sandpiper_engine::store::{AppendError, Appended, ChainReport, EntryQuery, StoreError};

use super::*;

fn append(store: &SqliteStore, lease: &Lease, drafts: &[Draft]) -> Result<Appended, AppendError> {
    run(store.append(lease, drafts))
}

#[test]
fn a_store_that_is_not_there_is_empty_and_stays_away() {
    let place = Place::new();
    let store = place.store();
    assert_eq!(run(store.states(&scope())).unwrap(), None);
    assert!(run(store.entries(&EntryQuery::all(scope()))).unwrap().is_empty());
    assert!(run(store.locks(&scope())).unwrap().is_empty());
    assert_eq!(run(store.verify(&scope())).unwrap().entries, 0);
    assert_eq!(run(store.artifact(Digest::of(b"x"))).unwrap(), None);
    assert!(run(store.descriptions(&[Digest::of(b"x")])).unwrap().is_empty());
    assert!(run(store.break_lock(&key(), record("a", State::Applied))).unwrap().is_none());
    assert!(run(store.identity()).is_err());
    assert!(files(&place).is_empty());
}

#[test]
fn looking_at_a_file_without_a_store_changes_nothing() {
    let place = Place::new();
    std::fs::write(place.path(), b"").unwrap();
    assert_eq!(run(place.store().states(&scope())).unwrap(), None);
    assert_eq!(std::fs::metadata(place.path()).unwrap().len(), 0);
    place.plain().execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    let before = std::fs::read(place.path()).unwrap();
    assert_eq!(run(place.store().states(&scope())).unwrap(), None);
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    assert_eq!(files(&place), ["app.db"]);
}

#[test]
fn the_folder_of_a_store_is_made() {
    let place = Place::new();
    let path = place.folder.path().join("a/b/audit.db");
    let store = SqliteStore::new(place.databases.database(&path));
    run(store.prepare()).unwrap();
    assert_eq!(run(store.states(&scope())).unwrap().unwrap().len(), 0);
}

#[test]
fn a_folder_in_the_place_of_the_store_is_unreachable() {
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    assert!(matches!(run(place.store().states(&scope())), Err(StoreError::Unreachable(_))));
    assert!(matches!(run(place.store().prepare()), Err(StoreError::Unreachable(_))));
}

#[test]
fn a_file_that_we_make_has_a_write_ahead_log_and_one_that_is_there_keeps_its_journal() {
    let place = Place::new();
    run(place.store().prepare()).unwrap();
    let mode = |place: &Place| -> String {
        place.plain().query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
    };
    assert_eq!(mode(&place), "wal");
    let place = Place::new();
    place.plain().execute_batch("CREATE TABLE users (id INTEGER PRIMARY KEY)").unwrap();
    run(place.store().prepare()).unwrap();
    assert_eq!(mode(&place), "delete");
}

#[test]
fn preparing_a_store_that_is_there_writes_nothing() {
    let place = Place::new();
    let (store, lease) = place.leased();
    append(&store, &lease, &[always("a", State::Applied)]).unwrap();
    drop(store);
    drop(place.databases.database(&place.path()));
    let place = Place { folder: place.folder, databases: Place::databases() };
    let version = place.number("PRAGMA data_version");
    let before = std::fs::read(place.path()).unwrap();
    let modified = std::fs::metadata(place.path()).unwrap().modified().unwrap();
    let store = place.store();
    run(store.prepare()).unwrap();
    assert_eq!(run(store.states(&scope())).unwrap().unwrap().len(), 1);
    assert_eq!(place.number("PRAGMA data_version"), version);
    assert_eq!(std::fs::read(place.path()).unwrap(), before);
    assert_eq!(std::fs::metadata(place.path()).unwrap().modified().unwrap(), modified);
}

#[test]
fn an_older_host_refuses_a_newer_store_in_words() {
    let place = Place::new();
    run(place.store().prepare()).unwrap();
    place.plain().execute("UPDATE sandpiper_store SET value = '99' WHERE name = 'schema'", []).unwrap();
    let place = Place { folder: place.folder, databases: Place::databases() };
    let store = place.store();
    for refused in [
        run(store.prepare()).unwrap_err(),
        run(store.states(&scope())).unwrap_err(),
        run(store.acquire(&key(), &owner("run"), MINUTE, None)).unwrap_err(),
    ] {
        assert!(
            matches!(&refused, StoreError::Version(text) if text.contains("newer Sandpiper")),
            "{refused:?}"
        );
    }
}

#[test]
fn a_store_of_an_older_host_is_moved_forward_by_the_next_run() {
    let place = Place::new();
    let (store, lease, _) = shared_store(&place);
    run(store.append(&lease, &[always("a", State::Applied)])).unwrap();
    let before = run(store.states(&scope())).unwrap();
    place.plain().execute("UPDATE sandpiper_store SET value = '1' WHERE name = 'schema'", []).unwrap();
    let place = Place { folder: place.folder, databases: Place::databases() };
    let store = place.store();
    assert_eq!(run(store.states(&scope())).unwrap(), before);
    run(store.prepare()).unwrap();
    assert_eq!(place.number("SELECT value + 0 FROM sandpiper_store WHERE name = 'schema'"), 2);
    assert_eq!(run(store.states(&scope())).unwrap(), before);
}

#[test]
fn an_identity_is_made_with_the_store_and_stays() {
    let (one, other) = (Place::new(), Place::new());
    run(one.store().prepare()).unwrap();
    run(other.store().prepare()).unwrap();
    let identity = run(one.store().identity()).unwrap();
    run(one.store().prepare()).unwrap();
    assert_eq!(run(one.store().identity()).unwrap(), identity);
    assert_ne!(run(other.store().identity()).unwrap(), identity);
}

#[test]
fn what_was_appended_is_read_back_with_its_states() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let started =
        append(&store, &lease, &[always("a", State::Started), always("b", State::Started)]).unwrap();
    let ended = append(&store, &lease, &[always("a", State::Applied), always("b", State::Failed)]).unwrap();
    let all: Vec<_> = started.0.into_iter().chain(ended.0).flatten().collect();
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap(), all);
    let states = run(store.states(&scope())).unwrap().unwrap();
    let a = &states[&ChangeId::new("a").unwrap()];
    assert_eq!((a.state, a.sequence, a.token), (State::Applied, Sequence(3), lease.token));
    assert_eq!(a.applied.as_ref().unwrap().meaning, Digest::of(b"y"));
    let b = &states[&ChangeId::new("b").unwrap()];
    assert_eq!((b.state, b.applied.clone()), (State::Failed, None));
    assert_eq!(run(store.states(&Scope { tenant: Some("t".into()), ..scope() })).unwrap().unwrap().len(), 0);
}

#[test]
fn a_query_selects_by_change_newest_place_and_count() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let mut note = record("a", State::Applied);
    note.state = None;
    let note = Draft { record: note, condition: Condition::Always, calls: None };
    let drafts =
        [always("a", State::Started), always("b", State::Started), always("a", State::Applied), note];
    append(&store, &lease, &drafts).unwrap();
    let places = |query: EntryQuery| -> Vec<u64> {
        run(store.entries(&query)).unwrap().iter().map(|entry| entry.sequence.0).collect()
    };
    let all = EntryQuery::all(scope());
    assert_eq!(places(all.clone()), [1, 2, 3, 4]);
    assert_eq!(places(EntryQuery { change_id: ChangeId::new("a").ok(), ..all.clone() }), [1, 3, 4]);
    assert_eq!(places(EntryQuery { change_id: ChangeId::new("b").ok(), ..all.clone() }), [2]);
    assert_eq!(places(EntryQuery { newest_only: true, ..all.clone() }), [2, 3]);
    assert_eq!(places(EntryQuery::at(scope(), Sequence(3))), [3]);
    let some = [Sequence(4), Sequence(1), Sequence(9)].to_vec();
    assert_eq!(places(EntryQuery { places: Some(some), ..all.clone() }), [1, 4]);
    assert_eq!(places(EntryQuery { notes_only: true, ..all.clone() }), [4]);
    assert_eq!(places(EntryQuery { after: sequence(2), ..all.clone() }), [3, 4]);
    assert_eq!(places(EntryQuery { after: sequence(1), limit: Some(2), ..all }), [2, 3]);
}

#[test]
fn the_state_follows_a_note_that_moves_its_change_and_the_chain_still_verifies() {
    let place = Place::new();
    let (store, lease) = place.leased();
    append(&store, &lease, &[always("a", State::Started), always("a", State::Applied)]).unwrap();
    let moved = Record { state: None, order: "0002".parse().unwrap(), ..record("a", State::Applied) };
    append(&store, &lease, &[Draft { record: moved, condition: Condition::Always, calls: None }]).unwrap();
    let states = run(store.states(&scope())).unwrap().unwrap();
    let a = &states[&ChangeId::new("a").unwrap()];
    assert_eq!((a.order.as_str(), a.state, a.sequence), ("0002", State::Applied, Sequence(2)));
    assert_eq!(run(store.verify(&scope())).unwrap().broken, None);
}

#[test]
fn an_entry_under_an_old_token_is_refused() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let old = Lease { token: Token(lease.token.0 - 1), ..lease.clone() };
    assert_eq!(append(&store, &old, &[always("a", State::Applied)]), Err(AppendError::LeaseLost));
    run(store.break_lock(&key(), record("a", State::Applied))).unwrap();
    assert_eq!(append(&store, &lease, &[always("a", State::Applied)]), Err(AppendError::LeaseLost));
}

#[test]
fn an_entry_planned_on_another_newest_one_appends_nothing_of_its_batch() {
    let place = Place::new();
    let (store, lease) = place.leased();
    append(&store, &lease, &[draft("a", State::Started, Condition::Newest(None))]).unwrap();
    let batch = [always("b", State::Started), draft("a", State::Started, Condition::Newest(None))];
    assert_eq!(append(&store, &lease, &batch), Err(AppendError::Superseded(ChangeId::new("a").unwrap())));
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap().len(), 1);
    append(&store, &lease, &[draft("a", State::Applied, Condition::Newest(sequence(1)))]).unwrap();
}

#[test]
fn a_rider_that_was_superseded_is_dropped_alone() {
    let place = Place::new();
    let (store, lease) = place.leased();
    append(&store, &lease, &[always("b", State::Started)]).unwrap();
    let batch = [always("a", State::Applied), draft("b", State::Started, Condition::NewestOrDrop(None))];
    let Appended(appended) = append(&store, &lease, &batch).unwrap();
    assert!(appended[0].is_some() && appended[1].is_none());
    assert_eq!(run(store.verify(&scope())).unwrap(), ChainReport { entries: 2, broken: None });
}

#[test]
fn a_store_that_refuses_an_entry_keeps_nothing_of_its_batch() {
    let place = Place::new();
    let (store, lease) = place.leased();
    refuse_entries(&place, "failed");
    let batch = [always("a", State::Started), always("a", State::Failed)];
    let refused = append(&store, &lease, &batch);
    assert!(
        matches!(refused, Err(AppendError::Store(StoreError::Refused(text))) if text.contains("no room"))
    );
    assert!(run(store.entries(&EntryQuery::all(scope()))).unwrap().is_empty());
}

/// A store that refuses entries of one state, as one with a full disk does.
pub(super) fn refuse_entries(place: &Place, state: &str) {
    let trigger = format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON sandpiper_entry WHEN instr(new.body, '\"state\":\"{state}\"')
         BEGIN SELECT RAISE(ABORT, 'no room'); END"
    );
    place.plain().execute_batch(&trigger).unwrap();
}

fn broken(place: &Place, damage: &str) -> Option<(u64, String)> {
    assert_eq!(place.plain().execute(damage, []).unwrap(), 1, "{damage}");
    run(place.store().verify(&scope())).unwrap().broken.map(|(sequence, reason)| (sequence.0, reason))
}

fn chain_of_three() -> Place {
    let place = Place::new();
    let (store, lease) = place.leased();
    for id in ["a", "b", "c"] {
        append(&store, &lease, &[always(id, State::Applied)]).unwrap();
    }
    assert_eq!(run(store.verify(&scope())).unwrap(), ChainReport { entries: 3, broken: None });
    place
}

#[test]
fn an_edited_entry_shows() {
    let place = chain_of_three();
    let edit = "UPDATE sandpiper_entry SET body = replace(body, 'ada', 'eve') WHERE sequence = 2";
    let (sequence, reason) = broken(&place, edit).unwrap();
    assert_eq!(sequence, 2, "{reason}");
}

#[test]
fn a_removed_entry_shows() {
    let (sequence, reason) =
        broken(&chain_of_three(), "DELETE FROM sandpiper_entry WHERE sequence = 2").unwrap();
    assert_eq!(sequence, 2, "{reason}");
}

#[test]
fn a_removed_last_entry_shows() {
    let (sequence, reason) =
        broken(&chain_of_three(), "DELETE FROM sandpiper_entry WHERE sequence = 3").unwrap();
    assert_eq!(sequence, 3, "{reason}");
}

#[test]
fn a_removed_end_of_the_chain_shows() {
    assert_eq!(broken(&chain_of_three(), "DELETE FROM sandpiper_chain").unwrap().0, 1);
}

#[test]
fn an_edited_removed_or_added_state_shows() {
    let edits = [
        "UPDATE sandpiper_state SET state = 'failed' WHERE change_id = 'b'",
        "DELETE FROM sandpiper_state WHERE change_id = 'b'",
        "UPDATE sandpiper_state SET details = (SELECT details FROM sandpiper_state WHERE change_id = 'a')
         WHERE change_id = 'b'",
    ];
    for edit in edits {
        assert_eq!(broken(&chain_of_three(), edit).unwrap().0, 2, "{edit}");
    }
    let added =
        "INSERT INTO sandpiper_state SELECT chain, 'd', 9, state, details FROM sandpiper_state LIMIT 1";
    assert_eq!(broken(&chain_of_three(), added).unwrap().0, 9);
}

#[test]
fn calls_are_kept_beside_their_entry_and_long_ones_compressed() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let (short, long) = ("{}".to_owned(), "SELECT 1, ".repeat(10_000));
    let with = |id: &str, calls: &str| Draft { calls: Some(calls.to_owned()), ..always(id, State::Applied) };
    append(&store, &lease, &[with("a", &short), always("b", State::Applied), with("c", &long)]).unwrap();
    let all = [Sequence(1), Sequence(2), Sequence(3), Sequence(4)];
    let kept = run(store.calls(&scope(), &all)).unwrap();
    assert_eq!(kept, [(Sequence(1), short), (Sequence(3), long)]);
    assert!(place.number("SELECT length(calls) FROM sandpiper_entry WHERE sequence = 3") < 1_000);
    assert_eq!(run(store.verify(&scope())).unwrap(), ChainReport { entries: 3, broken: None });
    let other = Scope { tenant: Some("t".into()), ..scope() };
    assert!(run(store.calls(&other, &all)).unwrap().is_empty());
    place.plain().execute("UPDATE sandpiper_entry SET calls = zeroblob(9) WHERE sequence = 3", []).unwrap();
    assert!(matches!(run(store.calls(&scope(), &all)), Err(StoreError::Damaged(_))));
}

#[test]
fn an_artifact_is_kept_once_compressed_and_checked() {
    let place = Place::new();
    let (store, _) = place.leased();
    let bytes = b"a component ".repeat(1_000);
    let digest = Digest::of(&bytes);
    run(store.keep(&[(digest, bytes.as_slice().into())], &[])).unwrap();
    run(store.keep(&[(digest, bytes.as_slice().into())], &[])).unwrap();
    assert_eq!(place.number("SELECT count(*) FROM sandpiper_artifact"), 1);
    assert!(place.number("SELECT length(body) FROM sandpiper_artifact") < 1_000);
    assert_eq!(run(store.artifact(digest)).unwrap().unwrap(), bytes);
    assert_eq!(run(store.artifact(Digest::of(b"other"))).unwrap(), None);
    run(store.keep(&[(Digest::of(b""), b"".as_slice().into())], &[])).unwrap();
    assert_eq!(run(store.artifact(Digest::of(b""))).unwrap().unwrap(), b"");
    place
        .plain()
        .execute(
            "UPDATE sandpiper_artifact SET body = (SELECT body FROM sandpiper_artifact WHERE size = 0)",
            [],
        )
        .unwrap();
    assert!(matches!(run(store.artifact(digest)), Err(StoreError::Damaged(_))));
}

#[test]
fn descriptions_are_found_by_digest() {
    let place = Place::new();
    let (store, _) = place.leased();
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    run(store.keep(&[], &[(a, "{}".to_owned())])).unwrap();
    run(store.keep(&[], &[(a, "{\"id\":1}".to_owned())])).unwrap();
    assert_eq!(run(store.descriptions(&[b, a])).unwrap(), [(a, "{\"id\":1}".to_owned())]);
}

#[test]
fn what_ends_an_attempt_follows_its_own_entries_alone() {
    let place = Place::new();
    let (store, lease) = place.leased();
    let of = |attempt: &str, state| {
        let draft = draft("a", state, Condition::SameAttempt);
        Draft { record: Record { attempt_id: Some(AttemptId(attempt.into())), ..draft.record }, ..draft }
    };
    let superseded = Err(AppendError::Superseded(ChangeId::new("a").unwrap()));
    assert_eq!(append(&store, &lease, &[of("attempt", State::Applied)]), superseded, "it never began");
    append(&store, &lease, &[always("a", State::Started)]).unwrap();
    let batch = [always("b", State::Started), of("another", State::Applied)];
    assert_eq!(append(&store, &lease, &batch), superseded);
    append(&store, &lease, &[of("attempt", State::Failed), of("attempt", State::RolledBack)]).unwrap();
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap().len(), 3);
}
