//! What a target system keeps for the host: fence rows, which keep older holders of a lease out, and markers, which
//! prove that an attempt was committed.

use sandpiper_engine::entry::AttemptId;
use sandpiper_runtime::target::{Fence, TargetError};

use super::client::{Answer, Client};
use super::database::Database;
use super::errors::{Failure, code};
use super::schema;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

const TABLES: [&str; 2] = [
    "CREATE TABLE IF NOT EXISTS sandpiper.sandpiper_fence (
         store text NOT NULL,
         service text NOT NULL,
         environment text NOT NULL,
         tenant text NOT NULL,
         stage text NOT NULL,
         token bigint NOT NULL,
         PRIMARY KEY (store, service, environment, tenant, stage)
     )",
    "CREATE TABLE IF NOT EXISTS sandpiper.sandpiper_marker (
         attempt_id text PRIMARY KEY,
         written_at timestamptz NOT NULL DEFAULT pg_catalog.now()
     )",
];

/// Sets the row even where the token stands there already: the row stays locked until the transaction ends, which is
/// what a newer holder waits for.
const SET_FENCE: &str = "INSERT INTO sandpiper.sandpiper_fence AS fence
         (store, service, environment, tenant, stage, token) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (store, service, environment, tenant, stage) DO UPDATE SET token = excluded.token
     WHERE fence.token <= excluded.token
     RETURNING token";

const FORGET: &str =
    "DELETE FROM sandpiper.sandpiper_marker WHERE attempt_id = ANY (pg_catalog.string_to_array($1, ' '))";

const WRITE: &str = "INSERT INTO sandpiper.sandpiper_marker (attempt_id) VALUES ($1)";
const LOOK: &str = "SELECT 1 FROM sandpiper.sandpiper_marker WHERE attempt_id = $1";

/// Makes the tables where they are missing.
///
/// # Errors
///
/// [`TargetError::Rights`] with what has to be granted.
pub(crate) async fn make(client: &mut Client, database: &Database) -> Result<(), TargetError> {
    let made = schema::make(client, &TABLES).await;
    made.map_err(|failure| match &failure {
        Failure::Server(error, _) if error.is(code::INSUFFICIENT_PRIVILEGE) => {
            TargetError::Rights(missing_rights(database, &error.said()))
        }
        other => crate::servers::failure::target_error(other),
    })
}

/// What an account needs to keep markers and fence rows, in the statements that grant it.
pub(crate) fn missing_rights(database: &Database, said: &str) -> String {
    let user = quoted(&database.address().user);
    let name = quoted(&database.address().database);
    format!(
        "Sandpiper keeps its own tables in the schema `sandpiper` of the database: {said}; let an administrator run `GRANT CREATE ON DATABASE {name} TO {user}`, or, where the schema is there already, `GRANT \
         USAGE, CREATE ON SCHEMA sandpiper TO {user}; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA \
         sandpiper TO {user}`"
    )
}

/// A name as a statement writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The statements that set the fence row and remove markers, within a transaction.
pub(crate) fn begin<'a>(fence: &'a Fence, recorded: &'a [AttemptId]) -> Vec<Statement<'a>> {
    let Fence { store, key, token } = fence;
    let scope = &key.scope;
    let row: [Argument<'a>; 6] = [
        store.as_str().into(),
        scope.service.as_str().into(),
        scope.environment.as_str().into(),
        scope.tenant.as_deref().unwrap_or_default().into(),
        key.stage.as_str().into(),
        token.0.into(),
    ];
    let mut statements = vec![Statement::new(SET_FENCE, row)];
    statements.extend(forget(recorded));
    statements
}

/// What the answer to the first statement of [`begin`] means.
///
/// # Errors
///
/// [`TargetError::Fenced`] when a higher token stands there.
pub(crate) fn begun(answer: Option<&Answer>) -> Result<(), TargetError> {
    match answer {
        Some(answer) if answer.rows.is_empty() => Err(TargetError::Fenced),
        _ => Ok(()),
    }
}

/// The statement that removes markers, if there are any to remove.
pub(crate) fn forget(attempts: &[AttemptId]) -> Option<Statement<'_>> {
    let ids: Vec<&str> = attempts.iter().map(|attempt| &*attempt.0).collect();
    (!ids.is_empty()).then(|| Statement::new(FORGET, [Argument::from(ids.join(" "))]))
}

/// The statements that write the marker of an attempt and read it back: nothing may hide it.
pub(crate) fn write(attempt: &AttemptId) -> [Statement<'_>; 2] {
    [WRITE, LOOK].map(|text| Statement::new(text, [Argument::from(&*attempt.0)]))
}

/// Whether the marker of an attempt is there.
pub(crate) async fn is_there(client: &mut Client, attempt: &AttemptId) -> Result<bool, TargetError> {
    match client.one(LOOK, vec![Argument::from(&*attempt.0)]).await {
        Ok(answer) => Ok(!answer.rows.is_empty()),
        Err(Failure::Server(error, _)) if error.is_missing_table() => Ok(false),
        Err(failure) => Err(failure).in_target(),
    }
}
