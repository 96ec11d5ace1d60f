//! An API as a target system: without transactions, so that there is nothing to fence, to mark or to take turns for.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sandpiper_engine::entry::{AttemptId, Mode};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::target::{Atomicity, Capability, Fence, Opening, Session, Target, TargetError};
use tokio::sync::Mutex;

use super::auth::Auth;
use super::base::BaseUrl;
use super::connection::{Broken, Wire};
use super::exchange::{Api, Tell};
use super::session::{HttpSession, no_transaction};
use super::settings::Settings;
use crate::network::Network;

/// How to name the root of an API's certificate.
const UNTRUSTED: &str = "name the root with `sslrootcert` under `settings`";

/// The APIs that a process works with: they share one thread that waits for the network.
#[derive(Default)]
pub struct Apis {
    network: Arc<Network>,
}

impl Apis {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The API at a base URL. Nothing is connected to yet. A request takes no longer than `deadline`, where neither it
    /// nor the settings say how long. `tell` is told each secret that is made or received on the way, before anybody
    /// else may see it: tokens, what credentials become in a header.
    pub fn target(
        &self,
        name: SystemName,
        base: BaseUrl,
        auth: Option<Auth>,
        settings: Settings,
        deadline: Duration,
        tell: impl Fn(&str) + Send + Sync + 'static,
    ) -> HttpTarget {
        auth.iter().flat_map(Auth::derived_secrets).for_each(|secret| tell(&secret));
        let (wire, tell): (_, Box<Tell>) = (Wire::new(settings.clone(), UNTRUSTED), Box::new(tell));
        let api = Api { base, auth, settings, wire, deadline, tell, token: Mutex::default() };
        HttpTarget { name, api: Arc::new(api), network: self.network.clone() }
    }
}

/// An API that changes are applied to.
pub struct HttpTarget {
    name: SystemName,
    api: Arc<Api>,
    network: Arc<Network>,
}

impl HttpTarget {
    fn explained(&self, broken: Broken) -> TargetError {
        let say = |why: String| format!("`{}`: `{}`: {why}", self.name, self.api.base);
        match broken {
            Broken::NotSent(why) | Broken::NoAnswer(why) => TargetError::Unreachable(say(why)),
            Broken::Refused(why) | Broken::TooLong(why) => TargetError::Refused(say(why)),
        }
    }
}

#[async_trait]
impl Target for HttpTarget {
    fn kind(&self) -> &'static str {
        "http"
    }

    fn capability(&self) -> Capability {
        Capability::Http
    }

    fn atomicity(&self) -> Atomicity {
        Atomicity::PerCall
    }

    async fn check(&self) -> Result<(), TargetError> {
        let failed = |why: String| self.explained(Broken::NotSent(why));
        let network = self.network.handle().map_err(|error| failed(error.to_string()))?;
        let api = self.api.clone();
        let checked = network.spawn(async move { api.check().await }).await;
        checked.map_err(|error| failed(error.to_string()))?.map_err(|broken| self.explained(broken))
    }

    async fn turn(&self) -> Result<sandpiper_runtime::target::Turn, TargetError> {
        Ok(sandpiper_runtime::target::Turn::default())
    }

    async fn open(&self, opening: &Opening) -> Result<Box<dyn Session>, TargetError> {
        let reads_only = match opening {
            Opening::ReadOnly => true,
            Opening::Attempt { mode: Mode::Direct, .. } => false,
            Opening::Preview | Opening::Attempt { mode: Mode::Shared | Mode::Marked, .. } => {
                return Err(no_transaction());
            }
        };
        Ok(Box::new(HttpSession::new(self.api.clone(), self.network.clone(), reads_only)))
    }

    async fn fence(&self, _: &Fence) -> Result<(), TargetError> {
        Ok(())
    }

    async fn has_marker(&self, _: &AttemptId) -> Result<bool, TargetError> {
        Ok(false)
    }

    async fn forget_markers(&self, _: &[AttemptId]) -> Result<(), TargetError> {
        Ok(())
    }
}
