//! What the host lends a change besides its target system.

use crate::bindings::execution;
use crate::lent::lent;
use crate::{Error, Level, Result};

/// The attempt that a change runs in: its variables, its log, its checkpoints.
#[derive(Debug)]
#[repr(transparent)]
pub struct Context(execution::Context);

lent!(Context, execution::Context);

impl Context {
    /// The same text for every attempt of one change: the idempotency key for systems that take one.
    pub fn idempotency_key(&self) -> String {
        self.0.idempotency_key()
    }

    /// Which attempt this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.0.attempt()
    }

    /// The tenant of this run, where the pipeline has tenants.
    pub fn tenant(&self) -> Option<String> {
        self.0.tenant()
    }

    /// A variable of the configuration, if it is set.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.0.variable(name)
    }

    /// A variable of the configuration; that it is not set is a precondition that does not hold.
    pub fn required_variable(&self, name: &str) -> Result<String> {
        self.variable(name).ok_or_else(|| {
            Error::precondition(format!("variable `{name}` is not set; set it in `variables:` or with --set"))
        })
    }

    /// Writes a line into the log of this attempt.
    pub fn log(&self, level: Level, message: impl AsRef<str>) {
        self.0.log(level, message.as_ref());
    }

    /// Logs at the level `trace`.
    pub fn trace(&self, message: impl AsRef<str>) {
        self.log(Level::Trace, message);
    }

    /// Logs at the level `debug`.
    pub fn debug(&self, message: impl AsRef<str>) {
        self.log(Level::Debug, message);
    }

    /// Logs at the level `info`.
    pub fn info(&self, message: impl AsRef<str>) {
        self.log(Level::Info, message);
    }

    /// Logs at the level `warn`.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.log(Level::Warn, message);
    }

    /// Logs at the level `error`. The change goes on: to end it, return an [`Error`].
    pub fn error(&self, message: impl AsRef<str>) {
        self.log(Level::Error, message);
    }

    /// Says how far the change is: shown while it runs, and recorded. `total` is 0 if unknown.
    pub fn progress(&self, done: u64, total: u64) {
        self.0.progress(done, total);
    }

    /// Keeps `data` for the next attempt of this change. In a transaction it commits and dies with it; else
    /// it is durable when this returns.
    pub fn save_checkpoint(&self, data: impl AsRef<[u8]>) -> Result {
        self.0
            .save_checkpoint(data.as_ref())
            .map_err(|message| Error::failed(message).context("the checkpoint was not saved"))
    }

    /// What was saved last, by this or an earlier attempt.
    pub fn load_checkpoint(&self) -> Option<Vec<u8>> {
        self.0.load_checkpoint()
    }

    /// True once the host wants the change to stop at its next safe point.
    pub fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}
