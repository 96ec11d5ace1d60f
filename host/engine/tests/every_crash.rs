//! Every crash: each scenario is stopped at every step, in every way; then others recover, and nothing may be untrue.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by a panic")]

#[path = "every_crash/all_states.rs"]
mod all_states;
mod model;

use std::collections::VecDeque;

use model::runner::{End, Progress, Runner};
use model::{Declared, Trouble, World, check};
use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{Mode, State};

const MODES: [Mode; 3] = [Mode::Shared, Mode::Marked, Mode::Direct];
const RECOVERIES: [Recovery; 2] = [Recovery::ManualIntervention, Recovery::AlwaysRetry];

/// One way in which a first run goes.
#[derive(Debug, Clone, Copy)]
struct Scenario {
    declared: Declared,
    trouble: Trouble,
    /// The append that fails, and whether it happened all the same.
    outage: Option<(u64, bool)>,
    rides: bool,
    /// Both changes are one transaction; which of them then meets the trouble.
    atomic: Option<&'static str>,
}

impl Scenario {
    /// Two changes, of which the first meets the trouble, or in an atomic stage the one that is named.
    fn world(&self) -> World {
        let second = Declared { has_verify: true, ..self.declared };
        let mut world = World::new(&[("schema", vec![("a", self.declared), ("b", second)])]);
        let troubled = ChangeId::new(self.atomic.unwrap_or("a")).unwrap();
        world.troubles.insert(troubled, VecDeque::from([self.trouble]));
        world.atomic.extend(self.atomic.map(|_| "schema".into()));
        world.store.outages.extend(self.outage);
        world.store.is_hashed = true;
        world.rides = self.rides;
        world
    }

    /// Every scenario.
    fn all() -> Vec<Self> {
        let mut all = Self::all_atomic();
        for mode in MODES {
            for recovery in RECOVERIES {
                for trouble in troubles(mode) {
                    // In a transaction neither `verify` nor `rollback` is ever asked for, whether there or not.
                    let (parts, rides) = match mode {
                        Mode::Direct => {
                            (vec![(false, false), (false, true), (true, false), (true, true)], vec![false])
                        }
                        Mode::Shared | Mode::Marked => (vec![(true, true)], vec![false, true]),
                    };
                    for (has_verify, has_rollback) in parts {
                        let declared = Declared { mode, recovery, has_verify, has_rollback };
                        let scenario = |rides: &bool| Self {
                            declared,
                            trouble,
                            outage: None,
                            rides: *rides,
                            atomic: None,
                        };
                        all.extend(rides.iter().map(scenario));
                    }
                }
                for (number, happened) in (1..=4).flat_map(|number| [(number, false), (number, true)]) {
                    let declared = Declared { mode, recovery, has_verify: false, has_rollback: true };
                    for trouble in [Trouble::None, Trouble::CallFails] {
                        let outage = Some((number, happened));
                        all.push(Self { declared, trouble, outage, rides: true, atomic: None });
                    }
                }
            }
        }
        all
    }

    /// Every scenario of an atomic stage.
    fn all_atomic() -> Vec<Self> {
        let mut all = Vec::new();
        for mode in [Mode::Shared, Mode::Marked] {
            for recovery in RECOVERIES {
                let declared = Declared { mode, recovery, has_verify: true, has_rollback: true };
                for atomic in [Some("a"), Some("b")] {
                    let scenario = |trouble| Self { declared, trouble, outage: None, rides: true, atomic };
                    all.extend(troubles(mode).into_iter().map(scenario));
                    for (number, happened) in (1..=3).flat_map(|number| [(number, false), (number, true)]) {
                        for trouble in [Trouble::None, Trouble::CallFails] {
                            all.push(Self { outage: Some((number, happened)), ..scenario(trouble) });
                        }
                    }
                }
            }
        }
        all
    }
}

/// What can go wrong in a mode.
fn troubles(mode: Mode) -> Vec<Trouble> {
    let mut troubles = vec![Trouble::None, Trouble::OpenRefused, Trouble::Precondition, Trouble::CallFails];
    if !mode.is_transactional() {
        troubles.extend([Trouble::CallAndRollbackFail, Trouble::CloseFails]);
        return troubles;
    }
    troubles.extend([Trouble::ProofFails, Trouble::CommitRefused, Trouble::Ends { committed: false }]);
    for (happened, late) in [(false, false), (false, true), (true, false), (true, true)] {
        troubles.extend([false, true].map(|settled| Trouble::CommitLost { happened, late, settled }));
    }
    troubles
}

