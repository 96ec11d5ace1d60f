//! The contract of `wit/` as Rust, made by a macro.

wit_bindgen::generate!({
    inline: "
        package sandpiper:javascript;

        world plugin {
            include sandpiper:sql/sql-language@0.1.0;
            include sandpiper:http/http-language@0.1.0;
        }
    ",
    world: "sandpiper:javascript/plugin",
    path: "../../wit",
    generate_all,
});

pub(crate) use exports::sandpiper::change::language::{self, Info, Inspected, Problem};
pub(crate) use exports::sandpiper::http::source_runner as http_runner;
pub(crate) use exports::sandpiper::sql::source_runner as sql_runner;
pub(crate) use sandpiper::change::execution::{Context, Level};
pub(crate) use sandpiper::change::types::{Cadence, ChangeInfo, Failure, Place, Recovery, Source, Verdict};
pub(crate) use sandpiper::http::client as http;
pub(crate) use sandpiper::sql::client as sql;
