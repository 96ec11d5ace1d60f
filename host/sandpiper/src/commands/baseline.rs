//! `baseline`: counts changes as applied that were there before Sandpiper, without running them.

use std::collections::BTreeMap;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Entry, Record, State};
use sandpiper_engine::fault::{Fault, Place};
use sandpiper_engine::plan::{Baseline, BaselineChange, Selection, baseline};
use sandpiper_engine::scope::LockKey;
use sandpiper_engine::state::States;
use sandpiper_engine::store::{Condition, Draft};

use super::{Opened, Sandpiper, Select, reason_given};
use crate::load::{Item, selection_fault};
use crate::lock::{HeldLease, Leases};
use crate::project::FileKind;
use crate::report::{EntriesReport, EntryReport, Exit, Finished};
use crate::run::record::Origin;

impl Sandpiper {
    /// Counts what is pending as applied, without running it: all of it, or up to and with a change and the stages that
    /// its stage is after. Makes the store where there is none.
    pub async fn baseline(&self, to: Option<&str>, reason: &str) -> Finished<EntriesReport> {
        let mut written = Vec::new();
        let fault = self.baselined(to, reason, &mut written).await.err();
        // Also where a later stage failed, what was written stands.
        let entries = written.into_iter().map(EntryReport::from).collect();
        Finished {
            exit: fault.as_ref().map_or(Exit::Done, |fault| self.exit_of(fault)),
            error: fault.map(|fault| self.secrets.redact_fault(fault)),
            warnings: Vec::new(),
            body: EntriesReport { entries },
        }
    }

    async fn baselined(&self, to: Option<&str>, reason: &str, written: &mut Vec<Entry>) -> Result<(), Fault> {
        reason_given(reason)?;
        let opened = self.open().await?;
        let select = Select { to: to.map(str::to_owned), only: None, allow_undo: false };
        let selection = self.selection(&select, &opened.changes)?;
        let pending = pending(&opened, opened.states.as_ref(), &selection)?;
        if pending.is_empty() {
            return Ok(());
        }
        let templates = self.templates_of(&opened, &pending).await?;
        let store = opened.systems.store();
        store.prepare().await?;
        let leases = self.leases(store);
        let mut held = Vec::new();
        let mut done = self.acquire_all(&leases, &pending, &mut held).await;
        if done.is_ok() {
            done = self.write_baseline(&opened, &selection, &templates, reason, &held, written).await;
        }
        for lease in held {
            // Given back whatever became of the writing, whose error counts first.
            let released = leases.release(lease).await;
            done = done.and(released);
        }
        done
    }

    /// The lock of each stage, one after the other, before anything is written.
    async fn acquire_all(
        &self,
        leases: &Leases,
        pending: &[BaselineChange],
        held: &mut Vec<HeldLease>,
    ) -> Result<(), Fault> {
        for BaselineChange { stage, .. } in pending {
            if held.iter().all(|lease| lease.lease().key.stage != *stage) {
                let key = LockKey { scope: self.scope(), stage: stage.clone() };
                held.push(leases.acquire(&key).await?);
            }
        }
        Ok(())
    }

    async fn write_baseline(
        &self,
        opened: &Opened,
        selection: &Selection,
        templates: &BTreeMap<ChangeId, Option<Digest>>,
        reason: &str,
        held: &[HeldLease],
        written: &mut Vec<Entry>,
    ) -> Result<(), Fault> {
        let store = opened.systems.store();
        let states = store.states(&self.scope()).await?;
        let pending = pending(opened, states.as_ref(), selection)?;
        let reason = self.secrets.redact(reason);
        let scope = self.scope();
        let variables = self.variables();
        let origin = Origin { owner: &self.owner, scope: &scope, variables: &variables };
        // What components said of themselves, so that nobody has to compile what is not run.
        let described = opened.changes.new_descriptions(pending.iter().map(|it| &it.change));
        store.keep(&[], &described).await?;
        for lease in held.iter().map(HeldLease::lease) {
            let of_stage = pending.iter().filter(|it| it.stage == lease.key.stage);
            // What became pending since then was not looked at.
            let drafts: Vec<Draft> = of_stage
                .filter_map(|it| {
                    let template_digest = *templates.get(&it.change.id)?;
                    let note = origin.note(&it.change, &it.stage, reason.clone().into_owned());
                    let record = Record { state: Some(State::Baselined), template_digest, ..note };
                    Some(Draft { record, condition: Condition::Newest(it.newest), calls: None })
                })
                .collect();
            written.extend(store.append(lease, &drafts).await?.0.into_iter().flatten());
        }
        Ok(())
    }

    /// The digest of the plugin that would run a source file.
    async fn language_of(&self, opened: &Opened, item: Option<&Item>) -> Result<Option<Digest>, Fault> {
        let Some(item) = item else { return Ok(None) };
        let config = &opened.changes.config;
        let plugin = opened.templates.languages.get(&item.file.name.extension, config, &self.runtime).await;
        let plugin = plugin.map_err(|problem| Fault::from_problems(vec![problem]))?;
        Ok(Some(plugin.component.digest()))
    }

    /// The digests of what would run the changes, as far as that is a template or a language plugin.
    async fn templates_of(
        &self,
        opened: &Opened,
        pending: &[BaselineChange],
    ) -> Result<BTreeMap<ChangeId, Option<Digest>>, Fault> {
        let config = &opened.changes.config;
        let mut digests = BTreeMap::new();
        for change in pending.iter().map(|it| &it.change) {
            let item = opened.changes.item(&change.id);
            let digest = match item.map(|item| &item.file.kind) {
                Some(FileKind::Data(data)) => {
                    let template = opened.templates.get(data.template(config), config, &self.runtime).await;
                    let template = template.map_err(|problem| {
                        let place = item.map(|item| Place::file(item.file.shown.as_str()));
                        let placed = if problem.place.is_some() { None } else { place };
                        Fault::from_problems(vec![placed.into_iter().fold(problem, |it, place| it.at(place))])
                    })?;
                    Some(template.component.digest())
                }
                Some(FileKind::Source) => self.language_of(opened, item).await?,
                Some(FileKind::Component) | None => None,
            };
            digests.insert(change.id.clone(), digest);
        }
        Ok(digests)
    }
}

/// The changes that a baseline is about, if none of those that were selected is in doubt.
fn pending(
    opened: &Opened,
    states: Option<&States>,
    selection: &Selection,
) -> Result<Vec<BaselineChange>, Fault> {
    let none = States::new();
    let stages = &opened.changes.stages;
    let Baseline { changes, doubtful } = baseline(stages, states.unwrap_or(&none), selection)
        .map_err(|error| selection_fault(&error, stages))?;
    let Some(first) = doubtful.first() else { return Ok(changes) };
    let ids: Vec<String> = doubtful.iter().map(|id| format!("`{id}`")).collect();
    let message = format!("what an earlier attempt left of {} is not known", ids.join(", "));
    Err(Fault::usage(message).with_help(format!(
        "settle it first: `sandpiper apply` finds out what it can, `sandpiper issue show {first}` tells what is left to you"
    )))
}