/// How a host is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    /// It is killed.
    Killed,
    /// It is frozen until its lease is over and another has done everything; then it goes on.
    Frozen { looks_at_clock: bool },
    /// A person takes its lock away while it runs.
    Robbed,
}

const DISTURBANCES: [Disturbance; 4] = [
    Disturbance::Killed,
    Disturbance::Frozen { looks_at_clock: false },
    Disturbance::Frozen { looks_at_clock: true },
    Disturbance::Robbed,
];

/// Lets a host make so many steps. None when it ended before.
fn steps(world: &mut World, runner: &mut Runner, count: usize) -> Option<()> {
    for _ in 0..count {
        if let Progress::Over(_) = runner.step(world) {
            return None;
        }
        check::always(world);
    }
    Some(())
}

/// A host that goes on after others have done everything: it changes nothing, and can write no entry.
fn wake(world: &mut World, mut frozen: Runner) {
    let (entries, rows) = (world.store.entries.len(), world.target.rows.clone());
    world.run(&mut frozen);
    assert_eq!(world.store.entries.len(), entries, "a host without its lock wrote an entry");
    assert_eq!(world.target.rows, rows, "a host without its lock changed the target");
}

/// One story: the first host is disturbed after so many steps. False when it ended before.
fn disturb(world: &mut World, count: usize, disturbance: Disturbance) -> bool {
    let mut first = world.runner(0);
    if steps(world, &mut first, count).is_none() {
        return false;
    }
    match disturbance {
        Disturbance::Killed => world.crash(first),
        Disturbance::Frozen { looks_at_clock } => {
            first.looks_at_clock = looks_at_clock;
            world.settle();
            wake(world, first);
        }
        Disturbance::Robbed => {
            let stage = world.stages[0].name.clone();
            world.store.break_lock(&stage);
            world.run(&mut first);
        }
    }
    world.settle();
    check::nobody_left(world);
    true
}

#[test]
fn whatever_step_a_host_is_disturbed_at_the_others_put_it_right() {
    let mut points = 0;
    for scenario in Scenario::all() {
        for disturbance in DISTURBANCES {
            for count in 0.. {
                let mut world = scenario.world();
                if !told(&(scenario, disturbance, count), || disturb(&mut world, count, disturbance)) {
                    assert!(count >= 5, "a run of {count} steps: {scenario:?}");
                    break;
                }
                points += 1;
            }
        }
    }
    println!("{points} points");
    assert!(points > 10_000, "only {points} points were tried");
}

/// Two hosts, one after the other: the first is frozen or killed, so is the second; those that were frozen go on. None
/// when the first ended before, false when the second did.
fn disturb_twice(world: &mut World, counts: (usize, usize), frozen: bool) -> Option<bool> {
    let mut first = world.runner(0);
    steps(world, &mut first, counts.0)?;
    world.leases_end();
    let mut second = world.runner(0);
    if steps(world, &mut second, counts.1).is_none() {
        return Some(false);
    }
    if frozen {
        first.looks_at_clock = false;
        world.run(&mut first);
        world.run(&mut second);
    } else {
        world.crash(first);
        world.crash(second);
    }
    world.settle();
    check::nobody_left(world);
    Some(true)
}

#[test]
fn a_recovery_that_is_disturbed_itself_is_put_right_too() {
    let mut points = 0;
    for scenario in Scenario::all()
        .into_iter()
        .filter(|it| it.outage.is_none() && it.rides == it.declared.mode.is_transactional())
    {
        'scenario: for frozen in [false, true] {
            for first in 0.. {
                for second in 0.. {
                    let mut world = scenario.world();
                    world.store.is_hashed = false;
                    let story = || disturb_twice(&mut world, (first, second), frozen);
                    match told(&(scenario, first, second, frozen), story) {
                        Some(true) => points += 1,
                        Some(false) => break,
                        None => continue 'scenario,
                    }
                }
            }
        }
    }
    println!("{points} points");
    assert!(points > 30_000, "only {points} points were tried");
}

/// A world in which both changes are applied, and the first undo meets the trouble.
fn applied(scenario: &Scenario) -> World {
    let mut world = Scenario { trouble: Trouble::None, outage: None, ..*scenario }.world();
    world.store.is_hashed = false;
    world.settle();
    world.troubles.insert(ChangeId::new("b").unwrap(), VecDeque::from([scenario.trouble]));
    world
        .store
        .outages
        .extend(scenario.outage.map(|(number, happened)| (world.store.appends + number, happened)));
    world
}

