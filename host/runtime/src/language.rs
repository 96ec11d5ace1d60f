//! Asks a language plugin what it is, and what a source file says of itself: without any handle, and within seconds.

use sandpiper_engine::fault::{Blame, Fault};
use wasmtime::component::Instance;

use crate::bindings::exports::sandpiper::change::language;
use crate::component::Component;
use crate::describe::same;
use crate::guest::{Inspected, LanguageInfo, Source, SourceProblem};
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;

/// What may be wrong with one source file, in problems, that is told.
const PROBLEMS: usize = 100;

/// What a source file says of itself, or what is wrong with it.
type Answer = Result<Inspected, Vec<SourceProblem>>;

impl Runtime {
    /// Asks a language plugin what it is, twice: it must always give the same answer.
    ///
    /// # Errors
    ///
    /// As for [`Self::describe_change`].
    pub async fn describe_language(&self, component: &Component) -> Result<LanguageInfo, Fault> {
        let first = self.language_once(component).await?;
        let second = self.language_once(component).await?;
        same(component, first, &second)
    }

    /// Asks a language plugin what a source file says of itself, twice as well.
    ///
    /// # Errors
    ///
    /// As for [`Self::describe_change`]. What is wrong with the source is an answer.
    pub async fn inspect_source(&self, component: &Component, source: &Source) -> Result<Answer, Fault> {
        let first = self.inspect_once(component, source).await?;
        if let Err(mut problems) = first {
            problems.truncate(PROBLEMS);
            return Ok(Err(problems));
        }
        let second = self.inspect_once(component, source).await?;
        if first == second {
            return Ok(first);
        }
        let message = "the change describes itself differently each time";
        let help =
            "what a source file exports must always be the same: keep time and random numbers out of it";
        Err(Fault::new("change::describe", Blame::Change, message).with_help(help))
    }

    async fn language_once(&self, component: &Component) -> Result<LanguageInfo, Fault> {
        let mut sandbox = self.asking(component)?;
        let answer = match sandbox.instantiate().await {
            Ok(instance) => describe(&mut sandbox, &instance).await,
            Err(error) => Err(error),
        };
        self.answer(component, "describe", sandbox, answer)
    }

    async fn inspect_once(&self, component: &Component, source: &Source) -> Result<Answer, Fault> {
        let mut sandbox = self.asking(component)?;
        let answer = match sandbox.instantiate().await {
            Ok(instance) => inspect(&mut sandbox, &instance, source).await,
            Err(error) => Err(error),
        };
        // The plugin does what the source says.
        let answer = self.answer(component, "inspect", sandbox, answer);
        answer.map_err(|fault| {
            let message = match fault.message.split_once(" failed: ") {
                Some((_, why)) => format!("the source could not be evaluated: {why}"),
                None => fault.message,
            };
            let help = "what stands outside of the functions only says what the change is: it needs no system, and \
                        little time";
            Fault { blame: Blame::Change, message, help: Some(help.to_owned()), ..fault }
        })
    }
}

async fn describe(sandbox: &mut Sandbox, instance: &Instance) -> wasmtime::Result<LanguageInfo> {
    let guest = language::GuestIndices::new(&sandbox.code)?.load(&mut sandbox.store, instance)?;
    Ok(guest.call_describe(&mut sandbox.store).await?.into())
}

async fn inspect(sandbox: &mut Sandbox, instance: &Instance, source: &Source) -> wasmtime::Result<Answer> {
    let guest = language::GuestIndices::new(&sandbox.code)?.load(&mut sandbox.store, instance)?;
    let answer = guest.call_inspect(&mut sandbox.store, &source.clone().into()).await?;
    let problems = |found: Vec<language::Problem>| found.into_iter().map(Into::into).collect();
    Ok(answer.map(Into::into).map_err(problems))
}
