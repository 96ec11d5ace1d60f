//! What a preview has shown of the changes of a plan.

use sandpiper::engine::fault::Fault;
use sandpiper::report::{PlanReport, Preview, PreviewOutcome};

use super::style::{Ink, clean, count, duration};
use super::table::Table;
use super::{View, calls, fault};

/// The lines about one change, below its own.
pub(super) fn lines(table: &mut Table, preview: &Preview, view: View) {
    let Some(outcome) = preview.preview else { return };
    let took = duration(preview.duration_ms.unwrap_or_default());
    let made = count(preview.calls.len(), "call");
    let cut = if preview.calls_cut { ", and more that are not listed" } else { "" };
    let reason = clean(preview.preview_reason.as_deref().unwrap_or_default());
    let (ink, line) = match outcome {
        PreviewOutcome::Passed => (Ink::Good, format!("✓ previewed: {made}{cut}, {took}, rolled back")),
        PreviewOutcome::Failed => (Ink::Bad, format!("✗ it failed after {made}{cut}, {took}; rolled back")),
        PreviewOutcome::NotRun => (Ink::Odd, format!("• not previewed: {reason}")),
    };
    table.line(format!("      {}", view.palette.paint(ink, &line)));
    if !preview.calls.is_empty() {
        calls::table(&preview.calls, view).lines().for_each(|line| table.line(format!("        {line}")));
    }
    if let Some(error) = &preview.error {
        table.line(fault::fault(error, 6, view.palette));
    }
}

/// What went wrong in it.
pub(super) fn faults(report: &PlanReport) -> Vec<&Fault> {
    let changes = report.stages.iter().flat_map(|stage| &stage.changes);
    changes.filter_map(|change| change.preview.as_ref()?.error.as_ref()).collect()
}

/// How many changes went how.
pub(super) fn summary(report: &PlanReport) -> String {
    let outcomes: Vec<PreviewOutcome> = report
        .stages
        .iter()
        .flat_map(|stage| &stage.changes)
        .filter_map(|change| change.preview.as_ref()?.preview)
        .collect();
    let of = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    let parts = [
        (PreviewOutcome::Passed, "previewed"),
        (PreviewOutcome::Failed, "failed"),
        (PreviewOutcome::NotRun, "not previewed"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .map(|(outcome, words)| (of(outcome), words))
        .filter(|(many, _)| *many > 0)
        .map(|(many, words)| format!("{many} {words}"))
        .collect();
    if parts.is_empty() { String::new() } else { format!(" · {}", parts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_says_why_and_what_apply_would_leave_alone_says_nothing() {
        let mut table = Table::default();
        lines(&mut table, &Preview::default(), View::default());
        assert_eq!(table.render(View::default().palette), "");
        let preview = Preview {
            preview: Some(PreviewOutcome::NotRun),
            preview_reason: Some("it is direct".to_owned()),
            ..Preview::default()
        };
        lines(&mut table, &preview, View::default());
        assert_eq!(table.render(View::default().palette), "      • not previewed: it is direct\n");
    }
}
