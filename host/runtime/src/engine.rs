//! wasmtime's engine, as this host wants it: made when the first component is compiled, one for a whole runtime.

use std::path::Path;

use sandpiper_engine::fault::{Fault, Problem};
use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Cache, Config, InstanceAllocationStrategy, Strategy};

use crate::component::{self, Component};
use crate::state::State;
use crate::{cache, capability, execution, wasi};

/// The engine, and everything that can be lent.
pub(crate) struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    /// Why compiled code is not kept, when it should be.
    pub(crate) cache_warning: Option<Problem>,
}

impl Engine {
    /// Makes the engine, which keeps compiled code in a folder where one is given.
    pub(crate) fn new(cache: Option<&Path>) -> Result<Self, Fault> {
        let (cache, cache_warning) = match cache.map(cache::open) {
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(warning)) => (None, Some(warning)),
            None => (None, None),
        };
        let mut config = Config::new();
        config
            .strategy(Strategy::Cranelift)
            .allocation_strategy(InstanceAllocationStrategy::OnDemand)
            .parallel_compilation(true)
            .epoch_interruption(true)
            .concurrency_support(false)
            .wasm_component_model(true)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .cache(cache.clone());
        let unusable = |error: wasmtime::Error| Fault::bug(format!("the sandbox cannot be made: {error:#}"));
        let engine = wasmtime::Engine::new(&config).map_err(unusable)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker).map_err(unusable)?;
        execution::add_to_linker(&mut linker).map_err(unusable)?;
        capability::add_to_linker(&mut linker).map_err(unusable)?;
        Ok(Self { engine, linker, cache, cache_warning })
    }

    /// A component's code, compiled when it is first asked for.
    pub(crate) fn code<'a>(&self, component: &'a Component) -> Result<&'a InstancePre<State>, Fault> {
        let code = component.0.code.get_or_init(|| self.compile(component)).as_ref().map_err(Clone::clone)?;
        if !wasmtime::Engine::same(code.engine(), &self.engine) {
            return Err(Fault::bug("a component was compiled by another runtime"));
        }
        Ok(code)
    }

    /// How often compiled code was found in the cache, and how often it was put there.
    pub(crate) fn found_and_kept(&self) -> (usize, usize) {
        self.cache.as_ref().map_or((0, 0), |cache| (cache.cache_hits(), cache.cache_misses()))
    }

    fn compile(&self, component: &Component) -> Result<InstancePre<State>, Fault> {
        let blame = component.kind().blame();
        let code = wasmtime::component::Component::from_binary(&self.engine, &component.0.bytes).map_err(
            |error| {
                let mut fault =
                    component::not_a_component(&format!("the component cannot be compiled: {error:#}"));
                fault.blame = blame;
                fault
            },
        )?;
        self.linker.instantiate_pre(&code).map_err(|error| {
            let message = format!("the component does not fit this host: {error:#}");
            let help = "build it with the SDK of this version";
            Fault::new("change::wrong-world", blame, message).with_help(help)
        })
    }
}
