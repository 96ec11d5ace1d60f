//! `plan --preview`: runs what is pending and transactional, shows its calls, and rolls it back.

use std::collections::BTreeSet;
use std::sync::Arc;

use sandpiper_engine::fault::{Blame, Fault};

use super::apply::on_a_thread;
use super::plan::Made;
use super::{Opened, Sandpiper, Select};
use crate::process::is_gone;
use crate::report::{Exit, Finished, PlanAction, PlanReport};
use crate::run::preview::{self, Previewing, Seen};
use crate::stopping::Asked;

impl Sandpiper {
    /// What `apply` would do, with the calls of every change that can be run and rolled back. It stops at the first that
    /// fails, and then ends as `apply` would. With `check` the exit code tells also what the plan says: the first of 4
    /// and 6, what the preview says, 3.
    pub async fn preview(&self, select: &Select, check: bool) -> Finished<PlanReport> {
        match self.previewed(select, check).await {
            Ok(finished) => finished,
            Err(fault) => self.refused(fault),
        }
    }

    async fn previewed(&self, select: &Select, check: bool) -> Result<Finished<PlanReport>, Fault> {
        let made = self.planned(select).await?;
        // Nothing is to be recorded of what is stopped.
        self.stopper.set_grace(std::time::Duration::ZERO);
        let Made { opened, plan, readied, mut finished } = made;
        let is_undone = |action| action == PlanAction::Undo;
        let stages = finished.body.stages.iter();
        let taken_back: BTreeSet<String> = stages
            .filter(|stage| stage.changes.iter().any(|change| is_undone(change.action)))
            .map(|stage| stage.name.clone())
            .collect();
        let seen = if readied.is_empty() {
            Seen::default()
        } else {
            self.nobody_is_at_it(&opened, &plan.stages).await?;
            let store = opened.systems.store();
            let store_identity = match opened.states {
                Some(_) => store.identity().await?,
                None => String::new(),
            };
            let previewing = Previewing {
                runtime: self.runtime.clone(),
                systems: opened.systems.clone(),
                changes: opened.changes.clone(),
                readied,
                scope: self.scope(),
                variables: self.variables(),
                secrets: self.secrets.clone(),
                observer: Arc::clone(&self.observer),
                stopper: self.stopper.clone(),
                store_identity,
                stages: plan.stages,
                taken_back,
            };
            on_a_thread(move || on_this_thread(&previewing)).await??
        };
        self.show(seen, &mut finished, check);
        Ok(finished)
    }

    /// A preview and a run would wait for each other's locks in the target systems.
    async fn nobody_is_at_it(
        &self,
        opened: &Opened,
        stages: &[sandpiper_engine::plan::PlannedStage],
    ) -> Result<(), Fault> {
        if opened.states.is_none() {
            return Ok(());
        }
        let is_meant = |name: &str| {
            stages.iter().any(|stage| {
                stage.name.as_str() == name && stage.changes.iter().any(|planned| planned.pending)
            })
        };
        for lock in opened.systems.store().locks(&self.scope()).await? {
            let Some(holder) = lock.holder.filter(|_| is_meant(lock.key.stage.as_str())) else { continue };
            if holder.owner.process.as_deref().is_some_and(is_gone) {
                continue;
            }
            let (stage, owner) = (&lock.key.stage, &holder.owner);
            let message = format!("{} on {} is at stage `{stage}`", owner.operator, owner.host);
            return Err(Fault::new("lock::busy", Blame::Host, message).with_help(
                "preview it when that run is over: `sandpiper lock status` shows who holds which lock",
            ));
        }
        Ok(())
    }

    fn show(&self, seen: Seen, finished: &mut Finished<PlanReport>, check: bool) {
        let Seen { mut changes, fault } = seen;
        for change in finished.body.stages.iter_mut().flat_map(|stage| &mut stage.changes) {
            let id = sandpiper_engine::change::ChangeId::new(&change.id).ok();
            let preview = id.and_then(|id| changes.remove(&id));
            change.preview = Some(preview.unwrap_or_default());
        }
        let of_plan = match check {
            true => finished.exit,
            false => Exit::Done,
        };
        let of_preview = match (self.stopper.asked(), &fault) {
            (Some(asked), _) => Asked::exit(asked),
            (None, Some(fault)) => Exit::in_a_run(fault),
            (None, None) => Exit::Done,
        };
        match (of_plan, of_preview) {
            (Exit::Manual | Exit::Integrity, _) => {}
            (of_plan, Exit::Done) => {
                finished.exit = of_plan;
                finished.error = finished.error.take().filter(|_| check);
            }
            (_, of_preview) => {
                finished.exit = of_preview;
                finished.error = fault;
            }
        }
    }
}

/// Guests and embedded databases compute on the thread that calls them.
fn on_this_thread(previewing: &Previewing) -> Result<Seen, Fault> {
    let executor = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let executor = executor.map_err(|error| Fault::bug(format!("no executor for the preview: {error}")))?;
    Ok(executor.block_on(preview::run(previewing)))
}
