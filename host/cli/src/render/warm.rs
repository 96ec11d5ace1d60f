//! What was compiled before anything runs.

use sandpiper::report::{WarmCounts, WarmOutcome, WarmReport};

use super::style::{Ink, clean};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for WarmReport {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        for component in &self.components {
            let (mark, ink, words) = match component.outcome {
                WarmOutcome::Compiled => ("✓", Ink::Good, "compiled"),
                WarmOutcome::Cached => ("•", Ink::Faint, "compiled before"),
                WarmOutcome::NotKept => ("✗", Ink::Bad, "not kept"),
            };
            table.row(
                0,
                vec![
                    Cell::mark(mark).ink(ink),
                    Cell::new(view.name(&component.name)),
                    Cell::new(words).ink(ink),
                    Cell::new(&component.kind),
                ],
            );
        }
        let WarmCounts { compiled, cached, not_kept } = self.counts;
        let mut parts = vec![format!("{compiled} compiled")];
        for (count, words) in [(cached, "before"), (not_kept, "not kept")] {
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        format!("{}{} · {}\n", table.render(view.palette), parts.join(", "), clean(&self.folder))
    }

    fn is_empty(&self) -> bool {
        self.folder.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use sandpiper::report::WarmComponent;

    use super::*;

    #[test]
    fn what_is_new_is_told_from_what_was_there() {
        let component = |name: &str, outcome| WarmComponent {
            name: name.to_owned(),
            kind: "change".to_owned(),
            digest: String::new(),
            outcome,
            duration_ms: 3,
        };
        let components =
            vec![component("a.wasm", WarmOutcome::Compiled), component("b.wasm", WarmOutcome::Cached)];
        let counts = WarmCounts { compiled: 1, cached: 1, not_kept: 0 };
        let report = WarmReport { folder: "/cache".to_owned(), counts, components };
        let expected = "\
✓ a.wasm  compiled         change
• b.wasm  compiled before  change
1 compiled, 1 before · /cache
";
        assert_eq!(report.text(View::default()), expected);
    }
}
