//! What `init`, `new` and `build` have made.

use sandpiper::guests::BuildReport;
use sandpiper::scaffold::Made;

use super::style::{Ink, clean};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for Made {
    fn text(&self, view: View) -> String {
        let done = view.palette.paint(Ink::Good, "✓");
        let mut text: String = self.files.iter().map(|file| format!("{done} {}\n", clean(file))).collect();
        if !self.next.is_empty() {
            text.push_str(&format!("{}: {}\n", view.palette.paint(Ink::Link, "next"), clean(&self.next)));
        }
        text
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

impl Body for BuildReport {
    fn text(&self, view: View) -> String {
        if self.built.is_empty() {
            return "there are no guest projects: `sandpiper new Name --language rust` makes one\n"
                .to_owned();
        }
        let mut table = Table::default();
        for built in &self.built {
            let (mark, ink, words) =
                if built.unchanged { ("•", Ink::Faint, "unchanged") } else { ("✓", Ink::Good, "built") };
            table.row(
                0,
                vec![
                    Cell::mark(mark).ink(ink),
                    Cell::new(&built.file),
                    Cell::new(words).ink(ink),
                    Cell::new(kilobytes(built.size)).right(),
                ],
            );
        }
        let mut text = table.render(view.palette);
        if view.verbose {
            for line in self.built.iter().flat_map(|built| built.command.lines()) {
                text.push_str(&view.palette.paint(Ink::Faint, &format!("$ {}", clean(line))));
                text.push('\n');
            }
        }
        text
    }

    fn is_empty(&self) -> bool {
        self.built.is_empty()
    }
}

/// A size as people say it: `61 kB`.
fn kilobytes(bytes: u64) -> String {
    format!("{} kB", bytes.div_ceil(1000))
}

#[cfg(test)]
mod tests {
    use sandpiper::guests::Built;

    use super::*;

    #[test]
    fn what_was_made_is_named_with_the_next_step() {
        let made =
            Made { files: vec!["x/sandpiper.yaml".to_owned()], next: "cd x && sandpiper apply".to_owned() };
        assert_eq!(made.text(View::default()), "✓ x/sandpiper.yaml\nnext: cd x && sandpiper apply\n");
    }

    #[test]
    fn what_was_built_is_told_from_what_was_unchanged() {
        let built = |file: &str, unchanged| Built {
            project: "src/a".to_owned(),
            file: file.to_owned(),
            size: 61_440,
            unchanged,
            command: "one\ntwo".to_owned(),
        };
        let report = BuildReport { built: vec![built("_0001__A.wasm", false), built("_0002__B.wasm", true)] };
        let expected = "✓ _0001__A.wasm  built      62 kB\n• _0002__B.wasm  unchanged  62 kB\n";
        assert_eq!(report.text(View::default()), expected);
        let shown = report.text(View { verbose: true, ..View::default() });
        assert!(shown.ends_with("62 kB\n$ one\n$ two\n$ one\n$ two\n"), "{shown}");
    }
}
