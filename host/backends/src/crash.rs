//! Crash points: before and after every effect of a run there is a place where a test can end the process.
//!
//! They are nothing without the cargo feature `crash-points`, which only the binary `sandpiper-crash-points` has. With
//! it, these variables count:
//!
//! | variable | what |
//! | --- | --- |
//! | `SANDPIPER_CRASH_LIST` | a file to which the name of each point that is passed is written, one a line |
//! | `SANDPIPER_CRASH_AT` | a name from such a file: `before commit:2` is the second time that the run comes there |
//! | `SANDPIPER_CRASH_SIGNAL` | what the process sends to itself there: `KILL` (if unset), `TERM`, `INT` or `STOP` |

/// Something is about to be done that outlives the process, or that another process can see.
#[inline]
pub fn before(effect: &'static str) {
    #[cfg(feature = "crash-points")]
    armed::pass("before", effect);
    #[cfg(not(feature = "crash-points"))]
    let _ = effect;
}

/// It was done, or was refused.
#[inline]
pub fn after(effect: &'static str) {
    #[cfg(feature = "crash-points")]
    armed::pass("after", effect);
    #[cfg(not(feature = "crash-points"))]
    let _ = effect;
}

#[cfg(feature = "crash-points")]
mod armed {
    use std::collections::HashMap;
    use std::fs::File;
    use std::io::Write as _;
    use std::sync::{LazyLock, Mutex, PoisonError};
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    static POINTS: LazyLock<Mutex<Points>> = LazyLock::new(|| Mutex::new(Points::from_environment()));

    struct Points {
        list: Option<File>,
        at: Option<String>,
        signal: Signal,
        passed: HashMap<(&'static str, &'static str), u32>,
    }

    impl Points {
        fn from_environment() -> Self {
            let list = std::env::var_os("SANDPIPER_CRASH_LIST");
            let signal = match std::env::var("SANDPIPER_CRASH_SIGNAL").as_deref() {
                Ok("TERM") => Signal::TERM,
                Ok("INT") => Signal::INT,
                Ok("STOP") => Signal::STOP,
                _ => Signal::KILL,
            };
            Self {
                list: list.and_then(|path| File::options().create(true).append(true).open(path).ok()),
                at: std::env::var("SANDPIPER_CRASH_AT").ok(),
                signal,
                passed: HashMap::new(),
            }
        }

        /// The signal to be sent at this point, if it is the one.
        fn passes(&mut self, side: &'static str, effect: &'static str) -> Option<Signal> {
            let number = self.passed.entry((side, effect)).or_default();
            *number += 1;
            let name = format!("{side} {effect}:{number}");
            if let Some(list) = &mut self.list {
                // One write, so that threads do not mix their lines.
                drop(list.write_all(format!("{name}\n").as_bytes()));
            }
            (self.at.as_deref() == Some(&name)).then_some(self.signal)
        }
    }

    pub(super) fn pass(side: &'static str, effect: &'static str) {
        let signal = POINTS.lock().unwrap_or_else(PoisonError::into_inner).passes(side, effect);
        if let Some(signal) = signal {
            let _ = kill_process(getpid(), signal);
            // Another thread hears it: it is given the time to.
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
