//! What the rules work with: one scope, its stages, entries and attempts.

use std::time::Duration;

use jiff::Timestamp;
use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{AttemptId, Mode, Record, State, Token};
use sandpiper_engine::scope::{LockKey, Scope};
use sandpiper_engine::store::{Acquisition, Condition, Draft, Lease, Owner, Store};
use sandpiper_runtime::sql::{Row, Sql, SqlError, Value};
use sandpiper_runtime::target::{Atomicity, Fence, Opening, Seal, Session, Target};

pub(super) const MINUTE: Duration = Duration::from_secs(60);

/// Runs what the methods of the traits give.
pub(super) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

pub(super) fn scope() -> Scope {
    Scope { service: "orders".into(), environment: "conformance".into(), tenant: None }
}

pub(super) fn key(stage: &str) -> LockKey {
    LockKey { scope: scope(), stage: stage.into() }
}

pub(super) fn owner(run_id: &str) -> Owner {
    Owner { run_id: run_id.into(), operator: "ada".into(), host: "h".into(), process: None }
}

pub(super) fn id(text: &str) -> ChangeId {
    ChangeId::new(text).unwrap()
}

pub(super) fn draft(change: &str, state: State, condition: Condition) -> Draft {
    let record = Record {
        run_id: "run".into(),
        attempt_id: Some(AttemptId("attempt".into())),
        scope: scope(),
        change_id: id(change),
        stage: "schema".into(),
        order: "0001".parse().unwrap(),
        file_name: Some("_0001__Name.sql".into()),
        name: "Name".into(),
        author: "ada".into(),
        state: Some(state),
        attempt: Some(1),
        target_system: "db".into(),
        mode: Some(Mode::Shared),
        recovery: Recovery::ManualIntervention,
        digest: Digest::of(b"x"),
        meaning: Digest::of(b"y"),
        template_digest: None,
        started_at: Timestamp::UNIX_EPOCH,
        finished_at: None,
        duration_ms: None,
        host: "h".into(),
        operator: "o".into(),
        reason: Some("it's \"quoted\" \\ ü \u{1f600}".into()),
        error: None,
        labels: vec![("ü".into(), "\"change_id\":\"b\"".into())],
        variables: None,
        calls: 0,
        calls_cut: false,
        version: "0.1.0".into(),
    };
    Draft { record, condition, calls: None }
}

pub(super) fn always(change: &str, state: State) -> Draft {
    draft(change, state, Condition::Always)
}

/// Takes the lease of a stage.
pub(super) fn taken(store: &dyn Store, stage: &str) -> Lease {
    match run(store.acquire(&key(stage), &owner("run"), MINUTE, None)).unwrap() {
        Acquisition::Taken { lease, .. } => lease,
        held @ Acquisition::Held(_) => panic!("the lease of `{stage}` is not free: {held:?}"),
    }
}

pub(super) fn fence(token: u64) -> Fence {
    Fence { store: "store".into(), key: key("schema"), token: Token(token) }
}

pub(super) fn opening(attempt: &str, mode: Mode, token: u64) -> Opening {
    Opening::Attempt { id: AttemptId(attempt.into()), mode, fence: fence(token), recorded: Vec::new() }
}

pub(super) fn attempt(target: &dyn Target, attempt: &str, mode: Mode) -> Box<dyn Session> {
    run(target.open(&opening(attempt, mode, 1))).unwrap()
}

/// The mode of a change that defines something: where a transaction cannot take a definition back, it is outside of one.
pub(super) fn defining(target: &dyn Target) -> Mode {
    match target.atomicity() {
        Atomicity::Transaction { ddl: true } => Mode::Marked,
        Atomicity::Transaction { ddl: false } | Atomicity::PerCall => Mode::Direct,
    }
}

/// Makes or drops something, in a change of its own.
pub(super) fn define(target: &dyn Target, id: &str, statements: impl IntoIterator<Item = String>) {
    let mode = defining(target);
    let mut session = attempt(target, id, mode);
    for statement in statements {
        assert_eq!(Calls(&mut *session).done(&statement), 0, "`{statement}` affects no rows");
    }
    match mode {
        Mode::Direct => run(session.close()).unwrap(),
        Mode::Shared | Mode::Marked => drop(run(session.commit(Seal::Marker)).unwrap()),
    }
}

/// The calls of a change, as a rule writes them.
pub(super) struct Calls<'a>(pub(super) &'a mut dyn Session);

impl Calls<'_> {
    pub(super) fn sql(&mut self) -> &mut dyn Sql {
        self.0.sql().expect("the target system lends SQL")
    }

    pub(super) fn execute(&mut self, statement: &str) -> Result<u64, SqlError> {
        run(self.sql().execute(statement, &[]))
    }

    #[track_caller]
    pub(super) fn done(&mut self, statement: &str) -> u64 {
        self.execute(statement).unwrap_or_else(|error| panic!("`{statement}`: {error}"))
    }

    pub(super) fn all(&mut self, query: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        run(async {
            let cursor = self.sql().query(query, parameters).await?;
            let mut all = Vec::new();
            loop {
                let rows = self.sql().fetch(cursor.id, 100, 1 << 20).await?;
                if rows.is_empty() {
                    break;
                }
                all.extend(rows);
            }
            self.sql().close_cursor(cursor.id).await;
            Ok(all)
        })
    }

    /// The words in which the host refuses a statement.
    #[track_caller]
    pub(super) fn denied(&mut self, statement: &str) -> String {
        match self.execute(statement) {
            Err(SqlError::Denied(reason)) => reason,
            other => panic!("`{statement}` was not refused by the host: {other:?}"),
        }
    }
}
