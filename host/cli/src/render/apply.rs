//! What `apply` did: the tree of stages, an error block below the change that failed, and a line that sums it up.

use sandpiper::engine::fault::Fault;
use sandpiper::report::{ChangeOutcome, ChangeReport, Report, StageReport};

use super::style::{Ink, abbreviated, clean, duration};
use super::table::{Cell, Table};
use super::{Body, View, fault};

/// So many changes that were not reached are listed in a stage; the rest is counted.
const NOT_REACHED_SHOWN: usize = 3;

impl Body for Report {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        for it in &self.stages {
            stage(&mut table, it, view);
        }
        let mut text = table.render(view.palette);
        text.push_str(&summary(self, view));
        text
    }

    fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    fn faults(&self) -> Vec<&Fault> {
        let mut faults = Vec::new();
        for stage in &self.stages {
            let of_changes = stage.changes.iter().filter_map(|change| change.error.as_ref());
            faults.extend(stage.error.as_ref().into_iter().chain(of_changes));
        }
        faults.dedup();
        faults
    }
}

fn stage(table: &mut Table, stage: &StageReport, view: View) {
    let shown = |change: &&ChangeReport| view.verbose || change.outcome != ChangeOutcome::AlreadyApplied;
    let changes: Vec<_> = stage.changes.iter().filter(shown).collect();
    if changes.is_empty() && stage.error.is_none() {
        return;
    }
    table.line(format!("  {}", view.palette.paint(Ink::Head, &clean(&stage.name))));
    if let Some(error) = &stage.error {
        table.line(fault::fault(error, 4, view.palette));
    }
    let mut not_reached = 0;
    for it in changes {
        not_reached += usize::from(it.outcome == ChangeOutcome::NotReached);
        if it.outcome != ChangeOutcome::NotReached || view.verbose || not_reached <= NOT_REACHED_SHOWN {
            change(table, it, stage, view);
        }
    }
    let hidden = not_reached.saturating_sub(NOT_REACHED_SHOWN);
    if hidden > 0 && !view.verbose {
        table
            .line(format!("    {}", view.palette.paint(Ink::Faint, &format!("• {hidden} more not reached"))));
    }
}

fn change(table: &mut Table, change: &ChangeReport, stage: &StageReport, view: View) {
    let (mark, words, ink) = outcome(change.outcome);
    let words = match change.attempts {
        0 | 1 => words.to_owned(),
        attempts => format!("{words} after {attempts} attempts"),
    };
    let name = if change.name.is_empty() { change.id.as_str() } else { &change.name };
    let told_by_words = matches!(change.outcome, ChangeOutcome::Applied | ChangeOutcome::AlreadyApplied);
    let reason = if told_by_words || change.error.is_some() { "" } else { &change.reason };
    table.row(
        4,
        vec![
            Cell::mark(mark).ink(ink),
            Cell::new(format!("{} {}", change.order, name)),
            Cell::new(words).ink(ink),
            Cell::new(change.duration_ms.map(duration).unwrap_or_default()).right(),
            Cell::new(change.target_system.as_str()).ink(Ink::Faint),
            Cell::new(reason).ink(Ink::Faint),
        ],
    );
    if let Some(error) = change.error.as_ref().filter(|error| stage.error.as_ref() != Some(error)) {
        table.line(fault::fault(error, 6, view.palette));
    }
}

/// Mark, words and colour of an outcome.
fn outcome(outcome: ChangeOutcome) -> (&'static str, &'static str, Ink) {
    match outcome {
        ChangeOutcome::Applied => ("✓", "applied", Ink::Good),
        ChangeOutcome::AlreadyApplied => ("✓", "already applied", Ink::Faint),
        ChangeOutcome::Recovered => ("✓", "recovered", Ink::Good),
        ChangeOutcome::Failed => ("✗", "failed", Ink::Bad),
        ChangeOutcome::RolledBack => ("✗", "rolled back", Ink::Bad),
        ChangeOutcome::RollbackFailed => ("✗", "rollback failed", Ink::Bad),
        ChangeOutcome::Blocked => ("✗", "blocked", Ink::Odd),
        ChangeOutcome::NotReached => ("•", "not reached", Ink::Faint),
        ChangeOutcome::Skipped => ("-", "skipped", Ink::Faint),
    }
}

fn summary(report: &Report, view: View) -> String {
    let counts = report.counts;
    let took = duration(report.duration_ms);
    let troubled = counts.failed + counts.blocked + counts.not_reached;
    let faulty = report.stages.iter().any(|stage| stage.error.is_some());
    let outcomes = report.stages.iter().flat_map(|stage| &stage.changes).map(|change| change.outcome);
    let left_out = outcomes.filter(|outcome| *outcome == ChangeOutcome::Skipped).count();
    let applied_before = counts.skipped.saturating_sub(left_out);
    if counts.applied + troubled == 0 && !faulty {
        let applied = match applied_before {
            0 if left_out > 0 => "no change takes part".to_owned(),
            0 => "there are no changes".to_owned(),
            1 => "the one change is applied".to_owned(),
            many => format!("{many} changes are applied"),
        };
        let skipped = if left_out > 0 { format!(", {left_out} skipped") } else { String::new() };
        return format!("nothing to do: {applied}{skipped} · {took}\n");
    }
    let mut parts = vec![format!("{} applied", counts.applied)];
    if troubled > 0 || faulty {
        parts.push(format!("{} failed", counts.failed));
    }
    if counts.blocked > 0 {
        parts.push(format!("{} blocked", counts.blocked));
    }
    if troubled > 0 || faulty {
        parts.push(format!("{} left", counts.not_reached));
    }
    if applied_before > 0 {
        parts.push(format!("{applied_before} already applied"));
    }
    if left_out > 0 {
        parts.push(format!("{left_out} skipped"));
    }
    let ink = if troubled > 0 || faulty { Ink::Bad } else { Ink::Good };
    let run = view.palette.paint(Ink::Faint, &format!("run {}", clean(&abbreviated(&report.run_id))));
    format!("{} · {took} · {run}\n", view.palette.paint(ink, &parts.join(", ")))
}

