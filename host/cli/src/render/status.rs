//! Each change and its state.

use sandpiper::engine::entry::State;
use sandpiper::report::{Drift, StatusChange, StatusReport, Verdict};

use super::style::{Ink, Palette, clean, count, duration, time};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for StatusReport {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        for stage in &self.stages {
            table.line(format!("  {}", view.palette.paint(Ink::Head, &clean(&stage.name))));
            for it in &stage.changes {
                change(&mut table, it, view);
            }
        }
        let changes = self.stages.iter().map(|stage| stage.changes.len()).sum();
        let mut summary = format!("{}, {} pending", count(changes, "change"), self.pending);
        match self.issues {
            0 => {}
            1 => summary.push_str("; 1 needs a person: `sandpiper issue show`"),
            many => summary.push_str(&format!("; {many} need a person: `sandpiper issue list`")),
        }
        let drift = self.drift.as_ref().map(|drift| drifted(drift, view.palette)).unwrap_or_default();
        format!("{}{summary}\n{drift}", table.render(view.palette))
    }

    fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }
}

/// What the changes that were asked say of themselves.
fn drifted(drift: &[Drift], palette: Palette) -> String {
    if drift.is_empty() {
        return "no drift: whatever has a `verify` and is applied is there\n".to_owned();
    }
    let line = |it: &Drift| {
        let says = match it.verdict {
            Verdict::Applied => "is applied",
            Verdict::NotApplied => "is not there",
            Verdict::PartlyApplied => "is there in part",
            Verdict::Unknown => "cannot tell whether it is there",
        };
        let why = it.message.as_ref().map_or_else(String::new, |why| format!(": {}", clean(why)));
        format!("  {} {} {says}{why}\n", palette.paint(Ink::Bad, "✗"), clean(&it.id))
    };
    let lines: String = drift.iter().map(line).collect();
    format!("drift: by the audit applied, but by its `verify`\n{lines}")
}

fn change(table: &mut Table, change: &StatusChange, view: View) {
    let (mark, ink) = if change.blocked { ("✗", Ink::Bad) } else { mark(change.state) };
    let untried = if change.excluded { "left out" } else { "pending" };
    let words = change.state.map_or_else(|| untried.to_owned(), state);
    let flags = [
        (change.modified, "modified"),
        (change.missing, "missing"),
        (change.rebuilt, "rebuilt"),
        (change.blocked, "needs a person"),
        (counts_earlier(change), "applied before, which counts"),
    ];
    let flags: Vec<_> = flags.into_iter().filter_map(|(set, word)| set.then_some(word)).collect();
    table.row(
        4,
        vec![
            Cell::mark(mark).ink(ink),
            Cell::new(format!("{} {}", change.order, view.name(&change.name))),
            Cell::new(view.name(&change.id)).ink(Ink::Faint),
            Cell::new(words).ink(ink),
            Cell::new(change.applied_at.map(time).unwrap_or_default()),
            Cell::new(change.duration_ms.map(duration).unwrap_or_default()).right(),
            Cell::new(&change.target_system).ink(Ink::Faint),
            Cell::new(flags.join(", ")).ink(Ink::Odd),
        ],
    );
}

/// Whether it failed when it was applied again, and what was applied before still counts.
fn counts_earlier(change: &StatusChange) -> bool {
    let is_a_failure = matches!(
        change.state,
        Some(State::RolledBack | State::Failed | State::RollbackFailed | State::Started)
    );
    is_a_failure && change.applied_at.is_some()
}

/// A state in words for people: `rolled back`.
pub(crate) fn state(state: State) -> String {
    state.as_str().replace('-', " ")
}

/// The mark and colour of a state.
pub(crate) fn mark(state: Option<State>) -> (&'static str, Ink) {
    match state {
        None | Some(State::RolledBack | State::Undone | State::MarkedRolledBack) => ("•", Ink::Faint),
        Some(State::Applied | State::MarkedApplied | State::Baselined) => ("✓", Ink::Good),
        Some(State::Started | State::Undoing | State::MarkedResumable) => ("•", Ink::Odd),
        Some(State::Failed | State::RollbackFailed | State::UndoFailed) => ("✗", Ink::Bad),
    }
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::digest::Digest;
    use sandpiper::report::StatusStage;

    use super::*;

    fn shown(name: &str, state: Option<State>) -> StatusChange {
        StatusChange {
            id: name.to_lowercase(),
            order: "0001".to_owned(),
            name: name.to_owned(),
            author: "me".to_owned(),
            target_system: "db".to_owned(),
            state,
            digest: Digest::ZERO,
            modified: false,
            missing: false,
            rebuilt: false,
            blocked: false,
            excluded: false,
            applied_at: None,
            duration_ms: None,
        }
    }

    #[test]
    fn drift_is_told_below() {
        let drift = |verdict, message: Option<&str>| Drift {
            id: "a".to_owned(),
            verdict,
            message: message.map(str::to_owned),
        };
        let found = vec![drift(Verdict::NotApplied, None), drift(Verdict::Unknown, Some("no such table"))];
        let text = StatusReport { drift: Some(found), ..StatusReport::default() }.text(View::default());
        assert!(
            text.ends_with("  ✗ a is not there\n  ✗ a cannot tell whether it is there: no such table\n"),
            "{text}"
        );
        let text = StatusReport { drift: Some(vec![]), ..StatusReport::default() }.text(View::default());
        assert!(text.ends_with("no drift: whatever has a `verify` and is applied is there\n"), "{text}");
    }

    #[test]
    fn a_status_shows_state_time_and_what_is_odd() {
        let mut edited = shown("A", Some(State::Applied));
        edited.modified = true;
        edited.applied_at = Some("2026-01-02T03:04:05.6Z".parse().unwrap());
        edited.duration_ms = Some(3);
        let mut broken = shown("B", Some(State::RollbackFailed));
        broken.blocked = true;
        let stages =
            vec![StatusStage { name: "s".to_owned(), changes: vec![edited, broken, shown("C", None)] }];
        let text = StatusReport { stages, pending: 2, issues: 1, drift: None }.text(View::default());
        let expected = "  s
    ✓ 0001 A  a  applied          2026-01-02 03:04:05Z  3 ms  db  modified
    ✗ 0001 B  b  rollback failed                              db  needs a person
    • 0001 C  c  pending                                      db
3 changes, 2 pending; 1 needs a person: `sandpiper issue show`
";
        assert_eq!(text, expected);
    }
}
