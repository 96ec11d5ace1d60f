//! A change whose description ends the process, as if all had gone well.

mod support;

support::bare_change!(|| -> sandpiper_sdk::bindings::types::ChangeInfo { std::process::exit(0) });
