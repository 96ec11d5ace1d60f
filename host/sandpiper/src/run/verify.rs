//! Asking a change whether it is applied, with handles that only read.

use std::sync::Arc;

use async_trait::async_trait;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::Fault;
use sandpiper_engine::scope::Scope;
use sandpiper_engine::store::Store;
use sandpiper_runtime::Runtime;
use sandpiper_runtime::guest::{Answer, Context, GuestHost, Level, Loan, Verdict};
use sandpiper_runtime::handle_call::HandleCall;
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::{Opening, Session, Target};

use crate::observer::{Event, Observer};
use crate::run::idempotency_key;
use crate::run::ready::Ready;
use crate::secrets::Secrets;

/// Who asks.
pub(crate) struct Asker<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) store: &'a Arc<dyn Store>,
    pub(crate) store_identity: &'a str,
    pub(crate) scope: &'a Scope,
    pub(crate) variables: &'a [(String, String)],
    pub(crate) secrets: &'a Secrets,
    pub(crate) observer: &'a Arc<dyn Observer>,
}

/// What a change says of itself.
pub(crate) struct Asked {
    /// Whether it is applied.
    pub(crate) verdict: Verdict,
    /// Why it cannot tell, where it went wrong.
    pub(crate) why: Option<String>,
}

impl Asker<'_> {
    /// Asks a change on a target system, until `stop` says no more. None for a change that has no `verify`.
    ///
    /// # Errors
    ///
    /// When the system cannot be reached.
    pub(crate) async fn ask(
        &self,
        ready: &Arc<Ready>,
        target: &dyn Target,
        stop: Stop,
    ) -> Result<Option<Asked>, Fault> {
        let Some((component, call)) = ready.verify() else { return Ok(None) };
        let session = target.open(&Opening::ReadOnly).await?;
        stop.on_stop(session.interrupter());
        let context = Context {
            idempotency_key: idempotency_key(self.store_identity, self.scope, &ready.change.id),
            attempt: 0,
            tenant: self.scope.tenant.clone(),
            variables: self.variables.to_vec(),
            uses: ready.uses.iter().map(|(name, _)| name.as_str().to_owned()).collect(),
        };
        let host = Arc::new(Looking {
            ready: ready.clone(),
            store: self.store.clone(),
            scope: self.scope.clone(),
            secrets: self.secrets.clone(),
            observer: self.observer.clone(),
        });
        let loan = Loan { session, context, host, stop, deadline: ready.deadline };
        let returned = self.runtime.call(component, call, loan).await;
        drop(returned.session.close().await);
        Ok(Some(match returned.answer {
            Ok(Answer::Verdict(verdict)) => Asked { verdict, why: None },
            Ok(Answer::Done) => Asked { verdict: Verdict::Unknown, why: None },
            // A verify that fails cannot tell.
            Err(error) => Asked {
                verdict: Verdict::Unknown,
                why: Some(self.secrets.redact(&error.to_string()).into_owned()),
            },
        }))
    }
}

/// What a change is lent while it is asked: whatever it opens is for reading, and it keeps nothing.
pub(crate) struct Looking {
    pub(crate) ready: Arc<Ready>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) scope: Scope,
    pub(crate) secrets: Secrets,
    pub(crate) observer: Arc<dyn Observer>,
}

#[async_trait]
impl GuestHost for Looking {
    fn log(&self, level: Level, line: &str) {
        let line = self.secrets.redact(line);
        self.observer.event(&Event::Log { id: self.ready.change.id.as_str(), level, line: &line });
    }

    fn progress(&self, done: u64, total: u64) {
        self.observer.event(&Event::Progress { id: self.ready.change.id.as_str(), done, total });
    }

    /// What it looked at changed nothing: the audit is about what did.
    fn called(&self, _: &HandleCall<'_>) {}

    async fn open(&self, system: &str) -> Result<Box<dyn Session>, String> {
        let Some((_, target)) = self.ready.uses.iter().find(|(name, _)| name.as_str() == system) else {
            return Err(format!("`{system}` is not among the systems in `uses`"));
        };
        let opened = target.open(&Opening::ReadOnly).await;
        opened.map_err(|error| self.secrets.redact(&error.to_string()).into_owned())
    }

    async fn save_checkpoint(&self, _: &[u8]) -> Result<(), String> {
        Err("`verify` keeps no checkpoint".to_owned())
    }

    async fn load_checkpoint(&self) -> Option<Vec<u8>> {
        if self.ready.mode != Mode::Direct {
            return None;
        }
        // One that cannot be read is as good as none.
        self.store.checkpoint(&self.scope, &self.ready.change.id).await.ok().flatten()
    }
}
