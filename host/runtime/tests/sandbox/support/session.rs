//! A session in memory: it knows the statements of the guests by their beginnings, and remembers them.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex};

use async_trait::async_trait;
use sandpiper_engine::store::Appended;
use sandpiper_runtime::sql::{Column, Cursor, CursorId, DatabaseError, Row, Sql, SqlError, Value};
use sandpiper_runtime::target::{CommitError, Interrupter, ProofError, Seal, Session, TargetError};

/// What a session works on, and what it was asked.
#[derive(Default)]
pub(crate) struct Database {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    statements: Vec<String>,
    rows: Vec<Row>,
    values: Vec<Row>,
    seen: BTreeMap<String, String>,
    cursors: BTreeMap<u32, std::vec::IntoIter<Row>>,
    next_cursor: u32,
    sessions: usize,
    interrupted: bool,
    ended: bool,
    largest_batch: usize,
}

impl Database {
    /// What a guest wrote into `guest_seen`.
    #[track_caller]
    pub(crate) fn seen(&self, name: &str) -> String {
        let state = self.state.lock().unwrap();
        state.seen.get(name).unwrap_or_else(|| panic!("the guest saw no `{name}`: {:?}", state.seen)).clone()
    }

    /// Every statement that was sent.
    pub(crate) fn statements(&self) -> Vec<String> {
        self.state.lock().unwrap().statements.clone()
    }

    pub(crate) fn open_cursors(&self) -> usize {
        self.state.lock().unwrap().cursors.len()
    }

    pub(crate) fn open_sessions(&self) -> usize {
        self.state.lock().unwrap().sessions
    }

    /// The size of the largest batch that was fetched.
    pub(crate) fn largest_batch(&self) -> usize {
        self.state.lock().unwrap().largest_batch
    }

    fn interrupt(&self) {
        self.state.lock().unwrap().interrupted = true;
        self.changed.notify_all();
    }
}

pub(crate) struct MemorySession(Arc<Database>);

impl MemorySession {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        database.state.lock().unwrap().sessions += 1;
        Self(database)
    }
}

impl Drop for MemorySession {
    fn drop(&mut self) {
        let mut state = self.0.state.lock().unwrap();
        state.sessions -= 1;
        if state.sessions == 0 {
            state.cursors.clear();
        }
    }
}

#[async_trait]
impl Session for MemorySession {
    fn interrupter(&self) -> Interrupter {
        let database = self.0.clone();
        Interrupter::new(move || database.interrupt())
    }

    fn sql(&mut self) -> Option<&mut dyn Sql> {
        Some(self)
    }

    fn has_written(&self) -> bool {
        !self.0.statements().is_empty()
    }

    async fn prove(&mut self) -> Result<(), ProofError> {
        Ok(())
    }

    async fn stands(&mut self) -> Result<(), ProofError> {
        Ok(())
    }

    async fn has_open_transaction(&mut self) -> bool {
        false
    }

    async fn roll_back_left_open(&mut self) -> bool {
        false
    }

    async fn commit(self: Box<Self>, _: Seal<'_>) -> Result<Option<Appended>, CommitError> {
        Ok(None)
    }

    async fn close(self: Box<Self>) -> Result<(), TargetError> {
        if self.0.statements().iter().any(|statement| statement == "BEGIN") {
            return Err(TargetError::LeftOpen);
        }
        Ok(())
    }
}

