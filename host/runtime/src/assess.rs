//! Asks a template what it thinks of the steps of data files, one after the other.

use sandpiper_engine::fault::Fault;

use crate::bindings::exports::sandpiper::change::template;
use crate::component::Component;
use crate::guest::{Assessment, Step};
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;

/// How many steps one instance is asked about before it makes room for a fresh one.
const QUESTIONS: u32 = 64;

/// A template that is asked about steps.
///
/// It is lent nothing, and what it says follows from the step alone; so one instance is asked about many, which spares
/// making one for each. Whatever it refuses is asked of a fresh one: a step is never refused for the company it is in.
pub struct Assessor {
    component: Component,
    open: Option<Open>,
}

/// An instance that answered so far.
struct Open {
    sandbox: Sandbox,
    guest: template::Guest,
    asked: u32,
}

impl Assessor {
    /// Asks this template.
    pub fn new(component: Component) -> Self {
        Self { component, open: None }
    }

    /// What the template thinks of a step.
    ///
    /// # Errors
    ///
    /// As for [`Runtime::describe_template`].
    pub async fn assess(&mut self, runtime: &Runtime, step: &Step) -> Result<Assessment, Fault> {
        let step: template::Step = step.clone().into();
        if let Some(mut open) = self.open.take().filter(|open| open.asked < QUESTIONS)
            && let Ok(assessment) = open.guest.call_assess(&mut open.sandbox.store, &step).await
        {
            open.asked += 1;
            self.open = Some(open);
            return Ok(assessment.into());
        }
        let mut sandbox = runtime.asking(&self.component)?;
        match first(&mut sandbox, &step).await {
            Ok((guest, assessment)) => {
                self.open = Some(Open { sandbox, guest, asked: 1 });
                Ok(assessment.into())
            }
            Err(error) => runtime.answer(&self.component, "assess", sandbox, Err(error)),
        }
    }
}

async fn first(
    sandbox: &mut Sandbox,
    step: &template::Step,
) -> wasmtime::Result<(template::Guest, template::Assessment)> {
    let instance = sandbox.instantiate().await?;
    let guest = template::GuestIndices::new(&sandbox.code)?.load(&mut sandbox.store, &instance)?;
    let assessment = guest.call_assess(&mut sandbox.store, step).await?;
    Ok((guest, assessment))
}
