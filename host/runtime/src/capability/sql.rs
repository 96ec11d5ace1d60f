//! `sandpiper:sql`: a connection whose transaction the host owns, and cursors over the rows of its queries.

use std::sync::Arc;

use wasmtime::component::{Linker, Resource};

use super::systems::{self, Made, System};
use super::{Outcome, Ready};
use crate::bindings::exports::sandpiper::sql as exported;
use crate::bindings::sandpiper::sql::client::{self, Host, HostConnection, HostCursor};
use crate::guest::{Action, Answer, Call, Verdict};
use crate::handle_call::{Came, Passed};
use crate::limits::Reached;
use crate::sql::{Column, CursorId, Sql, SqlError};
use crate::state::{Lent, State, Stopped, View, Views};
use crate::target::Capability;

/// Stands for a session in the table of handles.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub struct ConnectionHandle(System);

/// Stands for a query in the table of handles.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub struct CursorHandle {
    system: System,
    id: CursorId,
    /// What was asked: for the record of its batches.
    statement: Arc<str>,
    columns: Vec<Column>,
}

/// Why a function of the client did not do what the guest asked.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub type Failure = systems::Failure<SqlError>;

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self::Session(error)
    }
}

/// Lends the client.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    client::add_to_linker::<State, Views>(linker, State::view)
}

/// Calls what a guest exports for SQL, and lends it a connection to its target system.
pub(crate) async fn call(mut ready: Ready<'_>, call: Call) -> wasmtime::Result<Outcome> {
    let context = ready.context()?;
    let Ready { store, code, instance } = ready;
    let connection = store.data_mut().table.push(ConnectionHandle(System::Target))?;
    let connection = Resource::new_borrow(connection.rep());
    let outcome = match call {
        Call::Apply => {
            let change = exported::change::GuestIndices::new(code)?.load(&mut *store, instance)?;
            change.call_apply(store, connection, context).await?.map(|()| Answer::Done)
        }
        Call::Rollback => {
            let change = exported::change::GuestIndices::new(code)?.load(&mut *store, instance)?;
            change.call_rollback(store, connection, context).await?.map(|()| Answer::Done)
        }
        Call::Verify => {
            let verify = exported::verify::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let verdict = verify.call_verify(store, connection, context).await?;
            verdict.map(|verdict| Answer::Verdict(verdict.into()))
        }
        Call::Step(step) if step.action == Action::Verify => {
            let verifier = exported::step_verifier::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let verdict = verifier.call_verify(store, &step.into(), connection, context).await?;
            verdict.map(|verdict| Answer::Verdict(verdict.into()))
        }
        Call::Step(step) => {
            let runner = exported::runner::GuestIndices::new(code)?.load(&mut *store, instance)?;
            runner.call_run(store, &step.into(), connection, context).await?.map(|()| Answer::Done)
        }
        Call::Source(action, source) => {
            let runner = exported::source_runner::GuestIndices::new(code)?.load(&mut *store, instance)?;
            let source = (*source).clone().into();
            match action {
                Action::Apply => {
                    runner.call_apply(store, &source, connection, context).await?.map(|()| Answer::Done)
                }
                Action::Rollback => {
                    runner.call_rollback(store, &source, connection, context).await?.map(|()| Answer::Done)
                }
                Action::Verify => {
                    let verdict = runner.call_verify(store, &source, connection, context).await?;
                    // One that cannot tell is not asked; should it be, it does not know.
                    verdict.map(|verdict| Answer::Verdict(verdict.map_or(Verdict::Unknown, Into::into)))
                }
            }
        }
    };
    Ok(outcome)
}

/// Ends the queries whose cursors a guest did not drop.
pub(crate) async fn release(view: View<'_>) {
    let View { table, lent } = view;
    let entries = table.iter_mut().filter_map(|entry| entry.downcast_ref::<CursorHandle>());
    let cursors: Vec<_> = entries.map(|cursor| (cursor.system, cursor.id)).collect();
    for (system, id) in cursors {
        if let Some(sql) = lent.session_of(system).and_then(|session| session.sql()) {
            sql.close_cursor(id).await;
        }
    }
}

impl View<'_> {
    fn system(&self, handle: &Resource<ConnectionHandle>) -> Result<System, Failure> {
        Ok(self.table.get(handle)?.0)
    }
}

impl Lent {
    /// The session behind a handle, for one call of the guest.
    fn sql(&mut self, system: System) -> Result<&mut dyn Sql, Failure> {
        self.enter()?;
        if let Some(crate::guest::CallError::TransactionEnded(how)) = &self.verdict {
            return Err(SqlError::TransactionEnded(how.clone()).into());
        }
        let gone = || SqlError::Denied("the connection was given back already".to_owned());
        let session = self.session_of(system).ok_or_else(gone)?;
        let no_sql = || SqlError::Denied("the system lends no `sandpiper:sql/client`".to_owned());
        Ok(session.sql().ok_or_else(no_sql)?)
    }
}

