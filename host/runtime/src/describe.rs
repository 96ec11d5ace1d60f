//! Asks components what they are: without any handle, and within seconds.

use sandpiper_engine::fault::{Blame, Fault};
use wasmtime::component::Instance;

use crate::bindings::exports::sandpiper::change::{description, template};
use crate::component::{Component, Kind};
use crate::guest::{CallError, ChangeInfo, TemplateInfo};
use crate::limits::Time;
use crate::runtime::{Runtime, no_thread};
use crate::sandbox::{Passing, Sandbox};
use crate::state::Lent;
use crate::stop::{Stop, StopReason};

impl Runtime {
    /// Asks a change what it is: twice, for the same bytes must always give the same answer.
    ///
    /// # Errors
    ///
    /// `change::describe`, `change::deadline`, `change::memory`, `change::limit`, those of [`Self::compile`], and
    /// `change::wrong-world` when it is a plugin.
    pub async fn describe_change(&self, component: &Component) -> Result<ChangeInfo, Fault> {
        let setting = match component.kind() {
            Kind::Change => None,
            Kind::Template => Some("templates"),
            Kind::Language => Some("languages"),
        };
        if let Some(setting) = setting {
            let message = format!("it is a {} plugin, not a change", component.kind().as_str());
            let help =
                format!("name it under `{setting}` in the configuration, and keep it out of the stages");
            return Err(Fault::new("change::wrong-world", Blame::Change, message).with_help(help));
        }
        let first = self.change_once(component).await?;
        let second = self.change_once(component).await?;
        same(component, first, &second)
    }

    /// Asks a template what it is, twice as well.
    ///
    /// # Errors
    ///
    /// As for [`Self::describe_change`].
    pub async fn describe_template(&self, component: &Component) -> Result<TemplateInfo, Fault> {
        let first = self.template_once(component).await?;
        let second = self.template_once(component).await?;
        same(component, first, &second)
    }

    async fn change_once(&self, component: &Component) -> Result<ChangeInfo, Fault> {
        let mut sandbox = self.asking(component)?;
        let answer = match sandbox.instantiate().await {
            Ok(instance) => describe_change(&mut sandbox, &instance).await,
            Err(error) => Err(error),
        };
        self.answer(component, "describe", sandbox, answer)
    }

    async fn template_once(&self, component: &Component) -> Result<TemplateInfo, Fault> {
        let mut sandbox = self.asking(component)?;
        let answer = match sandbox.instantiate().await {
            Ok(instance) => describe_template(&mut sandbox, &instance).await,
            Err(error) => Err(error),
        };
        self.answer(component, "describe", sandbox, answer)
    }

    /// A guest that is asked something.
    pub(crate) fn asking(&self, component: &Component) -> Result<Sandbox, Fault> {
        let room = self.room(component)?;
        let lent = Lent::nothing(self.limits(), Stop::new());
        let deadline = self.limits().describe_deadline;
        Sandbox::new(room, self.watch(), lent, deadline, Passing::Description)
            .map_err(|error| no_thread(&error))
    }

    /// The answer to a question, or why there is none.
    pub(crate) fn answer<T>(
        &self,
        component: &Component,
        question: &str,
        sandbox: Sandbox,
        answer: wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let (_, answer) = sandbox.end(answer);
        answer.map_err(|error| {
            let (code, why) = match error {
                CallError::Limit { code, message } => (code, message),
                CallError::Stopped(StopReason::Deadline) => {
                    let deadline = Time(self.limits().describe_deadline);
                    (
                        "change::deadline",
                        format!("it took longer than {deadline} (`limits.describe-deadline`)"),
                    )
                }
                CallError::Trap(why) => ("change::describe", format!("it trapped: {why}")),
                other => ("change::describe", other.to_string()),
            };
            let kind = component.kind();
            let message = format!("`{question}` of the {} failed: {why}", kind.as_str());
            let help = format!(
                "`{question}` only answers from what it is given: it needs no system, and little time"
            );
            Fault::new(code, kind.blame(), message).with_help(help)
        })
    }
}

async fn describe_change(sandbox: &mut Sandbox, instance: &Instance) -> wasmtime::Result<ChangeInfo> {
    let guest = description::GuestIndices::new(&sandbox.code)?.load(&mut sandbox.store, instance)?;
    Ok(guest.call_describe(&mut sandbox.store).await?.into())
}

async fn describe_template(sandbox: &mut Sandbox, instance: &Instance) -> wasmtime::Result<TemplateInfo> {
    let guest = template::GuestIndices::new(&sandbox.code)?.load(&mut sandbox.store, instance)?;
    Ok(guest.call_describe(&mut sandbox.store).await?.into())
}

/// The answer to a question that was asked twice.
pub(crate) fn same<T: PartialEq>(component: &Component, first: T, second: &T) -> Result<T, Fault> {
    if first == *second {
        return Ok(first);
    }
    let kind = component.kind();
    let message = format!("the {} describes itself differently each time", kind.as_str());
    let help = "`describe` must always give the same answer: keep time and random numbers out of it";
    Err(Fault::new("change::describe", kind.blame(), message).with_help(help))
}
