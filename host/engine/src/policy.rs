//! Policies: what a run does about a change that is modified, missing or out of order.

use serde::{Deserialize, Serialize};

/// What to do about one kind of deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reaction {
    /// Nothing runs, and the command ends with 6.
    Fail,
    /// It is said, and the run goes on.
    Warn,
    /// Nothing is said.
    Ignore,
    /// Of a missing change only: it is undone, when `apply` was told that it may.
    Undo,
}

/// The policies of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Policies {
    /// An applied change was edited since.
    pub on_modified: Reaction,
    /// An applied change is there no more.
    pub on_missing: Reaction,
    /// A pending change stands before an applied one of its stage.
    pub on_out_of_order: Reaction,
}

impl Default for Policies {
    fn default() -> Self {
        Self { on_modified: Reaction::Fail, on_missing: Reaction::Warn, on_out_of_order: Reaction::Warn }
    }
}
