//! One attempt on a database: its calls, the proof that its transaction stands, its commit.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::entry::AttemptId;
use sandpiper_engine::store::{AppendError, Appended};
use sandpiper_runtime::guest::Level;
use sandpiper_runtime::sql::{CursorId, Sql, SqlError};
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::chain;
use super::client::{Client, Status};
use super::connect::Canceller;
use super::cursor::Query;
use super::errors::{Failure, number};
use super::guard::Rules;
use super::marks::Marks;
use super::place::statement_error;
use super::server::Flavour;
use super::values::Clock;
use super::whole::{self, Whole};
use crate::crash;
use crate::network::{Interrupt, Pings};
use crate::servers::failure::Explain as _;

/// A session on a database.
pub(crate) struct MysqlSession {
    pub(super) client: Arc<Mutex<Client>>,
    pub(super) rules: Rules,
    transaction: Option<Transaction>,
    pub(super) interrupt: Interrupt<Canceller>,
    _pings: Pings,
    pub(super) flavour: Flavour,
    pub(super) clock: Clock,
    /// Why the transaction stands no more, or is none of what it was.
    ended: Option<String>,
    /// Why the server took it back.
    taken_back: Option<String>,
    pub(super) written: bool,
    notices: Vec<(Level, String)>,
    pub(super) queries: HashMap<CursorId, Query>,
    pub(super) opened: u32,
}

/// A transaction that the host began.
pub(crate) struct Transaction {
    pub(crate) attempt: AttemptId,
    pub(crate) marks: Marks,
}

impl MysqlSession {
    pub(crate) fn new(
        client: Client,
        rules: Rules,
        transaction: Option<Transaction>,
        pings: Pings,
        clock: Clock,
    ) -> Self {
        let (interrupt, flavour) = (Interrupt::new(client.canceller()), client.server().flavour);
        let client = Arc::new(Mutex::new(client));
        pings.start(&client);
        Self {
            client,
            rules,
            transaction,
            interrupt,
            _pings: pings,
            flavour,
            clock,
            ended: None,
            taken_back: None,
            written: false,
            notices: Vec::new(),
            queries: HashMap::new(),
            opened: 0,
        }
    }

    /// Refuses a call when the transaction stands no more.
    pub(super) fn standing(&self) -> Result<(), SqlError> {
        match (&self.ended, &self.taken_back) {
            (Some(reason), _) => Err(SqlError::TransactionEnded(reason.clone())),
            (None, Some(reason)) => Err(SqlError::Denied(reason.clone())),
            (None, None) => Ok(()),
        }
    }

    /// The connection, for a call of the change's.
    pub(super) async fn enter(&self) -> Result<OwnedMutexGuard<Client>, SqlError> {
        self.standing()?;
        Ok(self.client.clone().lock_owned().await)
    }

    /// Does what follows a call: whether the transaction stands still, and what became of the call.
    pub(super) async fn looked_after<T>(
        &mut self,
        client: &mut Client,
        done: Option<Result<T, Failure>>,
        statement: &str,
    ) -> Result<T, SqlError> {
        let Some(done) = done else {
            client.abandon("the server did not end a statement that it was asked to end");
            return Err(SqlError::Interrupted);
        };
        if done.is_ok() && client.warnings() > 0 {
            let warnings = whole::warnings(client).await.unwrap_or_default();
            self.notices.extend(warnings.into_iter().map(|warning| (warning.level, warning.message)));
        }
        if self.rules != Rules::Direct {
            self.find_out(client, done.as_ref().err()).await?;
        }
        match done {
            _ if self.interrupt.was_asked() => Err(SqlError::Interrupted),
            done => done.map_err(|failure| statement_error(failure, statement)),
        }
    }

    /// Whether the transaction stands still after a call.
    async fn find_out(&mut self, client: &mut Client, failure: Option<&Failure>) -> Result<(), SqlError> {
        if client.status() == Status::Doubtful && client.lost().is_none() {
            // Where this goes wrong too, the connection is lost, and that is told by whatever comes next.
            drop(client.ping().await);
        }
        let is_deadlock = matches!(failure, Some(Failure::Server(error, _)) if error.is(number::DEADLOCK));
        if client.lost().is_some() || (client.status() == Status::Open && !is_deadlock) {
            return Ok(());
        }
        match failure {
            // Nothing of it is left, and what is done from here on would begin another one, which nobody commits.
            Some(Failure::Server(error, _)) => {
                let said = format!("the server took the transaction back: {}", error.said());
                self.taken_back.get_or_insert(said);
                Ok(())
            }
            _ => {
                let reason = "the server says that no transaction is open any more".to_owned();
                self.ended = Some(reason.clone());
                Err(SqlError::TransactionEnded(reason))
            }
        }
    }

    /// Makes sure after a statement that wrote that a rollback would take it back.
    pub(super) async fn wrote(&mut self, client: &mut Client) -> Result<(), SqlError> {
        if self.rules != Rules::Transaction || self.taken_back.is_some() {
            return Ok(());
        }
        let looked = whole::look(client, false).await.map_err(|failure| statement_error(failure, ""))?;
        match looked {
            Whole::Yes => Ok(()),
            Whole::NotKnown(why) => {
                self.taken_back = Some(why.clone());
                Err(SqlError::Denied(why))
            }
            Whole::No(why) | Whole::Ended(why) => {
                self.ended = Some(why.clone());
                Err(SqlError::TransactionEnded(why))
            }
        }
    }

