//! The journal of a `direct` change: each statement is recorded before it is sent and when it is done, so that a crash
//! leaves at most one in doubt, and a later attempt goes on after the last one that is finished. What takes it back is
//! recorded in the same way.

mod requests;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_backends::crash;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::progress::Standing;
use sandpiper_engine::store::{AppendError, Appended, Lease, StepMark};
use sandpiper_runtime::guest::Level;
use sandpiper_runtime::http::Http;
use sandpiper_runtime::sql::{Cursor, CursorId, Row, Sql, SqlError, Value};
use sandpiper_runtime::stop::{Stop, StopReason};
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};
use sandpiper_sql_syntax::{Dialect, TransactionUse, classify, split};
use tokio::sync::Mutex;

use crate::run::Core;

/// What an attempt has finished of the steps of its change.
pub(crate) struct Journal {
    core: Arc<Core>,
    lease: Lease,
    stop: Stop,
    change: ChangeId,
    dialect: Dialect,
    current: Mutex<Current>,
}

struct Current {
    mark: StepMark,
    /// How far the steps are, this one as it was written last.
    known: BTreeMap<u32, StepMark>,
    /// Statements of a transaction that the change began itself: they count only with its end.
    uncommitted: Vec<Digest>,
    /// Whether it was begun by a `SAVEPOINT`, whose release ends it.
    by_savepoint: bool,
    /// A request that was answered, and which whoever sent it is not done with.
    answered: Option<Digest>,
}

impl Current {
    fn new(known: BTreeMap<u32, StepMark>) -> Self {
        let mark = StepMark::begin(0, Digest::ZERO);
        Self { mark, known, uncommitted: Vec::new(), by_savepoint: false, answered: None }
    }

    fn is_at(&mut self, mark: StepMark) {
        self.mark = mark;
        self.uncommitted.clear();
        self.by_savepoint = false;
        self.answered = None;
    }

    /// Whoever sent a request has gone on: it is finished, if there is one.
    fn settles(&mut self) -> bool {
        let answered = self.answered.take();
        answered.map(|digest| self.mark.finishes(digest)).is_some()
    }

    /// The number of the statement that comes next.
    fn next(&self) -> u32 {
        self.mark.finished_now() + u32::try_from(self.uncommitted.len()).unwrap_or(u32::MAX) + 1
    }

    /// The mark as it is once the open transaction has ended.
    fn committed(&self) -> StepMark {
        let mut mark = self.mark.clone();
        self.uncommitted.iter().for_each(|digest| mark.finishes(*digest));
        mark
    }
}

/// What is sent: decides what it can do to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// It begins one, where none is open.
    Begins,
    /// It ends the one that is open.
    Ends,
    /// It sets, releases or rolls back to a savepoint: outside of a transaction the first begins one.
    Savepoint,
    /// It leaves one standing.
    Inside,
    /// Several statements, which may do anything.
    Script,
}

impl Journal {
    /// A journal for one attempt under a lease, which goes on from what is known.
    pub(crate) fn new(
        core: Arc<Core>,
        lease: Lease,
        stop: Stop,
        change: ChangeId,
        kind: &str,
        known: &[StepMark],
    ) -> Self {
        let known = known.iter().map(|mark| (mark.step, mark.clone())).collect();
        let (dialect, current) = (Dialect::from_kind(kind), Mutex::new(Current::new(known)));
        Self { core, lease, stop, change, dialect, current }
    }

    /// The journal of what takes back what is in this one: that is stopped by another stop.
    pub(crate) async fn of_rollback(&self, stop: Stop) -> Self {
        let known = self.current.lock().await.known.clone();
        let (core, lease, change) = (self.core.clone(), self.lease.clone(), self.change.clone());
        Self { core, lease, stop, change, dialect: self.dialect, current: Mutex::new(Current::new(known)) }
    }

    /// What is there of a step; of one that is not known, nothing.
    pub(crate) async fn standing(&self, step: u32) -> Standing {
        self.current.lock().await.known.get(&step).map_or(Standing::Absent, StepMark::standing)
    }

