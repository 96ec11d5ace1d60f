//! Sandpiper applies *changes* to the systems that an application depends on: databases, APIs, buckets, brokers.
//!
//! This is the library that the command line is made of, for applications that ship their changes with themselves:
//!
//! ```no_run
//! # async fn start() -> Result<(), Box<dyn std::error::Error>> {
//! use sandpiper::{Sandpiper, Select};
//!
//! let sandpiper = Sandpiper::builder().config("sandpiper.yaml").build()?;
//! let finished = sandpiper.apply(&Select::default()).await;
//! if let Some(fault) = finished.error {
//!     return Err(fault.into());
//! }
//! println!("{} changes were applied", finished.body.counts.applied);
//! # Ok(())
//! # }
//! ```
//!
//! [`Sandpiper`] has one method for each command; each gives a [`report::Finished`], whose body is the data of the
//! command's JSON document. [`Sandpiper::each`] does a command for every tenant. [`observer::Observer`] hears what happens meanwhile.
//!
//! How it works inside: [`config`] and [`project`] read files and find every problem in them; `load` finds out what
//! each change declares; the engine plans; `run` takes leases and carries the plan out, stage by stage.

mod clock;
mod commands;
pub mod config;
pub mod conformance;
pub mod events;
mod exit;
pub mod guests;
mod languages;
mod load;
mod lock;
pub mod observer;
mod process;
pub mod project;
pub mod report;
mod run;
pub mod scaffold;
pub mod schema;
pub mod secrets;
mod stopping;
mod systems;
mod templates;
mod tenants;
mod undo_report;
mod waiting;
pub mod webhooks;
mod yaml;

pub use commands::audit;
pub use commands::issue::Resolution;
pub use commands::undo::{Undo, UndoWhat};
pub use commands::{Builder, Sandpiper, Select};
pub use sandpiper_engine as engine;
pub use stopping::{Asked, Stopper};
pub use tenants::Rollout;
pub use webhooks::Deliveries;
