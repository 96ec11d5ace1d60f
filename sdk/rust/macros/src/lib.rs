//! The attribute macros of `sandpiper-sdk`: they make a component of a module or an `impl` block.

mod arguments;
mod expand;
mod functions;
mod item;
mod template;

use proc_macro::TokenStream;

/// Makes a change of a module, or of an `impl` block of a type, that holds `apply`, `rollback` and, if it can
/// tell whether it is applied, `verify`. Put it on one item of a `cdylib`.
///
/// The functions take the handle of the target system, and a `&Context` if they need one. `&sql::Connection`
/// makes a change to a SQL database, `&http::Endpoint` a change to an HTTP API. `apply` and `rollback` return
/// `sandpiper_sdk::Result`, `verify` returns `Result<Verdict>` or `Result<bool>`.
///
/// | key | value |
/// | --- | --- |
/// | `id` | required: unique in the whole pipeline, never reused, 1 to 255 visible characters |
/// | `author` | required: 1 to 255 characters |
/// | `target_system` | required: the configured system that this change is applied to |
/// | `description` | a sentence for people |
/// | `transactional` | `true` or `false`; default: in a transaction where the system allows it |
/// | `recovery` | `"manual-intervention"` (default) or `"always-retry"`: after an attempt without a known result |
/// | `cadence` | `"once"` (default), `"on-change"` or `"always"` |
/// | `uses` | `["crm", ..]`: further configured systems that this change may open by name |
/// | `labels` | `{ team = "orders", .. }`: stored and shown |
/// | `when` | a condition on environment, tenant and variables |
/// | `retry` | how often it is tried within a run, and the pause between: `"3 1s..30s"` |
///
/// ```
/// struct Backfill;
///
/// #[sandpiper_sdk::change(
///     id = "backfill-status",
///     author = "orders-team",
///     target_system = "orders-db",
///     recovery = "always-retry",
///     labels = { team = "orders" },
/// )]
/// impl Backfill {
///     fn apply(db: &sandpiper_sdk::sql::Connection) -> sandpiper_sdk::Result {
///         db.run_script("UPDATE orders SET status = 'new' WHERE status IS NULL")?;
///         Ok(())
///     }
///
///     fn rollback(_: &sandpiper_sdk::sql::Connection) -> sandpiper_sdk::Result {
///         Err(sandpiper_sdk::Error::irreversible("the old values are gone"))
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn change(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match expand::change(arguments.into(), item.clone()) {
        Ok(expanded) => expanded.into(),
        // The item stays, so that the compiler does not report what refers to it as well.
        Err(error) => TokenStream::from_iter([error.into_compile_error().into(), TokenStream::from(item)]),
    }
}

/// Makes a template plugin of a module, or of an `impl` block of a type, that holds `apply` and `rollback`, and may hold
/// `assess` and `verify`. Put it on one item of a `cdylib`. Changes written as data name it with `template:`.
///
/// The functions take a step of such a change first, then what the functions of a change take. `apply` is given the
/// payload that stands under `apply:`, `rollback` that under `rollback:`, `verify` that under `verify:`.
/// `assess(step: &Step) -> Assessment` says before anything runs what is wrong with a step, without any system.
///
/// | key | value |
/// | --- | --- |
/// | `name` | required: what `template:` refers to |
/// | `payload_schema` | required: the JSON Schema (2020-12) of a payload, which the host holds every payload against |
/// | `configuration_schema` | that of `configuration:`; left out, the template takes none |
/// | `rollback_required` | `true`: every apply step must come with a rollback step; default: `false` |
///
/// ```
/// #[sandpiper_sdk::template(name = "statement", payload_schema = r#"{ "type": "string" }"#)]
/// mod template {
///     use sandpiper_sdk::prelude::*;
///     use sandpiper_sdk::template::Step;
///
///     pub fn apply(step: &Step, db: &Connection) -> Result {
///         db.run_script(step.payload().trim_matches('"'))?;
///         Ok(())
///     }
///
///     pub fn rollback(step: &Step, db: &Connection) -> Result {
///         apply(step, db)
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn template(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    match template::template(arguments.into(), item.clone()) {
        Ok(expanded) => expanded.into(),
        Err(error) => TokenStream::from_iter([error.into_compile_error().into(), TokenStream::from(item)]),
    }
}