    /// Begins a step, or goes on with one. Gives how many of its statements are finished.
    pub(crate) async fn applies(&self, step: u32, payload: Digest) -> u32 {
        let mut current = self.current.lock().await;
        let mark = match current.known.get(&step) {
            Some(known) => StepMark { payload, ..known.goes_on() },
            None => StepMark::begin(step, payload),
        };
        let finished = mark.finished;
        current.is_at(mark);
        finished
    }

    /// Says that all steps are there, before any of an applied change is taken back.
    pub(crate) async fn all_are_there(&self, payloads: &[Digest]) -> Result<(), String> {
        let mut current = self.current.lock().await;
        for (step, payload) in (0..).zip(payloads) {
            current.is_at(StepMark { complete: true, ..StepMark::begin(step, *payload) });
            self.write(&mut current).await?;
        }
        Ok(())
    }

    /// Begins to take a step back. Where its statements are `seen` nothing is in doubt before the first is sent.
    pub(crate) async fn takes_back(&self, step: u32, payload: Digest, seen: bool) -> Result<(), String> {
        let mut current = self.current.lock().await;
        let known = current.known.get(&step).cloned();
        let mut mark = known.unwrap_or_else(|| StepMark::begin(step, payload));
        mark.is_taken_back();
        current.is_at(mark);
        if seen {
            return Ok(());
        }
        current.mark.sends(1);
        self.write(&mut current).await
    }

    /// The step, or what takes it back, is finished as a whole.
    pub(crate) async fn completes(&self) -> Result<(), String> {
        let mut current = self.current.lock().await;
        current.settles();
        current.mark.completes();
        self.write(&mut current).await
    }

    /// What the step did was not seen, and it went wrong: it may be there.
    pub(crate) async fn doubts(&self) {
        let mut current = self.current.lock().await;
        current.mark.sends(1);
        // What cannot be written is taken back all the same.
        drop(self.write(&mut current).await);
    }

    /// Before something is sent. Inside of a transaction of the change's own nothing is in doubt before its end; while
    /// it is open, a store in the same file can be written to by nobody but the session itself.
    async fn sends(&self, session: &mut dyn Session, text: &str, sent: Sent) -> Result<(), SqlError> {
        let mut current = self.current.lock().await;
        if session.has_open_transaction().await {
            let may_end = match sent {
                Sent::Ends | Sent::Script => true,
                Sent::Savepoint => current.by_savepoint,
                Sent::Begins | Sent::Inside => false,
            };
            if !may_end {
                return Ok(());
            }
            // Where the store is in the same database the transaction itself says that it was committed.
            let mut mark = current.committed();
            match sent {
                Sent::Script => mark.sends(current.next()),
                _ => mark.finishes(Digest::of(text.as_bytes())),
            }
            if let Some(kept) = session.keep_step(&self.lease, &self.change, &mark).await {
                return kept.map_err(|error| Self::not_recorded(&self.redacted(&error)));
            }
        } else if matches!(sent, Sent::Begins | Sent::Savepoint) {
            return Ok(());
        }
        let next = current.next();
        current.mark.sends(next);
        self.write(&mut current).await.map_err(|why| Self::not_recorded(&why))?;
        // Recording took its time. Nothing fences what is outside of a transaction but this look at the clock.
        match self.stop.reason() {
            Some(StopReason::LeaseLost) => Err(SqlError::Interrupted),
            _ => Ok(()),
        }
    }

    /// After something was done.
    async fn done(&self, session: &mut dyn Session, text: &str, sent: Sent) -> Result<(), SqlError> {
        let mut current = self.current.lock().await;
        let is_first = current.uncommitted.is_empty();
        current.uncommitted.push(Digest::of(text.as_bytes()));
        if session.has_open_transaction().await {
            current.by_savepoint = sent == Sent::Savepoint && is_first || current.by_savepoint;
            return Ok(());
        }
        let (committed, answered) = (current.committed(), current.answered);
        current.is_at(committed);
        current.answered = answered;
        self.write(&mut current)
            .await
            .map_err(|why| SqlError::Denied(format!("it was done, but that could not be recorded: {why}")))
    }

