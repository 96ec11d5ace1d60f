//! The schema `sandpiper` and the store's own tables in it, and how they move from version to version.

use sandpiper_engine::store::StoreError;

use super::client::{Answer, Client};
use super::errors::Failure;
use crate::crash;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

/// What each version adds to the one before.
const MIGRATIONS: [&[&str]; 1] = [&[
    "CREATE TABLE sandpiper.sandpiper_store (
         name text PRIMARY KEY,
         value text NOT NULL
     )",
    // The head of each scope's chain. No tenant is the empty text; `states` is the sum of the states (`sum.rs`).
    "CREATE TABLE sandpiper.sandpiper_chain (
         id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
         service text NOT NULL,
         environment text NOT NULL,
         tenant text NOT NULL,
         sequence bigint NOT NULL,
         hash bytea NOT NULL,
         states bytea NOT NULL,
         UNIQUE (service, environment, tenant)
     )",
    // `body` is the text that was hashed; `calls` is in no hash, and goes when it is pruned.
    "CREATE TABLE sandpiper.sandpiper_entry (
         chain bigint NOT NULL,
         sequence bigint NOT NULL,
         hash bytea NOT NULL,
         body text NOT NULL,
         calls text,
         PRIMARY KEY (chain, sequence)
     )",
    "CREATE TABLE sandpiper.sandpiper_state (
         chain bigint NOT NULL,
         change_id text NOT NULL,
         sequence bigint NOT NULL,
         state text NOT NULL,
         mode text NOT NULL,
         recovery text NOT NULL,
         stage text NOT NULL,
         change_order text NOT NULL,
         change_name text NOT NULL,
         target_system text NOT NULL,
         attempt_id text,
         attempt bigint NOT NULL,
         token bigint NOT NULL,
         applied_sequence bigint,
         applied_digest bytea,
         applied_meaning bytea,
         PRIMARY KEY (chain, change_id)
     )",
    // `expires_at` in milliseconds since 1970 by this server's clock; null when it was given back.
    "CREATE TABLE sandpiper.sandpiper_lease (
         service text NOT NULL,
         environment text NOT NULL,
         tenant text NOT NULL,
         stage text NOT NULL,
         token bigint NOT NULL,
         run_id text NOT NULL,
         operator text NOT NULL,
         host text NOT NULL,
         process text,
         expires_at bigint,
         PRIMARY KEY (service, environment, tenant, stage)
     )",
    "CREATE TABLE sandpiper.sandpiper_checkpoint (
         chain bigint NOT NULL,
         change_id text NOT NULL,
         body bytea NOT NULL,
         PRIMARY KEY (chain, change_id)
     )",
    "CREATE TABLE sandpiper.sandpiper_step (
         chain bigint NOT NULL,
         change_id text NOT NULL,
         step bigint NOT NULL,
         payload bytea NOT NULL,
         finished bigint NOT NULL,
         doubtful bigint,
         statements bytea NOT NULL,
         complete boolean NOT NULL,
         rollback_finished bigint,
         rollback_doubtful bigint,
         rollback_complete boolean,
         PRIMARY KEY (chain, change_id, step)
     )",
    "CREATE TABLE sandpiper.sandpiper_artifact (
         digest bytea PRIMARY KEY,
         size bigint NOT NULL,
         body bytea NOT NULL
     )",
    "CREATE TABLE sandpiper.sandpiper_description (
         digest bytea PRIMARY KEY,
         body text NOT NULL
     )",
]];

/// The version that this host makes, and the newest that it knows.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Begins a look at several tables as they are at one moment.
pub(crate) const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The number of the lock under which the schema is made and moved, of the transaction alone.
const LOCK: &str = "SELECT pg_catalog.pg_advisory_xact_lock(8317424961203375218)";
const MAKE: &str = "CREATE SCHEMA IF NOT EXISTS sandpiper";
const IS_THERE: &str = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = 'sandpiper'";

/// Reads what the store says of itself.
pub(crate) const VALUE: &str = "SELECT value FROM sandpiper.sandpiper_store WHERE name = $1";
const SET: &str = "INSERT INTO sandpiper.sandpiper_store (name, value) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Makes the schema, where it is missing, and tables in it, one host after the other.
pub(crate) async fn make(client: &mut Client, tables: &[&str]) -> Result<(), Failure> {
    begin(client).await?;
    let mut statements: Vec<Statement<'_>> = tables.iter().map(|table| Statement::plain(*table)).collect();
    statements.push(Statement::plain("COMMIT"));
    made(client, &statements).await
}

