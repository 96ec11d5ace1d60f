//! The sandbox: loads, checks, compiles and runs the WebAssembly components that changes are made of, and lends each
//! call a handle to the one system that its change declares.
//!
//! The only crate that sees wasmtime. [`Runtime`] is the way in; [`target`] says what a system must be able to do, and
//! `capability` has one module for each kind of handle.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use sandpiper_engine::digest::Digest;
//! use sandpiper_runtime::{Runtime, Settings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let runtime = Runtime::new(Settings::default());
//! let bytes: Arc<[u8]> = std::fs::read("_0001__CreateOrders.wasm")?.into();
//! let digest = Digest::of(&bytes);
//! let component = runtime.load(bytes, digest)?;
//! println!("{} imports {:?}", component.kind().as_str(), component.imports());
//! let info = runtime.describe_change(&component).await?;
//! println!("{} is a change to {}", info.id, info.target_system);
//! # Ok(())
//! # }
//! ```

pub mod assess;
pub mod cache;
pub mod component;
pub mod guest;
pub mod handle_call;
pub mod http;
pub mod limits;
pub mod runtime;
pub mod sql;
pub mod stop;
pub mod target;

mod bindings;
mod call;
mod capability;
mod convert;
mod describe;
mod engine;
mod execution;
mod imports;
mod language;
mod loaded;
mod log;
mod pool;
mod sandbox;
mod state;
mod text;
mod wait;
mod wasi;
mod watch;

pub use component::Component;
pub use limits::Limits;
pub use runtime::{Runtime, Settings, Usage, Warmed};
