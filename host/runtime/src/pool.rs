//! Where guests have their memories, tables and stacks from: mapping them anew for every call takes longer than a short
//! change itself.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Guests that have a place at once. Each takes 16 GiB of addresses, and no memory until it uses some.
const PLACES: u32 = 16;
/// What a guest may have to fit into its place: more than what any language makes today.
const MEMORIES: u32 = 4;
const TABLES: u32 = 16;
const TABLE_ELEMENTS: usize = 1 << 20;
const CORE_INSTANCES: u32 = 256;
/// How many bytes of it stay when a guest is gone, cleared for the next one.
const KEPT_OF_MEMORY: usize = 2 << 20;
const KEPT_OF_TABLE: usize = 64 << 10;

/// The places of a pool.
pub(crate) struct Pool(Arc<Semaphore>);

/// The place of one guest, until it is dropped; after the guest.
pub(crate) struct Place(#[expect(dead_code, reason = "dropping it is what it is for")] OwnedSemaphorePermit);

impl Pool {
    /// All are free.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PLACES as usize)))
    }

    /// A place, if one is free. Nobody waits for one: whoever has it may be waiting for something of the one who asks.
    pub(crate) fn place(&self) -> Option<Place> {
        self.0.clone().try_acquire_owned().ok().map(Place)
    }
}

/// How wasmtime shares it out: every guest that has a place finds all that it may have. A stack is not cleared for the
/// next one, for no guest can read what it has not written there.
pub(crate) fn allocation() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(PLACES)
        .total_stacks(PLACES)
        .total_memories(PLACES * MEMORIES)
        .total_tables(PLACES * TABLES)
        .total_core_instances(PLACES * CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_core_instances_per_component(CORE_INSTANCES)
        .table_elements(TABLE_ELEMENTS)
        .max_unused_warm_slots(PLACES)
        .linear_memory_keep_resident(KEPT_OF_MEMORY)
        .table_keep_resident(KEPT_OF_TABLE)
        // Clears what was written, where the system can tell; all of it elsewhere.
        .pagemap_scan(Enabled::Auto);
    InstanceAllocationStrategy::Pooling(pool)
}