#[cfg(test)]
pub(crate) mod tests {
    use sandpiper::engine::change::ChangeId;
    use sandpiper::engine::fault::{Blame, Place};
    use sandpiper::report::{Counts, StageOutcome};

    use super::*;

    pub(crate) fn change(
        order: &str,
        name: &str,
        outcome: ChangeOutcome,
        duration_ms: Option<u64>,
    ) -> ChangeReport {
        ChangeReport {
            id: ChangeId::new(&name.to_lowercase()).unwrap(),
            order: order.parse().unwrap(),
            name: name.into(),
            author: "me".into(),
            target_system: "orders-db".into(),
            outcome,
            state: None,
            mode: None,
            duration_ms,
            reason: "not applied yet".into(),
            error: None,
            attempts: 1,
        }
    }

    fn report(stages: Vec<StageReport>) -> Report {
        Report { run_id: "0193f2aa-1".to_owned(), duration_ms: 52, counts: Counts::of(&stages), stages }
    }

    fn stage(name: &str, changes: Vec<ChangeReport>) -> StageReport {
        StageReport { name: name.to_owned(), outcome: StageOutcome::Complete, error: None, changes }
    }

    #[test]
    fn a_run_looks_as_the_interface_promises() {
        let mut failed = change("0001", "BackfillStatus", ChangeOutcome::RolledBack, Some(41));
        failed.error = Some(
            Fault::new("change::failed", Blame::Change, "column \"statsu\" does not exist (42703)")
                .with_place(Some(Place {
                    line: Some(5),
                    column: Some(12),
                    ..Place::file("changes/data/_0001__B.sql")
                }))
                .with_help("nothing was changed; fix the file and run `sandpiper apply` again"),
        );
        let report = report(vec![
            stage(
                "schema",
                vec![
                    change("0001", "CreateOrders", ChangeOutcome::Applied, Some(3)),
                    change("0002", "AddStatus", ChangeOutcome::Applied, Some(2)),
                ],
            ),
            stage("data", vec![failed.clone()]),
        ]);
        let expected = "  schema
    ✓ 0001 CreateOrders    applied       3 ms  orders-db
    ✓ 0002 AddStatus       applied       2 ms  orders-db
  data
    ✗ 0001 BackfillStatus  rolled back  41 ms  orders-db
      error[change::failed]: column \"statsu\" does not exist (42703)
        --> changes/data/_0001__B.sql:5:12
      help: nothing was changed; fix the file and run `sandpiper apply` again
2 applied, 1 failed, 0 left · 52 ms · run 0193f2aa…
";
        assert_eq!(report.text(View::default()), expected);
        assert_eq!(report.faults(), [&failed.error.unwrap()]);
    }

    #[test]
    fn a_run_with_nothing_to_do_is_one_line() {
        let done = vec![change("0001", "A", ChangeOutcome::AlreadyApplied, None); 12];
        let report = report(vec![stage("schema", done)]);
        assert_eq!(report.text(View::default()), "nothing to do: 12 changes are applied · 52 ms\n");
        assert_eq!(report.text(View { verbose: true, ..View::default() }).lines().count(), 14);
    }

    #[test]
    fn what_was_applied_before_is_only_counted() {
        let changes = vec![
            change("0001", "A", ChangeOutcome::AlreadyApplied, None),
            change("0002", "B", ChangeOutcome::Applied, Some(2)),
        ];
        let expected = "  s\n    ✓ 0002 B  applied  2 ms  orders-db\n1 applied, 1 already applied · 52 ms · run 0193f2aa…\n";
        assert_eq!(report(vec![stage("s", changes)]).text(View::default()), expected);
    }

    #[test]
    fn several_attempts_are_counted() {
        let mut applied = change("0001", "A", ChangeOutcome::Applied, Some(2));
        applied.attempts = 3;
        let text = report(vec![stage("s", vec![applied])]).text(View::default());
        assert!(text.contains("✓ 0001 A  applied after 3 attempts  2 ms"), "{text}");
    }

    #[test]
    fn many_that_were_not_reached_are_counted() {
        let changes = vec![change("0001", "A", ChangeOutcome::NotReached, None); 9];
        let text = report(vec![stage("s", changes)]).text(View::default());
        assert!(text.contains("    • 6 more not reached\n0 applied, 0 failed, 9 left"), "{text}");
    }

    #[test]
    fn a_stage_whose_lock_is_busy_shows_it() {
        let mut busy = stage("s", vec![change("0001", "A", ChangeOutcome::NotReached, None)]);
        busy.error = Some(Fault::new("lock::busy", Blame::Host, "the lock is held"));
        let text = report(vec![busy]).text(View::default());
        assert!(text.starts_with("  s\n    error[lock::busy]: the lock is held\n    • 0001 A"), "{text}");
    }
}