    /// What the change left open was rolled back.
    pub(crate) async fn is_rolled_back(&self) {
        self.current.lock().await.uncommitted.clear();
    }

    /// After a statement that the database refused: it did nothing, so that nothing is in doubt.
    async fn refused(&self) {
        let mut current = self.current.lock().await;
        if current.mark.is_refused() {
            // What cannot be written stays in doubt, which is safe.
            drop(self.write(&mut current).await);
        }
    }

    /// After a statement, however it ended.
    async fn ended<T>(
        &self,
        session: &mut dyn Session,
        text: &str,
        sent: Sent,
        result: Result<T, SqlError>,
    ) -> Result<T, SqlError> {
        match result {
            Ok(value) => self.done(session, text, sent).await.map(|()| value),
            Err(error) => {
                // Lost, interrupted or ended: what the database did of it is not known. A constraint may stop a
                // statement after some of its rows (`OR FAIL`).
                let nothing_was_done = match &error {
                    SqlError::Refused(refused) => !refused.code.contains("CONSTRAINT"),
                    SqlError::Denied(_) | SqlError::Conversion(_) | SqlError::LimitExceeded(_) => true,
                    SqlError::ConnectionLost(_) | SqlError::TransactionEnded(_) | SqlError::Interrupted => {
                        false
                    }
                };
                if nothing_was_done {
                    self.refused().await;
                }
                Err(error)
            }
        }
    }

    async fn write(&self, current: &mut Current) -> Result<(), String> {
        let mark = current.mark.clone();
        crash::before("mark");
        let put = self.core.store.put_step(&self.lease, &self.change, &mark).await;
        crash::after("mark");
        current.known.insert(mark.step, mark);
        put.map_err(|error| self.redacted(&error))
    }

    fn redacted(&self, error: &AppendError) -> String {
        self.core.secrets.redact(&error.to_string()).into_owned()
    }

    fn not_recorded(why: &str) -> SqlError {
        SqlError::Denied(Self::unrecorded(why))
    }

    fn unrecorded(why: &str) -> String {
        format!("it was not sent, because that could not be recorded before: {why}")
    }
}

/// What one statement can do to a transaction.
fn sent(statement: &str, dialect: Dialect) -> Sent {
    match classify(statement, dialect).transaction {
        TransactionUse::Begins => Sent::Begins,
        TransactionUse::Ends => Sent::Ends,
        TransactionUse::Savepoint => Sent::Savepoint,
        TransactionUse::Inside | TransactionUse::Controls | TransactionUse::Outside => Sent::Inside,
    }
}

/// Whether what was finished of a step is still what the file says.
pub(crate) fn is_unchanged(mark: &StepMark, payload: &str, kind: &str) -> bool {
    if Digest::of(payload.as_bytes()) == mark.payload {
        return true;
    }
    if mark.complete {
        return false;
    }
    let Ok(serde_json::Value::String(text)) = serde_json::from_str(payload) else { return false };
    marked(&text, kind, mark.finished).is_some_and(|now| now.statements == mark.statements)
}

/// The marks of a change that goes on after step `after`, counted as [`Progress`](sandpiper_engine::progress::Progress) counts; none if it has no such step.
pub(crate) fn marks_after(steps: &[&str], kind: &str, after: u64) -> Option<Vec<StepMark>> {
    let after = u32::try_from(after).ok()?;
    if let [only] = steps {
        let mark = match serde_json::from_str(only).ok()? {
            serde_json::Value::String(text) => marked(&text, kind, after)?,
            requests => counted(&requests, after)?,
        };
        return Some(vec![StepMark { payload: Digest::of(only.as_bytes()), ..mark }]);
    }
    if after as usize > steps.len() {
        return None;
    }
    let marks = (0..).zip(steps).map(|(step, payload)| {
        let mark = StepMark::begin(step, Digest::of(payload.as_bytes()));
        StepMark { complete: step < after, ..mark }
    });
    Some(marks.collect())
}

