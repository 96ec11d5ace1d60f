//! Queries: their columns, and their rows batch by batch. The server keeps the rows of each, so that others may follow.

use std::collections::VecDeque;

use sandpiper_runtime::sql::{Row, SqlError};

use super::cells::Field;
use super::client::{Client, Prepared};
use super::errors::Failure;
use super::values;
use crate::servers::cells::Cells;
use crate::servers::statement::Argument;

/// How many rows are read at once when nothing is known of their size.
const FIRST_ROWS: u32 = 64;
/// How many are read at once at most.
const MOST_ROWS: usize = 4096;

/// A query whose rows were not all given out.
pub(crate) struct Query {
    prepared: Prepared,
    /// Its columns, with what the server calls their types.
    pub(crate) columns: Vec<(Field, String)>,
    fields: Vec<Field>,
    rows: VecDeque<Cells>,
    /// Whether the server has more.
    more: bool,
    /// How many rows were read, and how many bytes they took.
    read: (usize, usize),
}

impl Query {
    /// Begins a query.
    pub(crate) async fn begin(
        client: &mut Client,
        prepared: Prepared,
        arguments: &[Argument<'_>],
    ) -> Result<Self, Failure> {
        let answer = match client.execute(&prepared, arguments, true).await {
            Ok(answer) => answer,
            Err(failure) => {
                client.close(&prepared);
                return Err(failure);
            }
        };
        let fields = if answer.fields.is_empty() { prepared.fields.clone() } else { answer.fields };
        let columns = fields.iter().map(|field| (field.clone(), values::name(field))).collect();
        let more = answer.has_cursor;
        if !more {
            client.close(&prepared);
        }
        Ok(Self { prepared, columns, fields, rows: answer.rows.into(), more, read: (0, 0) })
    }

    async fn reads(&mut self, client: &mut Client, most: u32) -> Result<(), Failure> {
        let (rows, more) = match client.fetch(&self.prepared, &self.fields, most).await {
            Ok(fetched) => fetched,
            Err(failure) => {
                self.close(client);
                return Err(failure);
            }
        };
        self.read.0 += rows.len();
        self.read.1 += rows.iter().map(Cells::size).sum::<usize>();
        self.rows.extend(rows);
        if !more {
            self.close(client);
        }
        Ok(())
    }

    /// Ends it at or before its end.
    pub(crate) fn close(&mut self, client: &mut Client) {
        if std::mem::take(&mut self.more) {
            client.close(&self.prepared);
        }
    }

    /// Reads until so many rows, or about so many bytes, are there, or the end.
    pub(crate) async fn fill(
        &mut self,
        client: &mut Client,
        rows: usize,
        bytes: usize,
    ) -> Result<(), Failure> {
        loop {
            let there: usize = self.rows.iter().map(Cells::size).sum();
            if !self.more || self.rows.len() >= rows || (there >= bytes && !self.rows.is_empty()) {
                return Ok(());
            }
            let (read, size) = self.read;
            let fitting = match size.checked_div(read) {
                None => FIRST_ROWS as usize,
                Some(each) => bytes.saturating_sub(there) / each.max(1),
            };
            let most = fitting.min(rows - self.rows.len()).clamp(1, MOST_ROWS);
            self.reads(client, u32::try_from(most).unwrap_or(FIRST_ROWS)).await?;
        }
    }

    /// The next rows, of those that are there.
    pub(crate) fn take(&mut self, rows: usize, bytes: usize) -> Result<Vec<Row>, SqlError> {
        let mut size = 0;
        let mut taken = Vec::new();
        while taken.len() < rows && (taken.is_empty() || size < bytes) {
            let Some(cells) = self.rows.pop_front() else { break };
            size += cells.size();
            let row = cells.iter().zip(&self.columns);
            let row: Result<Row, SqlError> =
                row.map(|(cell, (field, name))| values::read(cell, field, name)).collect();
            taken.push(row?);
        }
        Ok(taken)
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_over(&self) -> bool {
        !self.more && self.rows.is_empty()
    }
}
