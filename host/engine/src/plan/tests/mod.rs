//! Stages, histories and plans to test the plan with.

mod baselines;
mod deviations;
mod one_change;
mod order;
mod properties;
mod selection;

use super::*;
use crate::change::{Cadence, ChangeId};
use crate::digest::Digest;
use crate::entry::{Entry, Token};

/// A change that is applied `once`, in the order that its number says.
pub(crate) fn change(id: &str, order: u32) -> Change {
    Change {
        id: ChangeId::new(id).unwrap(),
        order: format!("{order:04}").parse().unwrap(),
        name: "Name".into(),
        author: "ada".into(),
        target_system: "db".into(),
        digest: Digest::of(id.as_bytes()),
        meaning: Digest::of(id.as_bytes()),
        template_digest: None,
        recovery: Recovery::ManualIntervention,
        cadence: Cadence::Once,
        labels: Vec::new(),
        excluded: None,
    }
}

/// The same change after its author edited it.
fn edited(change: &Change) -> Change {
    Change { digest: Digest::of(b"edited"), meaning: Digest::of(b"edited"), ..change.clone() }
}

/// A stage of changes that were given in order.
pub(crate) fn stage(name: &str, after: &[&str], changes: &[Change]) -> Stage {
    Stage {
        name: name.into(),
        after: after.iter().map(|name| StageName::from(*name)).collect(),
        policies: Policies::default(),
        excluded: None,
        changes: changes.to_vec(),
    }
}

/// What was recorded so far.
#[derive(Debug, Clone, Default)]
struct History {
    states: States,
    sequence: u64,
}

impl History {
    /// Appends one entry.
    fn add(&mut self, stage: &str, change: &Change, state: State, mode: Mode) -> &mut Self {
        self.append(stage, change, Some(state), mode)
    }

    /// Appends a note.
    fn note(&mut self, stage: &str, change: &Change) -> &mut Self {
        self.append(stage, change, None, Mode::Direct)
    }

    fn append(&mut self, stage: &str, change: &Change, state: Option<State>, mode: Mode) -> &mut Self {
        self.sequence += 1;
        let mut record = crate::entry::tests::record(change.id.as_str(), State::Applied);
        record.state = state;
        record.stage = stage.into();
        record.order = change.order.clone();
        record.mode = Some(mode);
        record.recovery = change.recovery;
        record.digest = change.digest;
        record.meaning = change.meaning;
        let entry = Entry { sequence: Sequence(self.sequence), token: Token(1), record, hash: Digest::ZERO };
        let after = ChangeState::after(self.states.get(&change.id), &entry).unwrap();
        self.states.insert(change.id.clone(), after);
        self
    }

    /// Records a change as applied.
    fn applied(&mut self, stage: &str, change: &Change) -> &mut Self {
        self.add(stage, change, State::Started, Mode::Shared).add(stage, change, State::Applied, Mode::Shared)
    }
}

/// The plan of everything, with nothing looked at.
fn plan_all(stages: &[Stage], history: &History) -> Plan {
    plan_with(stages, history, &Answers::new())
}

fn plan_with(stages: &[Stage], history: &History, answers: &Answers) -> Plan {
    plan(stages, Policies::default(), &history.states, answers, &Selection::default()).unwrap()
}

fn plan_selected(stages: &[Stage], history: &History, selection: &Selection) -> Result<Plan, SelectionError> {
    plan(stages, Policies::default(), &history.states, &Answers::new(), selection)
}

/// The actions of a stage.
fn actions(plan: &Plan, stage: &str) -> Vec<Action> {
    let stage = plan.stages.iter().find(|it| it.name.as_str() == stage).unwrap();
    stage.changes.iter().map(|planned| planned.action).collect()
}

/// What is planned for a change.
fn planned<'a>(plan: &'a Plan, id: &str) -> &'a Planned {
    plan.stages.iter().flat_map(|stage| &stage.changes).find(|it| it.change.id.as_str() == id).unwrap()
}
