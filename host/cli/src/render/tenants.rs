//! What a command gave over tenants: a table of them, and below it what went wrong.

use sandpiper::engine::fault::Fault;
use sandpiper::report::{
    ChangeOutcome, EntriesReport, Exit, IssuesReport, LocksReport, OverTenants, PlanReport, Report,
    StatusReport, Summed, TenantOutcome, TenantReport, UndoReport, VerifyReport,
};

use super::audit::{Accepted, Written};
use super::issue::IssueDetails;
use super::style::{Ink, clean, count, duration};
use super::table::{Cell, Table};
use super::{Body, View, fault};

/// So many failures that are not the same are shown; the rest is counted.
const FAULTS_SHOWN: usize = 10;
/// So many tenants of one failure are named; the rest is counted.
const TENANTS_NAMED: usize = 5;

/// What a command gave for a tenant, in one row.
pub(crate) trait Row {
    /// What it comes to: `2 applied`.
    fn words(&self) -> String {
        String::new()
    }

    /// Whether there was nothing to do, so that it is only counted.
    fn is_idle(&self) -> bool {
        false
    }

    /// How long it took, in milliseconds.
    fn took(&self) -> Option<u64> {
        None
    }
}

impl<B: Body + Row + Summed> Body for OverTenants<B> {
    fn text(&self, view: View) -> String {
        let Some(tenants) = self.tenants.as_ref().filter(|_| !self.is_chosen) else {
            return self.body.text(view);
        };
        let together = if B::IS_APART { String::new() } else { self.body.text(view) };
        let mut table = Table::default();
        let is_shown = |tenant: &&TenantReport<B>| {
            let went_well = tenant.outcome == TenantOutcome::Complete;
            !went_well || B::IS_APART && (view.verbose || !tenant.body.is_idle())
        };
        for tenant in tenants.iter().filter(is_shown) {
            row(&mut table, tenant);
            if view.verbose && B::IS_APART && !tenant.body.is_empty() {
                let text = tenant.body.text(view);
                // Its last line says what the row says.
                table.line(text.trim_end().rsplit_once('\n').map_or("", |(tree, _)| tree));
            }
        }
        if !view.verbose || !B::IS_APART {
            for (error, of) in shown(tenants) {
                table.line(format!("    {}", view.palette.paint(Ink::Head, &named(&of))));
                table.line(fault::fault(error, 6, view.palette));
            }
        }
        let rows = table.render(view.palette);
        let summary = if B::IS_APART { summary(self, tenants, view) } else { String::new() };
        format!("{together}{rows}{summary}")
    }

    fn is_empty(&self) -> bool {
        match &self.tenants {
            Some(tenants) if !self.is_chosen => tenants.is_empty(),
            _ => self.body.is_empty(),
        }
    }

    fn faults(&self) -> Vec<&Fault> {
        match &self.tenants {
            Some(tenants) if !self.is_chosen => {
                tenants.iter().filter_map(|tenant| tenant.error.as_ref()).take(FAULTS_SHOWN).collect()
            }
            _ => self.body.faults(),
        }
    }
}

fn row<B: Row>(table: &mut Table, tenant: &TenantReport<B>) {
    let (mark, ink) = match tenant.outcome {
        TenantOutcome::Complete if tenant.exit != Exit::Done => ("•", Ink::Odd),
        TenantOutcome::Complete => ("✓", Ink::Good),
        TenantOutcome::Failed => ("✗", Ink::Bad),
        TenantOutcome::Blocked => ("✗", Ink::Odd),
        TenantOutcome::NotReached => ("•", Ink::Faint),
    };
    let words = match tenant.outcome {
        TenantOutcome::NotReached => "not reached".to_owned(),
        _ => tenant.body.words(),
    };
    let words = if words.is_empty() { "failed".to_owned() } else { words };
    let took = tenant.body.took().filter(|_| tenant.outcome != TenantOutcome::NotReached);
    table.row(
        2,
        vec![
            Cell::mark(mark).ink(ink),
            Cell::new(&tenant.name),
            Cell::new(words).ink(ink),
            Cell::new(took.map(duration).unwrap_or_default()).right(),
        ],
    );
}

