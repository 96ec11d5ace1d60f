//! All states: every schedule of a few hosts, with crashes, leases that run out and locks that are taken away, searched
//! breadth first until nothing new comes up.
//!
//! The other tests play many long stories; this one plays all short ones. What it shows for them is a proof: a change
//! outside of a transaction runs at most once without a person, one inside of a transaction is there exactly once.

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::entry::{Entry, Mode};
use sandpiper_engine::plan::Planned;

use crate::model::runner::{At, Progress, Runner, Try};
use crate::model::store::LEASE;
use crate::model::{Declared, Trouble, World, check};

/// What may still go wrong from a state on.
#[derive(Debug, Clone, Copy, Hash)]
struct Left {
    crashes: u8,
    /// How often time goes on for longer than a lease.
    expiries: u8,
    /// How often a person takes the lock away.
    robberies: u8,
}

/// A moment: everything there is, the hosts in it (none: gone), and how it came about.
#[derive(Debug, Clone)]
struct Moment {
    world: World,
    hosts: Vec<Option<Runner>>,
    left: Left,
    story: Vec<Move>,
}

/// One thing that happens.
#[derive(Debug, Clone, Copy)]
enum Move {
    Step(usize),
    Crash(usize),
    Expiry,
    Robbery,
}

impl Moment {
    fn first(declared: Declared, changes: usize, hosts: usize, left: Left, trouble: Trouble) -> Self {
        let ids = ["a", "b"].into_iter().take(changes).map(|id| (id, declared)).collect();
        let mut world = World::new(&[("schema", ids)]);
        world.troubles.insert(ChangeId::new("a").unwrap(), VecDeque::from([trouble]));
        let host = |_| {
            let mut host = world.runner(0);
            // The worst that a host can do: only the fences are left.
            host.looks_at_clock = false;
            Some(host)
        };
        let hosts = (0..hosts).map(host).collect();
        Self { world, hosts, left, story: Vec::new() }
    }

    /// What tells it from every other; how it came about does not.
    fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let hasher = &mut hasher;
        let World { store, target, troubles, .. } = &self.world;
        (store.now, store.appends, &store.leases, self.left).hash(hasher);
        store.entries.iter().for_each(|entry| told(entry).hash(hasher));
        let sessions = target.sessions.iter().map(|(id, it)| (id, &it.attempts, &it.done, it.is_proved));
        sessions.for_each(|session| session.hash(hasher));
        (&target.rows, &target.markers, &target.fence).hash(hasher);
        target.on_the_way.iter().for_each(|commit| commit.session.attempts.hash(hasher));
        troubles.values().for_each(|troubles| troubles.len().hash(hasher));
        for host in &self.hosts {
            host.as_ref().map(host_key).hash(hasher);
        }
        hasher.finish()
    }

    fn moves(&self) -> Vec<Move> {
        let here = || (0..self.hosts.len()).filter(|host| self.hosts[*host].is_some());
        let mut moves: Vec<Move> = here().map(Move::Step).collect();
        if self.left.crashes > 0 {
            moves.extend(here().map(Move::Crash));
        }
        if !moves.is_empty() {
            moves.extend((self.left.expiries > 0).then_some(Move::Expiry));
            moves.extend((self.left.robberies > 0).then_some(Move::Robbery));
        }
        moves
    }

    fn after(&self, it: Move) -> Self {
        let mut next = self.clone();
        next.story.push(it);
        match it {
            Move::Step(host) => {
                let running = next.hosts[host].as_mut().unwrap();
                if let Progress::Over(_) = running.step(&mut next.world) {
                    next.hosts[host] = None;
                }
            }
            Move::Crash(host) => {
                let gone = next.hosts[host].take().unwrap();
                next.world.crash(gone);
                next.left.crashes -= 1;
            }
            Move::Expiry => {
                next.world.store.now += LEASE + 1;
                next.left.expiries -= 1;
            }
            Move::Robbery => {
                let stage = next.world.stages[0].name.clone();
                next.world.store.break_lock(&stage);
                next.left.robberies -= 1;
            }
        }
        next
    }
}

/// What matters of an entry here.
fn told(entry: &Entry) -> impl Hash + use<> {
    let record = &entry.record;
    (record.change_id.clone(), record.state, record.mode, record.attempt_id.clone(), entry.token)
}

