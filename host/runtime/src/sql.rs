//! The capability `sql`, as a backend implements it: statements, scripts, queries with cursors.

use async_trait::async_trait;

/// SQL over the one connection of a session.
#[async_trait]
pub trait Sql: Send {
    /// `sqlite`, `postgres`, `mysql`, `mariadb`.
    fn dialect(&self) -> &'static str;

    /// Runs one statement. Gives the number of rows affected.
    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError>;

    /// Runs one statement once per row of parameters. Gives the number of rows affected, of all together.
    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError>;

    /// Runs any number of statements without parameters.
    async fn run_script(&mut self, script: &str) -> Result<(), SqlError>;

    /// Starts a query whose rows are fetched batch by batch.
    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Cursor, SqlError>;

    /// The next rows of a query: at most `max_rows`, and about `max_bytes` in memory, but at least one; none at the end.
    async fn fetch(
        &mut self,
        cursor: CursorId,
        max_rows: u32,
        max_bytes: usize,
    ) -> Result<Vec<Row>, SqlError>;

    /// Ends a query before, at or after its end.
    async fn close_cursor(&mut self, cursor: CursorId);
}

/// Names a query of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CursorId(pub u32);

/// A query that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Its name within the session.
    pub id: CursorId,
    /// What its rows hold.
    pub columns: Vec<Column>,
}

/// A column of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The database's name of its type; empty where it has none.
    pub type_name: String,
}

/// One row: a value a column.
pub type Row = Vec<Value>;

/// A value on its way into or out of a database.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a binary fraction.
    Double(f64),
    /// Base 10, exact.
    Decimal(String),
    /// Characters.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A UUID in its text form.
    Uuid(String),
    /// ISO 8601.
    Date(String),
    /// ISO 8601.
    Time(String),
    /// ISO 8601, with an offset when the column has one.
    Timestamp(String),
    /// A JSON document as text.
    Json(String),
    /// Any other type: its name, and the database's own text form.
    Other(String, String),
}

impl Value {
    /// About how many bytes the value takes in memory.
    pub fn size(&self) -> usize {
        let text = match self {
            Self::Null | Self::Boolean(_) | Self::Integer(_) | Self::Double(_) => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Decimal(text)
            | Self::Text(text)
            | Self::Uuid(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Timestamp(text)
            | Self::Json(text) => text.len(),
            Self::Other(name, text) => name.len() + text.len(),
        };
        size_of::<Self>() + text
    }
}

/// Why a statement was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SqlError {
    /// The database refused the statement.
    #[error("{} ({})", .0.message, .0.code)]
    Refused(DatabaseError),
    /// The connection was lost: what the database did is not known.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// The host refused the statement.
    #[error("{0}")]
    Denied(String),
    /// A value has no form on the other side.
    #[error("{0}")]
    Conversion(String),
    /// A limit of the host was reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// The transaction that the host began was ended by a statement: every further call is refused.
    #[error("the transaction was ended by the change itself: {0}")]
    TransactionEnded(String),
    /// The call was ended from outside: deadline, signal, lost lease.
    #[error("the statement was interrupted")]
    Interrupted,
}

impl SqlError {
    /// Whether the same may succeed on the next attempt, as far as the database can tell.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Refused(error) => error.transient,
            Self::ConnectionLost(_) => true,
            Self::Denied(_)
            | Self::Conversion(_)
            | Self::LimitExceeded(_)
            | Self::TransactionEnded(_)
            | Self::Interrupted => false,
        }
    }
}

/// What a database says about a statement that it refused.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatabaseError {
    /// SQLSTATE, or the database's own code where it has none.
    pub code: String,
    /// What it says.
    pub message: String,
    /// More of it.
    pub detail: Option<String>,
    /// What it proposes.
    pub hint: Option<String>,
    /// Where in the statement, in bytes from its start.
    pub position: Option<u32>,
    /// Further facts by name: constraint, table, column.
    pub extras: Vec<(String, String)>,
    /// Whether the same may succeed when it is tried again: a deadlock, a serialization failure.
    pub transient: bool,
}
