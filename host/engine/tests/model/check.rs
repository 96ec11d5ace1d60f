//! What must never be untrue, told a second time and without the engine.

use sandpiper_engine::change::{Change, Recovery};
use sandpiper_engine::entry::{Entry, Mode, Record, State};
use sandpiper_engine::state::ChangeState;

use super::World;

/// Whether a state says that the change is applied.
fn is_applied(state: State) -> bool {
    matches!(state, State::Applied | State::MarkedApplied | State::Baselined)
}

/// Whether a change needs a person, as far as the audit can tell: what is left of it outside of a transaction.
pub(crate) fn needs_person(state: &ChangeState, recovery: Recovery) -> bool {
    let is_undo = matches!(state.state, State::Undoing | State::UndoFailed);
    let is_apply = matches!(state.state, State::Started | State::Failed | State::RollbackFailed);
    state.mode == Mode::Direct && (is_undo || is_apply && recovery == Recovery::ManualIntervention)
}

/// Whether a change counts as applied: the audit says so, or what is recorded is an undo that left it as it was.
fn counts_as_applied(world: &World, state: &ChangeState) -> bool {
    let left_by_undo =
        state.mode.is_transactional() && matches!(state.state, State::Undoing | State::UndoFailed);
    is_applied(state.state) || left_by_undo && !is_committed(world, state)
}

/// Whether the marker of the newest attempt is there.
fn is_committed(world: &World, state: &ChangeState) -> bool {
    state.attempt_id.as_ref().is_some_and(|attempt| world.target.markers.contains(attempt))
}

/// What must hold after every step, whatever hosts are in the middle of.
pub(crate) fn always(world: &World) {
    for (id, declared) in world.declared.iter().filter(|(id, _)| !world.target.behind_our_back.contains(*id))
    {
        let state = world.store.states.get(id);
        let newest = state.map(|state| (state.state, state.mode));
        // A change that ended its own transaction is a `direct` one from then on.
        if declared.mode.is_transactional() && newest.is_none_or(|(_, mode)| mode != Mode::Direct) {
            let says_applied = state.is_some_and(|state| {
                let started = (state.state, state.mode) == (State::Started, Mode::Marked);
                counts_as_applied(world, state) || started && is_committed(world, state)
            });
            let once = world.target.is_there_once(id);
            assert!(once || world.target.is_absent(id), "`{id}` is there in part, or twice: {}", told(world));
            assert_eq!(
                once,
                says_applied,
                "`{id}` is there: {once}; the audit says so: {says_applied}: {}",
                told(world)
            );
        }
        // Unless the author says that it bears it, nothing is applied over what is there.
        if declared.recovery == Recovery::ManualIntervention {
            let twice = world.target.rows.get(id).is_some_and(|rows| rows.iter().any(|count| *count > 1));
            assert!(!twice, "a statement of `{id}` ran twice: {}", told(world));
        }
        match newest {
            Some((state, _)) if is_applied(state) => {
                assert!(world.target.is_whole(id), "`{id}` is not there, but {state}: {}", told(world));
            }
            Some((State::RolledBack | State::Undone, _)) => {
                assert!(world.target.is_absent(id), "`{id}` was not taken back: {}", told(world));
            }
            _ => {}
        }
    }
    for stage in world.stages.iter().filter(|stage| world.atomic.contains(&stage.name)) {
        // What a change committed itself, and a person then left as it is, is beyond our promise; and each is undone by
        // itself.
        let is_undoing =
            |entry: &Entry| entry.record.stage == stage.name && entry.record.state == Some(State::Undoing);
        if world.store.entries.iter().any(is_undoing) {
            continue;
        }
        let is_beyond = |change: &&Change| {
            let state = world.store.states.get(&change.id).map(|state| state.state);
            world.target.behind_our_back.contains(&change.id) || state == Some(State::MarkedApplied)
        };
        if stage.changes.iter().any(|change| is_beyond(&change)) {
            continue;
        }
        let there = stage.changes.iter().filter(|change| !world.target.is_absent(&change.id)).count();
        assert!([0, stage.changes.len()].contains(&there), "{there} of an atomic stage: {}", told(world));
    }
}

