//! The rules of `docs/`, each shown by the binary from outside.

mod accept;
mod archive;
mod atomic;
mod audit;
mod baseline;
mod cadence;
mod calls;
mod conditions;
mod deviations;
mod direct;
mod drift;
mod exit_codes;
mod flamingock;
mod guarantees;
mod modes;
mod moved;
mod nothing_to_do;
mod precedence;
mod resolve;
mod retry;
mod secrets;
mod stages;
mod statements;
mod systems;
mod templates;
mod variables;
