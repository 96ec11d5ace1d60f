//! `audit list`, `audit show`, `audit verify`: the trail.

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::entry::Entry;
use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::store::EntryQuery;
use sandpiper_engine::suggest::nearest;

use super::Sandpiper;
use crate::report::{EntriesReport, EntryReport, Exit, Finished, HistoryReport, VerifyReport};

impl Sandpiper {
    /// The newest entry of each change; with `history` all of them, notes too.
    pub async fn audit_list(&self, history: bool) -> Finished<EntriesReport> {
        let query = EntryQuery { newest_only: !history, ..EntryQuery::all(self.scope()) };
        match self.audit_entries(&query).await {
            Ok(entries) => Finished::done(EntriesReport {
                entries: entries.into_iter().map(EntryReport::from).collect(),
            }),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    /// Everything that was recorded about a change.
    pub async fn audit_show(&self, id: &str) -> Finished<HistoryReport> {
        match self.history(id).await {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    /// Whether the chain fits from its first entry to its last.
    pub async fn audit_verify(&self) -> Finished<VerifyReport> {
        match self.chain().await {
            Ok(finished) => finished,
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    async fn audit_entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, Fault> {
        let mut entries = self.store()?.entries(query).await?;
        if let Some(stage) = &self.stage {
            entries.retain(|entry| entry.record.stage.as_str() == stage);
        }
        Ok(entries)
    }

    async fn history(&self, id: &str) -> Result<HistoryReport, Fault> {
        let Ok(change_id) = ChangeId::new(id) else { return Err(never_tried(id, &[])) };
        let store = self.store()?;
        if store.states(&self.scope()).await?.is_none() {
            return Ok(HistoryReport::default());
        }
        let query = EntryQuery::of_change(self.scope(), change_id);
        let entries = store.entries(&query).await?;
        if entries.is_empty() {
            let newest = EntryQuery { newest_only: true, ..EntryQuery::all(self.scope()) };
            return Err(never_tried(id, &store.entries(&newest).await?));
        }
        let history: Vec<EntryReport> = entries.into_iter().map(EntryReport::from).collect();
        let entry = history.iter().rev().find(|entry| entry.state.is_some()).cloned();
        Ok(HistoryReport { entry, history })
    }

    async fn chain(&self) -> Result<Finished<VerifyReport>, Fault> {
        let report = self.store()?.verify(&self.scope()).await?;
        let error = report.broken.as_ref().map(|(sequence, why)| {
            Fault::new("audit::broken", Blame::Store, format!("the audit is broken at entry {sequence}: {why}")).with_help(
                "somebody changed the store by hand, or it was damaged: compare it with a backup before you go on",
            )
        });
        let body = VerifyReport {
            valid: error.is_none(),
            entries: report.entries,
            first_broken: report.broken.map(|(sequence, _)| sequence),
        };
        let exit = if error.is_some() { Exit::Integrity } else { Exit::Done };
        Ok(Finished { exit, error, warnings: Vec::new(), body })
    }
}

fn never_tried(id: &str, known: &[Entry]) -> Fault {
    let help = match nearest(id, known.iter().map(|entry| entry.record.change_id.as_str())) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "see what was tried with `sandpiper audit list`".to_owned(),
    };
    Fault::usage(format!("the audit has nothing about a change `{id}`")).with_help(help)
}
