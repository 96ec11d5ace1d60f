//! What a rollback outside of a transaction has taken back: recorded step by step, so that whoever looks later knows
//! which steps are left.

use std::sync::Arc;

use sandpiper_backends::crash;
use sandpiper_engine::attempt::Part;
use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::fault::{Blame, Effect, Fault};
use sandpiper_engine::store::{AppendError, Lease, StepMark};
use sandpiper_runtime::guest::Call;

use crate::run::Core;
use crate::run::ready::{Program, Ready};
use crate::run::stage::StageRun;

/// The steps of one change whose rollback is under way.
pub(crate) struct TakenBack<'a> {
    core: &'a Arc<Core>,
    lease: &'a Lease,
    change: &'a ChangeId,
    /// The digest of each step's payload, as it was applied.
    steps: Vec<Digest>,
}

impl<'a> TakenBack<'a> {
    /// Of a `direct` change with several steps; the rollback of one step is all or nothing to those who look.
    pub(crate) fn of(run: &'a StageRun<'_>, ready: &'a Ready, part: Part) -> Option<Self> {
        let Program::Data(data) = &ready.program else { return None };
        if part == Part::Apply || ready.mode.is_transactional() || ready.has_one_step() {
            return None;
        }
        let steps = data.steps.iter().map(|(apply, _)| Digest::of(apply.json().as_bytes())).collect();
        Some(Self { core: run.core, lease: run.held.lease(), change: &ready.change.id, steps })
    }

    /// Before anything is taken back of an applied change.
    pub(crate) async fn all_are_there(&self) -> Result<(), Fault> {
        for (step, payload) in (0..).zip(&self.steps) {
            self.put(&StepMark { complete: true, ..StepMark::begin(step, *payload) }).await?;
        }
        Ok(())
    }

    /// Before a step's rollback is called: from here on it is in doubt.
    pub(crate) async fn begins(&self, call: &Call) -> Result<(), Fault> {
        let Some(mark) = self.mark(call) else { return Ok(()) };
        self.put(&StepMark { complete: true, doubtful: Some(1), ..mark }).await
    }

    /// A step is taken back: nothing of it is there.
    pub(crate) async fn done(&self, call: &Call) -> Result<(), Fault> {
        let Some(mark) = self.mark(call) else { return Ok(()) };
        self.put(&mark).await
    }

    fn mark(&self, call: &Call) -> Option<StepMark> {
        let Call::Step(step) = call else { return None };
        Some(StepMark::begin(step.index, *self.steps.get(step.index as usize)?))
    }

    async fn put(&self, mark: &StepMark) -> Result<(), Fault> {
        crash::before("mark");
        let put = self.core.store.put_step(self.lease, self.change, mark).await;
        crash::after("mark");
        put.map_err(|error| match error {
            AppendError::LeaseLost => Fault::lease_lost(),
            error => {
                let message =
                    format!("what was taken back of step {} could not be recorded: {error}", mark.step + 1);
                Fault::new("store::refused", Blame::Store, message).with_effect(Effect::Unknown)
            }
        })
    }
}
