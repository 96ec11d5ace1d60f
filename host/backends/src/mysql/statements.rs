//! The capability `sql`: one statement, one many times, a whole script, a query with a cursor.

use async_trait::async_trait;
use sandpiper_runtime::sql::{Column, Cursor, CursorId, Row, Sql, SqlError, Value};
use sandpiper_sql_syntax::{Dialect, split};

use super::client::{Client, Status};
use super::cursor::Query;
use super::errors::Failure;
use super::guard::{self, Allowed, Rules};
use super::server::Flavour;
use super::session::MysqlSession;
use super::values;
use crate::crash;
use crate::servers::statement::Argument;

/// What a statement that runs many times stands between, so that it is done for all rows or for none.
struct Bounds {
    before: &'static str,
    after: &'static str,
    back: &'static [&'static str],
}

/// Inside of a transaction.
const SAVEPOINT: Bounds = Bounds {
    before: "SAVEPOINT sandpiper_rows",
    after: "RELEASE SAVEPOINT sandpiper_rows",
    back: &["ROLLBACK TO SAVEPOINT sandpiper_rows", "RELEASE SAVEPOINT sandpiper_rows"],
};
/// Outside of one.
const TRANSACTION: Bounds = Bounds { before: "START TRANSACTION", after: "COMMIT", back: &["ROLLBACK"] };

/// The server has no prepared form of the statement.
const NOT_PREPARABLE: u16 = 1295;

impl MysqlSession {
    fn arguments<'a>(&self, values: &'a [Value]) -> Result<Vec<Argument<'a>>, SqlError> {
        values.iter().map(|value| values::argument(value, self.clock)).collect()
    }

    /// Runs one statement that was judged. Gives how many rows it affected.
    async fn run(&mut self, allowed: Allowed<'_>, values: &[Value]) -> Result<u64, SqlError> {
        let text = allowed.text;
        if text.is_empty() {
            return self.standing().map(|()| 0);
        }
        let arguments = self.arguments(values)?;
        let mut client = self.enter().await?;
        self.written |= !allowed.reads_only;
        crash::before("mysql statement");
        let done = match arguments.is_empty() {
            true => self.interrupt.guard(client.run(text)).await,
            false => self.interrupt.guard(run_prepared(&mut client, text, &arguments)).await,
        };
        crash::after("mysql statement");
        let affected = self.looked_after(&mut client, done, text).await?;
        if !allowed.reads_only {
            self.wrote(&mut client).await?;
        }
        Ok(affected)
    }

    /// Runs a statement for all rows or for none.
    async fn run_many(&mut self, allowed: Allowed<'_>, rows: &[Row]) -> Result<u64, SqlError> {
        let text = allowed.text;
        let rows: Vec<Vec<Argument<'_>>> =
            rows.iter().map(|row| self.arguments(row)).collect::<Result<_, _>>()?;
        let mut client = self.enter().await?;
        self.written |= !allowed.reads_only;
        if client.status() == Status::Doubtful {
            drop(client.ping().await);
        }
        let bounds = match (allowed.fits_in_transaction, client.status()) {
            // What commits by itself is done row by row.
            (false, _) => None,
            (true, Status::Open) => Some(&SAVEPOINT),
            (true, _) if self.rules == Rules::Direct && !client.is_autocommit() => None,
            (true, _) => Some(&TRANSACTION),
        };
        crash::before("mysql statement");
        let done = self.interrupt.guard(many(&mut client, text, &rows, bounds)).await;
        crash::after("mysql statement");
        let row = match &done {
            Some(Err(Failure::Server(_, row))) => Some(*row),
            _ => None,
        };
        match self.looked_after(&mut client, done, text).await {
            Ok(affected) => {
                if !allowed.reads_only {
                    self.wrote(&mut client).await?;
                }
                Ok(affected)
            }
            Err(SqlError::Refused(mut error)) => {
                error.extras.extend(row.map(|row| ("row".to_owned(), row.to_string())));
                Err(SqlError::Refused(error))
            }
            Err(error) => Err(error),
        }
    }
}

