//! Turns a panic, ours or a dependency's, into an error like any other: code `bug`, exit code 70.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::{Arc, Mutex, PoisonError};

use sandpiper::engine::fault::{Effect, Fault};

/// Hears every panic of the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Panics {
    last: Arc<Mutex<Option<String>>>,
}

impl Panics {
    /// Hears from now on, in place of the standard library, which would print to standard error in its own form.
    pub(crate) fn listen() -> Self {
        let panics = Self::default();
        let last = Arc::clone(&panics.last);
        panic::set_hook(Box::new(move |info| {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(in_words(info));
        }));
        panics
    }

    /// Does the work; if it panics, gives the fault that says so.
    pub(crate) fn catch<T>(&self, work: impl FnOnce() -> T) -> Result<T, Fault> {
        panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| {
            let said = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
            Fault::bug(said.unwrap_or_else(|| "a panic without a message".to_owned()))
                .with_effect(Effect::Unknown)
        })
    }
}

/// What the panic says, and where it was; how it came there is for standard error, if `RUST_BACKTRACE` asks for it.
fn in_words(info: &PanicHookInfo<'_>) -> String {
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        // Who closed standard error does not want it.
        let _ = writeln!(io::stderr().lock(), "{trace}");
    }
    let said = info.payload_as_str().unwrap_or("a panic without a message");
    let place =
        info.location().map(|place| format!(" ({}:{})", place.file(), place.line())).unwrap_or_default();
    format!("{said}{place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_bug_with_its_place() {
        let panics = Panics::listen();
        let fault = panics.catch(|| panic!("it broke: {}", 1)).unwrap_err();
        assert_eq!((fault.code, fault.effect), ("bug", Effect::Unknown));
        assert!(fault.message.starts_with("it broke: 1 ("), "{}", fault.message);
        assert!(fault.message.contains("bug.rs:"), "{}", fault.message);
        assert_eq!(panics.catch(|| 7), Ok(7));
        // The other tests of this process are to be heard as usual.
        drop(panic::take_hook());
    }
}
