//! `audit export`: every entry, for other programs to keep.

use std::ops::ControlFlow;

use sandpiper_engine::fault::Fault;
use sandpiper_engine::store::EntryQuery;

use super::super::Sandpiper;
use super::Pages;
use crate::report::EntryReport;

impl Sandpiper {
    /// Hands every entry over, oldest first, until there is none left or `each` has had enough. No more than a page of
    /// them is in memory.
    ///
    /// # Errors
    ///
    /// When the store cannot be read; what was handed over before is right.
    pub async fn audit_export(
        &self,
        mut each: impl FnMut(EntryReport) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        self.exported(&mut each).await.map_err(|fault| self.secrets.redact_fault(fault))
    }

    async fn exported(&self, each: &mut impl FnMut(EntryReport) -> ControlFlow<()>) -> Result<(), Fault> {
        let store = self.store()?;
        let mut pages = Pages::new(EntryQuery::all(self.scope()));
        while let Some(page) = pages.next(&*store).await? {
            for entry in page.into_iter().filter(|entry| self.is_chosen(entry)) {
                if each(entry.into()).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