/// Begins a transaction in which this host alone makes what is in the schema.
async fn begin(client: &mut Client) -> Result<(), Failure> {
    let mut begin = begin_writing();
    begin.extend([LOCK, IS_THERE].map(Statement::plain));
    let begun = client.batch(&begin).await;
    let is_there =
        begun.as_ref().is_ok_and(|answers| answers.last().is_some_and(|answer| !answer.rows.is_empty()));
    if begun.is_err() || is_there {
        return match begun {
            Ok(_) => Ok(()),
            Err(failure) => {
                roll_back(client).await;
                Err(failure)
            }
        };
    }
    // Asking for it where it is there needs a right that whoever uses it need not have.
    made(client, &[Statement::plain(MAKE)]).await
}

async fn made(client: &mut Client, statements: &[Statement<'_>]) -> Result<(), Failure> {
    crash::before("postgres make");
    let made = rolled_back_unless(client, statements).await;
    crash::after("postgres make");
    made.map(drop)
}

/// The answers to a transaction; one that went wrong is taken back.
pub(crate) async fn rolled_back_unless(
    client: &mut Client,
    statements: &[Statement<'_>],
) -> Result<Vec<Answer>, Failure> {
    match client.batch(statements).await {
        Ok(answers) => Ok(answers),
        Err(failure) => {
            roll_back(client).await;
            Err(failure)
        }
    }
}

/// Takes a transaction back. Where that goes wrong, the connection is not used again.
pub(crate) async fn roll_back(client: &mut Client) {
    if client.lost().is_some() {
        return;
    }
    crash::before("postgres roll back");
    if client.one("ROLLBACK", Vec::new()).await.is_err() {
        client.abandon("a transaction could not be rolled back");
    }
    crash::after("postgres roll back");
}

/// What a text in the table `sandpiper_store` says of the version.
///
/// # Errors
///
/// [`StoreError::Version`] when a newer host made the tables.
pub(crate) fn version(found: Option<&str>) -> Result<usize, StoreError> {
    let Some(found) = found else {
        return Err(StoreError::Damaged(
            "its table `sandpiper_store` does not say which version it has".to_owned(),
        ));
    };
    match found.parse() {
        Ok(version) if version <= VERSION => Ok(version),
        Ok(version) => Err(StoreError::Version(format!(
            "a newer Sandpiper made the audit store: its schema has version {version}, and this release knows up to {VERSION}"
        ))),
        Err(_) => {
            Err(StoreError::Damaged(format!("its schema has the version `{found}`, which is no number")))
        }
    }
}

/// The version of the tables; 0 when there are none.
pub(crate) async fn found(client: &mut Client) -> Result<usize, StoreError> {
    match client.one(VALUE, vec!["schema".into()]).await {
        Ok(answer) => version(answer.rows.first().map(|row| row.text(0)).transpose().in_store()?),
        Err(Failure::Server(error, _)) if error.is_missing_table() => Ok(0),
        Err(failure) => Err(failure).in_store(),
    }
}

/// Makes the tables, or moves them forward.
pub(crate) async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    begin(client).await.in_store()?;
    let is_made = "SELECT pg_catalog.to_regclass('sandpiper.sandpiper_store') IS NOT NULL";
    let asked = client.one(is_made, Vec::new()).await.in_store()?;
    let is_made = asked.rows.first().map(|row| row.flag(0)).transpose().in_store()?.unwrap_or(false);
    let before = if is_made { found(client).await } else { Ok(0) };
    let before = match before {
        Ok(version) => version,
        Err(error) => {
            roll_back(client).await;
            return Err(error);
        }
    };
    let mut statements: Vec<Statement<'_>> = MIGRATIONS
        .iter()
        .skip(before)
        .flat_map(|texts| texts.iter())
        .map(|text| Statement::plain(*text))
        .collect();
    let set = |name: &'static str, value: String| {
        Statement::new(SET, [Argument::from(name), Argument::from(value)])
    };
    statements.push(set("schema", VERSION.to_string()));
    if before == 0 {
        statements.push(set("identity", uuid::Uuid::new_v4().to_string()));
    }
    statements.push(Statement::plain("COMMIT"));
    made(client, &statements).await.in_store()
}

/// The statements that begin a transaction of the store's, whose commit is durable when it answers. All that they set
/// ends with it, so that it may go through a pooler.
pub(crate) fn begin_writing() -> Vec<Statement<'static>> {
    [
        "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        "SELECT pg_catalog.set_config('lock_timeout', '20s', true)",
        // What a frozen host left locked must not stop the others for long.
        "SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '20s', true)",
        "SELECT pg_catalog.set_config('synchronous_commit', 'on', true)
         WHERE pg_catalog.current_setting('synchronous_commit') = 'off'",
    ]
    .map(Statement::plain)
    .into()
}
