//! The store's own tables, and how they move from version to version.
//!
//! A statement that makes or alters a table commits by itself. So each may be repeated, and the version is written last:
//! what a killed host left half done, the next one completes.

use sandpiper_engine::store::StoreError;

use super::client::{Answer, Client};
use super::errors::{Failure, number};
use crate::crash;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

/// How many characters the names in keys have at most. The columns of ids have as many as an id may have.
pub const LONGEST_NAME: usize = 190;

/// Names are compared byte by byte, but for blanks at their ends; four of them fit into one key.
macro_rules! table {
    ($name:literal, $($columns:literal),+ $(,)?) => {
        concat!(
            "CREATE TABLE IF NOT EXISTS ", $name, " (", $($columns),+,
            ") ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin ROW_FORMAT = DYNAMIC"
        )
    };
}

/// What each version adds to the one before.
const MIGRATIONS: [&[&str]; 1] = [&[
    table!("sandpiper_store", "name varchar(190) NOT NULL PRIMARY KEY, value text NOT NULL"),
    // The head of each scope's chain. No tenant is the empty text.
    table!(
        "sandpiper_chain",
        "id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY,
         service varchar(190) NOT NULL,
         environment varchar(190) NOT NULL,
         tenant varchar(190) NOT NULL,
         sequence bigint NOT NULL,
         hash binary(32) NOT NULL,
         states binary(32) NOT NULL,
         UNIQUE KEY scope (service, environment, tenant)"
    ),
    // `body` is the text that was hashed; `calls` is in no hash, and goes when it is pruned.
    table!(
        "sandpiper_entry",
        "chain bigint NOT NULL,
         sequence bigint NOT NULL,
         hash binary(32) NOT NULL,
         body longtext NOT NULL,
         calls longtext,
         PRIMARY KEY (chain, sequence)"
    ),
    table!(
        "sandpiper_state",
        "chain bigint NOT NULL,
         change_id varchar(255) NOT NULL,
         sequence bigint NOT NULL,
         state varchar(190) NOT NULL,
         mode varchar(190) NOT NULL,
         recovery varchar(190) NOT NULL,
         stage text NOT NULL,
         change_order text NOT NULL,
         change_name text NOT NULL,
         target_system text NOT NULL,
         attempt_id varchar(190),
         attempt bigint NOT NULL,
         token bigint NOT NULL,
         applied_sequence bigint,
         applied_digest binary(32),
         applied_meaning binary(32),
         PRIMARY KEY (chain, change_id)"
    ),
    // `expires_at` in milliseconds since 1970 by this server's clock; null when it was given back. `acquisition` is
    // written by whoever takes it, who so finds out that it was he.
    table!(
        "sandpiper_lease",
        "service varchar(190) NOT NULL,
         environment varchar(190) NOT NULL,
         tenant varchar(190) NOT NULL,
         stage varchar(190) NOT NULL,
         token bigint NOT NULL,
         run_id varchar(190) NOT NULL,
         operator text NOT NULL,
         host text NOT NULL,
         process text,
         expires_at bigint,
         acquisition varchar(190) NOT NULL,
         PRIMARY KEY (service, environment, tenant, stage)"
    ),
    table!(
        "sandpiper_checkpoint",
        "chain bigint NOT NULL,
         change_id varchar(255) NOT NULL,
         body longblob NOT NULL,
         PRIMARY KEY (chain, change_id)"
    ),
    table!(
        "sandpiper_step",
        "chain bigint NOT NULL,
         change_id varchar(255) NOT NULL,
         step bigint NOT NULL,
         payload binary(32) NOT NULL,
         finished bigint NOT NULL,
         doubtful bigint,
         statements binary(32) NOT NULL,
         complete tinyint NOT NULL,
         rollback_finished bigint,
         rollback_doubtful bigint,
         rollback_complete tinyint,
         PRIMARY KEY (chain, change_id, step)"
    ),
    // In parts: a server takes and gives only so many bytes at once.
    table!(
        "sandpiper_artifact",
        "digest binary(32) NOT NULL,
         part int NOT NULL,
         size bigint NOT NULL,
         body longblob NOT NULL,
         PRIMARY KEY (digest, part)"
    ),
    table!("sandpiper_description", "digest binary(32) NOT NULL PRIMARY KEY, body longtext NOT NULL"),
]];

