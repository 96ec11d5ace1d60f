//! What ends a call from outside: its deadline, a signal, a lost lease; wherever the guest is.

use std::thread;
use std::time::{Duration, Instant};

use sandpiper_runtime::guest::CallError;
use sandpiper_runtime::stop::StopReason;

use crate::support::{Attempt, Ended};

const SHORT: Duration = Duration::from_millis(100);

#[track_caller]
fn stopped(ended: Ended, reason: StopReason) {
    assert_eq!(ended.error(), CallError::Stopped(reason));
}

#[test]
fn a_deadline_ends_a_guest_that_computes() {
    stopped(Attempt::case("endless").within(SHORT).run(), StopReason::Deadline);
}

#[test]
fn a_deadline_ends_a_guest_that_sleeps() {
    let attempt = Attempt::case("sleep").variable("milliseconds", 3_600_000).within(SHORT);
    stopped(attempt.run(), StopReason::Deadline);
}

#[test]
fn a_deadline_ends_a_guest_that_waits_for_its_database() {
    stopped(Attempt::case("slow-statement").within(SHORT).run(), StopReason::Deadline);
}

#[test]
fn a_guest_that_sleeps_wakes_up_by_itself() {
    let begin = Instant::now();
    Attempt::case("sleep").variable("milliseconds", 30).run().done();
    assert!(begin.elapsed() >= Duration::from_millis(30));
}

#[test]
fn a_guest_that_is_asked_to_stop_may_finish_its_step() {
    let attempt = Attempt::case("wait-for-cancel");
    let asking = thread::spawn({
        let (stop, host) = (attempt.stop.clone(), attempt.host.clone());
        move || {
            while host.lines().is_empty() {
                thread::yield_now();
            }
            stop.cancel();
        }
    });
    let CallError::Failed { message, .. } = attempt.run().error() else { panic!("it was not asked") };
    assert_eq!(message, "the guest stopped as it was told");
    asking.join().unwrap();
}

#[test]
fn a_stop_outweighs_the_failure_that_follows_from_it() {
    let attempt = Attempt::case("wait-for-cancel");
    attempt.stop.now(StopReason::LeaseLost);
    stopped(attempt.run(), StopReason::LeaseLost);
    assert!(attempt.database.statements().is_empty(), "a guest was started after its stop");
}

#[test]
fn stopping_one_guest_stops_no_other() {
    let other = thread::spawn(|| {
        let attempt = Attempt::case("calls").variable("count", 20_000);
        attempt.run().done();
    });
    for _ in 0..5 {
        stopped(Attempt::case("endless").within(Duration::from_millis(20)).run(), StopReason::Deadline);
    }
    other.join().unwrap();
}
