//! Queries: their columns, and their rows batch by batch.
//!
//! Inside a transaction each query is a portal of its own. Outside of one a portal ends with the statement's implicit
//! transaction: the query that reads is left open until another call comes, and its rest is read then.

use std::collections::VecDeque;
use std::sync::Arc;

use sandpiper_runtime::sql::{Row, SqlError, Value};

use super::client::{Answer, Client};
use super::errors::Failure;
use super::values;
use crate::servers::cells::Cells;
use crate::servers::statement::Argument;

/// How many rows are read at once when nothing is known of their size.
const FIRST_ROWS: i32 = 64;
/// How many are read at once at most.
const MOST_ROWS: usize = 4096;
/// How many bytes of rows are kept of a query that has to be read to its end at once.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// A query whose rows were not all given out.
pub(crate) struct Query {
    portal: String,
    columns: Arc<[(u32, String)]>,
    rows: VecDeque<Cells>,
    /// Whether the server has more.
    more: bool,
    /// Whether its portal ends with the next `sync`.
    fleeting: bool,
    /// How many rows were read, and how many bytes they took.
    read: (usize, usize),
    /// Whether rows were given up, because they were too many to keep.
    cut: bool,
}

impl Query {
    /// Begins a query. `fleeting` is one outside of a transaction, and `at_once` one that must not be left open.
    pub(crate) async fn begin(
        client: &mut Client,
        portal: String,
        text: &str,
        arguments: &[Argument<'_>],
        columns: Arc<[(u32, String)]>,
        fleeting: bool,
        at_once: bool,
    ) -> Result<Self, Failure> {
        let answer = client.open(&portal, text, arguments, FIRST_ROWS, !fleeting).await?;
        let mut query =
            Self { portal, columns, rows: VecDeque::new(), more: true, fleeting, read: (0, 0), cut: false };
        query.takes(client, answer).await?;
        if at_once {
            query.keep_rest(client).await?;
        }
        Ok(query)
    }

    /// Whether the next call has to wait until it is read to its end.
    pub(crate) fn holds_the_connection(&self) -> bool {
        self.fleeting && self.more
    }

    async fn takes(&mut self, client: &mut Client, answer: Answer) -> Result<(), Failure> {
        self.read.0 += answer.rows.len();
        self.read.1 += answer.rows.iter().map(Cells::size).sum::<usize>();
        self.rows.extend(answer.rows);
        self.more = answer.suspended;
        match (self.more, self.fleeting) {
            (true, _) => Ok(()),
            (false, true) => client.sync().await,
            (false, false) => client.close_portal(&self.portal),
        }
    }

    async fn reads(&mut self, client: &mut Client, most: usize) -> Result<(), Failure> {
        let most = i32::try_from(most.clamp(1, MOST_ROWS)).unwrap_or(FIRST_ROWS);
        match client.fetch(&self.portal, most, !self.fleeting).await {
            Ok(answer) => self.takes(client, answer).await,
            Err(failure) => {
                self.more = false;
                Err(failure)
            }
        }
    }

    /// Reads the rest, so that another call can follow.
    pub(crate) async fn keep_rest(&mut self, client: &mut Client) -> Result<(), Failure> {
        while self.more {
            if self.rows.iter().map(Cells::size).sum::<usize>() > KEPT_BYTES {
                self.cut = true;
                return self.close(client).await;
            }
            self.reads(client, MOST_ROWS / 16).await?;
        }
        Ok(())
    }

    /// Ends it before its end.
    pub(crate) async fn close(&mut self, client: &mut Client) -> Result<(), Failure> {
        if !std::mem::take(&mut self.more) {
            return Ok(());
        }
        match self.fleeting {
            true => client.sync().await,
            false => client.close_portal(&self.portal),
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
            let fitting = bytes.saturating_sub(there) / (size / read.max(1)).max(1);
            self.reads(client, fitting.min(rows - self.rows.len())).await?;
        }
    }

    /// The next rows, of those that are there.
    pub(crate) fn take(&mut self, rows: usize, bytes: usize) -> Result<Vec<Row>, SqlError> {
        let mut size = 0;
        let mut taken = Vec::new();
        while taken.len() < rows && (taken.is_empty() || size < bytes) {
            let Some(cells) = self.rows.pop_front() else { break };
            size += cells.size();
            let row = cells.iter().zip(self.columns.iter());
            let row: Result<Row, SqlError> =
                row.map(|(cell, (kind, name))| values::read(cell, *kind, name)).collect();
            taken.push(row?);
        }
        if taken.is_empty() && self.cut {
            return Err(SqlError::LimitExceeded(format!(
                "another call came before the rows of this query were read, and they are more than {} MiB: read them \
                 first, or work in a transaction",
                KEPT_BYTES >> 20
            )));
        }
        Ok(taken)
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_over(&self) -> bool {
        !self.more && self.rows.is_empty() && !self.cut
    }
}

/// The values of a call, as arguments.
pub(crate) fn arguments(values: &[Value]) -> Result<Vec<Argument<'_>>, SqlError> {
    values.iter().map(values::argument).collect()
}
