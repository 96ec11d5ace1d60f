//! A connection to a database: statements, scripts and queries.

use crate::bindings::sql::client;
use crate::lent::lent;
use crate::sql::{Cursor, Error, FromValue, Row, Value};

/// A connection to a database. The host opened it and owns its transaction; it goes back to the host when the
/// call of the change ends.
///
/// Statements take the database's own placeholders (`?`, `$1`), one for each of `parameters`; write those as
/// [`params![..]`](crate::params).
#[derive(Debug)]
#[repr(transparent)]
pub struct Connection(client::Connection);

lent!(Connection, client::Connection);

/// How much `execute_many` hands to the host in one call: rows, and bytes (the host's limit of a call is 16
/// MiB).
const CHUNK_ROWS: usize = 1_000;
const CHUNK_BYTES: usize = 1 << 20;

impl Connection {
    /// Opens a further system that the change declared in `uses`.
    pub fn open(system: &str) -> Result<Self, Error> {
        Ok(Self(client::Connection::open(system)?))
    }

    /// `sqlite`, `postgres`, `mysql`, `mariadb`, ...
    pub fn dialect(&self) -> String {
        self.0.dialect()
    }

    /// Runs one statement, and returns the number of rows affected.
    pub fn execute(&self, statement: &str, parameters: impl AsRef<[Value]>) -> Result<u64, Error> {
        Ok(self.0.execute(statement, parameters.as_ref())?)
    }

    /// Runs one statement once for each row of parameters, in as few round trips as the database allows, and
    /// returns the number of rows affected. Rows are taken from the iterator as they are sent, in calls of at
    /// most 1,000.
    pub fn execute_many<R: Into<Vec<Value>>>(
        &self,
        statement: &str,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<u64, Error> {
        let mut affected = 0;
        for chunk in Chunks(rows.into_iter().map(Into::into)) {
            affected += self.0.execute_many(statement, &chunk)?;
        }
        Ok(affected)
    }

    /// Runs any number of statements that take no parameters.
    pub fn run_script(&self, script: &str) -> Result<(), Error> {
        Ok(self.0.run_script(script)?)
    }

    /// Runs a query whose rows are read one after the other.
    pub fn query(&self, statement: &str, parameters: impl AsRef<[Value]>) -> Result<Cursor, Error> {
        Ok(Cursor::new(self.0.query(statement, parameters.as_ref())?))
    }

    /// The only row of a query. [`Error::RowCount`] when there is none, or more than one.
    pub fn query_one(&self, statement: &str, parameters: impl AsRef<[Value]>) -> Result<Row, Error> {
        self.query_optional(statement, parameters)?
            .ok_or_else(|| Error::RowCount("the query was to find one row and found none".to_owned()))
    }

    /// The only row of a query, or none. [`Error::RowCount`] when there is more than one.
    pub fn query_optional(
        &self,
        statement: &str,
        parameters: impl AsRef<[Value]>,
    ) -> Result<Option<Row>, Error> {
        let mut rows = self.query(statement, parameters)?.next_batch(2)?;
        if rows.len() > 1 {
            return Err(Error::RowCount("the query was to find one row and found more".to_owned()));
        }
        Ok(rows.pop())
    }

    /// The first column of the only row of a query, as `T`.
    pub fn query_value<T: FromValue>(
        &self,
        statement: &str,
        parameters: impl AsRef<[Value]>,
    ) -> Result<T, Error> {
        self.query_one(statement, parameters)?.get(0)
    }
}

/// Rows, gathered into calls of a bounded size.
struct Chunks<I>(I);

impl<I: Iterator<Item = Vec<Value>>> Iterator for Chunks<I> {
    type Item = Vec<Vec<Value>>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
            let Some(row) = self.0.next() else { break };
            bytes += row.iter().map(Value::size).sum::<usize>();
            chunk.push(row);
        }
        (!chunk.is_empty()).then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_rows_are_sent_a_thousand_at_a_time() {
        let rows = (0..2_500).map(|number| vec![Value::Integer(number)]);
        let sizes: Vec<_> = Chunks(rows).map(|chunk| chunk.len()).collect();
        assert_eq!(sizes, [1_000, 1_000, 500]);
    }

    #[test]
    fn a_call_ends_with_the_row_that_passes_the_size() {
        let rows = (0..5).map(|_| vec![Value::Bytes(vec![0; CHUNK_BYTES / 2])]);
        let sizes: Vec<_> = Chunks(rows).map(|chunk| chunk.len()).collect();
        assert_eq!(sizes, [2, 2, 1]);
    }

    #[test]
    fn no_rows_make_no_call() {
        assert_eq!(Chunks(std::iter::empty()).count(), 0);
    }
}