/// The mark of a text of which so many statements are finished; none if it has fewer.
pub(crate) fn marked(text: &str, kind: &str, finished: u32) -> Option<StepMark> {
    let dialect = Dialect::from_kind(kind);
    let statements = split(text, dialect).ok()?;
    let count = usize::try_from(finished).ok()?;
    let mut mark = StepMark::begin(0, Digest::ZERO);
    for statement in statements.get(..count)? {
        let sent = if dialect == Dialect::Sqlite { statement.terminated } else { statement.text };
        mark.finishes(Digest::of(sent.as_bytes()));
    }
    Some(mark)
}

/// The mark of a step of so many requests: what they were is not compared, but the whole payload.
fn counted(requests: &serde_json::Value, finished: u32) -> Option<StepMark> {
    let count = requests.as_array().map_or(1, Vec::len);
    let mark = StepMark { finished, ..StepMark::begin(0, Digest::ZERO) };
    (usize::try_from(finished).ok()? <= count).then_some(mark)
}

/// A session whose statements are recorded.
pub(crate) struct Journaled {
    session: Box<dyn Session>,
    journal: Arc<Journal>,
}

impl Journaled {
    /// Records what goes through a session.
    pub(crate) fn new(session: Box<dyn Session>, journal: Arc<Journal>) -> Self {
        Self { session, journal }
    }

    fn inner(&mut self) -> Result<&mut dyn Sql, SqlError> {
        self.session.sql().ok_or_else(|| SqlError::Denied("the system has no handle for SQL".to_owned()))
    }
}

#[async_trait]
impl Session for Journaled {
    fn interrupter(&self) -> Interrupter {
        self.session.interrupter()
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        if self.session.sql().is_some() { Some(self) } else { None }
    }

    fn http(&mut self) -> Option<&mut dyn Http> {
        if self.session.http().is_some() { Some(self) } else { None }
    }

    fn has_written(&self) -> bool {
        self.session.has_written()
    }

    fn take_notices(&mut self) -> Vec<(Level, String)> {
        self.session.take_notices()
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        self.session.prove().await
    }

    async fn stands(&mut self) -> Result<(), ProofError> {
        self.session.stands().await
    }

    async fn has_open_transaction(&mut self) -> bool {
        self.session.has_open_transaction().await
    }

    async fn roll_back_left_open(&mut self) -> bool {
        self.session.roll_back_left_open().await
    }

    async fn commit(self: Box<Self>, seal: Seal<'_>) -> Result<Option<Appended>, CommitError> {
        self.session.commit(seal).await
    }

    async fn close(self: Box<Self>) -> Result<(), TargetError> {
        self.session.close().await
    }
}

#[async_trait]
impl Sql for Journaled {
    fn dialect(&self) -> &'static str {
        match self.journal.dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Postgres => "postgres",
            Dialect::Mysql => "mysql",
            Dialect::Generic => "sql",
        }
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let sent = sent(statement, self.journal.dialect);
        self.journal.sends(self.session.as_mut(), statement, sent).await?;
        let result = self.inner()?.execute(statement, parameters).await;
        self.journal.ended(self.session.as_mut(), statement, sent, result).await
    }

    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError> {
        let sent = sent(statement, self.journal.dialect);
        self.journal.sends(self.session.as_mut(), statement, sent).await?;
        // Some of its rows may have been done before the one that was refused.
        let rows = self.inner()?.execute_many(statement, rows).await?;
        self.journal.done(self.session.as_mut(), statement, sent).await.map(|()| rows)
    }

    async fn run_script(&mut self, script: &str) -> Result<(), SqlError> {
        self.journal.sends(self.session.as_mut(), script, Sent::Script).await?;
        // Some of its statements may have been done before the one that was refused.
        self.inner()?.run_script(script).await?;
        self.journal.done(self.session.as_mut(), script, Sent::Script).await
    }

    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Cursor, SqlError> {
        self.inner()?.query(statement, parameters).await
    }

    async fn fetch(
        &mut self,
        cursor: CursorId,
        max_rows: u32,
        max_bytes: usize,
    ) -> Result<Vec<Row>, SqlError> {
        self.inner()?.fetch(cursor, max_rows, max_bytes).await
    }

    async fn close_cursor(&mut self, cursor: CursorId) {
        if let Ok(inner) = self.inner() {
            inner.close_cursor(cursor).await;
        }
    }
}
