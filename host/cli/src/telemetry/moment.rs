//! Times, as telemetry tells them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Now, in nanoseconds of the epoch.
pub(super) fn now() -> u64 {
    nanoseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A duration in nanoseconds.
pub(super) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
