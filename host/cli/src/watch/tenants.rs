//! How far a run is with its tenants.

use std::time::Instant;

use sandpiper::report::Exit;

use super::PERIOD;
use super::task::{bar, whole};
use crate::render::style::Palette;

/// How many are over, and since when it goes on.
#[derive(Debug)]
pub(super) struct Tenants {
    count: usize,
    done: usize,
    failed: usize,
    since: Instant,
    /// When the last line about it was written.
    told: Instant,
}

impl Tenants {
    /// None of so many is over.
    pub(super) fn new(count: usize, now: Instant) -> Self {
        Self { count, done: 0, failed: 0, since: now, told: now }
    }

    /// So many are over, the last of them with this.
    pub(super) fn went_on(&mut self, done: usize, exit: Exit) {
        self.done = done;
        self.failed += usize::from(!matches!(exit, Exit::Done | Exit::Pending));
    }

    /// What a terminal shows.
    pub(super) fn live(&self, now: Instant, palette: Palette) -> String {
        let bar = bar(self.done as u64, self.count as u64, palette);
        format!("{bar} {}", self.text(now))
    }

    /// The line to write where there is no terminal, when it is time for one.
    pub(super) fn due(&mut self, now: Instant) -> Option<String> {
        if now.saturating_duration_since(self.told) < PERIOD {
            return None;
        }
        self.told = now;
        Some(self.text(now))
    }

    fn text(&self, now: Instant) -> String {
        let failed = if self.failed > 0 { format!(", {} failed", self.failed) } else { String::new() };
        let seconds = now.saturating_duration_since(self.since).as_secs();
        format!("{} of {} tenants are over{failed} ({})", self.done, self.count, whole(seconds))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_tells_how_many_are_over_and_how_many_failed() {
        let start = Instant::now();
        let mut tenants = Tenants::new(1000, start);
        tenants.went_on(1, Exit::Failed);
        tenants.went_on(2, Exit::Done);
        let later = start + Duration::from_secs(11);
        let line = tenants.live(later, Palette::default());
        assert_eq!(line, format!("{} 2 of 1000 tenants are over, 1 failed (11 s)", "╌".repeat(20)));
        assert!(tenants.due(later).is_some() && tenants.due(later).is_none());
    }
}