/// One story of an undo: the host is disturbed after so many steps; then others take everything back, or apply what is
/// missing. False when it ended before.
fn disturb_undo(world: &mut World, count: usize, disturbance: Disturbance, goes_on: bool) -> bool {
    let mut first = world.undoer(0);
    if steps(world, &mut first, count).is_none() {
        return false;
    }
    let recover = |world: &mut World| {
        if goes_on {
            world.take_back(0);
        }
        world.settle();
    };
    match disturbance {
        Disturbance::Killed => world.crash(first),
        Disturbance::Frozen { looks_at_clock } => {
            first.looks_at_clock = looks_at_clock;
            // Others take its lease, whether there is anything to apply or not.
            world.take_back(0);
            recover(world);
            // One that had not planned under its lease yet begins anew, which is no mistake.
            match count {
                0..=2 => world.crash(first),
                _ => wake(world, first),
            }
        }
        Disturbance::Robbed => {
            let stage = world.stages[0].name.clone();
            world.store.break_lock(&stage);
            world.run(&mut first);
        }
    }
    recover(world);
    check::nobody_left(world);
    true
}

#[test]
fn whatever_step_an_undo_is_disturbed_at_it_is_finished_or_was_none() {
    let mut points = 0;
    for scenario in Scenario::all().into_iter().filter(|it| !it.rides || it.outage.is_some()) {
        for (disturbance, goes_on) in DISTURBANCES.iter().flat_map(|it| [(*it, false), (*it, true)]) {
            for count in 0.. {
                let story = (scenario, disturbance, goes_on, count);
                let mut world = applied(&scenario);
                if !told(&story, || disturb_undo(&mut world, count, disturbance, goes_on)) {
                    assert!(count >= 4, "an undo of {count} steps: {scenario:?}");
                    break;
                }
                points += 1;
            }
        }
    }
    println!("{points} points");
    assert!(points > 10_000, "only {points} points were tried");
}

#[test]
fn an_undo_that_fails_leaves_what_the_table_says() {
    for mode in MODES {
        for (trouble, direct) in [
            (Trouble::CallFails, (State::UndoFailed, End::Blocked)),
            (Trouble::Precondition, (State::Applied, End::Complete)),
            (Trouble::OpenRefused, (State::Applied, End::Complete)),
        ] {
            let recovery = Recovery::AlwaysRetry;
            let declared = Declared { mode, recovery, has_verify: false, has_rollback: true };
            let mut world =
                applied(&Scenario { declared, trouble, outage: None, rides: false, atomic: None });
            let mut undoer = world.undoer(0);
            assert_eq!(world.run(&mut undoer), End::Failed);
            let state = world.store.states[&ChangeId::new("b").unwrap()].state;
            let mut next = world.runner(0);
            assert_eq!(
                (state, world.run(&mut next)),
                if mode == Mode::Direct || state == State::Applied {
                    direct
                } else {
                    (State::UndoFailed, End::Complete)
                },
                "{mode} {trouble:?}"
            );
            world.take_back(0);
            world.settle();
        }
    }
}

#[test]
fn a_transaction_that_the_change_committed_itself_needs_a_person() {
    for (mode, atomic) in [Mode::Shared, Mode::Marked]
        .into_iter()
        .flat_map(|mode| [None, Some("a"), Some("b")].map(|it| (mode, it)))
    {
        let recovery = Recovery::ManualIntervention;
        let declared = Declared { mode, recovery, has_verify: true, has_rollback: true };
        let trouble = Trouble::Ends { committed: true };
        let mut world = Scenario { declared, trouble, outage: None, rides: true, atomic }.world();
        let mut runner = world.runner(0);
        assert_eq!(world.run(&mut runner), End::Failed);
        // What one that fails later committed of those before it is not known either.
        for id in if atomic == Some("b") { vec!["a", "b"] } else { vec!["a"] } {
            let state = &world.store.states[&ChangeId::new(id).unwrap()];
            assert_eq!((state.state, state.mode), (State::Failed, Mode::Direct));
        }
        let mut next = world.runner(0);
        assert_eq!(world.run(&mut next), End::Blocked);
        world.settle();
    }
}

/// Names the story when it fails.
fn told<T>(story: &dyn std::fmt::Debug, run: impl FnOnce() -> T) -> T {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    result.unwrap_or_else(|panic| {
        eprintln!("the story: {story:?}");
        std::panic::resume_unwind(panic)
    })
}
