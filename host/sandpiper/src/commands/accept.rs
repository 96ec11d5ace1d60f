//! `accept`: an edit of an applied change is meant, and counts from now on.

use std::sync::Arc;

use sandpiper_engine::entry::{Entry, Record};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::Planned;
use sandpiper_engine::scope::{LockKey, StageName};
use sandpiper_engine::store::{Condition, Draft, Lease};

use super::{Opened, Sandpiper, Select, counts_as_applied, reason_given};
use crate::load::unknown_change;
use crate::report::{EntriesReport, EntryReport, Finished};
use crate::run::artifacts;
use crate::run::prepare::Preparing;
use crate::run::ready::Ready;

impl Sandpiper {
    /// Records that the edit of an applied change is meant: its file is held against the new digest from now on. What
    /// is undone is still what ran. Putting the file back is an edit again, and may be accepted again.
    pub async fn accept(&self, id: &str, reason: &str) -> Finished<EntriesReport> {
        match self.accepted(id, reason).await {
            Ok(entries) => Finished::done(EntriesReport {
                entries: entries.into_iter().map(EntryReport::from).collect(),
            }),
            Err(fault) => self.refused(fault),
        }
    }

    async fn accepted(&self, id: &str, reason: &str) -> Result<Vec<Entry>, Fault> {
        reason_given(reason)?;
        let opened = self.open().await?;
        if opened.states.is_none() {
            let fault = Fault::usage("there is no audit store yet, and so nothing is applied")
                .with_help("apply something first; what was there before is counted by `sandpiper baseline`");
            return Err(self.not_here(fault));
        }
        let (stage, planned) = self.edited(id, &opened)?;
        let ready = Arc::new(self.ready_to_accept(&opened, &planned).await?);
        let store = opened.systems.store();
        store.prepare().await?;
        let leases = self.leases(store);
        let key = LockKey { scope: self.scope(), stage };
        let held = leases.acquire(&key).await?;
        let written = self.write_accepted(&opened, &planned, &ready, reason, held.lease()).await;
        // Given back whatever became of the writing, whose error counts first.
        let released = leases.release(held).await;
        let written = written?;
        released.map(|()| written)
    }

    /// The change, if it is applied and was edited since.
    fn edited(&self, id: &str, opened: &Opened) -> Result<(StageName, Planned), Fault> {
        let selection = self.selection(&Select::default(), &opened.changes)?;
        let plan = self.plan_of(opened, &selection)?;
        let stages = plan.stages.into_iter();
        let mut all =
            stages.flat_map(|stage| stage.changes.into_iter().map(move |it| (stage.name.clone(), it)));
        let Some((stage, planned)) = all.find(|(_, it)| it.change.id.as_str() == id) else {
            if plan.missing.iter().any(|state| state.change_id.as_str() == id) {
                return Err(Fault::usage(format!("change `{id}` has no file, and so no edit to accept"))
                    .with_help("put the file back; or see `policy: { on-missing: .. }`"));
            }
            return Err(unknown_change(id, &opened.changes.stages));
        };
        if !counts_as_applied(&planned) {
            let fault = Fault::usage(format!("change `{id}` is not applied: {}", planned.reason)).with_help(
                "an edit of what is not applied needs no word: the next run applies the file as it is",
            );
            return Err(self.not_here(fault));
        }
        if !planned.modified {
            let fault = Fault::usage(format!("change `{id}` was not edited since it was applied"))
                .with_help("see what was with `sandpiper status`");
            return Err(self.not_here(fault));
        }
        Ok((stage, planned))
    }

    /// The change as it would run now: what is accepted is sound, and known with what runs it.
    async fn ready_to_accept(&self, opened: &Opened, planned: &Planned) -> Result<Ready, Fault> {
        let preparing = Preparing {
            config: &opened.changes.config,
            systems: &opened.systems,
            runtime: &self.runtime,
            templates: &opened.templates,
        };
        let Some(item) = opened.changes.item(&planned.change.id) else {
            return Err(Fault::bug("a change that was planned has no file"));
        };
        preparing.ready(&planned.change, item).await.map_err(Fault::from_problems)
    }

    async fn write_accepted(
        &self,
        opened: &Opened,
        planned: &Planned,
        ready: &Arc<Ready>,
        reason: &str,
        lease: &Lease,
    ) -> Result<Vec<Entry>, Fault> {
        let store = opened.systems.store();
        let (newest, state) = self.newest_of(opened, planned).await?;
        let readied = std::slice::from_ref(ready);
        let kept = if opened.changes.config.keep_artifacts {
            artifacts(&opened.changes, readied)
        } else {
            Vec::new()
        };
        store.keep(&kept, &opened.changes.new_descriptions([&ready.change])).await?;
        let record = Record {
            digest: ready.change.digest,
            meaning: ready.change.meaning,
            template_digest: ready.change.template_digest,
            // Where it is recorded last: a note may have moved it since its entry.
            stage: state.stage.clone(),
            order: state.order.clone(),
            name: state.name.clone(),
            ..self.said(newest.record.clone(), reason)
        };
        let draft = Draft { record, condition: Condition::Newest(Some(newest.sequence)), calls: None };
        Ok(store.append(lease, &[draft]).await?.0.into_iter().flatten().collect())
    }
}
