//! Pruning: what is old and needed by nothing goes, everything else stays.

use sandpiper_engine::store::{EntryQuery, Pruned, Pruning};

use super::*;

/// The time before which everything is old, unless a test says otherwise.
fn later() -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(100)
}

/// An entry of a change at a time, whose file is `file` and whose template is `template`.
fn of(id: &str, attempt: &str, state: State, file: &str, template: &str) -> Draft {
    let mut draft = always(id, state);
    draft.record.attempt_id = Some(AttemptId(attempt.into()));
    draft.record.digest = Digest::of(file.as_bytes());
    draft.record.template_digest = Some(Digest::of(template.as_bytes()));
    draft.calls = Some(format!("calls of {id}"));
    draft
}

/// A store with the entries and the artifacts `names`, whose lease was given back.
fn store_of(place: &Place, drafts: &[Draft], names: &[&str]) -> SqliteStore {
    let (store, lease) = place.leased();
    run(store.append(&lease, drafts)).unwrap();
    let artifacts: Vec<_> =
        names.iter().map(|name| (Digest::of(name.as_bytes()), Arc::from(name.as_bytes()))).collect();
    run(store.keep(&artifacts, &[])).unwrap();
    run(store.release(&lease)).unwrap();
    store
}

fn pruned(store: &SqliteStore) -> Pruned {
    match run(store.prune(&scope(), later(), &[])).unwrap() {
        Pruning::Done(pruned) => pruned,
        held => panic!("{held:?}"),
    }
}

/// Which of the names are still in the archive.
fn left<'n>(store: &SqliteStore, names: &[&'n str]) -> Vec<&'n str> {
    let is_there = |name: &&&str| run(store.artifact(Digest::of(name.as_bytes()))).unwrap().is_some();
    names.iter().filter(is_there).copied().collect()
}

#[test]
fn what_is_applied_keeps_its_artifact_and_its_template_and_loses_its_calls() {
    let place = Place::new();
    let drafts = [of("a", "1", State::Started, "a", "t"), of("a", "1", State::Applied, "a", "t")];
    let names = ["a", "t", "nobody's"];
    let store = store_of(&place, &drafts, &names);
    let Pruned { artifacts, calls, bytes } = pruned(&store);
    assert_eq!((artifacts, calls), (1, 2));
    assert!(bytes > 20, "{bytes}");
    assert_eq!(left(&store, &names), ["a", "t"]);
    assert!(run(store.calls(&scope(), &[Sequence(1), Sequence(2)])).unwrap().is_empty());
    assert_eq!(run(store.entries(&EntryQuery::all(scope()))).unwrap().len(), 2);
    assert_eq!(run(store.verify(&scope())).unwrap().broken, None);
    assert_eq!(pruned(&store), Pruned::default());
}

#[test]
fn what_is_undone_or_rolled_back_needs_nothing() {
    let place = Place::new();
    let drafts = [
        of("a", "1", State::Applied, "a", "t1"),
        of("a", "2", State::Undoing, "a", "t1"),
        of("a", "2", State::Undone, "a", "t1"),
        of("b", "3", State::Failed, "b", "t2"),
        of("b", "3", State::RolledBack, "b", "t2"),
    ];
    let names = ["a", "t1", "b", "t2"];
    let store = store_of(&place, &drafts, &names);
    assert_eq!((pruned(&store).artifacts, left(&store, &names)), (4, vec![]));
}

#[test]
fn what_is_left_open_needs_what_it_ran() {
    for state in [State::Started, State::Failed, State::RollbackFailed, State::MarkedResumable] {
        let place = Place::new();
        let store = store_of(&place, &[of("a", "1", state, "a", "t")], &["a", "t"]);
        assert_eq!((pruned(&store).artifacts, left(&store, &["a", "t"])), (0, vec!["a", "t"]), "{state}");
    }
}

