//! The rules of `docs/`, each shown by the binary from outside.

mod archive;
mod audit;
mod calls;
mod deviations;
mod direct;
mod exit_codes;
mod flamingock;
mod modes;
mod nothing_to_do;
mod precedence;
mod resolve;
mod secrets;
mod stages;
mod statements;
mod systems;
mod templates;
mod variables;