async fn run_prepared(client: &mut Client, text: &str, arguments: &[Argument<'_>]) -> Result<u64, Failure> {
    let prepared = client.prepare(text).await?;
    // Rows that wait to be fetched are not: nobody wants them.
    let done = client.execute(&prepared, arguments, true).await;
    client.close(&prepared);
    done.map(|answer| answer.affected)
}

async fn many(
    client: &mut Client,
    text: &str,
    rows: &[Vec<Argument<'_>>],
    bounds: Option<&Bounds>,
) -> Result<u64, Failure> {
    let prepared = client.prepare(text).await?;
    let done = match bounds {
        Some(bounds) => bounded(client, &prepared, rows, bounds).await,
        None => one_by_one(client, &prepared, rows).await,
    };
    client.close(&prepared);
    done
}

async fn bounded(
    client: &mut Client,
    prepared: &super::client::Prepared,
    rows: &[Vec<Argument<'_>>],
    bounds: &Bounds,
) -> Result<u64, Failure> {
    client.run(bounds.before).await?;
    match client.execute_all(prepared, rows).await {
        Ok(affected) => client.run(bounds.after).await.map(|_| affected),
        Err(failure) => {
            if client.lost().is_none() {
                // Where the server has taken the whole transaction back, there is nothing to go back to.
                client.together(bounds.back).await?;
            }
            Err(failure)
        }
    }
}

async fn one_by_one(
    client: &mut Client,
    prepared: &super::client::Prepared,
    rows: &[Vec<Argument<'_>>],
) -> Result<u64, Failure> {
    let mut affected = 0;
    for (number, row) in rows.iter().enumerate() {
        let done = client.execute(prepared, row, true).await;
        affected += done
            .map_err(|failure| match failure {
                Failure::Server(error, _) => Failure::Server(error, number),
                other => other,
            })?
            .affected;
    }
    Ok(affected)
}

#[async_trait]
impl Sql for MysqlSession {
    fn dialect(&self) -> &'static str {
        match self.flavour {
            Flavour::MariaDb => "mariadb",
            Flavour::MySql => "mysql",
        }
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let allowed = guard::judge(statement, self.rules)?;
        self.run(allowed, parameters).await
    }

    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError> {
        let allowed = guard::judge(statement, self.rules)?;
        if rows.is_empty() || allowed.text.is_empty() {
            return self.standing().map(|()| 0);
        }
        self.run_many(allowed, rows).await
    }

    async fn run_script(&mut self, script: &str) -> Result<(), SqlError> {
        let statements = split(script, Dialect::Mysql).map_err(|error| {
            SqlError::Denied(format!("{} (at byte {}); {}", error.message, error.offset, error.help))
        })?;
        for statement in statements {
            let done = match guard::judge(statement.text, self.rules) {
                Ok(allowed) => self.run(allowed, &[]).await,
                Err(error) => Err(error),
            };
            done.map_err(|error| match error {
                SqlError::Refused(mut refused) => {
                    let offset = u32::try_from(statement.offset).unwrap_or(u32::MAX);
                    refused.position = Some(refused.position.unwrap_or(0).saturating_add(offset));
                    SqlError::Refused(refused)
                }
                other => other,
            })?;
        }
        Ok(())
    }

    async fn query(&mut self, statement: &str, parameters: &[Value]) -> Result<Cursor, SqlError> {
        let allowed = guard::judge(statement, self.rules)?;
        let text = allowed.text;
        let arguments = self.arguments(parameters)?;
        let mut client = self.enter().await?;
        let id = CursorId(self.opened);
        self.opened += 1;
        self.written |= !allowed.reads_only;
        if text.is_empty() {
            return Ok(Cursor { id, columns: Vec::new() });
        }
        crash::before("mysql statement");
        let begun = self.interrupt.guard(begin(&mut client, text, &arguments)).await;
        crash::after("mysql statement");
        let begun = self.looked_after(&mut client, begun, text).await?;
        if !allowed.reads_only {
            self.wrote(&mut client).await?;
        }
        let Some(query) = begun else { return Ok(Cursor { id, columns: Vec::new() }) };
        let column = |(field, name): &(super::cells::Field, String)| Column {
            name: field.name.clone(),
            type_name: name.clone(),
        };
        let columns = query.columns.iter().map(column).collect();
        self.queries.insert(id, query);
        Ok(Cursor { id, columns })
    }

    async fn fetch(
        &mut self,
        cursor: CursorId,
        max_rows: u32,
        max_bytes: usize,
    ) -> Result<Vec<Row>, SqlError> {
        self.standing()?;
        let Some(mut query) = self.queries.remove(&cursor) else { return Ok(Vec::new()) };
        let rows = max_rows.max(1) as usize;
        let mut client = self.enter().await?;
        let filled = self.interrupt.guard(query.fill(&mut client, rows, max_bytes)).await;
        self.looked_after(&mut client, filled, "").await?;
        let taken = query.take(rows, max_bytes)?;
        if !query.is_over() {
            self.queries.insert(cursor, query);
        }
        Ok(taken)
    }

    async fn close_cursor(&mut self, cursor: CursorId) {
        let Some(mut query) = self.queries.remove(&cursor) else { return };
        query.close(&mut *self.client.clone().lock_owned().await);
    }
}

/// Begins a query; none where the statement gives no rows.
async fn begin(
    client: &mut Client,
    text: &str,
    arguments: &[Argument<'_>],
) -> Result<Option<Query>, Failure> {
    let prepared = match client.prepare(text).await {
        Err(Failure::Server(error, _)) if error.is(NOT_PREPARABLE) && arguments.is_empty() => {
            return client.run(text).await.map(|_| None);
        }
        other => other?,
    };
    let query = Query::begin(client, prepared, arguments).await?;
    Ok((!query.columns.is_empty()).then_some(query))
}
