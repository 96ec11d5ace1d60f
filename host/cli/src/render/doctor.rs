//! What was looked at, and how to mend what is wrong.

use sandpiper::engine::diagnosis::Health;
use sandpiper::engine::fault::Fault;
use sandpiper::report::DoctorReport;

use super::style::{Ink, clean, count};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for DoctorReport {
    fn text(&self, view: View) -> String {
        let mut table = Table::default();
        for check in &self.checks {
            let (mark, ink) = match check.health {
                Health::Good => ("✓", Ink::Good),
                Health::Odd => ("!", Ink::Odd),
                Health::Bad => ("✗", Ink::Bad),
                Health::Unknown => ("•", Ink::Faint),
            };
            table.row(0, vec![Cell::mark(mark).ink(ink), Cell::new(&check.name), Cell::new(&check.message)]);
            if let Some(help) = &check.help {
                table.line(format!("    {} {}", view.palette.paint(Ink::Link, "help:"), clean(help)));
            }
        }
        let of = |health| self.checks.iter().filter(|check| check.health == health).count();
        let mut parts = vec![count(self.checks.len(), "check")];
        for (health, words) in
            [(Health::Bad, "failed"), (Health::Unknown, "not looked at"), (Health::Odd, "odd")]
        {
            match of(health) {
                0 => {}
                many => parts.push(format!("{many} {words}")),
            }
        }
        if parts.len() == 1 {
            parts.push("all is well".to_owned());
        }
        format!("{}{}\n", table.render(view.palette), parts.join(", "))
    }

    fn is_empty(&self) -> bool {
        self.checks.is_empty()
    }

    fn faults(&self) -> Vec<&Fault> {
        self.failure.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use sandpiper::report::Check;

    use super::*;

    fn check(name: &str, health: Health, help: Option<&str>) -> Check {
        let ok = matches!(health, Health::Good | Health::Odd);
        let (name, message) = (name.to_owned(), "found".to_owned());
        Check { name, ok, message, help: help.map(str::to_owned), health }
    }

    #[test]
    fn each_check_has_a_mark_and_what_is_wrong_how_to_mend_it() {
        let report = DoctorReport {
            checks: vec![
                check("changes", Health::Good, None),
                check("store.rights", Health::Bad, Some("grant it")),
                check("store.chain", Health::Unknown, None),
            ],
            failure: None,
        };
        let expected = "\
✓ changes       found
✗ store.rights  found
    help: grant it
• store.chain   found
3 checks, 1 failed, 1 not looked at
";
        assert_eq!(report.text(View::default()), expected);
        let well = DoctorReport { checks: vec![check("a", Health::Good, None)], failure: None };
        assert_eq!(well.text(View::default()), "✓ a  found\n1 check, all is well\n");
    }
}
