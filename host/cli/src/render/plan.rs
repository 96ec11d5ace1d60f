//! What `apply` would do, and why.

use sandpiper::engine::fault::Fault;
use sandpiper::report::{PlanAction, PlanChange, PlanReport};

use super::style::{Ink, clean};
use super::table::{Cell, Table};
use super::{Body, View, preview};

impl Body for PlanReport {
    fn text(&self, view: View) -> String {
        let changes = || self.stages.iter().flat_map(|stage| &stage.changes);
        let mut table = Table::default();
        for stage in &self.stages {
            let shown = |change: &&PlanChange| view.verbose || change.action != PlanAction::Skip;
            let mut changes = stage.changes.iter().filter(shown).peekable();
            if changes.peek().is_none() {
                continue;
            }
            let atomic = if stage.atomic { " (atomic)" } else { "" };
            table.line(format!("  {}{atomic}", view.palette.paint(Ink::Head, &clean(&stage.name))));
            for it in changes {
                change(&mut table, it, view);
                if let Some(seen) = &it.preview {
                    preview::lines(&mut table, seen, view);
                }
            }
        }
        let summary = summary(self);
        let blocked = changes().filter(|change| change.action == PlanAction::Blocked).count();
        let person = match blocked {
            0 => String::new(),
            _ => format!(
                "; {} a person: `sandpiper issue list`",
                if blocked == 1 { "1 needs" } else { "some need" }
            ),
        };
        let previewed = preview::summary(self);
        format!("{}{summary}{person}{previewed}\n", table.render(view.palette))
    }

    fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    fn faults(&self) -> Vec<&Fault> {
        preview::faults(self)
    }
}

/// What a plan comes to, in one line.
fn summary(report: &PlanReport) -> String {
    let number = |counts: fn(&PlanChange) -> bool| {
        report.stages.iter().flat_map(|stage| &stage.changes).filter(|change| counts(change)).count()
    };
    let undone = number(|it| it.action == PlanAction::Undo);
    let again = number(|it| it.again);
    let left_out = number(|it| it.left_out);
    let applied = number(|it| it.action == PlanAction::Skip && !it.left_out);
    let pending = report.pending.saturating_sub(undone);
    if pending + undone + again == 0 {
        return match (applied, left_out) {
            (0, 0) => "nothing to do: there are no changes".to_owned(),
            (0, _) => "nothing to do: no change takes part".to_owned(),
            (1, 0) => "nothing to do: the one change is applied".to_owned(),
            (many, 0) => format!("nothing to do: {many} changes are applied"),
            (applied, left_out) => format!("nothing to do: {applied} applied, {left_out} left out"),
        };
    }
    let parts = [
        (pending, "pending"),
        (again, "to apply again"),
        (undone, "to take back"),
        (applied, "applied"),
        (left_out, "left out"),
    ];
    let shown = parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn change(table: &mut Table, change: &PlanChange, view: View) {
    let (mark, words, ink) = match change.action {
        PlanAction::Apply => ("+", "apply", Ink::Good),
        PlanAction::Skip => ("✓", "skip", Ink::Faint),
        PlanAction::Recover => ("+", "recover", Ink::Odd),
        PlanAction::Resume => ("+", "resume", Ink::Odd),
        PlanAction::Undo => ("-", "undo", Ink::Odd),
        PlanAction::Blocked => ("✗", "blocked", Ink::Bad),
        PlanAction::NotReached => ("•", "not reached", Ink::Faint),
    };
    let attempts = match change.attempts {
        0 | 1 => String::new(),
        attempts => format!("; up to {attempts} attempts"),
    };
    table.row(
        4,
        vec![
            Cell::mark(mark).ink(ink),
            Cell::new(format!("{} {}", change.order, view.name(&change.name))),
            Cell::new(view.name(&change.id)).ink(Ink::Faint),
            Cell::new(words).ink(ink),
            Cell::new(change.mode.map_or("", |mode| mode.as_str())),
            Cell::new(&change.target_system).ink(Ink::Faint),
            Cell::new(format!("{}{attempts}", change.reason)),
        ],
    );
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::entry::Mode;
    use sandpiper::report::PlanStage;

    use super::*;

    fn planned(name: &str, action: PlanAction, reason: &str) -> PlanChange {
        PlanChange {
            id: name.to_lowercase(),
            order: "0001".to_owned(),
            name: name.to_owned(),
            target_system: "db".to_owned(),
            action,
            left_out: false,
            again: false,
            mode: Some(Mode::Shared),
            attempts: 1,
            reason: reason.to_owned(),
            preview: None,
        }
    }

    #[test]
    fn a_plan_tells_what_would_be_done_and_why() {
        let changes = vec![
            planned("A", PlanAction::Skip, "applied"),
            planned("Bee", PlanAction::Apply, "not applied yet"),
            planned("C", PlanAction::NotReached, "`bee` is before it"),
        ];
        let report = PlanReport {
            stages: vec![PlanStage { atomic: false, name: "schema".to_owned(), changes }],
            pending: 2,
        };
        let expected = "  schema
    + 0001 Bee  bee  apply        shared  db  not applied yet
    • 0001 C    c    not reached  shared  db  `bee` is before it
2 pending, 1 applied
";
        assert_eq!(report.text(View::default()), expected);
    }

    #[test]
    fn a_plan_without_work_is_one_line() {
        let changes =
            vec![planned("A", PlanAction::Skip, "applied"), planned("B", PlanAction::Skip, "applied")];
        let report = PlanReport {
            stages: vec![PlanStage { atomic: false, name: "schema".to_owned(), changes }],
            pending: 0,
        };
        assert_eq!(report.text(View::default()), "nothing to do: 2 changes are applied\n");
        let none = PlanReport::default();
        assert_eq!(none.text(View::default()), "nothing to do: there are no changes\n");
    }

    #[test]
    fn a_blocked_change_is_told_with_the_next_step() {
        let changes = vec![planned("A", PlanAction::Blocked, "its last attempt has no known end")];
        let report = PlanReport {
            stages: vec![PlanStage { atomic: false, name: "s".to_owned(), changes }],
            pending: 1,
        };
        assert!(
            report.text(View::default()).ends_with("1 pending; 1 needs a person: `sandpiper issue list`\n")
        );
    }
}