/// What matters of a host, besides what it does at present.
fn host_key(host: &Runner) -> impl Hash + use<> {
    let (at, doing) = match &host.at {
        At::Planning => ("planning", String::new()),
        At::Acquiring => ("acquiring", String::new()),
        At::PlanningUnderLease => ("planning under lease", String::new()),
        At::FencingAll => ("fencing all", String::new()),
        At::Fencing(planned) => ("fencing", planned_key(planned)),
        At::LookingForMarker(planned) => ("looking for the marker", planned_key(planned)),
        At::Recording { planned, state } => ("recording", format!("{state} {}", planned_key(planned))),
        At::Trying(attempt) => ("trying", attempt_key(attempt)),
        At::TryingAll(attempt) => ("trying all", format!("{attempt:?}")),
        At::Releasing(end) => ("releasing", format!("{end:?}")),
        At::Over(end) => ("over", format!("{end:?}")),
    };
    let answers = format!("{:?}", host.answers);
    (host.number, host.lease, host.valid_until, host.attempts, host.has_fenced, answers, at, doing)
}

fn planned_key(planned: &Planned) -> String {
    format!("{} {:?} {:?}", planned.change.id, planned.newest(), planned.action)
}

fn attempt_key(attempt: &Try) -> String {
    let Try { machine, command, planned, id, trouble, session, statement, rider, .. } = attempt;
    let rider = rider.as_ref().map(|(planned, id)| (planned_key(planned), id));
    format!(
        "{machine:?} {command:?} {} {id:?} {trouble:?} {session:?} {statement} {rider:?}",
        planned_key(planned)
    )
}

/// Searches everything that can follow; gives how many states there are.
fn search(first: Moment) -> usize {
    let mut seen = HashSet::from([first.key()]);
    let mut waiting = VecDeque::from([first]);
    while let Some(moment) = waiting.pop_front() {
        let story = std::panic::AssertUnwindSafe(|| {
            let moves = moment.moves();
            if moves.is_empty() {
                // All hosts are gone: whoever comes next puts it right.
                let mut world = moment.world.clone();
                world.settle();
                check::nobody_left(&world);
            }
            for it in moves {
                let next = moment.after(it);
                if seen.insert(next.key()) {
                    check::always(&next.world);
                    waiting.push_back(next);
                }
            }
        });
        if let Err(panic) = std::panic::catch_unwind(story) {
            eprintln!("after {:?}", moment.story);
            std::panic::resume_unwind(panic);
        }
    }
    seen.len()
}

/// Every way in which a change is declared, where it makes a difference.
fn all_declared() -> Vec<Declared> {
    let declared = |mode, recovery, has_verify| Declared { mode, recovery, has_verify, has_rollback: true };
    let mut all = vec![
        declared(Mode::Shared, Recovery::ManualIntervention, false),
        declared(Mode::Marked, Recovery::ManualIntervention, false),
    ];
    for recovery in [Recovery::ManualIntervention, Recovery::AlwaysRetry] {
        all.extend([false, true].map(|has_verify| declared(Mode::Direct, recovery, has_verify)));
    }
    all
}

fn troubles(mode: Mode) -> Vec<Trouble> {
    let mut troubles = vec![Trouble::None, Trouble::CallFails];
    if mode.is_transactional() {
        troubles.push(Trouble::CommitLost { happened: true, late: true, settled: true });
        troubles.push(Trouble::CommitLost { happened: true, late: false, settled: false });
    }
    troubles
}

fn search_all(changes: usize, hosts: usize, left: Left, at_least: usize) {
    let mut states = 0;
    for declared in all_declared() {
        for trouble in troubles(declared.mode) {
            states += search(Moment::first(declared, changes, hosts, left, trouble));
        }
    }
    println!("{states} states");
    assert!(states > at_least, "there are only {states} states");
}

#[test]
fn no_schedule_of_two_hosts_makes_a_rule_untrue() {
    search_all(1, 2, Left { crashes: 1, expiries: 2, robberies: 1 }, 150_000);
}

#[test]
fn no_schedule_of_two_hosts_and_two_changes_makes_a_rule_untrue() {
    search_all(2, 2, Left { crashes: 1, expiries: 2, robberies: 0 }, 50_000);
}

#[test]
fn no_schedule_of_two_hosts_and_an_atomic_stage_makes_a_rule_untrue() {
    let left = Left { crashes: 1, expiries: 1, robberies: 0 };
    let mut states = 0;
    for declared in all_declared().into_iter().filter(|declared| declared.mode.is_transactional()) {
        for trouble in troubles(declared.mode) {
            let mut first = Moment::first(declared, 2, 2, left, trouble);
            first.world.atomic.insert("schema".into());
            states += search(first);
        }
    }
    println!("{states} states");
    assert!(states > 5_000, "there are only {states} states");
}

#[test]
fn no_schedule_of_three_hosts_makes_a_rule_untrue() {
    search_all(1, 3, Left { crashes: 1, expiries: 1, robberies: 0 }, 50_000);
}
