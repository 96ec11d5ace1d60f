//! `audit`: the trail, read in several ways, proved, and pruned of what nothing needs.

mod export;
mod parts;
mod prune;
mod show;
mod verify;
mod words;

use jiff::Timestamp;
use sandpiper_engine::entry::{Entry, Sequence, State};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::store::{EntryQuery, Store};

pub use show::{Artifact, Showing};
pub use words::{age, since, state};

use super::Sandpiper;
use crate::report::{EntriesReport, EntryReport, Finished};

/// Which entries are listed.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// Every entry, notes too; else the newest of each change.
    pub history: bool,
    /// Of what was over at this time or later.
    pub since: Option<Timestamp>,
    /// With this state.
    pub state: Option<State>,
}

/// How many entries are read at once: a history may be longer than the memory.
const PAGE: u32 = 1_000;

impl Sandpiper {
    /// The entries that were chosen, newest last, of the one stage that was chosen.
    pub async fn audit_list(&self, listing: &Listing) -> Finished<EntriesReport> {
        match self.listed(listing).await {
            Ok(entries) => Finished::done(EntriesReport { entries }),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    async fn listed(&self, listing: &Listing) -> Result<Vec<EntryReport>, Fault> {
        let store = self.store()?;
        let mut listed = Vec::new();
        let mut take = |entry: Entry| {
            if listing.has(&entry) && self.is_chosen(&entry) {
                listed.push(EntryReport::from(entry));
            }
        };
        if listing.history {
            let mut pages = Pages::new(EntryQuery::all(self.scope()));
            while let Some(page) = pages.next(&*store).await? {
                page.into_iter().for_each(&mut take);
            }
        } else {
            // Which entries are the newest is known from the states: they are read for their damage alone.
            store.states(&self.scope()).await?;
            let newest = EntryQuery { newest_only: true, ..EntryQuery::all(self.scope()) };
            store.entries(&newest).await?.into_iter().for_each(&mut take);
        }
        Ok(listed)
    }

    /// Whether an entry is of the one stage that commands are about.
    fn is_chosen(&self, entry: &Entry) -> bool {
        self.stage.as_deref().is_none_or(|stage| entry.record.stage.as_str() == stage)
    }
}

impl Listing {
    fn has(&self, entry: &Entry) -> bool {
        let record = &entry.record;
        self.since.is_none_or(|since| record.finished_at.unwrap_or(record.started_at) >= since)
            && self.state.is_none_or(|state| record.state == Some(state))
    }
}

/// The entries of a query, page by page.
struct Pages {
    query: EntryQuery,
}

impl Pages {
    fn new(query: EntryQuery) -> Self {
        Self { query: EntryQuery { limit: Some(PAGE), after: Some(Sequence(0)), ..query } }
    }

    /// The next page; none after the last.
    async fn next(&mut self, store: &dyn Store) -> Result<Option<Vec<Entry>>, Fault> {
        let page = store.entries(&self.query).await?;
        let Some(last) = page.last() else { return Ok(None) };
        self.query.after = Some(last.sequence);
        Ok(Some(page))
    }
}