/// What the tables are called.
pub(crate) const TABLES: [&str; 9] = [
    "sandpiper_store",
    "sandpiper_chain",
    "sandpiper_entry",
    "sandpiper_state",
    "sandpiper_lease",
    "sandpiper_checkpoint",
    "sandpiper_step",
    "sandpiper_artifact",
    "sandpiper_description",
];

/// The version that this host makes, and the newest that it knows.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Tables are made by one host after the other. The lock is the connection's, which ends with whoever holds it.
const LOCK: &str = "SELECT GET_LOCK(CONCAT('sandpiper ', SHA1(DATABASE())), 60)";
const UNLOCK: &str = "DO RELEASE_LOCK(CONCAT('sandpiper ', SHA1(DATABASE())))";

/// Reads what the store says of itself.
pub(crate) const VALUE: &str = "SELECT value FROM sandpiper_store WHERE name = ?";
const SET: &str =
    "INSERT INTO sandpiper_store (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)";
/// What is set once.
const SET_FIRST: &str =
    "INSERT INTO sandpiper_store (name, value) VALUES (?, ?) ON DUPLICATE KEY UPDATE value = value";

/// Makes tables where they are missing, one host after the other.
pub(crate) async fn make(client: &mut Client, tables: &[&str]) -> Result<(), Failure> {
    lock(client).await?;
    let made: Vec<Statement<'_>> = tables.iter().map(|table| Statement::plain(*table)).collect();
    crash::before("mysql make");
    let made = client.batch(&made).await.map(drop);
    crash::after("mysql make");
    unlock(client).await;
    made
}

async fn lock(client: &mut Client) -> Result<(), Failure> {
    let answer = client.one(LOCK, Vec::new()).await?;
    let got = answer.rows.first().map(|row| row.optional(0)).transpose()?.flatten();
    match got {
        Some("1") => Ok(()),
        _ => Err(Failure::Refused("another host makes the tables, and does not come to an end".to_owned())),
    }
}

/// Where that goes wrong, the connection is not used again.
async fn unlock(client: &mut Client) {
    if client.lost().is_none() && client.one(UNLOCK, Vec::new()).await.is_err() {
        client.abandon("a lock could not be given back");
    }
}

/// Takes a transaction back. Where that goes wrong, the connection is not used again.
pub(crate) async fn roll_back(client: &mut Client) {
    if client.lost().is_none() && client.one("ROLLBACK", Vec::new()).await.is_err() {
        client.abandon("a transaction could not be rolled back");
    }
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

/// What a text in the table `sandpiper_store` says of the version; 0 where it says nothing yet.
///
/// # Errors
///
/// [`StoreError::Version`] when a newer host made the tables.
pub(crate) fn version(found: Option<&str>) -> Result<usize, StoreError> {
    let Some(found) = found else { return Ok(0) };
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
        Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => Ok(0),
        Err(failure) => Err(failure).in_store(),
    }
}

/// Makes the tables, or moves them forward.
pub(crate) async fn migrate(client: &mut Client) -> Result<(), StoreError> {
    lock(client).await.in_store()?;
    let migrated = migrated(client).await;
    unlock(client).await;
    migrated
}

async fn migrated(client: &mut Client) -> Result<(), StoreError> {
    let before = found(client).await?;
    let missing = MIGRATIONS.iter().skip(before).flat_map(|texts| texts.iter());
    let mut statements: Vec<Statement<'_>> = missing.map(|text| Statement::plain(*text)).collect();
    let row = |name: &'static str, value: String| [Argument::from(name), Argument::from(value)];
    statements.push(Statement::new(SET_FIRST, row("identity", uuid::Uuid::new_v4().to_string())));
    statements.push(Statement::new(SET, row("schema", VERSION.to_string())));
    crash::before("mysql make");
    let made = client.batch(&statements).await;
    crash::after("mysql make");
    made.map(drop).in_store()
}

/// The statement that begins a transaction of the store's.
pub(crate) fn begin_writing() -> Vec<Statement<'static>> {
    vec![Statement::plain("START TRANSACTION")]
}

/// The statements that begin a transaction which sees everything as it is at one moment.
pub(crate) fn begin_looking() -> Vec<Statement<'static>> {
    [
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ]
    .map(Statement::plain)
    .into()
}
