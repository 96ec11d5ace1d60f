//! A change that lies: its id tells the time.

mod support;

use sandpiper_sdk::bindings::types::ChangeInfo;
use std::time::SystemTime;

support::bare_change!(|| ChangeInfo {
    id: format!("test-guest-{}", SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_nanos())),
    ..support::info()
});
