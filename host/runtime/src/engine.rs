//! wasmtime's engines, as this host wants them: made when the first component is compiled, for a whole runtime.

use std::path::Path;
use std::sync::OnceLock;

use sandpiper_engine::fault::{Fault, Problem};
use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Cache, Config, InstanceAllocationStrategy, Strategy};

use crate::component::{self, Component};
use crate::pool::{Place, Pool};
use crate::state::State;
use crate::{cache, capability, execution, pool, wasi};

/// The engines of a runtime. What finds no place in the pool of the first runs on the second, which maps what each guest
/// needs.
pub(crate) struct Engine {
    /// None where the system has no room for a pool: few addresses, or a bound on them.
    pooled: Option<(Machine, Pool)>,
    mapped: OnceLock<Result<Machine, Fault>>,
    cache: Option<Cache>,
    /// Why compiled code is not kept, when it should be.
    pub(crate) cache_warning: Option<Problem>,
}

/// One engine of wasmtime's, and everything that can be lent to its guests.
struct Machine {
    engine: wasmtime::Engine,
    linker: Linker<State>,
}

/// A component's code on each of the engines, compiled when it is first asked for.
#[derive(Default)]
pub(crate) struct Code {
    pooled: OnceLock<Result<InstancePre<State>, Fault>>,
    mapped: OnceLock<Result<InstancePre<State>, Fault>>,
}

/// Where a guest runs.
pub(crate) struct Room {
    pub(crate) code: InstancePre<State>,
    pub(crate) place: Option<Place>,
}

impl Engine {
    /// Makes the engine, which keeps compiled code in a folder where one is given.
    pub(crate) fn new(cache: Option<&Path>) -> Self {
        let (cache, cache_warning) = match cache.map(cache::open) {
            Some(Ok(cache)) => (Some(cache), None),
            Some(Err(warning)) => (None, Some(warning)),
            None => (None, None),
        };
        let pooled = Machine::new(pool::allocation(), cache.clone()).ok();
        let pooled = pooled.map(|machine| (machine, Pool::new()));
        Self { pooled, mapped: OnceLock::new(), cache, cache_warning }
    }

    /// Where a component's next guest runs.
    pub(crate) fn room(&self, component: &Component) -> Result<Room, Fault> {
        let place = self.pooled.as_ref().and_then(|(machine, pool)| Some((machine, pool.place()?)));
        let Some((machine, place)) = place else {
            return Ok(Room { code: self.mapped(component)?.clone(), place: None });
        };
        let code = self.code(component)?.clone();
        let place = wasmtime::Engine::same(code.engine(), &machine.engine).then_some(place);
        Ok(Room { code, place })
    }

    /// A component's code. One that the pool has no room for is compiled again without it, and so is one with an error,
    /// which is told there.
    pub(crate) fn code<'a>(&self, component: &'a Component) -> Result<&'a InstancePre<State>, Fault> {
        let pooled = self
            .pooled
            .as_ref()
            .and_then(|(machine, _)| machine.code(&component.code().pooled, component).ok());
        pooled.map_or_else(|| self.mapped(component), Ok)
    }

    fn mapped<'a>(&self, component: &'a Component) -> Result<&'a InstancePre<State>, Fault> {
        let machine = self
            .mapped
            .get_or_init(|| {
                Machine::new(InstanceAllocationStrategy::OnDemand, self.cache.clone())
                    .map_err(|error| Fault::bug(format!("the sandbox cannot be made: {error:#}")))
            })
            .as_ref()
            .map_err(Clone::clone)?;
        machine.code(&component.code().mapped, component)
    }

    /// How often compiled code was found in the cache, and how often it was put there.
    pub(crate) fn found_and_kept(&self) -> (usize, usize) {
        self.cache.as_ref().map_or((0, 0), |cache| (cache.cache_hits(), cache.cache_misses()))
    }
}

impl Code {
    /// Whether it was compiled, or could not be.
    pub(crate) fn is_there(&self) -> bool {
        self.pooled.get().is_some() || self.mapped.get().is_some()
    }
}