/// What must hold before an entry is written: order is kept, and nothing runs that must not.
pub(crate) fn before_entry(world: &World, record: &Record) {
    let id = &record.change_id;
    let Some(stage) = world.stages.iter().find(|stage| stage.name == record.stage) else {
        panic!("no such stage")
    };
    let state = world.store.states.get(id);
    if record.state == Some(State::Undoing) {
        return before_undo(world, record, &stage.changes);
    }
    if record.state != Some(State::Started) {
        let began = matches!(record.state, Some(State::MarkedApplied | State::MarkedRolledBack));
        assert!(began || state.is_some(), "`{id}` ended before it began: {}", told(world));
        let same = state.is_some_and(|state| state.attempt_id == record.attempt_id);
        assert!(began || same, "`{id}` is told of by an attempt that is not its newest: {}", told(world));
        return;
    }
    for earlier in stage.changes.iter().take_while(|change| change.id != *id) {
        let began = |state| world.atomic.contains(&stage.name) && state == State::Started;
        let state = world.store.states.get(&earlier.id);
        assert!(
            state.is_some_and(|state| counts_as_applied(world, state) || began(state.state)),
            "`{id}` starts before `{}` is applied: {}",
            earlier.id,
            told(world)
        );
    }
    let Some(state) = state else { return };
    assert!(!counts_as_applied(world, state), "`{id}` starts again though it is applied: {}", told(world));
    if needs_person(state, record.recovery) {
        let asked =
            state.state == State::Started && world.declared[id].has_verify && world.target.is_absent(id);
        assert!(asked, "`{id}` starts again without a person: {}", told(world));
    }
    if (state.state, state.mode) == (State::Started, Mode::Marked) {
        let attempt = state.attempt_id.as_ref().unwrap();
        let on_the_way =
            world.target.on_the_way.iter().any(|commit| commit.session.attempts.contains(attempt));
        assert!(!on_the_way, "`{id}` starts while its last commit is on its way: {}", told(world));
        assert!(
            !world.target.markers.contains(attempt),
            "`{id}` starts though its marker is there: {}",
            told(world)
        );
    }
}

/// What must hold before an undo begins: the change is applied, none of those that came later is, and nothing is in doubt.
fn before_undo(world: &World, record: &Record, changes: &[Change]) {
    let id = &record.change_id;
    let Some(state) = world.store.states.get(id) else {
        panic!("`{id}` is undone though it was never tried")
    };
    assert!(counts_as_applied(world, state), "`{id}` is undone though it is not applied: {}", told(world));
    assert!(!needs_person(state, record.recovery), "`{id}` is undone without a person: {}", told(world));
    for later in changes.iter().skip_while(|change| change.id != *id).skip(1) {
        let state = world.store.states.get(&later.id);
        let is_left = state.is_some_and(|state| counts_as_applied(world, state) || is_in_doubt(state));
        assert!(!is_left, "`{id}` is undone below `{}`: {}", later.id, told(world));
    }
    if let Some(attempt) = state.attempt_id.as_ref().filter(|_| state.mode == Mode::Marked) {
        let on_the_way =
            world.target.on_the_way.iter().any(|commit| commit.session.attempts.contains(attempt));
        assert!(!on_the_way, "`{id}` is undone while its last commit is on its way: {}", told(world));
    }
}

/// Whether an attempt may have been committed without a word in the audit.
fn is_in_doubt(state: &ChangeState) -> bool {
    (state.state, state.mode) == (State::Undoing, Mode::Marked)
}

/// What must hold when a stage was taken back.
pub(crate) fn taken_back(world: &World, stage: usize) {
    always(world);
    for change in &world.stages[stage].changes {
        let Some(state) = world.store.states.get(&change.id) else { continue };
        assert!(!counts_as_applied(world, state), "`{}` is not taken back: {}", change.id, told(world));
        let is_gone = matches!(state.state, State::Undone | State::MarkedRolledBack | State::RolledBack);
        let is_gone = is_gone || state.mode.is_transactional();
        assert!(!is_gone || world.target.is_absent(&change.id), "`{}` is left: {}", change.id, told(world));
    }
    assert!(world.store.chain_verifies(), "the chain is broken: {}", told(world));
}

/// What must hold when nothing is left to do.
pub(crate) fn complete(world: &World) {
    always(world);
    assert!(world.target.behind_our_back.is_empty(), "nobody cleaned up: {}", told(world));
    for (id, declared) in &world.declared {
        let state = &world.store.states[id];
        assert!(counts_as_applied(world, state), "`{id}` is not applied: {}", told(world));
        let once = world.target.is_there_once(id);
        assert!(
            once || declared.recovery == Recovery::AlwaysRetry && world.target.is_whole(id),
            "{}",
            told(world)
        );
    }
    assert!(world.store.is_unlocked_at(world.store.now + super::store::LEASE), "a lock stays for ever");
    assert!(world.store.chain_verifies(), "the chain is broken: {}", told(world));
}

/// What must hold when all hosts are gone.
pub(crate) fn nobody_left(world: &World) {
    complete(world);
    assert!(world.target.sessions.is_empty(), "a session was left open: {}", told(world));
}

fn told(world: &World) -> String {
    format!("rows {:?}\n{:#?}", world.target.rows, world.store.told())
}