    /// Ends the part of the change: what it left open is closed, and no interruption reaches the connection any more.
    async fn end(&mut self) -> OwnedMutexGuard<Client> {
        self.interrupt.settle().await;
        let mut client = self.client.clone().lock_owned().await;
        for (_, mut query) in self.queries.drain() {
            query.close(&mut client);
        }
        client
    }
}

/// What an error of a commit means. Only a deadlock says for certain that it did not happen.
fn refused(failure: Failure) -> CommitError {
    match failure {
        Failure::Server(error, _) if !error.is(number::DEADLOCK) => CommitError::Unknown(error.said()),
        Failure::Lost(why) => CommitError::Unknown(why),
        failure => crate::servers::failure::target_error(&failure).into(),
    }
}

#[async_trait]
impl Session for MysqlSession {
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
        std::mem::take(&mut self.notices)
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        if let Some(reason) = &self.ended {
            return Err(ProofError::Ended(reason.clone()));
        }
        if let Some(reason) = &self.taken_back {
            return Err(ProofError::Violated(reason.clone()));
        }
        if self.rules != Rules::Transaction {
            return Ok(());
        }
        let mut client = self.end().await;
        if let Some(why) = client.lost() {
            return Err(TargetError::Unreachable(why.to_owned()).into());
        }
        match whole::look(&mut client, true).await.in_target()? {
            Whole::Yes => Ok(()),
            Whole::NotKnown(why) => Err(ProofError::Violated(why)),
            Whole::No(why) | Whole::Ended(why) => Err(ProofError::Ended(why)),
        }
    }

    /// These servers check nothing late.
    async fn stands(&mut self) -> Result<(), ProofError> {
        self.prove().await
    }

    async fn has_open_transaction(&mut self) -> bool {
        if self.rules != Rules::Direct {
            return false;
        }
        let mut client = self.client.lock().await;
        if client.status() == Status::Doubtful && client.lost().is_none() {
            // Where this goes wrong too, the connection is lost, and that is told by whatever comes next.
            drop(client.ping().await);
        }
        client.status() == Status::Open
    }

    async fn roll_back_left_open(&mut self) -> bool {
        let left_open = self.has_open_transaction().await;
        if left_open {
            let mut client = self.end().await;
            drop(roll_back(&mut client).await);
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
            roll_back(&mut client).await;
        }
        client.terminate().await;
        committed
    }

    async fn close(mut self: Box<Self>) -> Result<(), TargetError> {
        let rules = self.rules;
        let mut client = self.end().await;
        if client.lost().is_none() && client.status() == Status::Doubtful {
            drop(client.ping().await);
        }
        if client.lost().is_some() {
            return Ok(());
        }
        let is_open = client.status() == Status::Open;
        let remains = if is_open { roll_back(&mut client).await } else { None };
        client.terminate().await;
        match (rules, remains) {
            (Rules::Direct, _) if is_open => Err(TargetError::LeftOpen),
            (Rules::Transaction, Some(why)) => Err(TargetError::Remains(why)),
            _ => Ok(()),
        }
    }
}

/// Takes a transaction back. Gives what is told of what stays nevertheless. Where it goes wrong, the connection is not
/// used again.
pub(crate) async fn roll_back(client: &mut Client) -> Option<String> {
    if client.lost().is_some() {
        return None;
    }
    crash::before("mysql roll back");
    let rolled_back = client.together(&["ROLLBACK"]).await;
    crash::after("mysql roll back");
    match rolled_back.as_deref() {
        Ok([Ok(0)]) => None,
        Ok([Ok(_)]) => whole::remains(client).await,
        _ => {
            client.abandon("a transaction could not be rolled back");
            None
        }
    }
}

/// Writes the markers of attempts, and reads each back.
async fn mark(client: &mut Client, marks: &Marks, attempts: &[AttemptId]) -> Result<(), TargetError> {
    for attempt in attempts {
        crash::before("mysql marker");
        let answers = client.batch(&marks.write(attempt)).await;
        crash::after("mysql marker");
        let answers = answers.in_target()?;
        if answers.last().is_none_or(|answer| answer.rows.is_empty()) {
            return Err(TargetError::Refused(
                "the marker of the attempt is not there after it was written: drop the trigger on `sandpiper_marker`"
                    .to_owned(),
            ));
        }
    }
    Ok(())
}

/// What the host's own statements rely on, whatever the configuration sets for those of changes.
const OWN: &str = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', sql_safe_updates = 0, \
                   sql_select_limit = DEFAULT, foreign_key_checks = 1";

/// Writes the seal and commits.
async fn commit(
    client: &mut Client,
    Transaction { attempt, marks }: &Transaction,
    seal: Seal<'_>,
) -> Result<Option<Appended>, CommitError> {
    client.one(OWN, Vec::new()).await.in_target()?;
    let sealed = match seal {
        Seal::Marker => {
            mark(client, marks, std::slice::from_ref(attempt)).await?;
            None
        }
        Seal::Markers(attempts) => {
            mark(client, marks, attempts).await?;
            None
        }
        Seal::Entries { lease, drafts } => {
            let appended = chain::append(client, lease, drafts).await;
            Some(appended.map_err(|refused| match refused {
                chain::Refused::Append(error) => CommitError::Entries(error),
                chain::Refused::Failure(failure) => {
                    CommitError::Entries(AppendError::Store(crate::servers::failure::store_error(&failure)))
                }
            })?)
        }
    };
    crash::before("mysql commit");
    let committed = client.one("COMMIT", Vec::new()).await;
    crash::after("mysql commit");
    committed.map(|_| sealed).map_err(refused)
}
