//! How much a guest may take, and how it is said that it took more.

use std::fmt;
use std::time::Duration;

/// What a guest may take at most. The names of the settings that move them are `limits.` and the field's name, with
/// hyphens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take. Whoever calls puts it, or what is left of it, into
    /// [`Loan::deadline`](crate::guest::Loan).
    pub deadline: Duration,
    /// How long a component may take to describe itself, or to assess a step.
    pub describe_deadline: Duration,
    /// Bytes of all memories and tables of a guest together.
    pub memory: usize,
    /// Handles that a guest holds at once.
    pub handles: usize,
    /// Bytes of a component.
    pub component: usize,
    /// Bytes that one call of a guest may pass to the host.
    pub arguments: usize,
    /// Bytes of one batch of rows.
    pub batch: usize,
    /// Bytes of the body of one response.
    pub body: usize,
    /// Bytes of log that a call may write; more is counted only.
    pub log: usize,
    /// Bytes that a component may say of itself, or of a step.
    pub description: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(600),
            describe_deadline: Duration::from_secs(5),
            memory: 256 << 20,
            handles: 1024,
            component: 64 << 20,
            arguments: 16 << 20,
            batch: 4 << 20,
            body: 16 << 20,
            log: 1 << 20,
            description: 1 << 20,
        }
    }
}

/// A limit that was reached. As an error of a host function it ends the guest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Reached {
    /// The code of the fault.
    pub(crate) code: &'static str,
    /// What was reached, how much it is, and which setting moves it.
    pub(crate) message: String,
}

impl Reached {
    /// The limit of memory.
    pub(crate) fn memory(limits: &Limits) -> Self {
        let message = format!("it needs more than {} of memory (`limits.memory`)", Bytes(limits.memory));
        Self { code: "change::memory", message }
    }

    /// The limit of open handles.
    pub(crate) fn handles(limits: &Limits) -> Self {
        Self::other(format!("it holds more than {} handles at once (`limits.handles`)", limits.handles))
    }

    /// The limit of what one call may pass.
    pub(crate) fn arguments(limits: &Limits) -> Self {
        Self::other(format!("one call passes more than {} (`limits.arguments`)", Bytes(limits.arguments)))
    }

    /// The limit of what a component may say of itself.
    pub(crate) fn description(limits: &Limits) -> Self {
        Self::other(format!("its answer is longer than {} (`limits.description`)", Bytes(limits.description)))
    }

    /// Any other limit.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self { code: "change::limit", message: message.into() }
    }
}

/// A number of bytes, for people.
pub(crate) struct Bytes(pub(crate) usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let whole =
            units.into_iter().find(|(shift, _)| self.0 >= 1 << shift && self.0.trailing_zeros() >= *shift);
        match whole {
            Some((shift, unit)) => write!(f, "{} {unit}", self.0 >> shift),
            None => write!(f, "{} bytes", self.0),
        }
    }
}

/// A length of time, for people.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{} s", self.0.as_secs()),
            _ => write!(f, "{} ms", self.0.as_millis()),
        }
    }
}

/// Counts what a guest's memories and tables take, and refuses more than the limit.
pub(crate) struct Memory {
    limits: Limits,
    used: usize,
    /// Set when the guest was refused.
    pub(crate) reached: bool,
}

/// About what an element of a table takes.
const TABLE_ELEMENT: usize = 16;

impl Memory {
    /// Nothing is used yet.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, used: 0, reached: false }
    }

    /// Bytes that are taken; a guest never gives any back.
    pub(crate) fn used(&self) -> usize {
        self.used
    }

    fn grow(&mut self, current: usize, desired: usize, unit: usize) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current).saturating_mul(unit);
        let used = self.used.saturating_add(more);
        if used > self.limits.memory {
            self.reached = true;
            return Err(wasmtime::Error::new(Reached::memory(&self.limits)));
        }
        self.used = used;
        Ok(true)
    }
}

impl wasmtime::ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, 1)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(current, desired, TABLE_ELEMENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::ResourceLimiter as _;

    #[test]
    fn all_memories_and_tables_count_together() {
        let mut memory = Memory::new(Limits { memory: 1 << 20, ..Limits::default() });
        assert!(memory.memory_growing(0, 1 << 19, None).unwrap());
        assert!(memory.memory_growing(0, 1 << 18, None).unwrap());
        assert!(memory.table_growing(0, 1 << 14, None).unwrap());
        assert!(!memory.reached);
        let error = memory.memory_growing(1 << 18, (1 << 18) + 1, None).unwrap_err();
        assert!(memory.reached);
        assert_eq!(error.to_string(), "it needs more than 1 MiB of memory (`limits.memory`)");
    }

    #[test]
    fn a_guest_that_grows_beyond_its_own_maximum_is_only_refused() {
        let mut memory = Memory::new(Limits::default());
        assert!(!memory.memory_growing(0, 2, Some(1)).unwrap());
        assert!(!memory.table_growing(0, 2, Some(1)).unwrap());
        assert!(!memory.reached);
    }

    #[test]
    fn bytes_are_shown_in_the_largest_unit_that_fits_whole() {
        let shown = [256 << 20, 1 << 30, 1536, 1000, 0].map(|bytes| Bytes(bytes).to_string());
        assert_eq!(shown, ["256 MiB", "1 GiB", "1536 bytes", "1000 bytes", "0 bytes"]);
    }

    #[test]
    fn times_are_shown_in_seconds_unless_they_are_shorter() {
        let shown = [5000, 600_000, 250].map(|time| Time(Duration::from_millis(time)).to_string());
        assert_eq!(shown, ["5 s", "600 s", "250 ms"]);
    }
}
