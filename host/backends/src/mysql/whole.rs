//! Whether a transaction is the one that the host began, and whether a rollback would take all of it back.
//!
//! A savepoint of the host's stands at its beginning: it is gone when the transaction is. Going back to a savepoint that
//! was only just set changes nothing, and yet lets the server warn when a table was written that cannot go back.

use sandpiper_runtime::guest::Level;

use super::client::Client;
use super::errors::{Failure, ServerError};

/// What is set at the beginning of a transaction.
pub(crate) const BEGINNING: &str = "SAVEPOINT sandpiper_beginning";

const PROBE: [&str; 2] = ["SAVEPOINT sandpiper_probe", "ROLLBACK TO SAVEPOINT sandpiper_probe"];
const RENEW: [&str; 2] = ["RELEASE SAVEPOINT sandpiper_beginning", BEGINNING];

/// `SAVEPOINT` where a table takes part whose engine has none.
const NO_SAVEPOINTS: u16 = 1178;
/// What a rollback warns of.
const NOT_ROLLED_BACK: u16 = 1196;

/// What was found out about a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whole {
    /// A rollback would take all of it back.
    Yes,
    /// A rollback would leave something.
    No(String),
    /// A table takes part that may have been written or not: only the rollback tells.
    NotKnown(String),
    /// It is not the one that the host began.
    Ended(String),
}

/// Something that a server warns of.
pub(crate) struct Warning {
    pub(crate) level: Level,
    code: u16,
    pub(crate) message: String,
}

/// Looks at the transaction; with `whose`, also whether it is the one that the host began.
pub(crate) async fn look(client: &mut Client, whose: bool) -> Result<Whole, Failure> {
    if whose {
        let renewed = client.together(&RENEW).await?;
        if let Some(Err(error)) = renewed.into_iter().next() {
            return Ok(Whole::Ended(format!("another transaction stands in its place: {}", error.said())));
        }
    }
    let probed = client.together(&PROBE).await?;
    match probed.as_slice() {
        [Err(error), _] => Ok(without_savepoints(error)),
        [_, Err(error)] => Err(Failure::Server(error.clone(), 0)),
        [_, Ok(0)] => Ok(Whole::Yes),
        _ => Ok(remains(client).await.map_or(Whole::Yes, Whole::No)),
    }
}

fn without_savepoints(error: &ServerError) -> Whole {
    if !error.is(NO_SAVEPOINTS) {
        return Whole::Ended(format!("no savepoint can be set in it: {}", error.said()));
    }
    Whole::NotKnown(
        "a table takes part in the transaction whose engine has none (Aria): set `transactional: false`, or give the \
         table `ENGINE = InnoDB`"
            .to_owned(),
    )
}

/// What is told of what a rollback leaves, if the last statement warned of that.
pub(crate) async fn remains(client: &mut Client) -> Option<String> {
    let warned = warnings(client).await.unwrap_or_default();
    warned.iter().any(|warning| warning.code == NOT_ROLLED_BACK).then(|| {
        "it wrote to a table whose engine has no transactions (MyISAM, Aria, MEMORY), which no rollback takes back: set \
         `transactional: false`, or give the table `ENGINE = InnoDB`"
            .to_owned()
    })
}

/// What the server warned of with the last statement.
pub(crate) async fn warnings(client: &mut Client) -> Result<Vec<Warning>, Failure> {
    let answer = client.one("SHOW WARNINGS LIMIT 100", Vec::new()).await?;
    let warning = |row: &crate::servers::cells::Cells| {
        let code = row.number(1)?;
        let level = if row.text(0)? == "Note" { Level::Info } else { Level::Warn };
        let message = format!("{} ({code})", row.text(2)?);
        Ok(Warning { level, code: u16::try_from(code).unwrap_or_default(), message })
    };
    answer.rows.iter().map(warning).collect()
}
