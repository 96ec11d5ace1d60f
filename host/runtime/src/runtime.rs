//! [`Runtime`]: the way into the sandbox. What it does with a component stands in `describe` and `call`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Fault, Problem};

use crate::component::Component;
use crate::engine::{Engine, Room};
use crate::limits::Limits;
use crate::loaded::Loaded;
use crate::watch::Watch;

/// How a runtime is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where compiled code is kept; nowhere if unset.
    pub cache_dir: Option<PathBuf>,
    /// What guests may take.
    pub limits: Limits,
}

/// How a component came to its code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warmed {
    /// It was found in the cache.
    Found,
    /// It was compiled, and is kept in the cache.
    Kept,
    /// It was compiled, and could not be kept; the next run compiles it again.
    Lost,
}

/// What guests took of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Components that were compiled, or found compiled in the cache.
    pub components: u64,
    /// How long that took, all of them together.
    pub compile_time: Duration,
    /// The most bytes that the memories and tables of one guest took.
    pub peak_memory: usize,
}

/// Runs components. One serves all threads of a process; making it costs nothing, for wasmtime's engine and the thread
/// that watches deadlines start with the first component that is compiled.
///
/// Its futures need no particular executor, and no timer of one. A call must be awaited to its end: what ends it early
/// is its [`Stop`](crate::stop::Stop), never dropping its future.
pub struct Runtime {
    settings: Settings,
    watch: Arc<Watch>,
    engine: OnceLock<Engine>,
    loaded: Mutex<Loaded>,
    /// Since somebody last asked.
    usage: Mutex<Usage>,
}

impl Runtime {
    /// A runtime that has done nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            watch: Arc::default(),
            engine: OnceLock::new(),
            loaded: Mutex::default(),
            usage: Mutex::default(),
        }
    }

    /// How it was set up.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What its guests may take.
    pub fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Where compiled code is kept; nowhere if unset.
    pub fn cache_dir(&self) -> Option<&Path> {
        self.settings.cache_dir.as_deref()
    }

    /// Why compiled code is not kept although a folder was given. Known once something was compiled.
    pub fn cache_warning(&self) -> Option<&Problem> {
        self.engine.get()?.cache_warning.as_ref()
    }

    /// Checks the bytes of a component whose digest is known. Nothing is compiled. The same bytes are the same component,
    /// which is compiled once as long as it is used; of those that nobody uses, the last are kept.
    ///
    /// # Errors
    ///
    /// `change::too-large`, `change::not-a-component` when it is none (and what it is instead), `change::wrong-world`
    /// when it exports nothing that we know, `change::not-allowed` when it imports what no guest may have.
    pub fn load(&self, bytes: Arc<[u8]>, digest: Digest) -> Result<Component, Fault> {
        let known = || self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = known().get(digest) {
            return Ok(component);
        }
        let component = Component::load(bytes, digest, &self.settings.limits)?;
        Ok(known().keep(component))
    }

    /// Compiles a component, or finds it compiled in the cache. Whatever needs a component's code does so by itself.
    ///
    /// # Errors
    ///
    /// `change::not-a-component` when its code is not valid, `change::wrong-world` when its interfaces are not ours.
    pub fn compile(&self, component: &Component) -> Result<(), Fault> {
        self.compiled(component, |engine| engine.code(component).map(drop))
    }

    /// Compiles a component, as [`Self::compile`] does, for those runs that find it in the cache. Nothing else may
    /// compile with this runtime meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Self::compile`].
    pub fn warm(&self, component: &Component) -> Result<Warmed, Fault> {
        let engine = self.engine();
        let (found, kept) = engine.found_and_kept();
        engine.code(component)?;
        let (found_now, kept_now) = engine.found_and_kept();
        // What does not fit into the pool is compiled, kept, and then found.
        Ok(match (kept_now > kept, found_now > found) {
            (true, _) => Warmed::Kept,
            (false, true) => Warmed::Found,
            (false, false) => Warmed::Lost,
        })
    }

    /// What guests took since this was last asked.
    pub fn take_usage(&self) -> Usage {
        std::mem::take(&mut *self.usage.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a component's next guest runs.
    pub(crate) fn room(&self, component: &Component) -> Result<Room, Fault> {
        self.compiled(component, |engine| engine.room(component))
    }

    /// Asks the engine for what needs a component's code, and notes how long compiling it took.
    fn compiled<T>(&self, component: &Component, ask: impl FnOnce(&Engine) -> T) -> T {
        let engine = self.engine();
        if component.is_compiled() {
            return ask(engine);
        }
        let begun = Instant::now();
        let answer = ask(engine);
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.components += 1;
        usage.compile_time += begun.elapsed();
        answer
    }

    /// Notes that a guest took so many bytes.
    pub(crate) fn took_memory(&self, bytes: usize) {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        usage.peak_memory = usage.peak_memory.max(bytes);
    }

    fn engine(&self) -> &Engine {
        self.engine.get_or_init(|| Engine::new(self.settings.cache_dir.as_deref()))
    }

    /// The thread that watches deadlines.
    pub(crate) fn watch(&self) -> &Arc<Watch> {
        &self.watch
    }
}

/// The fault of a machine that gives us no thread to watch deadlines on: without it, nothing is run.
pub(crate) fn no_thread(error: &std::io::Error) -> Fault {
    let message = format!("the thread that watches deadlines cannot be started: {error}");
    Fault::new("bug", Blame::Host, message).with_help("let the process have more threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_compiled_nothing_has_no_engine() {
        let runtime = Runtime::new(Settings::default());
        let bytes: Arc<[u8]> = wat::parse_str("(component)").unwrap().into();
        let digest = Digest::of(&bytes);
        assert!(runtime.load(bytes, digest).is_err());
        assert!(runtime.engine.get().is_none() && runtime.cache_warning().is_none());
    }
}
