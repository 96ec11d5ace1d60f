//! What an account needs to keep the host's own tables, in the statement that grants it.

use super::database::Database;

/// Says what has to be granted, after what the server said.
pub(crate) async fn missing(database: &Database, said: &str) -> String {
    let name = database.address().database.replace('`', "``");
    // The server's own name of an account has the hosts that it comes from in it.
    let account = match account(database).await {
        Some(account) => account,
        None => format!("'{}'@'%'", database.address().user.replace('\'', "''")),
    };
    format!(
        "{said}; the account needs rights to the tables `sandpiper_*`: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, \
         ALTER ON `{name}`.* TO {account}"
    )
}

async fn account(database: &Database) -> Option<String> {
    let mut client = database.connect().await.ok()?;
    let answer = client.one("SELECT CURRENT_USER()", Vec::new()).await;
    client.terminate().await;
    let answer = answer.ok()?;
    let (user, host) = answer.rows.first()?.text(0).ok()?.rsplit_once('@')?;
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    Some(format!("{}@{}", quoted(user), quoted(host)))
}
