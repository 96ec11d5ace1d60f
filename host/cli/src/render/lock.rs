//! Who holds which lock.

use sandpiper::report::{LockReport, LocksReport, ReleaseReport, ReleasedLock};

use super::style::{Ink, clean, time};
use super::table::{Cell, Table};
use super::{Body, View};

impl Body for LocksReport {
    fn text(&self, view: View) -> String {
        table(&self.locks, view)
    }

    fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }
}

impl Body for ReleaseReport {
    fn text(&self, view: View) -> String {
        let line = |lock: &ReleasedLock| {
            let stage = clean(&lock.stage);
            match (&lock.owner, &lock.host) {
                (Some(owner), Some(host)) => format!(
                    "the lock of stage `{stage}` is free: it was taken from {}, on {}\n",
                    clean(owner),
                    clean(host)
                ),
                _ => format!("the lock of stage `{stage}` was free, and still is\n"),
            }
        };
        let lines: String = self.released.iter().map(line).collect();
        let next = match self.released.iter().any(|lock| lock.owner.is_some()) {
            true => {
                "whoever held it can record and commit nothing more; see what is left with `sandpiper status`, then run \
                 `sandpiper apply`\n"
            }
            false if self.released.is_empty() => "there is no audit store yet, and so no lock to release\n",
            false => "",
        };
        format!(
            "{lines}{next}{}",
            if self.released.is_empty() { String::new() } else { table(&self.locks, view) }
        )
    }

    fn is_empty(&self) -> bool {
        self.locks.is_empty()
    }
}

fn table(locks: &[LockReport], view: View) -> String {
    if locks.is_empty() {
        return "there are no locks\n".to_owned();
    }
    let mut table = Table::with_heads(&["stage", "tenant", "lock", "holder", "host", "until", "token"]);
    if locks.iter().all(|lock| lock.tenant.is_none()) {
        table = Table::with_heads(&["stage", "", "lock", "holder", "host", "until", "token"]);
    }
    for lock in locks {
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_release_tells_whose_lock_it_took_and_what_comes_next() {
        let lock = |stage: &str, owner: Option<&str>| ReleasedLock {
            stage: stage.to_owned(),
            owner: owner.map(str::to_owned),
            host: owner.map(|_| "box".to_owned()),
        };
        let text = |released| ReleaseReport { released, locks: Vec::new() }.text(View::default());
        let held = text(vec![lock("data", None), lock("schema", Some("ann@box"))]);
        assert!(held.starts_with("the lock of stage `data` was free, and still is\n"), "{held}");
        assert!(held.contains("stage `schema` is free: it was taken from ann@box, on box\n"), "{held}");
        assert!(held.contains("`sandpiper status`"), "{held}");
        assert!(!text(vec![lock("data", None)]).contains("status"));
        assert!(text(Vec::new()).contains("no audit store yet"));
    }
}
