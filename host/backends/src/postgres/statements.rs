//! The capability `sql`: one statement, one many times, a whole script, a query with a cursor.

use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_runtime::sql::{Column, Cursor, CursorId, Row, Sql, SqlError, Value};
use sandpiper_sql_syntax::{Dialect, split};

use super::client::{Client, Field, affected};
use super::cursor::{Query, arguments};
use super::errors::Failure;
use super::guard;
use super::session::PostgresSession;
use super::values;
use crate::crash;
use crate::servers::statement::Argument;

const NAME: &str = "SELECT pg_catalog.format_type($1::pg_catalog.oid, NULL)";

impl PostgresSession {
    /// Runs one statement that was judged. Gives how many rows it affected.
    async fn run(&mut self, statement: &str, values: &[Value]) -> Result<u64, SqlError> {
        let arguments = arguments(values)?;
        let mut client = self.enter().await?;
        crash::before("postgres statement");
        let done = self.interrupt.guard(client.many(statement, std::iter::once(arguments))).await;
        crash::after("postgres statement");
        let answers = self.looked_after(&mut client, done, statement)?;
        Ok(answers.iter().map(|answer| affected(&answer.tag)).sum())
    }

    /// What the server calls types that it does not have from the start.
    async fn learn(&mut self, client: &mut Client, fields: &[Field]) -> Result<(), Failure> {
        for field in fields {
            if values::known_name(field.kind).is_some() || self.names.contains_key(&field.kind) {
                continue;
            }
            let answer = client.one(NAME, vec![Argument::from(u64::from(field.kind))]).await?;
            let name = answer.rows.first().map(|row| row.text(0).map(str::to_owned)).transpose()?;
            self.names.insert(field.kind, name.unwrap_or_default());
        }
        Ok(())
    }

    fn name(&self, kind: u32) -> String {
        let learned = || self.names.get(&kind).cloned();
        values::known_name(kind).map(str::to_owned).or_else(learned).unwrap_or_default()
    }
}

#[async_trait]
impl Sql for PostgresSession {
    fn dialect(&self) -> &'static str {
        "postgres"
    }

    async fn execute(&mut self, statement: &str, parameters: &[Value]) -> Result<u64, SqlError> {
        let allowed = guard::judge(statement, self.rules)?;
        self.written |= !allowed.reads_only;
        self.run(statement, parameters).await
    }

    async fn execute_many(&mut self, statement: &str, rows: &[Row]) -> Result<u64, SqlError> {
        let allowed = guard::judge(statement, self.rules)?;
        if rows.is_empty() {
            return Ok(0);
        }
        self.written |= !allowed.reads_only;
        let rows: Vec<Vec<Argument<'_>>> = rows.iter().map(|row| arguments(row)).collect::<Result<_, _>>()?;
        let mut client = self.enter().await?;
        let done = self.interrupt.guard(client.many(statement, rows.into_iter())).await;
        let row = match &done {
            Some(Err(Failure::Server(_, row))) => Some(*row),
            _ => None,
        };
        match self.looked_after(&mut client, done, statement) {
            Ok(answers) => Ok(answers.iter().map(|answer| affected(&answer.tag)).sum()),
            Err(SqlError::Refused(mut error)) => {
                error.extras.extend(row.map(|row| ("row".to_owned(), row.to_string())));
                Err(SqlError::Refused(error))
            }
            Err(error) => Err(error),
        }
    }

    async fn run_script(&mut self, script: &str) -> Result<(), SqlError> {
        let statements = split(script, Dialect::Postgres).map_err(|error| {
            SqlError::Denied(format!("{} (at byte {}); {}", error.message, error.offset, error.help))
        })?;
        for statement in statements {
            let done = match guard::judge(statement.text, self.rules) {
                Ok(allowed) => {
                    self.written |= !allowed.reads_only;
                    self.run(statement.text, &[]).await
                }
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
        let arguments = arguments(parameters)?;
        let mut client = self.enter().await?;
        let described = self.interrupt.guard(client.describe(statement)).await;
        let fields = self.looked_after(&mut client, described, statement)?;
        let id = CursorId(self.opened);
        self.opened += 1;
        self.written |= !allowed.reads_only;
        if fields.is_empty() {
            drop(client);
            self.run(statement, parameters).await?;
            return Ok(Cursor { id, columns: Vec::new() });
        }
        let learned = self.learn(&mut client, &fields).await;
        self.looked_after(&mut client, Some(learned), statement)?;
        let columns: Arc<[(u32, String)]> =
            fields.iter().map(|field| (field.kind, self.name(field.kind))).collect();
        // Outside of a transaction, what writes takes effect only when it was read to its end.
        let fleeting = client.status() == super::client::Status::Idle;
        let at_once = fleeting && !allowed.reads_only;
        let portal = format!("sandpiper_{}", id.0);
        let begun =
            Query::begin(&mut client, portal, statement, &arguments, columns.clone(), fleeting, at_once);
        let begun = self.interrupt.guard(begun).await;
        let query = self.looked_after(&mut client, begun, statement)?;
        self.queries.insert(id, query);
        let columns = fields.into_iter().zip(columns.iter());
        let columns = columns.map(|(field, (_, name))| Column { name: field.name, type_name: name.clone() });
        Ok(Cursor { id, columns: columns.collect() })
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
        // Another one may hold the connection, this one may do so itself.
        let mut client = self.enter().await?;
        let filled = self.interrupt.guard(query.fill(&mut client, rows, max_bytes)).await;
        self.looked_after(&mut client, filled, "")?;
        let taken = query.take(rows, max_bytes)?;
        if !query.is_over() {
            self.queries.insert(cursor, query);
        }
        Ok(taken)
    }

    async fn close_cursor(&mut self, cursor: CursorId) {
        let Some(mut query) = self.queries.remove(&cursor) else { return };
        let client = self.client.clone();
        // What goes wrong shows with the next call.
        drop(query.close(&mut *client.lock().await).await);
    }
}
