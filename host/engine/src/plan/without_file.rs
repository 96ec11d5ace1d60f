//! A change that has no file any more: nothing is done with it, but it may need a person all the same.

use crate::change::{Cadence, Change};
use crate::digest::Digest;
use crate::recovery::{self, Decision};
use crate::state::ChangeState;

use super::{Action, Planned};

impl Planned {
    /// A change of which only the audit knows. Whoever asks for what needs a person asks for it too: without a file
    /// there is no `verify` to be asked.
    pub fn without_file(state: &ChangeState) -> Self {
        let decision = recovery::decide(Some((state.state, state.mode)), state.recovery);
        let needs_person = matches!(decision, Decision::Blocked | Decision::AskVerify { .. });
        Self {
            change: Change {
                id: state.change_id.clone(),
                order: state.order.clone(),
                name: state.name.as_str().into(),
                author: "".into(),
                target_system: state.target_system.clone(),
                digest: Digest::ZERO,
                meaning: Digest::ZERO,
                template_digest: None,
                recovery: state.recovery,
                cadence: Cadence::Once,
                labels: Vec::new(),
                excluded: None,
            },
            action: if needs_person { Action::Blocked } else { Action::Skip },
            reason: "it has no file any more".into(),
            state: Some(state.clone()),
            pending: false,
            modified: false,
            rebuilt: false,
            needs_person,
        }
    }
}
