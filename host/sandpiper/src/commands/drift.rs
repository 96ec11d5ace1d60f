//! `status --verify`: asks the changes that count as applied whether they are there.

use std::sync::Arc;

use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::Plan;
use sandpiper_runtime::guest::Verdict;
use sandpiper_runtime::stop::Stop;

use super::{Opened, Sandpiper, counts_as_applied, has_verify};
use crate::report::Drift;
use crate::run::prepare::Preparing;
use crate::run::verify::Asker;
use crate::stopping::Stopper;

impl Sandpiper {
    /// The changes that count as applied, and whose `verify` says otherwise. Nothing is written.
    pub(super) async fn drift(&self, opened: &Opened, plan: &Plan) -> Result<Vec<Drift>, Fault> {
        let preparing = Preparing {
            config: &opened.changes.config,
            systems: &opened.systems,
            runtime: &self.runtime,
            templates: &opened.templates,
        };
        let chosen = plan
            .stages
            .iter()
            .filter(|stage| self.stage.as_deref().is_none_or(|it| it == stage.name.as_str()));
        let mut asked = Vec::new();
        for planned in chosen.flat_map(|stage| &stage.changes).filter(|it| counts_as_applied(it)) {
            let Some(item) = opened.changes.item(&planned.change.id) else { continue };
            if has_verify(&opened.changes, item, &self.runtime) {
                let ready = preparing.ready(&planned.change, item).await.map_err(Fault::from_problems)?;
                asked.push(Arc::new(ready));
            }
        }
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let mut checked = Vec::new();
        for ready in &asked {
            ready.check(&mut checked).await?;
        }
        let store = opened.systems.store();
        let (identity, scope, variables) = (store.identity().await?, self.scope(), self.variables());
        let asker = Asker {
            runtime: &self.runtime,
            store,
            store_identity: &identity,
            scope: &scope,
            variables: &variables,
            secrets: &self.secrets,
            observer: &self.observer,
        };
        let mut drift = Vec::new();
        for ready in asked {
            let stop = Stop::new();
            let _told = self.stopper.tells(&stop);
            let answer = asker.ask(&ready, &*ready.target, stop).await?;
            if self.stopper.asked().is_some() {
                return Err(Stopper::fault("all changes were asked"));
            }
            if let Some(answer) = answer.filter(|answer| answer.verdict != Verdict::Applied) {
                let id = ready.change.id.as_str().to_owned();
                drift.push(Drift { id, verdict: answer.verdict, message: answer.why });
            }
        }
        Ok(drift)
    }
}
