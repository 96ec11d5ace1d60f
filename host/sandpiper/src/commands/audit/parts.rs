//! What `audit verify` looks at besides the chain: the artifacts and the calls that are kept with its entries.

use std::collections::HashSet;

use sandpiper_engine::calls::{self, UnreadableCalls};
use sandpiper_engine::entry::{Entry, Sequence};
use sandpiper_engine::fault::Fault;
use sandpiper_engine::store::{EntryQuery, Store, StoreError};

use super::super::Sandpiper;
use super::Pages;

/// What is wrong, and with which entry.
pub(super) type Damaged = Option<(Sequence, String)>;

/// Of so many entries the calls are in memory at once.
const AT_ONCE: usize = 16;

impl Sandpiper {
    /// The first entry whose artifact or calls are not what was kept. What was pruned, or never kept, is no damage.
    pub(super) async fn damaged_part(&self, store: &dyn Store) -> Result<Damaged, Fault> {
        let mut seen = HashSet::new();
        let mut pages = Pages::new(EntryQuery::all(self.scope()));
        while let Some(page) = pages.next(store).await? {
            for entries in page.chunks(AT_ONCE) {
                let mut damaged = self.damaged_calls(store, entries).await?;
                for entry in entries {
                    let record = &entry.record;
                    for digest in std::iter::once(record.digest).chain(record.template_digest) {
                        if seen.insert(digest)
                            && let Err(error) = store.artifact(digest).await
                        {
                            damaged = earlier(damaged, entry.sequence, reason(error)?);
                        }
                    }
                }
                if damaged.is_some() {
                    return Ok(damaged);
                }
            }
        }
        Ok(None)
    }

    async fn damaged_calls(&self, store: &dyn Store, entries: &[Entry]) -> Result<Damaged, Fault> {
        let places: Vec<Sequence> = entries.iter().map(|entry| entry.sequence).collect();
        let kept = match store.calls(&self.scope(), &places).await {
            Ok(kept) => kept,
            Err(error) => {
                let why = reason(error)?;
                // Which of them it is, is known by asking for each alone.
                for place in places {
                    if let Err(error) = store.calls(&self.scope(), &[place]).await {
                        return Ok(Some((place, reason(error)?)));
                    }
                }
                return Ok(entries.first().map(|entry| (entry.sequence, why)));
            }
        };
        for (place, text) in kept {
            let Some(entry) = entries.iter().find(|entry| entry.sequence == place) else { continue };
            if let Some(why) = wrong_calls(entry, &text)? {
                return Ok(Some((place, why)));
            }
        }
        Ok(None)
    }
}

/// Why calls are not those of an entry, as far as the entry tells: it says how many its attempt had made by then.
fn wrong_calls(entry: &Entry, text: &str) -> Result<Option<String>, Fault> {
    let calls = match calls::read(text) {
        Ok(calls) => calls,
        Err(error @ UnreadableCalls::Damaged(_)) => return Ok(Some(error.to_string())),
        Err(error @ UnreadableCalls::Newer(_)) => return Err(StoreError::Version(error.to_string()).into()),
    };
    let rises = calls.windows(2).all(|pair| matches!(pair, [one, next] if one.number + 1 == next.number));
    let last = calls.last().map_or(0, |call| call.number);
    // It may count more than are recorded one by one.
    let counted = entry.record.calls;
    let wrong = || format!("its calls end with number {last}, and it counts {counted}");
    Ok((!rises || last > counted).then(wrong))
}

/// Why a part is damaged; every other error of the store ends the look.
fn reason(error: StoreError) -> Result<String, Fault> {
    match error {
        StoreError::Damaged(why) => Ok(why),
        other => Err(other.into()),
    }
}

fn earlier(damaged: Damaged, place: Sequence, why: String) -> Damaged {
    Some(damaged.filter(|(known, _)| *known <= place).unwrap_or((place, why)))
}