impl Machine {
    fn new(allocation: InstanceAllocationStrategy, cache: Option<Cache>) -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config
            .strategy(Strategy::Cranelift)
            .allocation_strategy(allocation)
            .parallel_compilation(true)
            .epoch_interruption(true)
            .concurrency_support(false)
            .wasm_component_model(true)
            .wasm_relaxed_simd(false)
            .wasm_memory64(false)
            .cache(cache);
        let engine = wasmtime::Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        wasi::add_to_linker(&mut linker)?;
        execution::add_to_linker(&mut linker)?;
        capability::add_to_linker(&mut linker)?;
        Ok(Self { engine, linker })
    }

    fn code<'a>(
        &self,
        code: &'a OnceLock<Result<InstancePre<State>, Fault>>,
        component: &Component,
    ) -> Result<&'a InstancePre<State>, Fault> {
        let code = code.get_or_init(|| self.compile(component)).as_ref().map_err(Clone::clone)?;
        if !wasmtime::Engine::same(code.engine(), &self.engine) {
            return Err(Fault::bug("a component was compiled by another runtime"));
        }
        Ok(code)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sandpiper_engine::digest::Digest;

    use super::*;
    use crate::limits::Limits;

    /// A change with so many memories, each in a module of its own.
    fn component(memories: usize) -> Component {
        let modules = "(core module (memory 1))".repeat(memories);
        let instances: String =
            (0..memories).map(|number| format!("(core instance (instantiate {number}))")).collect();
        let text = format!(
            "(component {modules} {instances} (instance $it)
                (export \"sandpiper:change/description@0.1.0\" (instance $it))
                (export \"sandpiper:sql/change@0.1.0\" (instance $it)))"
        );
        let bytes: Arc<[u8]> = wat::parse_str(text).unwrap().into();
        let digest = Digest::of(&bytes);
        Component::load(bytes, digest, &Limits::default()).unwrap()
    }

    fn is_pooled(engine: &Engine, room: &Room) -> bool {
        let (machine, _) = engine.pooled.as_ref().unwrap();
        wasmtime::Engine::same(&machine.engine, room.code.engine())
    }

    #[test]
    fn a_guest_for_whom_no_place_is_free_runs_without_one() {
        let (engine, component) = (Engine::new(None), component(1));
        let mut rooms = Vec::new();
        while let room = engine.room(&component).unwrap()
            && room.place.is_some()
        {
            assert!(is_pooled(&engine, &room));
            rooms.push(room);
        }
        assert_eq!(rooms.len(), 16);
        assert!(!is_pooled(&engine, &engine.room(&component).unwrap()));
        rooms.pop();
        assert!(is_pooled(&engine, &engine.room(&component).unwrap()));
    }

    #[test]
    fn every_guest_that_has_a_place_finds_all_that_it_may_have() {
        let (engine, component) = (Engine::new(None), component(4));
        let mut stores = Vec::new();
        for _ in 0..16 {
            let room = engine.room(&component).unwrap();
            assert!(room.place.is_some() && is_pooled(&engine, &room));
            let lent = crate::state::Lent::nothing(&Limits::default(), crate::stop::Stop::new());
            let (watch, deadline) = (Arc::default(), std::time::Duration::from_secs(60));
            let passing = crate::sandbox::Passing::Description;
            let mut sandbox = crate::sandbox::Sandbox::new(room, &watch, lent, deadline, passing).unwrap();
            wait_for(sandbox.instantiate()).unwrap();
            stores.push(sandbox);
        }
    }

    #[test]
    fn a_guest_that_does_not_fit_into_a_place_runs_without_one() {
        let (engine, component) = (Engine::new(None), component(5));
        let room = engine.room(&component).unwrap();
        assert!(!is_pooled(&engine, &room) && room.place.is_none());
    }

    fn wait_for<T>(future: impl Future<Output = T>) -> T {
        let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
        executor.block_on(future)
    }
}
