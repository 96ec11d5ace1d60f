//! What must never be untrue, told a second time and without the engine.

use sandpiper_engine::change::{Change, Recovery};
use sandpiper_engine::entry::{Mode, Record, State};
use sandpiper_engine::state::ChangeState;

use super::World;

/// Whether a state says that the change is applied.
fn is_applied(state: State) -> bool {
    matches!(state, State::Applied | State::MarkedApplied | State::Baselined)
}

/// Whether a change needs a person, as far as the audit can tell: what is left of it outside of a transaction.
pub(crate) fn needs_person(state: &ChangeState, recovery: Recovery) -> bool {
    state.mode == Mode::Direct
        && recovery == Recovery::ManualIntervention
        && matches!(state.state, State::Started | State::Failed | State::RollbackFailed)
}

/// What must hold after every step, whatever hosts are in the middle of.
pub(crate) fn always(world: &World) {
    for (id, declared) in world.declared.iter().filter(|(id, _)| !world.target.behind_our_back.contains(*id))
    {
        let state = world.store.states.get(id);
        let newest = state.map(|state| (state.state, state.mode));
        // A change that ended its own transaction is a `direct` one from then on.
        if declared.mode.is_transactional() && newest.is_none_or(|(_, mode)| mode != Mode::Direct) {
            let marker_there = state.is_some_and(|state| {
                state.attempt_id.as_ref().is_some_and(|attempt| world.target.markers.contains(attempt))
            });
            let says_applied = newest
                .is_some_and(|it| is_applied(it.0) || it == (State::Started, Mode::Marked) && marker_there);
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
            Some((State::RolledBack, _)) => {
                assert!(world.target.is_absent(id), "`{id}` was not rolled back: {}", told(world));
            }
            _ => {}
        }
    }
    for stage in world.stages.iter().filter(|stage| world.atomic.contains(&stage.name)) {
        // What a change committed itself, and a person then left as it is, is beyond our promise.
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
    if record.state != Some(State::Started) {
        let began = matches!(record.state, Some(State::MarkedApplied | State::MarkedRolledBack));
        assert!(began || state.is_some(), "`{id}` ended before it began: {}", told(world));
        let same = state.is_some_and(|state| state.attempt_id == record.attempt_id);
        assert!(began || same, "`{id}` is told of by an attempt that is not its newest: {}", told(world));
        return;
    }
    for earlier in stage.changes.iter().take_while(|change| change.id != *id) {
        let began = |state| world.atomic.contains(&stage.name) && state == State::Started;
        let state = world.store.states.get(&earlier.id).map(|state| state.state);
        assert!(
            state.is_some_and(|state| is_applied(state) || began(state)),
            "`{id}` starts before `{}` is applied: {}",
            earlier.id,
            told(world)
        );
    }
    let Some(state) = state else { return };
    assert!(!is_applied(state.state), "`{id}` starts again though it is applied: {}", told(world));
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

/// What must hold when nothing is left to do.
pub(crate) fn complete(world: &World) {
    always(world);
    assert!(world.target.behind_our_back.is_empty(), "nobody cleaned up: {}", told(world));
    for (id, declared) in &world.declared {
        assert!(is_applied(world.store.states[id].state), "`{id}` is not applied: {}", told(world));
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
