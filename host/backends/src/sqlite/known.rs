//! What the connection that writes knows of its file, for as long as nobody else writes to it. A change of the schema makes
//! SQLite prepare every statement anew, the host's own too: what is known need not be asked after each change.

use rusqlite::Connection;
use sandpiper_engine::entry::Token;
use sandpiper_engine::scope::LockKey;

use super::chain::Fenced;

/// What is known. Nothing, at first.
#[derive(Default)]
pub(crate) struct Known {
    /// Which number SQLite gave the file when it was found out: another one after a commit of any other connection.
    version: Option<i64>,
    /// Whether any foreign key is declared in the file.
    pub(crate) references: Option<bool>,
    /// What stands under the lease that was written under last.
    pub(crate) fenced: Option<Fenced>,
}

impl Known {
    /// Forgets what may not be so any more. At the beginning of a transaction that may write: it holds until its end.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let version =
            connection.prepare_cached("PRAGMA main.data_version")?.query_row([], |row| row.get(0))?;
        if self.version != Some(version) {
            *self = Self { version: Some(version), ..Self::default() };
        }
        Ok(())
    }

    /// Whether the newest lease of a stage is known to be the one with this token.
    pub(crate) fn is_newest(&self, key: &LockKey, token: Token) -> bool {
        self.fenced.as_ref().is_some_and(|Fenced { lease, .. }| lease.key == *key && lease.token == token)
    }
}
