//! A host that remembers what a guest says, and lends two further systems.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sandpiper_runtime::guest::{GuestHost, Level};
use sandpiper_runtime::handle_call::HandleCall;
use sandpiper_runtime::target::Session;

use super::{Api, ApiSession, Database, MemorySession};

#[derive(Default)]
pub(crate) struct Host {
    pub(crate) lines: Mutex<Vec<(Level, String)>>,
    pub(crate) progress: Mutex<Vec<(u64, u64)>>,
    /// The calls that it was told of, in words.
    pub(crate) calls: Mutex<Vec<String>>,
    pub(crate) checkpoint: Mutex<Option<Vec<u8>>>,
    /// The system `second`.
    pub(crate) second: Arc<Database>,
    /// The system `api`.
    pub(crate) api: Arc<Api>,
}

impl Host {
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().iter().map(|(_, line)| line.clone()).collect()
    }
}

#[async_trait]
impl GuestHost for Host {
    fn log(&self, level: Level, line: &str) {
        assert!(!line.chars().any(char::is_control), "a line with control characters: {line:?}");
        self.lines.lock().unwrap().push((level, line.to_owned()));
    }

    fn progress(&self, done: u64, total: u64) {
        self.progress.lock().unwrap().push((done, total));
    }

    fn called(&self, call: &HandleCall<'_>) {
        let HandleCall { system, capability, operation, statement, passed, came, .. } = call;
        let on = system
            .map_or_else(|| capability.as_str().to_owned(), |name| format!("{name}:{}", capability.as_str()));
        self.calls.lock().unwrap().push(format!("{on} {operation} {statement} {passed:?} {came:?}"));
    }

    async fn open(&self, system: &str) -> Result<Box<dyn Session>, String> {
        match system {
            "second" => Ok(Box::new(MemorySession::new(self.second.clone()))),
            "api" => Ok(Box::new(ApiSession(self.api.clone()))),
            _ => Err("there is no such system".to_owned()),
        }
    }

    async fn save_checkpoint(&self, data: &[u8]) -> Result<(), String> {
        *self.checkpoint.lock().unwrap() = Some(data.to_vec());
        Ok(())
    }

    async fn load_checkpoint(&self) -> Option<Vec<u8>> {
        self.checkpoint.lock().unwrap().clone()
    }
}
