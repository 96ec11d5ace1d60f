//! What is wrong with a project: the problems themselves are errors and warnings of the command; this sums them up.

use sandpiper::engine::fault::{Problem, Severity};
use sandpiper::report::ValidateReport;

use super::style::{Ink, count};
use super::{Body, View, fault};

impl Body for ValidateReport {
    fn text(&self, view: View) -> String {
        let blocks: String =
            self.problems.iter().map(|problem| fault::problem(problem, 0, view.palette)).collect();
        let errors = self.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let warnings = self.problems.len() - errors;
        let mut found = Vec::new();
        if errors > 0 {
            found.push(count(errors, "error"));
        }
        if warnings > 0 {
            found.push(count(warnings, "warning"));
        }
        let (mark, ink) = if errors > 0 { ("✗", Ink::Bad) } else { ("✓", Ink::Good) };
        let found = if found.is_empty() { "no problems".to_owned() } else { found.join(", ") };
        format!("{blocks}{} {}, {found}\n", view.palette.paint(ink, mark), count(self.changes, "change"))
    }

    fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.changes == 0
    }

    fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_shown_and_counted() {
        let problems = vec![Problem::error("a", "one"), Problem::warning("b", "two")];
        let report = ValidateReport { problems, changes: 1 };
        assert_eq!(
            report.text(View::default()),
            "error[a]: one\nwarning[b]: two\n✗ 1 change, 1 error, 1 warning\n"
        );
    }

    #[test]
    fn a_sound_project_is_one_line() {
        let report = ValidateReport { problems: vec![], changes: 12 };
        assert_eq!(report.text(View::default()), "✓ 12 changes, no problems\n");
    }
}
