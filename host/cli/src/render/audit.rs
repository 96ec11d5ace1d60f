//! The trail of what was done.

use sandpiper::report::{EntriesReport, EntryReport, HistoryReport, PruneReport, VerifyReport};
use serde::Serialize;

use super::status::{mark, state};
use super::style::{Ink, Palette, abbreviated, clean, count, duration, time};
use super::table::{Cell, Table};
use super::{Body, View, calls};

impl Body for EntriesReport {
    fn text(&self, view: View) -> String {
        if self.entries.is_empty() {
            return "no entries\n".to_owned();
        }
        list(&self.entries, view.palette)
    }

    fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn list(entries: &[EntryReport], palette: Palette) -> String {
    let has_tenants = entries.iter().any(|entry| entry.tenant.is_some());
    let tenant = if has_tenants { "tenant" } else { "" };
    let heads =
        ["#", "time", tenant, "stage", "change", "state", "mode", "attempt", "took", "operator", "reason"];
    let mut table = Table::with_heads(&heads);
    for entry in entries {
        table.row(
            0,
            vec![
                Cell::new(entry.sequence.to_string()).right(),
                Cell::new(time(entry.finished_at.unwrap_or(entry.started_at))),
                Cell::new(entry.tenant.as_deref().unwrap_or_default()),
                Cell::new(&entry.stage),
                Cell::new(&entry.change_id),
                Cell::new(words(entry)).ink(mark(entry.state).1),
                Cell::new(entry.mode.map_or("", |mode| mode.as_str())),
                Cell::new(entry.attempt.map(|attempt| attempt.to_string()).unwrap_or_default()).right(),
                Cell::new(entry.duration_ms.map(duration).unwrap_or_default()).right(),
                Cell::new(&entry.operator).ink(Ink::Faint),
                Cell::new(why(entry)),
            ],
        );
    }
    table.render(palette)
}

/// The change, with the tenant before it where there are tenants.
fn named(entry: &EntryReport) -> String {
    let change = clean(&entry.change_id);
    entry.tenant.as_ref().map_or_else(|| change.clone(), |tenant| format!("{}: {change}", clean(tenant)))
}

fn words(entry: &EntryReport) -> String {
    entry.state.map_or_else(|| "note".to_owned(), state)
}

/// What went wrong; else why it was done, where a person or a recovery decided.
fn why(entry: &EntryReport) -> String {
    let error = entry.error.as_ref().map(|error| format!("{}: {}", error.code, error.message));
    error.or_else(|| entry.reason.clone()).unwrap_or_default()
}

/// What a person had written: `issue resolve`, `baseline`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Written(pub(crate) EntriesReport);

impl Body for Written {
    fn text(&self, view: View) -> String {
        if self.0.entries.is_empty() {
            return "nothing to record: all of it is applied\n".to_owned();
        }
        let line = |entry: &EntryReport| {
            let done = view.palette.paint(Ink::Good, "✓");
            format!("{done} {} is {} (entry {})\n", named(entry), words(entry), entry.sequence)
        };
        self.0.entries.iter().map(line).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The edit that a person accepted.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Accepted(pub(crate) EntriesReport);

impl Body for Accepted {
    fn text(&self, view: View) -> String {
        let line = |entry: &EntryReport| {
            let done = view.palette.paint(Ink::Good, "✓");
            format!("{done} the edit of {} is accepted (entry {})\n", named(entry), entry.sequence)
        };
        self.0.entries.iter().map(line).collect()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Body for HistoryReport {
    fn text(&self, view: View) -> String {
        let Some(entry) = &self.entry else {
            // Nothing was tried yet: there are notes at most.
            let is_empty = self.history.is_empty();
            return if is_empty { String::new() } else { list(&self.history, view.palette) };
        };
        let (mark, ink) = mark(entry.state);
        let palette = view.palette;
        let title = palette.paint(Ink::Head, &clean(&entry.change_id));
        let mut text =
            format!("{} {title}  {}\n", palette.paint(ink, mark), palette.paint(ink, &words(entry)));
        text.push_str(&facts(entry).render(palette));
        text.push_str(&format!("\n{}", list(&self.history, palette)));
        if let Some(calls) = &self.calls {
            text.push_str(&format!("\n{}", calls::table(calls, view)));
        }
        if let Some(artifact) = &self.artifact {
            text.push_str(&format!("\nwrote {} ({} bytes)\n", clean(&artifact.file), artifact.size));
        }
        text
    }

    fn is_empty(&self) -> bool {
        self.history.is_empty()
    }
}

fn facts(entry: &EntryReport) -> Table {
    let mut table = Table::default();
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            table.row(2, vec![Cell::new(name).ink(Ink::Faint), Cell::new(value)]);
        }
    };
    fact("stage", format!("{} {}", entry.stage, entry.order));
    fact("author", entry.author.clone());
    let mode = entry.mode.map(|mode| format!(" ({mode})")).unwrap_or_default();
    fact("target", format!("{}{mode}", entry.target_system));
    fact("environment", format!("{} / {}", entry.service, entry.environment));
    fact("tenant", entry.tenant.clone().unwrap_or_default());
    fact("started", time(entry.started_at));
    fact("finished", entry.finished_at.map(time).unwrap_or_default());
    fact("took", entry.duration_ms.map(duration).unwrap_or_default());
    let cut = if entry.calls_cut { ", more than are recorded" } else { "" };
    fact("calls", format!("{}{cut}", entry.calls));
    fact("operator", format!("{} on {}", entry.operator, entry.host));
    fact("reason", entry.reason.clone().unwrap_or_default());
    let error = entry.error.as_ref();
    fact("error", error.map(|error| format!("{}: {}", error.code, error.message)).unwrap_or_default());
    fact("digest", entry.digest.to_string());
    fact("template", entry.template_digest.map(|digest| digest.to_string()).unwrap_or_default());
    let labels: Vec<_> =
        entry.labels.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    fact("labels", labels.join(" "));
    fact("run", abbreviated(&entry.run_id));
    table
}

fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Body for VerifyReport {
    fn text(&self, view: View) -> String {
        let (good, bad) = (view.palette.paint(Ink::Good, "✓"), view.palette.paint(Ink::Bad, "✗"));
        match self.first_broken {
            Some(sequence) => {
                format!(
                    "{bad} the audit is broken at entry {sequence}; entries of its chain that fit: {}\n",
                    self.entries
                )
            }
            None if self.valid => format!("{good} the chain of {} entries is whole\n", self.entries),
            None => format!("{bad} the chain of {} entries is broken\n", self.entries),
        }
    }

    fn is_empty(&self) -> bool {
        !self.valid && self.entries == 0
    }
}

impl Body for PruneReport {
    fn text(&self, _: View) -> String {
        let Self { artifacts, calls, bytes } = *self;
        if artifacts == 0 && calls == 0 {
            return "nothing was old enough and needed by nothing\n".to_owned();
        }
        let number = |number| usize::try_from(number).unwrap_or(usize::MAX);
        format!(
            "dropped {} and the calls of {}: {} in the store are free for what comes\n",
            count(number(artifacts), "artifact"),
            match calls {
                1 => "1 entry".to_owned(),
                other => format!("{other} entries"),
            },
            count(number(bytes), "byte"),
        )
    }

    fn is_empty(&self) -> bool {
        self.artifacts == 0 && self.calls == 0
    }
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::change::Recovery;
    use sandpiper::engine::digest::Digest;
    use sandpiper::engine::entry::{Mode, Sequence, State};
    use sandpiper::engine::fault::Fault;

    use super::*;

    fn entry(sequence: u64, state: Option<State>) -> EntryReport {
        EntryReport {
            sequence: Sequence(sequence),
            run_id: "0193f2aa-1".to_owned(),
            attempt_id: None,
            service: "orders".to_owned(),
            environment: "test".to_owned(),
            tenant: None,
            change_id: "add-status".to_owned(),
            stage: "schema".to_owned(),
            order: "0002".to_owned(),
            name: "AddStatus".to_owned(),
            author: "me".to_owned(),
            state,
            attempt: Some(1),
            target_system: "db".to_owned(),
            mode: Some(Mode::Shared),
            recovery: Recovery::ManualIntervention,
            digest: Digest::ZERO,
            template_digest: None,
            started_at: "2026-01-02T03:04:05Z".parse().unwrap(),
            finished_at: None,
            duration_ms: Some(3),
            host: "h".to_owned(),
            operator: "ann@h".to_owned(),
            reason: None,
            token: 1,
            error: None,
            labels: serde_json::Map::new(),
            calls: 2,
            calls_cut: false,
            version: "0.1.0".to_owned(),
            hash: Digest::ZERO,
        }
    }

    #[test]
    fn entries_line_up_newest_last() {
        let note = EntryReport { mode: None, attempt: None, ..entry(11, None) };
        let entries = vec![entry(9, Some(State::Started)), entry(10, Some(State::Applied)), note];
        let expected = "\
#   time                  stage   change      state    mode    attempt  took  operator  reason
 9  2026-01-02 03:04:05Z  schema  add-status  started  shared        1  3 ms  ann@h
10  2026-01-02 03:04:05Z  schema  add-status  applied  shared        1  3 ms  ann@h
11  2026-01-02 03:04:05Z  schema  add-status  note                      3 ms  ann@h
";
        assert_eq!(EntriesReport { entries }.text(View::default()), expected);
        assert_eq!(EntriesReport::default().text(View::default()), "no entries\n");
    }

    #[test]
    fn a_failed_entry_says_why() {
        let mut failed = entry(1, Some(State::Failed));
        failed.error = Some(sandpiper::engine::entry::RecordedError::from(&Fault::usage("it is bad")));
        assert!(list(&[failed], Palette::default()).trim_end().ends_with("ann@h     usage: it is bad"));
    }

    #[test]
    fn a_change_is_told_with_its_history() {
        let history = vec![entry(1, Some(State::Started)), entry(2, Some(State::Applied))];
        let text = HistoryReport { entry: history.last().cloned(), history, ..HistoryReport::default() }
            .text(View::default());
        assert!(text.starts_with("✓ add-status  applied\n  stage        schema 0002\n"), "{text}");
        assert!(text.contains("  environment  orders / test\n"), "{text}");
        assert!(!text.contains("tenant") && text.lines().count() == 15, "{text}");
    }

    #[test]
    fn what_was_dropped_is_counted() {
        let dropped = PruneReport { artifacts: 1, calls: 2, bytes: 3 }.text(View::default());
        assert_eq!(
            dropped,
            "dropped 1 artifact and the calls of 2 entries: 3 bytes in the store are free for what comes\n"
        );
        assert!(PruneReport::default().text(View::default()).starts_with("nothing was old enough"));
    }

    #[test]
    fn what_a_person_recorded_is_confirmed() {
        let written = Written(EntriesReport { entries: vec![entry(7, Some(State::MarkedApplied))] });
        assert_eq!(written.text(View::default()), "✓ add-status is marked applied (entry 7)\n");
        let nothing = Written::default().text(View::default());
        assert_eq!(nothing, "nothing to record: all of it is applied\n");
        let accepted = Accepted(EntriesReport { entries: vec![entry(7, Some(State::Applied))] });
        assert_eq!(accepted.text(View::default()), "✓ the edit of add-status is accepted (entry 7)\n");
    }

    #[test]
    fn a_change_that_was_not_tried_yet_is_told_with_its_notes() {
        let text =
            HistoryReport { history: vec![entry(1, None)], ..HistoryReport::default() }.text(View::default());
        assert!(text.contains("note"), "{text}");
        assert_eq!(HistoryReport::default().text(View::default()), "");
    }

    #[test]
    fn a_broken_chain_names_its_entry() {
        let broken = VerifyReport { valid: false, entries: 42, first_broken: Some(Sequence(17)) };
        assert_eq!(
            broken.text(View::default()),
            "✗ the audit is broken at entry 17; entries of its chain that fit: 42\n"
        );
        let whole = VerifyReport { valid: true, entries: 42, first_broken: None };
        assert_eq!(whole.text(View::default()), "✓ the chain of 42 entries is whole\n");
    }
}
