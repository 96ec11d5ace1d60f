//! One attempt on a database: its calls, the proof that its transaction stands, its commit.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::entry::AttemptId;
use sandpiper_engine::store::{AppendError, Appended};
use sandpiper_runtime::guest::Level;
use sandpiper_runtime::sql::SqlError;
use sandpiper_runtime::sql::{CursorId, Sql};
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::client::{Client, Notice, Status};
use super::connect::Canceller;
use super::cursor::Query;
use super::errors::{Failure, ServerError, code, sql_error};
use super::guard::Rules;
use super::{chain, marks, preview};
use crate::crash;
use crate::network::{Interrupt, Pings};
use crate::servers::failure::{Explain as _, target_error};
use crate::servers::statement::Statement;

/// A session on a database.
pub(crate) struct PostgresSession {
    pub(super) client: Arc<Mutex<Client>>,
    pub(super) rules: Rules,
    transaction: Option<Transaction>,
    pub(super) interrupt: Interrupt<Canceller>,
    _pings: Pings,
    /// Of a preview what is set anew for each of its changes.
    renewed: Vec<(String, String)>,
    /// Why the transaction stands no more.
    ended: Option<String>,
    /// The first error in it, after which nothing but its end is possible.
    failed: Option<String>,
    pub(super) written: bool,
    pub(super) notices: Vec<Notice>,
    pub(super) queries: HashMap<CursorId, Query>,
    pub(super) opened: u32,
    /// What the server calls types that it does not have from the start.
    pub(super) names: HashMap<u32, String>,
}

/// A transaction that the host began.
pub(crate) struct Transaction {
    pub(crate) attempt: AttemptId,
    /// The server's number of it, which no other transaction has.
    pub(crate) number: String,
    /// What `synchronous_commit` is to be when it is committed.
    pub(crate) durability: String,
}

/// What tells one transaction from another; it is given with the first write, here of the fence row.
pub(crate) const NUMBER: &str = "SELECT pg_catalog.txid_current_if_assigned()";

const DURABLE: &str = "SELECT pg_catalog.set_config('synchronous_commit', $1, true)";

impl PostgresSession {
    pub(crate) fn new(client: Client, rules: Rules, transaction: Option<Transaction>, pings: Pings) -> Self {
        let interrupt = Interrupt::new(client.canceller());
        let client = Arc::new(Mutex::new(client));
        pings.start(&client);
        Self {
            client,
            rules,
            transaction,
            interrupt,
            _pings: pings,
            renewed: Vec::new(),
            ended: None,
            failed: None,
            written: false,
            notices: Vec::new(),
            queries: HashMap::new(),
            opened: 0,
            names: HashMap::new(),
        }
    }

    /// For a preview, with what is set anew for each of its changes.
    pub(super) fn renewed_with(self, settings: Vec<(String, String)>) -> Self {
        Self { renewed: settings, ..self }
    }

    /// Refuses a call when the transaction stands no more.
    pub(super) fn standing(&self) -> Result<(), SqlError> {
        match &self.ended {
            Some(reason) => Err(SqlError::TransactionEnded(reason.clone())),
            None => Ok(()),
        }
    }

    /// The connection, for a call of the change's; what an earlier query left open on it is read to its end before.
    pub(super) async fn enter(&mut self) -> Result<OwnedMutexGuard<Client>, SqlError> {
        self.standing()?;
        let mut client = self.client.clone().lock_owned().await;
        if let Some(query) = self.queries.values_mut().find(|query| query.holds_the_connection()) {
            let read = self.interrupt.guard(query.keep_rest(&mut client)).await;
            self.looked_after(&mut client, read, "")?;
        }
        Ok(client)
    }

    /// Does what follows a call: whether the transaction stands still, and what became of the call.
    pub(super) fn looked_after<T>(
        &mut self,
        client: &mut Client,
        done: Option<Result<T, Failure>>,
        statement: &str,
    ) -> Result<T, SqlError> {
        let Some(done) = done else {
            client.abandon("the server did not end a statement that it was asked to end");
            return Err(SqlError::Interrupted);
        };
        self.notices.extend(client.take_notices());
        if let Err(Failure::Server(error, _)) = &done {
            self.note(error);
            if error.is(code::QUERY_CANCELED) && self.interrupt.was_asked() {
                return Err(SqlError::Interrupted);
            }
        }
        let is_lost = matches!(done, Err(Failure::Lost(_)));
        if self.rules != Rules::Direct && client.status() == Status::Idle && !is_lost {
            let reason = "the server says that no transaction is open any more".to_owned();
            self.ended = Some(reason.clone());
            return Err(SqlError::TransactionEnded(reason));
        }
        match done {
            Err(Failure::Lost(_)) if self.interrupt.was_asked() => Err(SqlError::Interrupted),
            done => done.map_err(|failure| sql_error(failure, statement)),
        }
    }

