//! What an account needs to keep the host's own tables, in the statement that grants it; and what it has.
//!
//! A server tells an account little of the rights that it has by a role, or that everybody has. But it prepares no
//! statement that the account may not run, and preparing one does nothing.

use super::client::Client;
use super::database::Database;
use super::errors::{Failure, number};
use super::grants;
use super::marks::quoted as quoted_name;

/// Says what has to be granted, after what the server said.
pub(crate) async fn missing(database: &Database, said: &str) -> String {
    format!("{said}; {}", needed(database).await)
}

/// What has to be granted.
pub(crate) async fn needed(database: &Database) -> String {
    let name = quoted_name(&grants::pattern_of(&database.address().database));
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    // The server's own name of an account has the hosts that it comes from in it.
    let (user, host) = match own_account(database).await {
        Some(account) => account,
        None => (database.address().user.clone(), "%".to_owned()),
    };
    format!(
        "the account needs rights to the tables `sandpiper_*`: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER ON \
         {name}.* TO {}@{}",
        quoted(&user),
        quoted(&host)
    )
}

async fn own_account(database: &Database) -> Option<(String, String)> {
    let mut client = database.connect().await.ok()?;
    let account = account(&mut client).await;
    client.terminate().await;
    account.ok()?
}

async fn account(client: &mut Client) -> Result<Option<(String, String)>, Failure> {
    let answer = client.one("SELECT CURRENT_USER()", Vec::new()).await?;
    let Some(row) = answer.rows.first() else { return Ok(None) };
    let account = row.text(0)?.rsplit_once('@');
    Ok(account.map(|(user, host)| (user.to_owned(), host.to_owned())))
}

/// Which rights to some tables the account lacks: to use those that are there, and to make those that are not.
pub(crate) async fn lacking(client: &mut Client, tables: &[&str]) -> Result<Vec<&'static str>, Failure> {
    let mut lacking = Vec::new();
    for table in tables {
        let mut asked = vec![("SELECT", format!("SELECT 1 FROM {table}"))];
        asked.extend(writing(table));
        let mut is_there = true;
        let mut refused = Vec::new();
        for (right, statement) in asked {
            match may(client, &statement).await? {
                May::Yes => {}
                May::IfThere => is_there = false,
                May::No => refused.push(right),
            }
        }
        if !is_there && may(client, &format!("CREATE TABLE {table} (id int)")).await? == May::No {
            refused.push("CREATE");
        }
        refused.retain(|right| !lacking.contains(right));
        lacking.extend(refused);
    }
    Ok(lacking)
}

/// Whether the account may write to a table that is there.
pub(crate) async fn may_write(client: &mut Client, table: &str) -> Result<bool, Failure> {
    for (_, statement) in writing(table) {
        if may(client, &statement).await? == May::Yes {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The statements that a right to write is needed for. That is looked at before what they say.
fn writing(table: &str) -> [(&'static str, String); 3] {
    [
        ("INSERT", format!("INSERT INTO {table} () VALUES ()")),
        ("UPDATE", format!("UPDATE {table} SET sequence = 0 WHERE 1 = 0")),
        ("DELETE", format!("DELETE FROM {table} WHERE 1 = 0")),
    ]
}

/// What a server says to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum May {
    Yes,
    /// The table is not there.
    IfThere,
    No,
}

async fn may(client: &mut Client, statement: &str) -> Result<May, Failure> {
    match client.prepare(statement).await {
        Ok(prepared) => {
            client.close(&prepared);
            Ok(May::Yes)
        }
        Err(Failure::Server(error, _)) if error.is_about_rights() => Ok(May::No),
        Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => Ok(May::IfThere),
        // It would have refused the right before it found what else is wrong.
        Err(Failure::Server(..)) => Ok(May::Yes),
        Err(failure) => Err(failure),
    }
}
