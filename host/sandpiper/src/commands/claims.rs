//! Plugins that are named under `templates` or `plugins` may run source files: they are asked which.

use std::sync::Arc;
use std::time::SystemTime;

use sandpiper_engine::digest::Digest;
use sandpiper_runtime::component::Kind;

use super::Sandpiper;
use crate::config::{Config, PluginFile};
use crate::project::{Memory, keep_claims, recall_claims};

impl Sandpiper {
    /// The configuration, whose `languages` hold what the other plugins claim as well. What `languages` itself says goes
    /// before it.
    pub(super) async fn with_claims(&self, believed: bool) -> Config {
        let mut config = self.config.clone();
        for plugin in self.config.templates.iter().chain(&self.config.plugins) {
            for extension in self.claims_of(plugin, believed).await {
                if config.languages.iter().all(|known| known.name != extension) {
                    config.languages.push(PluginFile { name: extension, ..plugin.clone() });
                }
            }
        }
        config
    }

    /// The extensions that a plugin claims; of a template none. One that cannot be asked is told of by what needs it.
    async fn claims_of(&self, plugin: &PluginFile, believed: bool) -> Vec<String> {
        let now = SystemTime::now();
        let memory = self.memory.as_deref().map(|folder| Memory { folder, believed, now });
        if let Some(claims) = memory.and_then(|memory| recall_claims(memory, &plugin.path)) {
            return claims;
        }
        let Ok(bytes) = std::fs::read(&plugin.path) else { return Vec::new() };
        let bytes: Arc<[u8]> = bytes.into();
        let digest = Digest::of(&bytes);
        let Ok(component) = self.runtime.load(bytes, digest) else { return Vec::new() };
        let claims = match component.kind() {
            Kind::Language => match self.runtime.describe_language(&component).await {
                Ok(info) => info.extensions,
                Err(_) => return Vec::new(),
            },
            Kind::Change | Kind::Template => Vec::new(),
        };
        if let Some(memory) = memory {
            keep_claims(memory, &plugin.path, &claims);
        }
        claims
    }
}
