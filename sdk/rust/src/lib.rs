//! Write changes for Sandpiper in Rust.
//!
//! A change is a component (`crate-type = ["cdylib"]`, `--target wasm32-wasip2`) that says what it is and
//! what `apply` and `rollback` do. The first argument of both is a handle to the one system that the change
//! is applied to; its type tells what kind of system that is:
//!
//! ```
//! #[sandpiper_sdk::change(id = "backfill-status", author = "orders-team", target_system = "orders-db")]
//! mod change {
//!     use sandpiper_sdk::prelude::*;
//!
//!     pub fn apply(db: &Connection, ctx: &Context) -> Result {
//!         let rows = db.execute("UPDATE orders SET status = ? WHERE status IS NULL", params!["new"])?;
//!         ctx.info(format!("{rows} orders have a status now"));
//!         Ok(())
//!     }
//!
//!     pub fn rollback(db: &Connection) -> Result {
//!         db.execute("UPDATE orders SET status = NULL WHERE status = ?", params!["new"])?;
//!         Ok(())
//!     }
//! }
//! ```
//!
//! An optional `verify` tells from the system whether the change is applied; it returns a [`Verdict`] or a
//! `bool`. The keys of the attribute are described at [`change`].
//!
//! Changes written as data are run by templates; [`template`](macro@template) makes one.

mod context;
mod error;
pub mod http;
mod lent;
pub mod sql;
pub mod template;

#[doc(hidden)]
pub mod bindings;
#[doc(hidden)]
pub mod glue;

pub use bindings::execution::Level;
pub use bindings::types::Verdict;
pub use context::Context;
pub use error::{Error, ErrorKind, Result};
pub use sandpiper_sdk_macros::{change, template};

/// What most changes need: `use sandpiper_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::http::Endpoint;
    pub use crate::sql::{Connection, Value};
    pub use crate::{Context, Error, Result, Verdict, params};
}
