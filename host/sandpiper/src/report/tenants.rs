//! What a command gives that is done for each tenant: the sum, and each tenant's own part.

use std::collections::HashMap;

use sandpiper_engine::fault::Fault;
use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{
    ChangeOutcome, ChangeReport, Counts, EntriesReport, Exit, Finished, IssuesReport, LocksReport,
    PlanReport, Report, StageReport, StatusReport, UndoReport, VerifyReport,
};

/// What a command gave, of all its tenants together and of each.
///
/// Without tenants it is written as the body alone. With tenants the parts of each stand below `tenants`, in place of
/// `stages`; where one tenant was chosen, its stages stand beside it too.
#[derive(Debug, Clone, Default)]
pub struct OverTenants<B> {
    /// The sum; what the command gave, where it was done once.
    pub body: B,
    /// Each tenant's own part, as configured; none where the pipeline has no tenants.
    pub tenants: Option<Vec<TenantReport<B>>>,
    /// Whether the command was about one tenant, which was chosen: the body is all that it gave.
    pub is_chosen: bool,
}

/// What a command gave for one tenant.
#[derive(Debug, Clone)]
pub struct TenantReport<B> {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub outcome: TenantOutcome,
    /// How the command ended for it.
    pub exit: Exit,
    /// What went wrong first, if anything did.
    pub error: Option<Fault>,
    /// What it gave.
    pub body: B,
}

/// What became of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantOutcome {
    /// It went well.
    Complete,
    /// It did not.
    Failed,
    /// A person has to look at it first.
    Blocked,
    /// It was not begun: something before it stopped the run.
    NotReached,
}

impl TenantOutcome {
    /// What an exit code means for a tenant.
    pub fn of(exit: Exit) -> Self {
        match exit {
            Exit::Done | Exit::Pending => Self::Complete,
            Exit::Manual => Self::Blocked,
            _ => Self::Failed,
        }
    }
}

/// What a command gives, and can be summed up over tenants.
pub trait Summed: Serialize + Default + Clone + Send + 'static {
    /// Whether each tenant's own part is written out; else all of it stands in the sum.
    const IS_APART: bool;

    /// What is added to.
    fn nothing() -> Self {
        Self::default()
    }

    /// Adds what it gave for another tenant.
    fn add(&mut self, other: &Self);

    /// The command, where it is a run, which is told when it begins and when it ends.
    const RUN: Option<&'static str> = None;

    /// Whether a command that left the lock of a stage to another run can be done again later.
    const CAN_GO_ON: bool = false;

    /// What it is of the run over all tenants.
    fn spanned(&mut self, _run_id: &str, _duration_ms: u64) {}

    /// The run over all tenants, where it is one.
    fn as_run(_: &Finished<OverTenants<Self>>) -> Option<Finished<Report>> {
        None
    }

    /// Together with what it gave before it left a lock to another run.
    #[must_use]
    fn going_on(self, _earlier: Self) -> Self {
        self
    }
}

impl<B: Summed> Serialize for OverTenants<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(tenants) = &self.tenants else { return self.body.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in fields(&self.body).map_err(S::Error::custom)? {
            if key != "stages" || self.is_chosen {
                map.serialize_entry(&key, &value)?;
            }
        }
        map.serialize_entry("tenants", tenants)?;
        map.end()
    }
}

impl<B: Summed> Serialize for TenantReport<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("name", &self.name)?;
        map.serialize_entry("outcome", &self.outcome)?;
        map.serialize_entry("error", &self.error)?;
        if B::IS_APART {
            // The run is the same for all tenants.
            for (key, value) in fields(&self.body).map_err(S::Error::custom)? {
                if key != "run_id" {
                    map.serialize_entry(&key, &value)?;
                }
            }
        }
        map.end()
    }
}

fn fields(body: &impl Serialize) -> Result<serde_json::Map<String, Value>, String> {
    match serde_json::to_value(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("what a command gives has no names".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

impl Summed for Report {
    const IS_APART: bool = true;
    const RUN: Option<&'static str> = Some("apply");
    const CAN_GO_ON: bool = true;

    fn add(&mut self, other: &Self) {
        self.counts += other.counts;
    }

    fn spanned(&mut self, run_id: &str, duration_ms: u64) {
        run_id.clone_into(&mut self.run_id);
        self.duration_ms = duration_ms;
    }

    fn as_run(finished: &Finished<OverTenants<Self>>) -> Option<Finished<Report>> {
        let Finished { exit, error, warnings, body } = finished.clone();
        Some(Finished { exit, error, warnings, body: body.body })
    }

    /// What was applied before stands in the later report as applied long ago.
    fn going_on(mut self, earlier: Self) -> Self {
        let done: HashMap<_, _> = applied(&earlier.stages).map(|change| (&change.id, change)).collect();
        for change in self.stages.iter_mut().flat_map(|stage| &mut stage.changes) {
            if change.outcome == ChangeOutcome::AlreadyApplied
                && let Some(earlier) = done.get(&change.id)
            {
                change.clone_from(earlier);
            }
        }
        self.counts = Counts::of(&self.stages);
        self.duration_ms += earlier.duration_ms;
        self
    }
}

fn applied(stages: &[StageReport]) -> impl Iterator<Item = &ChangeReport> {
    let is_applied =
        |change: &&ChangeReport| matches!(change.outcome, ChangeOutcome::Applied | ChangeOutcome::Recovered);
    stages.iter().flat_map(|stage| &stage.changes).filter(is_applied)
}

impl Summed for UndoReport {
    const IS_APART: bool = true;
    const RUN: Option<&'static str> = Some("undo");

    fn as_run(finished: &Finished<OverTenants<Self>>) -> Option<Finished<Report>> {
        let Finished { exit, error, warnings, body } = finished.clone();
        Some(Finished { exit, error, warnings, body: body.body.into() })
    }

    fn spanned(&mut self, run_id: &str, duration_ms: u64) {
        run_id.clone_into(&mut self.run_id);
        self.duration_ms = duration_ms;
    }

    fn add(&mut self, other: &Self) {
        let counts = other.counts;
        self.counts.undone += counts.undone;
        self.counts.applied += counts.applied;
        self.counts.skipped += counts.skipped;
        self.counts.failed += counts.failed;
        self.counts.blocked += counts.blocked;
    }
}

impl Summed for PlanReport {
    const IS_APART: bool = true;

    fn add(&mut self, other: &Self) {
        self.pending += other.pending;
    }
}

impl Summed for StatusReport {
    const IS_APART: bool = true;

    fn add(&mut self, other: &Self) {
        self.pending += other.pending;
        self.issues += other.issues;
        if let Some(drift) = &other.drift {
            self.drift.get_or_insert_default().extend(drift.iter().cloned());
        }
    }
}

impl Summed for VerifyReport {
    const IS_APART: bool = true;

    fn nothing() -> Self {
        Self { valid: true, ..Self::default() }
    }

    fn add(&mut self, other: &Self) {
        self.valid &= other.valid;
        self.entries += other.entries;
        self.first_broken = self.first_broken.or(other.first_broken);
    }
}

impl Summed for EntriesReport {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.entries.extend(other.entries.iter().cloned());
    }
}

impl Summed for LocksReport {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.locks.extend(other.locks.iter().cloned());
    }
}

impl Summed for IssuesReport {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.issues.extend(other.issues.iter().cloned());
    }
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        let Self { applied, skipped, failed, not_reached, blocked, undone } = other;
        self.applied += applied;
        self.skipped += skipped;
        self.failed += failed;
        self.not_reached += not_reached;
        self.blocked += blocked;
        self.undone += undone;
    }
}
