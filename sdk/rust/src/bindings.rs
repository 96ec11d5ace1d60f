//! The contract of `wit/` as Rust: the imports once, and one module for each interface that a change can
//! export. The worlds of templates are made in their own crates: an interface can be exported by one set of bindings of a
//! crate, and each of these worlds exports what a step is.
//!
//! `pub_export_macro` keeps an export out of a guest until its `export!` runs in that guest, so that all of
//! them can stand in this one library. A guest that exports `description` and `sql::change` has the world
//! `sql-change`: the worlds of several bindings are joined when the component is made.

/// Makes the world of a template in its own crate.
pub use wit_bindgen;

/// What a change may import, and the words that all of them share.
pub mod imports {
    wit_bindgen::generate!({
        inline: "package sandpiper:sdk;
            world imports {
                import sandpiper:change/types@0.1.0;
                import sandpiper:change/execution@0.1.0;
                import sandpiper:sql/client@0.1.0;
                import sandpiper:http/client@0.1.0;
            }",
        path: "wit",
        generate_unused_types: true,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        generate_all,
    });
}

pub use imports::sandpiper::change::{execution, types};
pub use imports::sandpiper::{http, sql};

/// `describe`: every change exports it.
pub mod description {
    wit_bindgen::generate!({
        inline: "package sandpiper:sdk;
            world description { export sandpiper:change/description@0.1.0; }",
        path: "wit",
        pub_export_macro: true,
        with: { "sandpiper:change/types@0.1.0": crate::bindings::types },
    });
    pub use exports::sandpiper::change::description::Guest;
}

/// The module of one interface that works on a system through `$client`.
macro_rules! exported {
    ($module:ident: $inline:literal, $client:literal => $bindings:path, $guest:path) => {
        #[doc = $inline]
        pub mod $module {
            wit_bindgen::generate!({
                inline: $inline,
                path: "wit",
                pub_export_macro: true,
                with: {
                    "sandpiper:change/types@0.1.0": crate::bindings::types,
                    "sandpiper:change/execution@0.1.0": crate::bindings::execution,
                    $client: $bindings,
                },
            });
            pub use $guest;
        }
    };
}

exported!(
    sql_change: "package sandpiper:sdk; world sql-change { export sandpiper:sql/change@0.1.0; }",
    "sandpiper:sql/client@0.1.0" => crate::bindings::sql::client,
    exports::sandpiper::sql::change::Guest
);
exported!(
    sql_verify: "package sandpiper:sdk; world sql-verify { export sandpiper:sql/verify@0.1.0; }",
    "sandpiper:sql/client@0.1.0" => crate::bindings::sql::client,
    exports::sandpiper::sql::verify::Guest
);
exported!(
    http_change: "package sandpiper:sdk; world http-change { export sandpiper:http/change@0.1.0; }",
    "sandpiper:http/client@0.1.0" => crate::bindings::http::client,
    exports::sandpiper::http::change::Guest
);
exported!(
    http_verify: "package sandpiper:sdk; world http-verify { export sandpiper:http/verify@0.1.0; }",
    "sandpiper:http/client@0.1.0" => crate::bindings::http::client,
    exports::sandpiper::http::verify::Guest
);
