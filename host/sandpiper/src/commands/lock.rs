//! `lock status` and `lock release`: who holds which stage, and taking it from them.

use sandpiper_engine::change::{ChangeId, Recovery};
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::Record;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::scope::{LockKey, StageName};
use sandpiper_engine::store::{Holder, LockStatus};

use super::Sandpiper;
use crate::clock::now;
use crate::report::{Finished, LockReport, LocksReport, ReleaseReport, ReleasedLock};

impl Sandpiper {
    /// The lock of each stage.
    pub async fn lock_status(&self) -> Finished<LocksReport> {
        match self.locks().await {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    /// Takes the lock of every stage, or of the one that was chosen, from whoever holds it.
    pub async fn lock_release(&self, reason: &str) -> Finished<ReleaseReport> {
        match self.released(reason).await {
            Ok(report) => Finished::done(report),
            Err(fault) => Finished::refused(self.secrets.redact_fault(fault)),
        }
    }

    async fn locks(&self) -> Result<LocksReport, Fault> {
        let known = self.store()?.locks(&self.scope()).await?;
        let stages = self.config.stages.iter().map(|stage| stage.name.clone());
        let others = known.iter().map(|lock| lock.key.stage.clone());
        let mut names: Vec<StageName> = Vec::new();
        for name in stages.chain(others) {
            if !names.contains(&name) && self.stage.as_deref().is_none_or(|only| only == name.as_str()) {
                names.push(name);
            }
        }
        let tenant = self.scope().tenant;
        let locks = names.into_iter().map(|name| {
            let status = known.iter().find(|lock| lock.key.stage == name);
            report(name.as_str(), tenant.clone(), status)
        });
        Ok(LocksReport { locks: locks.collect() })
    }

    async fn released(&self, reason: &str) -> Result<ReleaseReport, Fault> {
        if reason.trim().is_empty() {
            return Err(Fault::usage("`--reason` is empty").with_help("say why: it is kept in the audit"));
        }
        let store = self.store()?;
        let mut released = Vec::new();
        if store.states(&self.scope()).await?.is_some() {
            for lock in self.locks().await?.locks {
                let stage = StageName::from(lock.stage);
                let key = LockKey { scope: self.scope(), stage: stage.clone() };
                let note = self.note(&stage, &format!("lock released: {reason}"))?;
                let (owner, host) = match store.break_lock(&key, note).await? {
                    Some(Holder { owner, .. }) => (Some(owner.operator), Some(owner.host)),
                    None => (None, None),
                };
                released.push(ReleasedLock { stage: stage.to_string(), owner, host });
            }
        }
        Ok(ReleaseReport { released, locks: self.locks().await?.locks })
    }

    /// A note about a stage: an entry without a state, whose change is `-`.
    fn note(&self, stage: &StageName, reason: &str) -> Result<Record, Fault> {
        let (Ok(change_id), Ok(order)) = (ChangeId::new("-"), "0000".parse()) else {
            return Err(Fault::bug("a note has no name"));
        };
        Ok(Record {
            run_id: self.owner.run_id.clone(),
            attempt_id: None,
            scope: self.scope(),
            change_id,
            stage: stage.clone(),
            order,
            file_name: None,
            name: "-".to_owned(),
            author: self.owner.operator.clone(),
            state: None,
            attempt: None,
            target_system: "-".into(),
            mode: None,
            recovery: Recovery::ManualIntervention,
            digest: Digest::ZERO,
            meaning: Digest::ZERO,
            template_digest: None,
            started_at: now(),
            finished_at: Some(now()),
            duration_ms: None,
            host: self.owner.host.clone(),
            operator: self.owner.operator.clone(),
            reason: Some(self.secrets.redact(reason).into_owned()),
            error: None,
            labels: Vec::new(),
            variables: None,
            calls: 0,
            calls_cut: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

fn report(stage: &str, tenant: Option<String>, status: Option<&LockStatus>) -> LockReport {
    let holder = status.and_then(|status| status.holder.as_ref());
    LockReport {
        stage: stage.to_owned(),
        tenant,
        held: holder.is_some(),
        owner: holder.map(|holder| holder.owner.operator.clone()),
        host: holder.map(|holder| holder.owner.host.clone()),
        token: status.map(|status| status.token.0),
        expires_at: holder.map(|holder| holder.expires_at),
    }
}
