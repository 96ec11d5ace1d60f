//! What `undo` took back: the tree of stages as `apply` shows it, and a line that sums it up.

use sandpiper::engine::fault::Fault;
use sandpiper::report::{ChangeOutcome, UndoReport};

use super::style::{Ink, abbreviated, clean, duration};
use super::table::Table;
use super::{Body, View, apply};

impl Body for UndoReport {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        for stage in &self.stages {
            apply::stage(&mut table, stage, view);
        }
        let mut text = table.render(view.palette);
        text.push_str(&summary(self, view));
        text
    }

    fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    fn faults(&self) -> Vec<&Fault> {
        apply::faults(&self.stages)
    }
}

fn summary(report: &UndoReport, view: View) -> String {
    let (counts, took) = (report.counts, duration(report.duration_ms));
    if report.stages.is_empty() {
        return format!("nothing to take back · {took}\n");
    }
    let changes = || report.stages.iter().flat_map(|stage| &stage.changes);
    let left = changes().filter(|change| change.outcome == ChangeOutcome::NotReached).count();
    let troubled = counts.failed + counts.blocked + left > 0;
    let mut parts = vec![format!("{} undone", counts.undone)];
    if troubled {
        parts.push(format!("{} failed", counts.failed));
    }
    if counts.blocked > 0 {
        parts.push(format!("{} blocked", counts.blocked));
    }
    if troubled {
        parts.push(format!("{left} left"));
    }
    let ink = if troubled { Ink::Bad } else { Ink::Good };
    let run = view.palette.paint(Ink::Faint, &format!("run {}", clean(&abbreviated(&report.run_id))));
    format!("{} · {took} · {run}\n", view.palette.paint(ink, &parts.join(", ")))
}

#[cfg(test)]
mod tests {
    use sandpiper::report::{StageOutcome, StageReport, UndoCounts};

    use super::*;
    use crate::render::apply::tests::change;

    fn report(outcomes: &[(&str, ChangeOutcome)]) -> UndoReport {
        let changes =
            outcomes.iter().map(|(name, outcome)| change("0001", name, *outcome, Some(3))).collect();
        let stage =
            StageReport { name: "schema".to_owned(), outcome: StageOutcome::Complete, error: None, changes };
        let stages = vec![stage];
        UndoReport {
            run_id: "0193f2aa-1".to_owned(),
            duration_ms: 52,
            counts: UndoCounts::of(&stages),
            stages,
        }
    }

    #[test]
    fn what_was_taken_back_is_told_in_order() {
        let expected = "  schema
    ✓ 0001 B  undone  3 ms  orders-db
    ✓ 0001 A  undone  3 ms  orders-db
2 undone · 52 ms · run 0193f2aa…
";
        let report = report(&[("B", ChangeOutcome::Undone), ("A", ChangeOutcome::Undone)]);
        assert_eq!(report.text(View::default()), expected);
    }

    #[test]
    fn what_is_left_is_counted_where_something_failed() {
        let report = report(&[("B", ChangeOutcome::UndoFailed), ("A", ChangeOutcome::NotReached)]);
        let text = report.text(View::default());
        assert!(text.ends_with("0 undone, 1 failed, 1 left · 52 ms · run 0193f2aa…\n"), "{text}");
    }

    #[test]
    fn nothing_to_take_back_is_one_line() {
        let nothing = UndoReport { duration_ms: 3, ..UndoReport::default() };
        assert_eq!(nothing.text(View::default()), "nothing to take back · 3 ms\n");
    }
}
