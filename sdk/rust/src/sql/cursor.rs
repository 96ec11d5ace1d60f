//! The rows of a query, fetched in batches while they are read.

use crate::bindings::sql::client;
use crate::sql::{Column, Error, Row, Value};
use std::rc::Rc;

const DEFAULT_BATCH: u32 = 256;

/// The rows of a query. Neither the host nor the change holds more than one batch of them in memory.
///
/// ```
/// # fn sum(db: &sandpiper_sdk::sql::Connection) -> sandpiper_sdk::Result<i64> {
/// let mut sum = 0;
/// for row in db.query("SELECT amount FROM orders", [])? {
///     sum += row?.get::<i64>("amount")?;
/// }
/// # Ok(sum) }
/// ```
#[derive(Debug)]
pub struct Cursor {
    resource: client::Cursor,
    columns: Rc<[Column]>,
    batch: std::vec::IntoIter<Vec<Value>>,
    batch_size: u32,
    ended: bool,
}

impl Cursor {
    pub(crate) fn new(resource: client::Cursor) -> Self {
        let columns = resource.columns().into();
        Self { resource, columns, batch: Vec::new().into_iter(), batch_size: DEFAULT_BATCH, ended: false }
    }

    /// Fetches `rows` at a time instead of 256: fewer for wide rows, more for narrow ones. 0 counts as 1.
    #[must_use]
    pub fn batch_size(mut self, rows: u32) -> Self {
        self.batch_size = rows.max(1);
        self
    }

    /// Names and types of the columns, in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next batch of at most `max` rows, after those that were fetched already; empty at the end.
    pub fn next_batch(&mut self, max: u32) -> Result<Vec<Row>, Error> {
        if self.batch.len() == 0 {
            self.fetch(max.max(1))?;
        }
        let columns = &self.columns;
        Ok(self
            .batch
            .by_ref()
            .take(max.max(1) as usize)
            .map(|values| Row::new(Rc::clone(columns), values))
            .collect())
    }

    fn fetch(&mut self, max: u32) -> Result<(), Error> {
        if self.ended {
            return Ok(());
        }
        let rows = self.resource.next(max).inspect_err(|_| self.ended = true)?;
        self.ended = rows.is_empty();
        self.batch = rows.into_iter();
        Ok(())
    }
}

/// Ends after the last row, and after the first error.
impl Iterator for Cursor {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0
            && let Err(error) = self.fetch(self.batch_size)
        {
            return Some(Err(error));
        }
        self.batch.next().map(|values| Ok(Row::new(Rc::clone(&self.columns), values)))
    }
}
