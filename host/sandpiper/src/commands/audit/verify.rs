//! `audit verify`: whether the chain fits from its first entry to its last, and what is kept with its entries is theirs.

use sandpiper_engine::entry::Sequence;
use sandpiper_engine::fault::{Blame, Fault};

use super::super::Sandpiper;
use crate::report::{Exit, Finished, VerifyReport};

impl Sandpiper {
    /// Whether the chain fits from its first entry to its last, and the artifacts and calls that are kept fit to it.
    pub async fn audit_verify(&self) -> Finished<VerifyReport> {
        match self.chain().await {
            Ok(finished) => finished,
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    async fn chain(&self) -> Result<Finished<VerifyReport>, Fault> {
        let store = self.store()?;
        let mut report = store.verify(&self.scope()).await?;
        if report.broken.is_none() {
            report.broken = self.damaged_part(&*store).await?;
        }
        let error = report.broken.as_ref().map(|(sequence, why)| broken(*sequence, why));
        let body = VerifyReport {
            valid: error.is_none(),
            entries: report.entries,
            first_broken: report.broken.map(|(sequence, _)| sequence),
        };
        let exit = if error.is_some() { Exit::Integrity } else { Exit::Done };
        Ok(Finished { exit, error, warnings: Vec::new(), body })
    }
}

/// The fault of a chain that does not fit.
pub(super) fn broken(sequence: Sequence, why: &str) -> Fault {
    Fault::new("audit::broken", Blame::Store, format!("the audit is broken at entry {sequence}: {why}")).with_help(
        "somebody changed the store by hand, or it was damaged: compare it with a backup before you go on",
    )
}
