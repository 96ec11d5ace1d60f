//! Trying a change again within the run, where it says so: after a pause, on what is there then.

use std::time::{Duration, Instant};

use sandpiper_engine::attempt::Conclusion;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::Fault;

use crate::observer::Event;
use crate::run::outcome::{ChangeResult, Results};
use crate::run::ready::Ready;
use crate::run::stage::StageRun;

/// How often it is looked while waiting whether the run was told to stop.
const LOOKS: Duration = Duration::from_millis(50);

/// The number of an attempt in this run, counted from 1.
pub(crate) fn attempts(results: &Results, id: &ChangeId) -> u32 {
    results.get(id).map_or(1, |before| before.attempts.saturating_add(1))
}

/// How long to wait before the change is tried again after so many attempts; none where it is not.
pub(crate) fn pause(
    run: &StageRun<'_>,
    ready: &Ready,
    attempts: u32,
    conclusion: &Conclusion<Fault>,
) -> Option<Duration> {
    let retry = ready.retry.filter(|_| run.core.stopper.asked().is_none())?;
    let is_transient = |fault: &Fault| fault.transient;
    let again = retry.again(attempts, conclusion, ready.mode, ready.change.recovery, is_transient);
    again.then(|| retry.pause(attempts, chance()))
}

/// Tells that it is tried again.
pub(crate) fn tell(run: &StageRun<'_>, ready: &Ready, result: &ChangeResult, pause: Duration) {
    run.core.observer.event(&Event::ChangeRetried {
        stage: run.stage.as_str(),
        id: ready.change.id.as_str(),
        failed: result.attempts,
        attempts: ready.retry.map_or(1, |retry| retry.attempts),
        pause,
        error: result.error.as_ref(),
    });
}

/// Waits, under the lease, but with no turn on any system. False when the run was told to stop meanwhile.
pub(crate) async fn waits(run: &StageRun<'_>, pause: Duration) -> bool {
    let since = Instant::now();
    while run.core.stopper.asked().is_none() {
        let left = pause.saturating_sub(since.elapsed());
        if left.is_zero() || run.held.is_lost() {
            return true;
        }
        tokio::time::sleep(left.min(LOOKS)).await;
    }
    false
}

/// A number from 0 to 1.
fn chance() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().1) / f64::from(u16::MAX)
}