impl Host for View<'_> {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<client::Error> {
        let error = match failure {
            Failure::Session(error) => error,
            Failure::Trap(error) => return Err(error),
        };
        self.lent.gave_up |= error.is_transient();
        Ok(match error {
            SqlError::Refused(error) => client::Error::Refused(error.into()),
            SqlError::ConnectionLost(message) => client::Error::ConnectionLost(message),
            SqlError::Denied(message) => client::Error::Denied(message),
            SqlError::Conversion(message) => client::Error::Conversion(message),
            SqlError::LimitExceeded(message) => {
                self.lent.reached(&Reached::other(message.clone()));
                client::Error::LimitExceeded(message)
            }
            SqlError::TransactionEnded(how) => {
                self.lent.transaction_ended(&how);
                client::Error::Denied(SqlError::TransactionEnded(how).to_string())
            }
            SqlError::Interrupted => return Err(wasmtime::Error::new(Stopped)),
        })
    }
}

impl HostConnection for View<'_> {
    async fn open(&mut self, system: String) -> Result<Resource<ConnectionHandle>, Failure> {
        self.open_further(&system, Capability::Sql, ConnectionHandle, SqlError::Denied).await
    }

    fn dialect(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<String> {
        let &ConnectionHandle(system) = self.table.get(&handle)?;
        let sql = self.lent.session_of(system).and_then(|session| session.sql());
        Ok(sql.map(|sql| sql.dialect().to_owned()).unwrap_or_default())
    }

    async fn execute(
        &mut self,
        handle: Resource<ConnectionHandle>,
        statement: String,
        parameters: Vec<client::Value>,
    ) -> Result<u64, Failure> {
        let system = self.system(&handle)?;
        let parameters: Vec<_> = parameters.into_iter().map(Into::into).collect();
        let made = Made::now(system, Capability::Sql, "execute", &statement, Passed::Parameters(&parameters));
        let done = match self.lent.sql(system) {
            Ok(sql) => sql.execute(&statement, &parameters).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.lent.called(made, &done, |rows| Came::Rows(*rows));
        done
    }

    async fn execute_many(
        &mut self,
        handle: Resource<ConnectionHandle>,
        statement: String,
        rows: Vec<Vec<client::Value>>,
    ) -> Result<u64, Failure> {
        let system = self.system(&handle)?;
        let rows: Vec<Vec<_>> =
            rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect();
        let made = Made::now(system, Capability::Sql, "execute-many", &statement, Passed::Rows(&rows));
        let done = match self.lent.sql(system) {
            Ok(sql) => sql.execute_many(&statement, &rows).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.lent.called(made, &done, |rows| Came::Rows(*rows));
        done
    }

    async fn run_script(
        &mut self,
        handle: Resource<ConnectionHandle>,
        script: String,
    ) -> Result<(), Failure> {
        let system = self.system(&handle)?;
        let made = Made::now(system, Capability::Sql, "run-script", &script, Passed::Nothing);
        let done = match self.lent.sql(system) {
            Ok(sql) => sql.run_script(&script).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.lent.called(made, &done, |()| Came::Done);
        done
    }

    async fn query(
        &mut self,
        handle: Resource<ConnectionHandle>,
        statement: String,
        parameters: Vec<client::Value>,
    ) -> Result<Resource<CursorHandle>, Failure> {
        let system = self.system(&handle)?;
        let parameters: Vec<_> = parameters.into_iter().map(Into::into).collect();
        let made = Made::now(system, Capability::Sql, "query", &statement, Passed::Parameters(&parameters));
        let begun = match self.lent.sql(system) {
            Ok(sql) => sql.query(&statement, &parameters).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.lent.called(made, &begun, |_| Came::Done);
        let cursor = begun?;
        let id = cursor.id;
        let handle = CursorHandle { system, id, statement: statement.into(), columns: cursor.columns };
        match self.table.push(handle) {
            Ok(handle) => Ok(handle),
            Err(full) => {
                if let Some(sql) = self.lent.session_of(system).and_then(|session| session.sql()) {
                    sql.close_cursor(id).await;
                }
                Err(full.into())
            }
        }
    }

    async fn drop(&mut self, handle: Resource<ConnectionHandle>) -> wasmtime::Result<()> {
        let ConnectionHandle(system) = self.table.delete(handle)?;
        self.give_back(system).await;
        Ok(())
    }
}

impl HostCursor for View<'_> {
    fn columns(&mut self, handle: Resource<CursorHandle>) -> wasmtime::Result<Vec<client::Column>> {
        Ok(self.table.get(&handle)?.columns.iter().cloned().map(Into::into).collect())
    }

    async fn next(
        &mut self,
        handle: Resource<CursorHandle>,
        max: u32,
    ) -> Result<Vec<Vec<client::Value>>, Failure> {
        let CursorHandle { system, id, statement, .. } = self.table.get(&handle)?;
        let (system, id, statement) = (*system, *id, Arc::clone(statement));
        let batch = self.lent.limits.batch;
        let made = Made::now(system, Capability::Sql, "next", &statement, Passed::Nothing);
        let fetched = match self.lent.sql(system) {
            Ok(_) if max == 0 => Ok(Vec::new()),
            Ok(sql) => sql.fetch(id, max, batch).await.map_err(Failure::from),
            Err(refused) => Err(refused),
        };
        self.lent.called(made, &fetched, |rows| Came::Rows(rows.len() as u64));
        let rows = fetched?;
        Ok(rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect())
    }

    async fn drop(&mut self, handle: Resource<CursorHandle>) -> wasmtime::Result<()> {
        let CursorHandle { system, id, .. } = self.table.delete(handle)?;
        if let Some(sql) = self.lent.session_of(system).and_then(|session| session.sql()) {
            sql.close_cursor(id).await;
        }
        Ok(())
    }
}
