//! The rules of Sandpiper: what a change is, in which order changes run, what a run does with each, what is recorded
//! of it, and what happens after a crash.
//!
//! Everything here is pure: no I/O, no clock, no threads, no WebAssembly. Whoever asks "what happens after a crash?"
//! opens [`recovery`]; "why does it run, or not?", [`plan`]; "in which order are things done?", [`attempt`]; "what is taken
//! back?", [`undo`]. The
//! rules come from the project's semantics, which `docs/semantics.md` tells.

pub mod atomic;
pub mod attempt;
pub mod calls;
pub mod change;
pub mod diagnosis;
pub mod digest;
pub mod entry;
pub mod fault;
pub mod file_name;
pub mod plan;
pub mod policy;
pub mod progress;
pub mod recovery;
pub mod retry;
pub mod scope;
pub mod state;
pub mod store;
pub mod suggest;
pub mod undo;
