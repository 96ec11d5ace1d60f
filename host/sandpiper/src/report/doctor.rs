//! What `doctor` finds.

use sandpiper_engine::diagnosis::{Finding, Health};
use sandpiper_engine::fault::Fault;
use serde::{Serialize, Serializer};

use crate::secrets::Secrets;

/// What `doctor` gives.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DoctorReport {
    /// One for each thing that has to be right.
    pub checks: Vec<Check>,
    /// The first of them that failed, as the error that the command ends with.
    #[serde(skip)]
    pub failure: Option<Fault>,
}

/// One thing that has to be right.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// What was looked at: `configuration`, `store.rights`, `target.orders-db.clock`.
    pub name: String,
    /// Whether it is right, or only odd.
    pub ok: bool,
    /// What was found.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
    /// `good`, `odd`, `bad`, or `unknown` where something before it kept it from being looked at.
    #[serde(serialize_with = "in_a_word")]
    pub health: Health,
}

impl Check {
    /// A finding about something, free of secrets.
    pub(crate) fn new(of: &str, finding: Finding, secrets: &Secrets) -> Self {
        let Finding { aspect, health, message, help } = finding;
        let name = if of.is_empty() { aspect.to_owned() } else { format!("{of}.{aspect}") };
        Self {
            name,
            ok: matches!(health, Health::Good | Health::Odd),
            message: secrets.redact(&message).into_owned(),
            help: help.filter(|help| !help.is_empty()).map(|help| secrets.redact(&help).into_owned()),
            health,
        }
    }
}

fn in_a_word<S: Serializer>(health: &Health, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match health {
        Health::Good => "good",
        Health::Odd => "odd",
        Health::Bad => "bad",
        Health::Unknown => "unknown",
    })
}
