//! A transaction that is only ever rolled back, for changes that are run to be seen one after the other.

use sandpiper_runtime::target::TargetError;

use super::client::Client;
use super::database::{Database, set};
use crate::servers::failure::Explain as _;
use crate::servers::statement::Statement;

/// Gives the transaction its number, which no write has given it.
const NUMBER: &str = "SELECT pg_catalog.txid_current()";

/// How long a preview waits for a lock: whoever needs what it waits for, and comes after it, waits as long.
const LOCK_TIMEOUT: &str = "5s";

/// Ends what a change leaves in its session, which in a run ends with the session.
const RENEW: [&str; 8] = [
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ROLE",
    "RESET ALL",
    "DEALLOCATE ALL",
    "CLOSE ALL",
    "UNLISTEN *",
    "DISCARD TEMP",
    "SELECT pg_catalog.pg_advisory_unlock_all()",
];

/// What was checked is checked late again, as at the beginning of a transaction. What is made later on, and is checked at
/// once unless a change says otherwise, is checked late too: after its change.
const LATE: &str = "SET CONSTRAINTS ALL DEFERRED";
const AT_ONCE: &str = "
    SELECT pg_catalog.string_agg(pg_catalog.format('%I.%I', own.nspname, rule.conname), ', ')
    FROM pg_catalog.pg_constraint AS rule JOIN pg_catalog.pg_namespace AS own ON own.oid = rule.connamespace
    WHERE rule.condeferrable AND NOT rule.condeferred";

/// What is set on the session of a preview, in this order.
pub(crate) fn settings(database: &Database, configured: &[(String, String)]) -> Vec<(String, String)> {
    let mut settings = database.settings();
    settings.push(("lock_timeout".to_owned(), LOCK_TIMEOUT.to_owned()));
    settings.extend_from_slice(configured);
    settings
}

/// Begins the transaction, and gives its number.
pub(crate) async fn begin(
    client: &mut Client,
    begin: &str,
    settings: &[(String, String)],
) -> Result<String, TargetError> {
    let mut statements = set(settings);
    statements.extend([begin, NUMBER].map(Statement::plain));
    let answers = client.batch(&statements).await.in_target()?;
    let number = answers.last().and_then(|answer| answer.rows.first());
    let number = number.map(|row| row.text(0).map(str::to_owned)).transpose().in_target()?;
    number.ok_or_else(|| TargetError::Refused("the server gave a transaction no number".to_owned()))
}

/// Lets the next change find what it would find in a session of its own.
pub(crate) async fn renew(client: &mut Client, settings: &[(String, String)]) -> Result<(), TargetError> {
    let mut statements: Vec<Statement<'_>> = RENEW.into_iter().map(Statement::plain).collect();
    statements.extend(set(settings));
    statements.extend([LATE, AT_ONCE].map(Statement::plain));
    let answers = client.batch(&statements).await.in_target()?;
    let rules = answers.last().and_then(|answer| answer.rows.first());
    let rules = rules.map(|row| row.optional(0)).transpose().in_target()?.flatten();
    if let Some(rules) = rules {
        client.one(&format!("SET CONSTRAINTS {rules} IMMEDIATE"), Vec::new()).await.in_target()?;
    }
    Ok(())
}
