//! Hosts that freeze (`SIGSTOP`) for longer than their lease, at every point, while another one takes over; then they go
//! on (`SIGCONT`), and must write nothing any more.

use std::time::{Duration, Instant};

use sandpiper_tests::{Project, Running};
use serde_json::Value;

use crate::crash::{Signal, each_of, points, start};
use crate::recover::recover;
use crate::signals::signal;
use crate::stories::{SMALL, Story};

/// Short, so that the wait for the end of a lease is; a host that finds a file locked waits no longer either.
const LOCK: &str = "lock: { lease: 1s, wait: 3s, retry: 50ms }";
/// Frozen hosts need no processor.
const BESIDE: usize = 16;

/// Whether a process is stopped, or gone.
fn is_stopped(running: &mut Running) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", running.id())).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().next());
    state == Some("T") || running.has_ended()
}

/// The chain's entries, and the lock's token.
fn audit(project: &Project) -> (Value, Value, Value) {
    let lock = project.json("lock status").exits(0).at("/locks/0");
    let entries = project.json("audit list --history").exits(0).at("/entries");
    (entries, lock["token"].clone(), lock["held"].clone())
}

fn freeze(story: &Story, point: &str) {
    let project = (story.project)();
    project.configure(LOCK);
    let mut first = start(&project, story.line, point, Signal::Stop);
    let since = Instant::now();
    while !is_stopped(&mut first) {
        assert!(since.elapsed() < Duration::from_secs(60), "it does not come there");
        std::thread::sleep(Duration::from_millis(5));
    }
    if first.has_ended() {
        // On a busy machine a lease of a second may be over before it comes there.
        first.wait().exits(5);
        return recover(story, &project);
    }
    let (_, token, held) = audit(&project);
    let second = project.run(story.line);
    assert!([0, 4, 5, 7].contains(&second.code), "the second host:\n{second}");
    let (entries, taken, _) = audit(&project);
    let parts = story.parts_of(&project);
    signal(&first, "CONT");
    let first = first.wait();
    let was_taken_from_it = held == true && taken != token;
    if was_taken_from_it {
        // Had it just taken the lock, it finds that there is nothing left to do, which is no fault.
        let had_nothing_to_do = first.code == 0 && first.counts()[0] == 0 && second.code == 0;
        assert!(first.code == 5 || had_nothing_to_do, "the first host:\n{first}\nthe second:\n{second}");
        assert_eq!(audit(&project).0, entries, "it wrote an entry without its lock:\n{first}");
        assert_eq!(story.parts_of(&project), parts, "it changed something without its lock:\n{first}");
    } else {
        // It had not taken the lock yet, or had given it back, or nobody was able to take it.
        assert!([0, 4, 5].contains(&first.code), "the first host:\n{first}\nthe second:\n{second}");
    }
    recover(story, &project);
}

fn frozen_everywhere(story: &Story) {
    frozen_where(story, |point| point.starts_with("after"));
}

/// Freezes a host at each point of which this is true.
pub(crate) fn frozen_where(story: &Story, is_meant: impl Fn(&str) -> bool) {
    let (points, _) = points(&(story.project)(), story.line);
    let points: Vec<&String> = points.iter().filter(|point| is_meant(point)).collect();
    assert!(points.len() > 5, "{points:?}");
    each_of(BESIDE, story.name, &points, |point| freeze(story, point));
}

#[test]
fn a_frozen_host_writes_nothing_once_another_has_taken_over() {
    for story in SMALL.iter().take(3) {
        frozen_everywhere(story);
    }
}
