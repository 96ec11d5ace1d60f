//! `sandpiper:change/execution`: the context of an attempt, as a guest sees it.

use wasmtime::component::{Linker, Resource};

use crate::bindings::sandpiper::change::execution::{self, Host, HostContext};
use crate::guest::{self, GuestHost};
use crate::state::{State, Stopped, View, Views};

/// Stands for the one context of a call.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub struct ContextHandle;

type Handle = Resource<ContextHandle>;

/// Lends the interface.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    execution::add_to_linker::<State, Views>(linker, State::view)
}

impl View<'_> {
    fn host(&self) -> wasmtime::Result<std::sync::Arc<dyn GuestHost>> {
        let host = self.lent.host.clone();
        host.ok_or_else(|| wasmtime::format_err!("there is no context while a component describes itself"))
    }
}

impl Host for View<'_> {}

impl HostContext for View<'_> {
    fn idempotency_key(&mut self, _: Handle) -> wasmtime::Result<String> {
        Ok(self.lent.context.idempotency_key.clone())
    }

    fn attempt(&mut self, _: Handle) -> wasmtime::Result<u32> {
        Ok(self.lent.context.attempt)
    }

    fn tenant(&mut self, _: Handle) -> wasmtime::Result<Option<String>> {
        Ok(self.lent.context.tenant.clone())
    }

    fn variable(&mut self, _: Handle, name: String) -> wasmtime::Result<Option<String>> {
        let variables = &self.lent.context.variables;
        Ok(variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()))
    }

    fn log(&mut self, _: Handle, level: execution::Level, message: String) -> wasmtime::Result<()> {
        self.lent.log.message(level.into(), &message);
        Ok(())
    }

    fn progress(&mut self, _: Handle, done: u64, total: u64) -> wasmtime::Result<()> {
        self.host()?.progress(done, total);
        Ok(())
    }

    async fn save_checkpoint(&mut self, _: Handle, data: Vec<u8>) -> wasmtime::Result<Result<(), String>> {
        if self.lent.stop.reason().is_some() {
            return Err(wasmtime::Error::new(Stopped));
        }
        Ok(self.host()?.save_checkpoint(&data).await)
    }

    async fn load_checkpoint(&mut self, _: Handle) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.host()?.load_checkpoint().await)
    }

    fn is_cancelled(&mut self, _: Handle) -> wasmtime::Result<bool> {
        Ok(self.lent.stop.is_cancelled())
    }

    fn drop(&mut self, handle: Handle) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl From<execution::Level> for guest::Level {
    fn from(level: execution::Level) -> Self {
        match level {
            execution::Level::Trace => Self::Trace,
            execution::Level::Debug => Self::Debug,
            execution::Level::Info => Self::Info,
            execution::Level::Warn => Self::Warn,
            execution::Level::Error => Self::Error,
        }
    }
}
