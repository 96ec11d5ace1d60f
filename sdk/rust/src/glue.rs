//! What the code that `#[change]` writes refers to. No part of the public interface: it changes with the
//! macro.

use crate::bindings::types::{Cadence, ChangeInfo, Failure, Recovery};
use crate::{Error, Verdict};

pub use crate::bindings::types::{Cadence as DeclaredCadence, Recovery as DeclaredRecovery};

/// What the attribute of a change says, as it stands in the component's data.
#[derive(Debug)]
pub struct Description {
    pub id: &'static str,
    pub author: &'static str,
    pub target_system: &'static str,
    pub description: Option<&'static str>,
    pub transactional: Option<bool>,
    pub recovery: Option<Recovery>,
    pub cadence: Option<Cadence>,
    pub uses: &'static [&'static str],
    pub labels: &'static [(&'static str, &'static str)],
    pub options: &'static [(&'static str, &'static str)],
}

impl Description {
    /// The same as the contract has it.
    pub fn to_info(&self) -> ChangeInfo {
        ChangeInfo {
            id: self.id.to_owned(),
            author: self.author.to_owned(),
            target_system: self.target_system.to_owned(),
            description: self.description.map(str::to_owned),
            transactional: self.transactional,
            recovery: self.recovery,
            cadence: self.cadence,
            uses: self.uses.iter().copied().map(str::to_owned).collect(),
            labels: pairs(self.labels),
            options: pairs(self.options),
        }
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// What `apply` and `rollback` may return: nothing, or a result of nothing whose error becomes an [`Error`].
#[diagnostic::on_unimplemented(
    message = "`apply` and `rollback` cannot return `{Self}`",
    label = "return `sandpiper_sdk::Result`"
)]
pub trait IntoOutcome {
    /// What the contract says of it.
    fn into_outcome(self) -> Result<(), Failure>;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Result<(), Failure> {
        Ok(())
    }
}

impl<E: Into<Error>> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Result<(), Failure> {
        self.map_err(|error| error.into().into())
    }
}

/// What `verify` may return: a verdict, a `bool` (true: applied), or a result of one whose error becomes an
/// [`Error`].
#[diagnostic::on_unimplemented(
    message = "`verify` cannot return `{Self}`",
    label = "return `sandpiper_sdk::Result<Verdict>` or `sandpiper_sdk::Result<bool>`"
)]
pub trait IntoVerdict {
    /// What the contract says of it.
    fn into_verdict(self) -> Result<Verdict, Failure>;
}

impl IntoVerdict for Verdict {
    fn into_verdict(self) -> Result<Verdict, Failure> {
        Ok(self)
    }
}

impl IntoVerdict for bool {
    fn into_verdict(self) -> Result<Verdict, Failure> {
        Ok(if self { Verdict::Applied } else { Verdict::NotApplied })
    }
}

impl<T: IntoVerdict, E: Into<Error>> IntoVerdict for Result<T, E> {
    fn into_verdict(self) -> Result<Verdict, Failure> {
        self.map_err(|error| error.into().into()).and_then(T::into_verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_means_applied() {
        assert!(matches!(true.into_verdict(), Ok(Verdict::Applied)));
        assert!(matches!(Ok::<_, Error>(false).into_verdict(), Ok(Verdict::NotApplied)));
        let failed = Err::<bool, _>(Error::precondition("no table")).into_verdict();
        assert!(matches!(failed, Err(Failure::Precondition(text)) if text == "no table"));
    }

    #[test]
    fn an_error_of_another_type_becomes_a_failure() {
        let outcome = "x".parse::<i64>().map(|_| ()).into_outcome();
        assert!(matches!(outcome, Err(Failure::Failed(text)) if text == "invalid digit found in string"));
    }
}