    fn note(&mut self, error: &ServerError) {
        if self.failed.is_none() {
            self.failed = Some(error.said());
        }
    }

    /// Looks whether the transaction stands, and where it is about to be committed at what is checked `late` too.
    async fn proven(&mut self, late: bool) -> Result<(), ProofError> {
        if let Some(reason) = &self.ended {
            return Err(ProofError::Ended(reason.clone()));
        }
        let Some(number) = self.transaction.as_ref().map(|transaction| transaction.number.clone()) else {
            return Ok(());
        };
        let failed = self.failed.clone();
        let mut client = self.end().await;
        prove(&mut client, &number, failed.as_deref(), late).await
    }

    /// Ends the part of the change: what it left open is closed, and no interruption reaches the connection any more.
    async fn end(&mut self) -> OwnedMutexGuard<Client> {
        self.interrupt.settle().await;
        let mut client = self.client.clone().lock_owned().await;
        self.queries.clear();
        if client.is_unsynced() {
            // An error of it shows in the state of the transaction.
            drop(client.sync().await);
        }
        client
    }
}

/// Why a commit that the server refused did not happen.
fn refused(error: ServerError) -> CommitError {
    match error.code.get(..2) {
        // A constraint that is checked late, or what a trigger that runs late says.
        Some("23" | "P0") => CommitError::Violated(error.said()),
        _ => target_error(&Failure::Server(Box::new(error), 0)).into(),
    }
}

/// Looks whether the connection is in the transaction that the host began.
async fn prove(
    client: &mut Client,
    number: &str,
    failed: Option<&str>,
    late: bool,
) -> Result<(), ProofError> {
    let ended = |why: &str| Err(ProofError::Ended(why.to_owned()));
    if let Some(why) = client.lost() {
        return Err(TargetError::Unreachable(why.to_owned()).into());
    }
    match client.status() {
        Status::Idle => return ended("the server says that no transaction is open any more"),
        Status::Failed => {
            let first = failed.unwrap_or("its message was not kept");
            return Err(ProofError::Violated(format!(
                "a statement failed, and the transaction with it, although the change went on: {first}"
            )));
        }
        Status::Open => {}
    }
    // Constraints that are checked late are checked now, while it can still be said whose fault it is.
    let check = if late { "SET CONSTRAINTS ALL IMMEDIATE" } else { "" };
    let proof = [Statement::plain(check), Statement::plain(NUMBER)];
    let answers = match client.batch(&proof).await {
        Err(Failure::Server(error, 0)) => return Err(ProofError::Violated(error.said())),
        other => other.in_target()?,
    };
    let found = answers.last().and_then(|answer| answer.rows.first());
    match found.map(|row| row.optional(0)).transpose().in_target()?.flatten() {
        Some(found) if found == number => Ok(()),
        _ => ended("another transaction stands in its place"),
    }
}

#[async_trait]
impl Session for PostgresSession {
    fn interrupter(&self) -> Interrupter {
        self.interrupt.interrupter()
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        Some(self)
    }

    fn has_written(&self) -> bool {
        self.written
    }

    fn take_notices(&mut self) -> Vec<(Level, String)> {
        let notices = std::mem::take(&mut self.notices);
        notices.into_iter().map(|notice| (notice.level(), notice.message)).collect()
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        self.proven(true).await
    }

    async fn stands(&mut self) -> Result<(), ProofError> {
        self.proven(false).await
    }

    async fn previewed(&mut self) -> Result<(), ProofError> {
        self.proven(true).await?;
        let mut client = self.end().await;
        preview::renew(&mut client, &self.renewed).await.map_err(ProofError::Target)
    }

    async fn has_open_transaction(&mut self) -> bool {
        self.rules == Rules::Direct && self.client.lock().await.status() != Status::Idle
    }