impl MemorySession {
    fn run(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, SqlError> {
        let mut state = self.0.state.lock().unwrap();
        if state.ended {
            return Err(SqlError::TransactionEnded("it ended before".to_owned()));
        }
        state.statements.push(statement.to_owned());
        let integer = |number: usize| vec![vec![Value::Integer(i64::try_from(number).unwrap())]];
        let rows = match statement {
            "COMMIT" => {
                state.ended = true;
                return Err(SqlError::TransactionEnded("by `COMMIT`".to_owned()));
            }
            "TOO MUCH" => {
                return Err(SqlError::LimitExceeded("a row has more than 4 MiB (`limits.batch`)".to_owned()));
            }
            "LOST" => return Err(SqlError::ConnectionLost("the server went away".to_owned())),
            "SELECT length(?)" => match parameters {
                [Value::Text(text)] => integer(text.len()),
                other => panic!("{other:?}"),
            },
            "SELECT count(*) FROM guest_rows" => integer(2),
            "SELECT * FROM guest_values" => state.values.clone(),
            _ if statement.starts_with("SELECT 1 AS one") => {
                [1, 2, 3].map(|one| vec![Value::Integer(one)]).to_vec()
            }
            _ if statement.starts_with("SELECT id, note FROM guest_rows") => state.rows.clone(),
            _ if statement.starts_with("INSERT INTO no_such_table") => {
                let message = "no such table: no_such_table".to_owned();
                return Err(SqlError::Refused(DatabaseError {
                    code: "1".to_owned(),
                    message,
                    ..DatabaseError::default()
                }));
            }
            _ if statement.starts_with("INSERT INTO locked") => {
                let (code, message) = ("1205".to_owned(), "lock wait timeout exceeded".to_owned());
                let transient = true;
                return Err(SqlError::Refused(DatabaseError {
                    code,
                    message,
                    transient,
                    ..DatabaseError::default()
                }));
            }
            _ if statement.starts_with("INSERT INTO guest_seen") => {
                if let [Value::Text(name), Value::Text(seen)] = parameters {
                    state.seen.insert(name.clone(), seen.clone());
                }
                Vec::new()
            }
            _ if statement.starts_with("INSERT INTO guest_values") => {
                state.values.push(parameters.to_vec());
                Vec::new()
            }
            _ if statement.starts_with("INSERT INTO guest_rows") => {
                state.rows.push(parameters.to_vec());
                Vec::new()
            }
            _ if statement.ends_with("SELECT count(*) FROM counter") => {
                while !state.interrupted {
                    state = self.0.changed.wait(state).unwrap();
                }
                return Err(SqlError::Interrupted);
            }
            _ if statement.ends_with("in the batch' FROM counter") => {
                let row = |n| {
                    vec![Value::Integer(n), Value::Text("some text that takes room in the batch".to_owned())]
                };
                (1..=100_000).map(row).collect()
            }
            _ => Vec::new(),
        };
        Ok(rows)
    }
}

#[async_trait]
impl Sql for MemorySession {
    fn dialect(&self) -> &'static str {
        "sqlite"
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        self.run(statement, parameters).map(|_| 1)
    }

    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError> {
        rows.iter().try_for_each(|row| self.run(statement, row).map(|_| ()))?;
        Ok(u64::try_from(rows.len()).unwrap())
    }

    async fn run_script(&mut self, script: &str) -> Result<(), SqlError> {
        self.run(script, &[]).map(|_| ())
    }

    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Cursor, SqlError> {
        let rows = self.run(statement, parameters)?;
        let names: &[&str] =
            if statement.starts_with("SELECT id, note") { &["id", "note"] } else { &["one"] };
        let width = rows.first().map_or(1, Vec::len);
        let name = |index: usize| names.get(index).map_or_else(|| format!("c{index}"), ToString::to_string);
        let columns =
            (0..width).map(|index| Column { name: name(index), type_name: String::new() }).collect();
        let mut state = self.0.state.lock().unwrap();
        let id = state.next_cursor;
        state.next_cursor += 1;
        state.cursors.insert(id, rows.into_iter());
        Ok(Cursor { id: CursorId(id), columns })
    }

    async fn fetch(
        &mut self,
        cursor: CursorId,
        max_rows: u32,
        max_bytes: usize,
    ) -> Result<Vec<Row>, SqlError> {
        let mut state = self.0.state.lock().unwrap();
        let rows = state.cursors.get_mut(&cursor.0).unwrap();
        let mut bytes = 0;
        let mut batch = Vec::new();
        while batch.len() < usize::try_from(max_rows).unwrap() && bytes < max_bytes {
            let Some(row) = rows.next() else { break };
            bytes += row.iter().map(Value::size).sum::<usize>();
            batch.push(row);
        }
        state.largest_batch = state.largest_batch.max(bytes);
        Ok(batch)
    }

    async fn close_cursor(&mut self, cursor: CursorId) {
        self.0.state.lock().unwrap().cursors.remove(&cursor.0).expect("a cursor is closed once");
    }
}
