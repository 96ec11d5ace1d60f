//! `kill -9` at random moments: the next run needs no person, and every effect is there exactly once.
//!
//! `SANDPIPER_KILLS` says how many a mode gets (24 by default), `SANDPIPER_SEED` repeats a run.

use std::time::{Duration, Instant};

use crate::{change, exactly_once, project};

/// As many projects are killed beside each other, for much of the time is spent waiting for leases to end.
const BESIDE: usize = 6;
/// Changes that are added before each kill.
const ADDED: usize = 4;

#[test]
fn a_killed_run_in_shared_mode_needs_no_person() {
    killed("shared");
}

#[test]
fn a_killed_run_in_marked_mode_needs_no_person() {
    killed("marked");
}

fn killed(mode: &str) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let kills = number("SANDPIPER_KILLS").unwrap_or(24);
    let seed = number("SANDPIPER_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("SANDPIPER_SEED={seed}");
    std::thread::scope(|scope| {
        for beside in 0..BESIDE {
            let share = kills.div_ceil(BESIDE as u64);
            scope.spawn(move || kill_one_project(mode, share, Random(seed * 1_000 + beside as u64 + 1)));
        }
    });
}

fn kill_one_project(mode: &str, kills: u64, mut random: Random) {
    let project = project(mode);
    let mut last = ADDED;
    (1..=last).for_each(|number| change(&project, number));
    let since = Instant::now();
    project.applied();
    let mut usual = since.elapsed();
    exactly_once(&project, last);
    let (mut killed, mut rounds) = (0, 0);
    while killed < kills {
        rounds += 1;
        assert!(rounds < 10 * kills, "the runs end before they are killed");
        for _ in 0..ADDED {
            last += 1;
            change(&project, last);
        }
        let mut running = project.start("apply --format json");
        std::thread::sleep(random.below(usual));
        if running.has_ended() {
            running.wait().exits(0);
            // The first run was slower than the others are: the next signal comes earlier.
            usual = usual * 3 / 4;
        } else {
            running.kill();
            killed += 1;
        }
        // Now and then the run that picks up the pieces is killed too, also while it waits for the lease.
        if random.next().is_multiple_of(3) {
            let running = project.start("apply");
            std::thread::sleep(random.below(Duration::from_millis(2_500)));
            running.kill();
        }
        project.applied();
        exactly_once(&project, last);
    }
}

/// Numbers that look random (xorshift), the same for the same seed.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: Duration) -> Duration {
        Duration::from_micros(self.next() % u64::try_from(limit.as_micros()).unwrap())
    }
}
