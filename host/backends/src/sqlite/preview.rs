//! A transaction that is only ever rolled back, for changes that are run to be seen.

use std::sync::Arc;

use sandpiper_engine::entry::AttemptId;
use sandpiper_runtime::target::TargetError;
use tokio::sync::Mutex;

use super::connection::{self, Access};
use super::database::Database;
use super::errors::Explain as _;
use super::guard::Rules;
use super::session::{SqliteSession, Transaction};
use super::target::pragma;

/// Pragmas that would change the file for good, or that cannot be set inside a transaction.
const LEFT_OUT: [&str; 5] = ["journal_mode", "synchronous", "locking_mode", "page_size", "auto_vacuum"];

/// Begins the transaction, on a connection of its own. A file that is not there yet is an empty database in memory.
pub(crate) async fn open(
    database: &Database,
    settings: &[(String, String)],
) -> Result<SqliteSession, TargetError> {
    if let Some(reason) = database.missing() {
        return Err(TargetError::Unreachable(reason));
    }
    let writer = match database.exists() {
        true => database.open(Access::Write),
        false => database.open_in_memory(),
    };
    let writer = writer.in_target()?;
    connection::begin(&writer.connection).in_target()?;
    // After the beginning: what they write into the file is rolled back too.
    for (name, value) in settings {
        if !LEFT_OUT.iter().any(|left_out| left_out.eq_ignore_ascii_case(name)) {
            pragma(&writer.connection, name, value)?;
        }
    }
    // The connection is used for nothing else: it goes where nobody takes it from.
    let home = Arc::new(Mutex::new(None)).lock_owned().await;
    let transaction = Transaction { attempt: AttemptId("preview".into()), home };
    Ok(SqliteSession::new(writer, Rules::Transaction, Some(transaction)))
}
