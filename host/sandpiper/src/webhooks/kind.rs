//! What a webhook may be told of: events by the names that `--events` gives them, and by themselves those that went wrong.

use crate::observer::Event;
use crate::report::{ChangeOutcome, StageOutcome};

/// An event that a webhook may be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A run has begun, and has something to do.
    RunStarted,
    /// It is over.
    RunFinished,
    /// It is over, and did not go well.
    RunFailed,
    /// The run of one tenant has begun, and has something to do.
    TenantStarted,
    /// It is over.
    TenantFinished,
    /// It is over, and did not go well.
    TenantFailed,
    /// A stage has begun.
    StageStarted,
    /// A stage is over.
    StageFinished,
    /// It is over, and failed or is blocked.
    StageFailed,
    /// A change is about to run.
    ChangeStarted,
    /// A change is over.
    ChangeFinished,
    /// It is over, and did not go well.
    ChangeFailed,
    /// An attempt failed, and another follows.
    ChangeRetried,
    /// Something is odd.
    Warning,
}

impl Kind {
    /// All of them, in the order of [`NAMES`](Self::NAMES).
    pub const ALL: [Self; 14] = [
        Self::RunStarted,
        Self::RunFinished,
        Self::RunFailed,
        Self::TenantStarted,
        Self::TenantFinished,
        Self::TenantFailed,
        Self::StageStarted,
        Self::StageFinished,
        Self::StageFailed,
        Self::ChangeStarted,
        Self::ChangeFinished,
        Self::ChangeFailed,
        Self::ChangeRetried,
        Self::Warning,
    ];

    /// As the configuration names them.
    pub const NAMES: [&'static str; 14] = [
        "run-started",
        "run-finished",
        "run-failed",
        "tenant-started",
        "tenant-finished",
        "tenant-failed",
        "stage-started",
        "stage-finished",
        "stage-failed",
        "change-started",
        "change-finished",
        "change-failed",
        "change-retried",
        "warning",
    ];

    /// Whether an event is one of these.
    pub(super) fn is(self, event: &Event<'_>, of_tenant: bool) -> bool {
        match (self, event) {
            (Self::RunStarted, Event::RunStarted { .. }) | (Self::RunFinished, Event::RunFinished(_)) => {
                !of_tenant
            }
            (Self::RunFailed, Event::RunFinished(finished)) => !of_tenant && finished.exit.code() != 0,
            (Self::TenantStarted, Event::RunStarted { .. }) => of_tenant,
            (Self::TenantFailed, Event::TenantFinished { exit, .. }) => exit.code() != 0,
            (Self::StageFailed, Event::StageFinished(stage)) => {
                matches!(stage.outcome, StageOutcome::Failed | StageOutcome::Blocked)
            }
            (Self::ChangeFailed, Event::ChangeFinished { change, .. }) => went_wrong(change.outcome),
            (Self::TenantFinished, Event::TenantFinished { .. })
            | (Self::StageStarted, Event::StageStarted { .. })
            | (Self::StageFinished, Event::StageFinished(_))
            | (Self::ChangeStarted, Event::ChangeStarted { .. })
            | (Self::ChangeFinished, Event::ChangeFinished { .. })
            | (Self::ChangeRetried, Event::ChangeRetried { .. })
            | (Self::Warning, Event::Warning(_)) => true,
            _ => false,
        }
    }
}

fn went_wrong(outcome: ChangeOutcome) -> bool {
    matches!(
        outcome,
        ChangeOutcome::Failed
            | ChangeOutcome::RolledBack
            | ChangeOutcome::RollbackFailed
            | ChangeOutcome::UndoFailed
            | ChangeOutcome::Blocked
    )
}
