//! One thing that runs, or waits for its lock, in words.

use std::time::Instant;

use super::live::width;
use crate::render::style::{Ink, Palette, clean, duration};

/// The width of a progress bar.
const BAR: usize = 20;
/// As much of a name is always shown.
const SHORTEST: usize = 12;

/// A change that runs, or a stage that waits for its lock.
#[derive(Debug)]
pub(super) struct Task {
    /// For whom; empty where there are no tenants.
    pub(super) tenant: String,
    pub(super) stage: String,
    /// The change; none while the stage waits.
    pub(super) id: Option<String>,
    /// Who holds the lock, in words.
    pub(super) holder: String,
    pub(super) since: Instant,
    pub(super) done: u64,
    pub(super) total: u64,
    /// So many changes of its stage ran before it.
    pub(super) before: usize,
    /// Whether it is over, and the next one of its stage has not begun: a terminal shows it until then, for most gaps are
    /// too short to see.
    pub(super) is_over: bool,
    /// When the last line about it was written.
    pub(super) told: Option<Instant>,
}

impl Task {
    pub(super) fn new(tenant: &str, stage: &str, id: Option<&str>, since: Instant) -> Self {
        let (tenant, stage, id) = (tenant.to_owned(), stage.to_owned(), id.map(str::to_owned));
        let holder = String::new();
        Self { tenant, stage, id, holder, since, done: 0, total: 0, before: 0, is_over: false, told: None }
    }

    pub(super) fn is_of(&self, tenant: &str, stage: &str) -> bool {
        self.tenant == tenant && self.stage == stage
    }

    pub(super) fn runs(&self, tenant: &str, id: &str) -> bool {
        self.tenant == tenant && self.id.as_deref() == Some(id)
    }

    /// What a terminal with so many columns shows: of a long name only the beginning, for how far it is says more.
    pub(super) fn live(&self, now: Instant, palette: Palette, columns: usize) -> String {
        let before = match self.before {
            0 => String::new(),
            before => palette.paint(Ink::Faint, &format!("  {before} before it")),
        };
        let id = clean(self.id.as_deref().unwrap_or_default());
        let line = |id: &str| format!("{}{before}", self.said(id, now, palette));
        let whole = line(&id);
        let too_long = width(&whole).saturating_sub(columns);
        if too_long == 0 {
            return whole;
        }
        let room = id.chars().count().saturating_sub(too_long + 1).max(SHORTEST);
        let begin: String = id.chars().take(room).collect();
        line(&format!("{begin}…"))
    }

    /// What is written elsewhere.
    pub(super) fn text(&self, now: Instant, palette: Palette) -> String {
        self.said(&clean(self.id.as_deref().unwrap_or_default()), now, palette)
    }

    fn said(&self, id: &str, now: Instant, palette: Palette) -> String {
        let seconds = now.saturating_duration_since(self.since).as_secs();
        let stage = place(&self.tenant, &self.stage);
        if self.id.is_none() {
            let holder = clean(&self.holder);
            return format!("waiting for the lock of stage {stage}, held by {holder} ({})", whole(seconds));
        }
        let progress = progress(self.done, self.total, palette);
        format!("{stage}: {} is running{progress} ({})", palette.paint(Ink::Head, id), whole(seconds))
    }
}

/// What happens where: the tenant stands before it, where there are tenants.
pub(super) fn place(tenant: &str, what: &str) -> String {
    if tenant.is_empty() { clean(what) } else { format!("{} {}", clean(tenant), clean(what)) }
}

/// Seconds as people say them.
pub(super) fn whole(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds} s") } else { duration(seconds.saturating_mul(1000)) }
}

fn progress(done: u64, total: u64, palette: Palette) -> String {
    if total == 0 {
        return if done == 0 { String::new() } else { format!(", {done} done") };
    }
    let percent = u128::from(done.min(total)) * 100 / u128::from(total);
    format!(" {} {percent} % ({done} of {total})", bar(done, total, palette))
}

pub(super) fn bar(done: u64, total: u64, palette: Palette) -> String {
    let filled = u128::from(done.min(total)) * BAR as u128 / u128::from(total.max(1));
    let filled = usize::try_from(filled).unwrap_or(BAR).min(BAR);
    format!("{}{}", palette.paint(Ink::Good, &"━".repeat(filled)), "╌".repeat(BAR - filled))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn running(since: Instant, done: u64, total: u64) -> Task {
        Task { done, total, ..Task::new("", "data", Some("backfill"), since) }
    }

    #[test]
    fn a_running_change_shows_how_far_it_is() {
        let start = Instant::now();
        let now = start + Duration::from_secs(12);
        let text = |done, total| running(start, done, total).text(now, Palette::default());
        assert_eq!(text(0, 0), "data: backfill is running (12 s)");
        assert_eq!(text(7, 0), "data: backfill is running, 7 done (12 s)");
        assert_eq!(text(1, 4), "data: backfill is running ━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 25 % (1 of 4) (12 s)");
        assert!(text(u64::MAX, 3).contains(&format!("{} 100 %", "━".repeat(BAR))));
    }

    #[test]
    fn of_a_long_name_the_beginning_is_shown_so_that_the_rest_has_room() {
        let start = Instant::now();
        let task = Task::new("", "data", Some("a-name-that-is-longer-than-others"), start);
        let live = |columns| task.live(start, Palette::default(), columns);
        assert_eq!(live(80), "data: a-name-that-is-longer-than-others is running (0 s)");
        assert_eq!(live(40), "data: a-name-that-is-l… is running (0 s)");
        assert_eq!(live(10), "data: a-name-that-… is running (0 s)");
        assert_eq!(live(40).chars().count(), 40);
    }
}
