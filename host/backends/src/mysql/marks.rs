//! What a target system keeps for the host: fence rows, which keep older holders of a lease out, and markers, which
//! prove that an attempt was committed.

use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::AttemptId;
use sandpiper_runtime::target::{Fence, TargetError};

use super::address::Address;
use super::client::{Answer, Client};
use super::errors::{Failure, number};
use super::schema;
use crate::servers::failure::Explain as _;
use crate::servers::statement::{Argument, Statement};

/// The tables of the host, in the database of the address and always by their whole name: what a change calls alike, or
/// which database it works in, must not hide them.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    fences: String,
    markers: String,
}

/// A name as a statement writes it.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

impl Marks {
    /// Those of a database.
    pub(crate) fn new(address: &Address) -> Self {
        let database = quoted(&address.database);
        Self {
            fences: format!("{database}.sandpiper_fence"),
            markers: format!("{database}.sandpiper_marker"),
        }
    }

    /// Makes the tables where they are missing.
    pub(crate) async fn make(&self, client: &mut Client) -> Result<(), Failure> {
        let tables = [
            // The names of a stage may be longer than a key: it is their digest.
            format!(
                "CREATE TABLE IF NOT EXISTS {} (
                     id binary(32) NOT NULL PRIMARY KEY,
                     store text NOT NULL,
                     service text NOT NULL,
                     environment text NOT NULL,
                     tenant text NOT NULL,
                     stage text NOT NULL,
                     token bigint unsigned NOT NULL
                 ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
                self.fences
            ),
            format!(
                "CREATE TABLE IF NOT EXISTS {} (
                     attempt_id varbinary(255) NOT NULL PRIMARY KEY,
                     written_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
                 ) ENGINE = InnoDB",
                self.markers
            ),
        ];
        schema::make(client, &tables.each_ref().map(String::as_str)).await
    }

    /// The statements that set the fence row and remove markers, within a transaction. The row is set even where the
    /// token stands there already: it stays locked until the transaction ends, which is what a newer holder waits for.
    pub(crate) fn begin<'a>(&self, fence: &'a Fence, recorded: &'a [AttemptId]) -> Vec<Statement<'a>> {
        let Fence { store, key, token } = fence;
        let scope = &key.scope;
        let tenant = scope.tenant.as_deref().unwrap_or_default();
        let id = id(fence);
        let row: [Argument<'a>; 7] = [
            id.clone(),
            store.as_str().into(),
            scope.service.as_str().into(),
            scope.environment.as_str().into(),
            tenant.into(),
            key.stage.as_str().into(),
            token.0.into(),
        ];
        let set = format!(
            "INSERT INTO {} (id, store, service, environment, tenant, stage, token) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON DUPLICATE KEY UPDATE token = GREATEST(token, VALUES(token))",
            self.fences
        );
        let look = format!("SELECT token FROM {} WHERE id = ? FOR UPDATE", self.fences);
        let mut statements = vec![Statement::new(set, row), Statement::new(look, [id])];
        statements.extend(self.forget(recorded));
        statements
    }

    /// The statement that removes markers, if there are any to remove.
    pub(crate) fn forget<'a>(&self, attempts: &'a [AttemptId]) -> Option<Statement<'a>> {
        let ids: Vec<Argument<'a>> = attempts.iter().map(|attempt| attempt.0.as_bytes().into()).collect();
        let places = vec!["?"; ids.len()].join(", ");
        let text = format!("DELETE FROM {} WHERE attempt_id IN ({places})", self.markers);
        (!ids.is_empty()).then(|| Statement::new(text, ids))
    }

    /// The statements that write the marker of an attempt and read it back: nothing may hide it.
    pub(crate) fn write<'a>(&self, attempt: &'a AttemptId) -> [Statement<'a>; 2] {
        let write = format!("INSERT INTO {} (attempt_id) VALUES (?)", self.markers);
        [Statement::new(write, [attempt.0.as_bytes().into()]), self.look(attempt)]
    }

    fn look<'a>(&self, attempt: &'a AttemptId) -> Statement<'a> {
        let look = format!("SELECT 1 FROM {} WHERE attempt_id = ?", self.markers);
        Statement::new(look, [attempt.0.as_bytes().into()])
    }

    /// Whether the marker of an attempt is there.
    pub(crate) async fn is_there(
        &self,
        client: &mut Client,
        attempt: &AttemptId,
    ) -> Result<bool, TargetError> {
        match client.batch(&[self.look(attempt)]).await {
            Ok(answers) => Ok(answers.iter().any(|answer| !answer.rows.is_empty())),
            Err(Failure::Server(error, _)) if error.is(number::MISSING_TABLE) => Ok(false),
            Err(failure) => Err(failure).in_target(),
        }
    }
}

/// What the answers to [`Marks::begin`] mean.
///
/// # Errors
///
/// [`TargetError::Fenced`] when a higher token stands there.
pub(crate) fn begun(fence: &Fence, looked: Option<&Answer>) -> Result<(), TargetError> {
    let found = looked.and_then(|answer| answer.rows.first());
    match found.map(|row| row.number(0)).transpose().in_target()? {
        Some(token) if token == fence.token.0 => Ok(()),
        _ => Err(TargetError::Fenced),
    }
}

/// What tells the row of a stage from those of others.
fn id(fence: &Fence) -> Argument<'static> {
    let scope = &fence.key.scope;
    let tenant = scope.tenant.as_deref().unwrap_or_default();
    let parts = [&fence.store, &scope.service, &scope.environment, tenant, fence.key.stage.as_str()];
    let parts: Vec<String> = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    Argument::Bytes(Digest::of(parts.concat().as_bytes()).as_bytes().to_vec().into())
}
