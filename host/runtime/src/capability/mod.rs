//! The kinds of handles that a guest can be lent: one module each, of one shape. Its client interface is implemented on
//! [`View`](crate::state::View) and lent with `add_to_linker`; `call` calls what guests export for it.

pub(crate) mod http;
pub(crate) mod sql;
mod systems;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, Linker, Resource};

use crate::bindings::sandpiper::change::types::Failure;
use crate::execution::ContextHandle;
use crate::guest::{Answer, Call};
use crate::state::State;
use crate::target::{Capability, Session};

/// What a guest's function gave: its own answer, or its own failure.
pub(crate) type Outcome = Result<Answer, Failure>;

/// A guest that is ready to be called with handles.
pub(crate) struct Ready<'a> {
    pub(crate) store: &'a mut Store<State>,
    pub(crate) code: &'a InstancePre<State>,
    pub(crate) instance: &'a Instance,
}

impl Ready<'_> {
    /// Lends the context for one call.
    pub(crate) fn context(&mut self) -> wasmtime::Result<Resource<ContextHandle>> {
        let handle = self.store.data_mut().table.push(ContextHandle)?;
        Ok(Resource::new_borrow(handle.rep()))
    }
}

/// Lends the clients of every capability.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    sql::add_to_linker(linker)?;
    http::add_to_linker(linker)
}

/// The capability of a session's system.
pub(crate) fn of(session: &mut dyn Session) -> Option<Capability> {
    if session.sql().is_some() {
        return Some(Capability::Sql);
    }
    session.http().is_some().then_some(Capability::Http)
}

/// Gives back what a guest kept beyond its end.
pub(crate) async fn release(state: &mut State) {
    sql::release(state.view()).await;
}

/// Calls what a guest exports for a capability.
pub(crate) async fn call(capability: Capability, ready: Ready<'_>, call: Call) -> wasmtime::Result<Outcome> {
    match capability {
        Capability::Sql => sql::call(ready, call).await,
        Capability::Http => http::call(ready, call).await,
    }
}
