//! The host's side of a change's context during an attempt: logs, progress, further systems, checkpoints.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use sandpiper_backends::crash;
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_engine::store::Lease;
use sandpiper_runtime::guest::{GuestHost, Level};
use sandpiper_runtime::handle_call::HandleCall;
use sandpiper_runtime::target::{Fence, Opening, Session};

use crate::config::SystemConfig;
use crate::observer::Event;
use crate::run::Core;
use crate::run::calls::Recorder;
use crate::run::ready::Ready;

/// What one part of one attempt is lent besides its target system.
pub(crate) struct AttemptHost {
    core: Arc<Core>,
    ready: Arc<Ready>,
    lease: Lease,
    /// In a transaction a checkpoint commits and dies with it: this attempt alone can see it.
    checkpoint: Mutex<Option<Vec<u8>>>,
    /// Where its calls are recorded, if they are.
    recorder: Option<Arc<Recorder>>,
}

impl AttemptHost {
    /// For one part of one attempt under a lease.
    pub(crate) fn new(core: Arc<Core>, ready: Arc<Ready>, lease: Lease) -> Self {
        Self { core, ready, lease, checkpoint: Mutex::default(), recorder: None }
    }

    /// The same, recording its calls.
    pub(crate) fn recording(self, recorder: Arc<Recorder>) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    fn id(&self) -> &str {
        self.ready.change.id.as_str()
    }
}

#[async_trait]
impl GuestHost for AttemptHost {
    fn log(&self, level: Level, line: &str) {
        let line = self.core.secrets.redact(line);
        self.core.observer.event(&Event::Log { id: self.id(), level, line: &line });
    }

    fn progress(&self, done: u64, total: u64) {
        self.core.observer.event(&Event::Progress { id: self.id(), done, total });
    }

    fn called(&self, call: &HandleCall<'_>) {
        let Some(recorder) = &self.recorder else { return };
        let recorded = recorder.record(call);
        let system = call.system.unwrap_or(self.ready.change.target_system.as_str());
        let configured = self.core.changes.config.systems.iter().find(|it| it.name.as_str() == system);
        let Some(SystemConfig { kind, .. }) = configured else { return };
        let address = kind.shown_address().map(|address| self.core.secrets.redact(&address).into_owned());
        self.core.observer.event(&Event::Called {
            stage: self.lease.key.stage.as_str(),
            id: self.id(),
            system,
            kind: kind.name(),
            address: address.as_deref(),
            call: recorded.as_ref(),
            took: call.duration,
        });
    }

    async fn open(&self, system: &str) -> Result<Box<dyn Session>, String> {
        let Some((_, target)) = self.ready.uses.iter().find(|(name, _)| name.as_str() == system) else {
            return Err(format!("`{system}` is not among the systems in `uses`"));
        };
        // Only the one system that commits may be written to; a direct change may write to several.
        let opening = match self.ready.mode {
            Mode::Shared | Mode::Marked => Opening::ReadOnly,
            Mode::Direct => Opening::Attempt {
                id: AttemptId(uuid::Uuid::new_v4().to_string().into()),
                mode: Mode::Direct,
                fence: Fence {
                    store: self.core.store_identity.clone(),
                    key: self.lease.key.clone(),
                    token: self.lease.token,
                },
                recorded: Vec::new(),
            },
        };
        let opened = target.open(&opening).await;
        opened.map_err(|error| self.core.secrets.redact(&error.to_string()).into_owned())
    }

    async fn save_checkpoint(&self, data: &[u8]) -> Result<(), String> {
        if self.ready.mode == Mode::Direct {
            crash::before("checkpoint");
            let saved = self.core.store.put_checkpoint(&self.lease, &self.ready.change.id, data).await;
            crash::after("checkpoint");
            return saved.map_err(|error| self.core.secrets.redact(&error.to_string()).into_owned());
        }
        *self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(data.to_vec());
        Ok(())
    }

    async fn load_checkpoint(&self) -> Option<Vec<u8>> {
        if self.ready.mode == Mode::Direct {
            // One that cannot be read is as good as none: the change then begins anew.
            return self.core.store.checkpoint(&self.core.scope, &self.ready.change.id).await.ok().flatten();
        }
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
