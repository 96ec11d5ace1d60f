//! Who holds which lock.

use sandpiper::report::LocksReport;

use super::style::{Ink, time};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for LocksReport {
    fn text(&self, view: View) -> String {
        if self.locks.is_empty() {
            return "there are no locks\n".to_owned();
        }
        let mut table = Table::with_heads(&["stage", "tenant", "lock", "holder", "host", "until", "token"]);
        if self.locks.iter().all(|lock| lock.tenant.is_none()) {
            table = Table::with_heads(&["stage", "", "lock", "holder", "host", "until", "token"]);
        }
        for lock in &self.locks {
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let state =
                if lock.held { Cell::new("held").ink(Ink::Odd) } else { Cell::new("free").ink(Ink::Good) };
            table.row(
                0,
                vec![
                    Cell::new(&lock.stage),
                    Cell::new(text(&lock.tenant)),
                    state,
                    Cell::new(text(&lock.owner)),
                    Cell::new(text(&lock.host)),
                    Cell::new(lock.expires_at.map(time).unwrap_or_default()),
                    Cell::new(lock.token.map(|token| token.to_string()).unwrap_or_default()).ink(Ink::Faint),
                ],
            );
        }
        table.render(view.palette)
    }

    fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use sandpiper::report::LockReport;

    use super::*;

    #[test]
    fn locks_tell_who_holds_them_and_until_when() {
        let free = LockReport {
            stage: "data".to_owned(),
            tenant: None,
            held: false,
            owner: None,
            host: None,
            token: Some(7),
            expires_at: None,
        };
        let held = LockReport {
            stage: "schema".to_owned(),
            held: true,
            owner: Some("ann@box".to_owned()),
            host: Some("box".to_owned()),
            expires_at: Some("2026-01-02T03:04:05.5Z".parse().unwrap()),
            ..free.clone()
        };
        let expected = "\
stage   lock  holder   host  until                 token
data    free                                       7
schema  held  ann@box  box   2026-01-02 03:04:05Z  7
";
        assert_eq!(LocksReport { locks: vec![free, held] }.text(View::default()), expected);
        assert_eq!(LocksReport::default().text(View::default()), "there are no locks\n");
    }
}
