//! Whose changes they are: a service in an environment, for a tenant, in stages.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// One history of changes: everything in the audit belongs to exactly one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Scope {
    /// The application whose systems are changed.
    pub service: String,
    /// Where it runs: `production`, say.
    pub environment: String,
    /// For whom, where the pipeline has tenants.
    pub tenant: Option<String>,
}

/// The name of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageName(Arc<str>);

/// The name of a target system, as the configuration gives it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemName(Arc<str>);

macro_rules! name {
    ($type:ident) => {
        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(StageName);
name!(SystemName);

/// What a lease is for: one stage of one scope.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LockKey {
    /// Whose changes.
    pub scope: Scope,
    /// Which stage of them.
    pub stage: StageName,
}

impl fmt::Display for LockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scope { service, environment, tenant } = &self.scope;
        write!(f, "{service}/{environment}/{}/{}", tenant.as_deref().unwrap_or("-"), self.stage)
    }
}
