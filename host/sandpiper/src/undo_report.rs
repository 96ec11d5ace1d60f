//! What `undo` gives: the document of `apply`, counted from the other side.

use serde::Serialize;

use crate::report::{Counts, Report, StageReport};

/// What `undo` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct UndoReport {
    /// This run.
    pub run_id: String,
    /// How long it took.
    pub duration_ms: u64,
    /// How many changes had which outcome.
    pub counts: UndoCounts,
    /// The stages of the changes that were asked for, in the order in which the undo came to them.
    pub stages: Vec<StageReport>,
}

/// How many changes had which outcome. Those that were not come to are in the stages only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct UndoCounts {
    /// Taken back, now or by an interrupted undo.
    pub undone: usize,
    /// Applied: an undo applies none.
    pub applied: usize,
    /// Left alone.
    pub skipped: usize,
    /// Could not be taken back.
    pub failed: usize,
    /// Blocked.
    pub blocked: usize,
}

impl UndoCounts {
    /// Counts the outcomes of all changes.
    pub fn of(stages: &[StageReport]) -> Self {
        let Counts { applied, skipped, failed, blocked, undone, not_reached: _ } = Counts::of(stages);
        Self { undone, applied, skipped, failed, blocked }
    }
}

impl From<UndoReport> for Report {
    /// As a run, whichever command it was.
    fn from(undo: UndoReport) -> Self {
        let UndoReport { run_id, duration_ms, counts, stages } = undo;
        let UndoCounts { undone, applied, skipped, failed, blocked } = counts;
        let counts = Counts { applied, skipped, failed, not_reached: 0, blocked, undone };
        Self { run_id, duration_ms, counts, stages }
    }
}