    async fn roll_back_left_open(&mut self) -> bool {
        let left_open = self.has_open_transaction().await;
        if left_open {
            self.queries.clear();
            super::schema::roll_back(&mut *self.client.lock().await).await;
        }
        left_open
    }

    async fn commit(mut self: Box<Self>, seal: Seal<'_>) -> Result<Option<Appended>, CommitError> {
        let Some(transaction) = self.transaction.take() else {
            // Without a transaction of the host's there is nothing to commit, only something to end.
            return self.close().await.map(|()| None).map_err(CommitError::Target);
        };
        if let Some(reason) = self.ended.take() {
            drop(self.close().await);
            return Err(CommitError::Ended(reason));
        }
        let mut client = self.end().await;
        let committed = commit(&mut client, &transaction, seal).await;
        if !matches!(committed, Ok(_) | Err(CommitError::Unknown(_))) {
            super::schema::roll_back(&mut client).await;
        }
        client.terminate().await;
        committed
    }

    async fn close(mut self: Box<Self>) -> Result<(), TargetError> {
        let rules = self.rules;
        let mut client = self.end().await;
        if client.lost().is_some() {
            return Ok(());
        }
        let open = client.status() != Status::Idle;
        if open {
            super::schema::roll_back(&mut client).await;
        }
        client.terminate().await;
        if open && rules == Rules::Direct { Err(TargetError::LeftOpen) } else { Ok(()) }
    }
}

/// Writes the markers of attempts after the host's own statements, and reads each back.
async fn mark<'a>(
    client: &mut Client,
    mut own: Vec<Statement<'a>>,
    attempts: &'a [AttemptId],
) -> Result<(), TargetError> {
    own.extend(attempts.iter().flat_map(marks::write));
    crash::before("postgres marker");
    let answers = client.batch(&own).await;
    crash::after("postgres marker");
    let answers = answers.in_target()?;
    // Each is written by one statement, and looked for by the next.
    let looks = answers.iter().rev().step_by(2).take(attempts.len());
    match looks.into_iter().any(|answer| answer.rows.is_empty()) {
        false => Ok(()),
        true => Err(TargetError::Refused(
            "the marker of the attempt is not there after it was written: drop the trigger or rule on \
             `sandpiper.sandpiper_marker`"
                .to_owned(),
        )),
    }
}

/// Writes the seal and commits.
async fn commit(
    client: &mut Client,
    transaction: &Transaction,
    seal: Seal<'_>,
) -> Result<Option<Appended>, CommitError> {
    // The host's own statements are not to be led astray by what the change has set; what it set ends here anyway.
    let mut own = vec![
        Statement::plain("SET LOCAL SESSION AUTHORIZATION DEFAULT"),
        Statement::plain("SET LOCAL ROLE NONE"),
        Statement::plain("SET LOCAL search_path = pg_catalog, pg_temp"),
    ];
    own.push(Statement::new(DURABLE, [transaction.durability.as_str().into()]));
    own.push(Statement::plain(NUMBER));
    let sealed = match seal {
        Seal::Marker => {
            mark(client, own, std::slice::from_ref(&transaction.attempt)).await?;
            None
        }
        Seal::Markers(attempts) => {
            mark(client, own, attempts).await?;
            None
        }
        Seal::Entries { lease, drafts } => {
            client.batch(&own).await.in_target()?;
            let appended = chain::append(client, lease, drafts).await;
            Some(appended.map_err(|error| match error {
                chain::Refused::Append(error) => CommitError::Entries(error),
                chain::Refused::Failure(failure) => {
                    CommitError::Entries(AppendError::Store(crate::servers::failure::store_error(&failure)))
                }
            })?)
        }
    };
    crash::before("postgres commit");
    let committed = client.one("COMMIT", Vec::new()).await;
    crash::after("postgres commit");
    match committed {
        Ok(answer) if answer.tag == "COMMIT" => Ok(sealed),
        Ok(_) => Err(CommitError::Violated("the server rolled the transaction back".to_owned())),
        Err(Failure::Server(error, _)) => Err(refused(*error)),
        Err(Failure::Lost(why) | Failure::Refused(why) | Failure::Version(why)) => {
            Err(CommitError::Unknown(why))
        }
    }
}