/// The failures, each with the tenants that it is the same for.
fn shown<B>(tenants: &[TenantReport<B>]) -> Vec<(&Fault, Vec<&str>)> {
    let mut shown: Vec<(&Fault, Vec<&str>)> = Vec::new();
    for tenant in tenants {
        let Some(error) = &tenant.error else { continue };
        if let Some((_, names)) = shown.iter_mut().find(|(known, _)| *known == error) {
            names.push(&tenant.name);
        } else if shown.len() < FAULTS_SHOWN {
            shown.push((error, vec![&tenant.name]));
        }
    }
    shown
}

fn named(names: &[&str]) -> String {
    let first = names.iter().take(TENANTS_NAMED).map(|name| clean(name)).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(TENANTS_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn summary<B: Row>(over: &OverTenants<B>, tenants: &[TenantReport<B>], view: View) -> String {
    let of = |outcome| tenants.iter().filter(|tenant| tenant.outcome == outcome).count();
    let (failed, blocked, left) =
        (of(TenantOutcome::Failed), of(TenantOutcome::Blocked), of(TenantOutcome::NotReached));
    let idle = tenants
        .iter()
        .filter(|tenant| tenant.outcome == TenantOutcome::Complete && tenant.body.is_idle())
        .count();
    let mut parts = vec![count(tenants.len(), "tenant")];
    let told =
        [(failed, "failed"), (blocked, "blocked"), (left, "not reached"), (idle, "with nothing to do")];
    parts.extend(told.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    let troubled = failed + blocked + left > 0;
    let ink = if troubled { Ink::Bad } else { Ink::Good };
    let took = over.body.took().map(|took| format!(" · {}", duration(took))).unwrap_or_default();
    let words = over.body.words();
    let words =
        if idle == tenants.len() || words.is_empty() { String::new() } else { format!(" · {words}") };
    format!("{}{words}{took}\n", view.palette.paint(ink, &parts.join(", ")))
}

/// Those of the counts that are not 0, in words.
fn counted(counts: &[(usize, &str)]) -> String {
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    told.collect::<Vec<_>>().join(", ")
}

impl Row for Report {
    fn words(&self) -> String {
        let counts = self.counts;
        let outcomes = self.stages.iter().flat_map(|stage| &stage.changes).map(|change| change.outcome);
        let left_out = outcomes.filter(|outcome| *outcome == ChangeOutcome::Skipped).count();
        let applied_before = if self.stages.is_empty() { 0 } else { counts.skipped.saturating_sub(left_out) };
        counted(&[
            (counts.undone, "undone"),
            (counts.applied, "applied"),
            (counts.failed, "failed"),
            (counts.blocked, "blocked"),
            (counts.not_reached, "left"),
            (applied_before, "already applied"),
            (left_out, "skipped"),
        ])
    }

    fn is_idle(&self) -> bool {
        self.counts.applied + self.counts.undone == 0
    }

    fn took(&self) -> Option<u64> {
        Some(self.duration_ms)
    }
}

impl Row for UndoReport {
    fn words(&self) -> String {
        let counts = self.counts;
        counted(&[(counts.undone, "undone"), (counts.failed, "failed"), (counts.blocked, "blocked")])
    }

    fn is_idle(&self) -> bool {
        self.counts.undone == 0
    }

    fn took(&self) -> Option<u64> {
        Some(self.duration_ms)
    }
}

impl Row for PlanReport {
    fn words(&self) -> String {
        counted(&[(self.pending, "pending")])
    }

    fn is_idle(&self) -> bool {
        self.pending == 0
    }
}

impl Row for VerifyReport {
    fn words(&self) -> String {
        match (self.valid, self.first_broken) {
            (true, _) => format!("whole, {} entries", self.entries),
            (false, Some(sequence)) => format!("broken at entry {sequence}"),
            (false, None) => "broken".to_owned(),
        }
    }
}

impl Row for EntriesReport {}

impl Row for Written {}

impl Row for Accepted {}

impl Row for LocksReport {}

impl Row for IssuesReport {}

impl Row for IssueDetails {}

impl Summed for Written {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }
}

impl Summed for Accepted {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }
}

impl Summed for IssueDetails {
    const IS_APART: bool = false;

    fn add(&mut self, other: &Self) {
        self.0.add(&other.0);
    }
}

impl Row for StatusReport {
    fn words(&self) -> String {
        let drifted = self.drift.as_ref().map_or(0, Vec::len);
        let told = counted(&[(self.pending, "pending"), (self.issues, "blocked"), (drifted, "drifted")]);
        if told.is_empty() { "applied".to_owned() } else { told }
    }
}
