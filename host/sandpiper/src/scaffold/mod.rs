//! New projects and new changes: files that a user goes on with.

mod init;
mod new;
mod project;

pub use init::init;
pub(crate) use new::is_untouched;
pub use new::{Language, NewChange, new_change};

use serde::Serialize;

/// What was made.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Made {
    /// The files, as the user would write them.
    pub files: Vec<String>,
    /// What to do next.
    pub next: String,
}
