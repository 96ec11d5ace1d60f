//! What needs a person.

use sandpiper::report::{Issue, IssuesReport};
use serde::Serialize;

use super::status::state;
use super::style::{Ink, Palette, clean, time};
use super::table::{Cell, Table};
use super::{Body, View};

const NONE: &str = "no change needs a person\n";

impl Body for IssuesReport {
    fn text(&self, view: View) -> String {
        if self.issues.is_empty() {
            return NONE.to_owned();
        }
        let has_tenants = self.issues.iter().any(|issue| issue.tenant.is_some());
        let tenant = if has_tenants { "tenant" } else { "" };
        let mut table = Table::with_heads(&[tenant, "change", "stage", "state", "since", "attempt", "mode"]);
        for issue in &self.issues {
            table.row(
                0,
                vec![
                    Cell::new(issue.tenant.as_deref().unwrap_or_default()),
                    Cell::new(&issue.change_id),
                    Cell::new(&issue.stage),
                    Cell::new(state(issue.state)).ink(Ink::Bad),
                    Cell::new(time(issue.since)),
                    Cell::new(issue.attempt.to_string()).right(),
                    Cell::new(issue.mode.as_str()),
                ],
            );
        }
        format!("{}look at one with `sandpiper issue show ID`\n", table.render(view.palette))
    }

    fn is_empty(&self) -> bool {
        self.issues.is_empty()
    }
}

/// The same issues, each with all that is known of it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub(crate) struct IssueDetails(pub(crate) IssuesReport);

impl Body for IssueDetails {
    fn text(&self, view: View) -> String {
        match self.0.issues.as_slice() {
            [] => NONE.to_owned(),
            issues => issues.iter().map(|issue| detail(issue, view.palette)).collect::<Vec<_>>().join("\n"),
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn detail(issue: &Issue, palette: Palette) -> String {
    let of = issue.tenant.as_ref().map(|tenant| format!("tenant {}, ", clean(tenant))).unwrap_or_default();
    let mut text = format!(
        "{} {}  {} since {}  {of}stage {}, attempt {}, {}\n",
        palette.paint(Ink::Bad, "✗"),
        palette.paint(Ink::Head, &clean(&issue.change_id)),
        state(issue.state),
        time(issue.since),
        clean(&issue.stage),
        issue.attempt,
        issue.mode,
    );
    if let Some(error) = &issue.error {
        let title = palette.paint(Ink::Bad, &format!("error[{}]", clean(&error.code)));
        text.push_str(&format!("  {title}: {}\n", clean(&error.message)));
    }
    if let Some(steps) = &issue.steps {
        text.push_str(&format!("  {}: {}\n", palette.paint(Ink::Link, "steps"), clean(steps)));
    }
    for (number, line) in issue.help.lines().enumerate() {
        let title =
            if number == 0 { format!("{}:", palette.paint(Ink::Link, "help")) } else { "     ".to_owned() };
        text.push_str(&format!("  {title} {}\n", clean(line)));
    }
    text
}

#[cfg(test)]
mod tests {
    use sandpiper::engine::entry::{Mode, RecordedError, State};
    use sandpiper::engine::fault::{Blame, Effect};

    use super::*;

    fn issues() -> IssuesReport {
        let issue = Issue {
            tenant: None,
            change_id: "backfill".to_owned(),
            stage: "data".to_owned(),
            state: State::Failed,
            since: "2026-01-02T03:04:05Z".parse().unwrap(),
            attempt: 2,
            mode: Mode::Direct,
            error: Some(RecordedError {
                code: "change::failed".to_owned(),
                message: "no such\u{1b} table".to_owned(),
                blame: Blame::Change,
                effect: Effect::Unknown,
            }),
            last_step: Some(7),
            doubtful_step: Some(8),
            done_steps: Vec::new(),
            undone_steps: Vec::new(),
            doubtful_steps: Vec::new(),
            rollback_last_step: None,
            rollback_doubtful_step: None,
            steps: Some("step 7 is done; step 8 is in doubt".to_owned()),
            help: "look at the table\nthen resolve it".to_owned(),
        };
        IssuesReport { issues: vec![issue] }
    }

    #[test]
    fn the_list_has_a_line_for_each_issue() {
        let expected = "\
change    stage  state   since                 attempt  mode
backfill  data   failed  2026-01-02 03:04:05Z        2  direct
look at one with `sandpiper issue show ID`
";
        assert_eq!(issues().text(View::default()), expected);
        assert_eq!(IssuesReport::default().text(View::default()), "no change needs a person\n");
    }

    #[test]
    fn an_issue_tells_what_is_known_and_what_to_do() {
        let expected = "\
✗ backfill  failed since 2026-01-02 03:04:05Z  stage data, attempt 2, direct
  error[change::failed]: no such\\u{1b} table
  steps: step 7 is done; step 8 is in doubt
  help: look at the table
        then resolve it
";
        assert_eq!(IssueDetails(issues()).text(View::default()), expected);
    }
}
