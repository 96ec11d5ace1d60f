//! Entries about changes, as everybody who writes one begins them.

use sandpiper_engine::change::Change;
use sandpiper_engine::digest::Digest;
use sandpiper_engine::entry::{Mode, Record};
use sandpiper_engine::scope::{Scope, StageName};
use sandpiper_engine::store::Owner;

use crate::clock::now;

/// Who writes, and whose changes they are.
pub(crate) struct Origin<'a> {
    /// Who.
    pub(crate) owner: &'a Owner,
    /// Whose.
    pub(crate) scope: &'a Scope,
    /// What the changes can see.
    pub(crate) variables: &'a [(String, String)],
}

impl Origin<'_> {
    /// An entry about a change, to be completed by whoever writes it.
    pub(crate) fn record(&self, change: &Change, stage: &StageName, mode: Mode) -> Record {
        Record {
            run_id: self.owner.run_id.clone(),
            attempt_id: None,
            scope: self.scope.clone(),
            change_id: change.id.clone(),
            stage: stage.clone(),
            order: change.order.clone(),
            file_name: None,
            name: change.name.to_string(),
            author: change.author.to_string(),
            state: None,
            attempt: Some(1),
            target_system: change.target_system.clone(),
            mode: Some(mode),
            recovery: change.recovery,
            digest: change.digest,
            meaning: change.meaning,
            template_digest: change.template_digest,
            started_at: now(),
            finished_at: None,
            duration_ms: None,
            host: self.owner.host.clone(),
            operator: self.owner.operator.clone(),
            reason: None,
            error: None,
            labels: change.labels.clone(),
            variables: self.variables_digest(),
            calls: 0,
            calls_cut: false,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// An entry about a change that nothing was tried with: a note, until somebody gives it a state.
    pub(crate) fn note(&self, change: &Change, stage: &StageName, reason: String) -> Record {
        Record {
            attempt: None,
            mode: None,
            finished_at: Some(now()),
            reason: Some(reason),
            ..self.record(change, stage, Mode::Direct)
        }
    }

    fn variables_digest(&self) -> Option<Digest> {
        (!self.variables.is_empty()).then(|| {
            let parts = self
                .variables
                .iter()
                .flat_map(|(name, value)| [name.as_bytes(), b"\0", value.as_bytes(), b"\0"]);
            Digest::of_parts(&parts.collect::<Vec<_>>())
        })
    }
}