#[test]
fn another_application_makes_the_one_before_it_needless_and_a_word_on_it_does_not() {
    let place = Place::new();
    let mut accepted = of("b", "1", State::Applied, "b2", "t");
    accepted.record.attempt_id = None;
    let drafts = [
        of("a", "1", State::Applied, "a1", "t"),
        of("a", "2", State::Started, "a2", "t"),
        of("a", "2", State::Applied, "a2", "t"),
        of("b", "1", State::Applied, "b1", "t"),
        accepted,
        of("c", "1", State::Applied, "c1", "t"),
        of("c", "2", State::Failed, "c2", "t"),
        of("c", "2", State::RolledBack, "c2", "t"),
    ];
    let names = ["a1", "a2", "b1", "b2", "c1", "c2", "t"];
    let store = store_of(&place, &drafts, &names);
    pruned(&store);
    assert_eq!(left(&store, &names), ["a2", "b1", "b2", "c1", "t"]);
}

#[test]
fn what_was_named_lately_stays() {
    let place = Place::new();
    let mut young = of("a", "2", State::RolledBack, "a", "t1");
    young.record.finished_at = Some(later());
    let drafts =
        [of("a", "1", State::RolledBack, "a", "t1"), young, of("b", "1", State::RolledBack, "b", "t2")];
    let names = ["a", "t1", "b", "t2"];
    let store = store_of(&place, &drafts, &names);
    assert_eq!(pruned(&store).calls, 2);
    assert_eq!(left(&store, &names), ["a", "t1"]);
    assert_eq!(run(store.calls(&scope(), &[Sequence(2)])).unwrap().len(), 1);
}

#[test]
fn what_another_scope_has_stays() {
    let place = Place::new();
    let store = store_of(&place, &[of("a", "1", State::RolledBack, "a", "t")], &["a", "b", "t"]);
    let other = LockKey { scope: Scope { tenant: Some("acme".into()), ..scope() }, stage: "schema".into() };
    let Acquisition::Taken { lease, .. } = run(store.acquire(&other, &owner("run"), MINUTE, None)).unwrap()
    else {
        panic!("nobody else is there")
    };
    let drafts = [of("b", "1", State::RolledBack, "b", "t"), of("c", "2", State::Applied, "c", "t")].map(
        |mut draft| {
            draft.record.scope = other.scope.clone();
            draft
        },
    );
    run(store.append(&lease, &drafts)).unwrap();
    assert!(
        matches!(run(store.prune(&scope(), later(), &[])).unwrap(), Pruning::Held(key, _) if key == other),
        "whose lease it is does not matter"
    );
    run(store.release(&lease)).unwrap();
    assert_eq!(pruned(&store).calls, 1);
    // The template is needed there; `b` is only named there, and is for that scope to drop.
    assert_eq!(left(&store, &["a", "b", "t"]), ["b", "t"]);
}

#[test]
fn nothing_is_dropped_while_anybody_holds_a_lease() {
    let place = Place::new();
    let store = store_of(&place, &[of("a", "1", State::RolledBack, "a", "t")], &["a", "t"]);
    let lease = taken(&store);
    assert!(
        matches!(run(store.prune(&scope(), later(), &[])).unwrap(), Pruning::Held(held, _) if held == key())
    );
    assert_eq!(left(&store, &["a", "t"]), ["a", "t"]);
    let without = |gone| run(store.prune(&scope(), later(), &[gone])).unwrap();
    let other = Lease { key: LockKey { stage: "data".into(), ..key() }, ..lease.clone() };
    assert!(matches!(without(other), Pruning::Held(..)));
    assert!(matches!(without(lease), Pruning::Done(Pruned { artifacts: 2, .. })), "its holder is gone");
}

#[test]
fn pruning_a_store_that_is_not_there_makes_none() {
    let place = Place::new();
    assert_eq!(pruned(&place.store()), Pruned::default());
    assert!(files(&place).is_empty());
}
