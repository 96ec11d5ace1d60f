//! A change that is ready to run: loaded, checked and given its mode.

use std::sync::Arc;
use std::time::Duration;

use sandpiper_engine::attempt::Part;
use sandpiper_engine::change::Change;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::{Fault, Place};
use sandpiper_engine::retry::Retry;
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::Component;
use sandpiper_runtime::guest::{Action, Call, PayloadPlace, Source, Step};
use sandpiper_runtime::target::{Target, TargetError};
use sandpiper_sql_syntax::{Dialect, Statement, split};

use crate::project::Payload;

/// A change that is ready to run.
pub(crate) struct Ready {
    /// The change, with the digest of what runs it.
    pub(crate) change: Change,
    /// How its attempts are kept apart from half-done ones.
    pub(crate) mode: Mode,
    /// Why this mode, where it is not the usual one.
    pub(crate) mode_reason: Option<String>,
    /// The system that it is applied to.
    pub(crate) target: Arc<dyn Target>,
    /// Further systems that it may open.
    pub(crate) uses: Vec<(SystemName, Arc<dyn Target>)>,
    /// The code.
    pub(crate) program: Program,
    /// How often it is tried within a run, where it says so.
    pub(crate) retry: Option<Retry>,
    /// How long an attempt may take.
    pub(crate) deadline: Duration,
    /// The file, for people.
    pub(crate) file: String,
}

/// The code of a change.
pub(crate) enum Program {
    /// A component.
    Component(Component),
    /// Data that a template runs.
    Data(DataProgram),
    /// A source file that a language plugin runs.
    Source(SourceProgram),
}

/// A change written as a source file, and the plugin that runs it.
pub(crate) struct SourceProgram {
    /// The plugin.
    pub(crate) plugin: Component,
    /// The file.
    pub(crate) source: Arc<Source>,
    /// Whether it can take back what it did.
    pub(crate) has_rollback: bool,
    /// Whether it can tell if it is applied.
    pub(crate) has_verify: bool,
}

/// A change written as data, and the template that runs it.
pub(crate) struct DataProgram {
    /// The template.
    pub(crate) template: Component,
    /// The `configuration`, as JSON.
    pub(crate) configuration: String,
    /// What applies it and what takes it back, step by step.
    pub(crate) steps: Vec<(Payload, Option<Payload>)>,
    /// What tells whether it is applied.
    pub(crate) verify: Option<Payload>,
    /// The kind of the target system.
    pub(crate) target_kind: String,
}

impl Ready {
    /// Checks the systems that it needs, but for those that were checked already.
    pub(crate) async fn check(&self, checked: &mut Vec<SystemName>) -> Result<(), Fault> {
        for (name, target) in self.systems() {
            if checked.contains(name) {
                continue;
            }
            match target.check().await {
                // Somebody is at work on it: whoever holds the lock is waited for there.
                Ok(()) | Err(TargetError::Busy(_)) => checked.push(name.clone()),
                Err(error) => return Err(of_system(Fault::from(error), name.as_str())),
            }
        }
        Ok(())
    }

    /// Its target system, and the further ones that it may open.
    pub(crate) fn systems(&self) -> impl Iterator<Item = (&SystemName, &Arc<dyn Target>)> {
        let own = std::iter::once((&self.change.target_system, &self.target));
        own.chain(self.uses.iter().map(|(name, target)| (name, target)))
    }

    /// Whether it can take back what it did.
    pub(crate) fn has_rollback(&self) -> bool {
        match &self.program {
            Program::Component(_) => true,
            Program::Source(source) => source.has_rollback,
            Program::Data(data) => data.steps.iter().all(|(_, rollback)| rollback.is_some()),
        }
    }

    /// The name of its file.
    pub(crate) fn file_name(&self) -> Option<String> {
        let name = std::path::Path::new(&self.file).file_name()?;
        Some(name.to_string_lossy().into_owned())
    }

    /// How many steps it has; a component is one, and so is a source file.
    pub(crate) fn steps(&self) -> usize {
        match &self.program {
            Program::Component(_) | Program::Source(_) => 1,
            Program::Data(data) => data.steps.len(),
        }
    }

    /// Whether it is written as one step, whose rollback takes back whatever of it was done.
    pub(crate) fn has_one_step(&self) -> bool {
        self.steps() == 1
    }

    /// The calls that a part of it is made of, with the component to call: of a rollback newest first.
    pub(crate) fn calls(&self, part: Part) -> (&Component, Vec<Call>) {
        match (&self.program, part) {
            (Program::Component(component), Part::Apply) => (component, vec![Call::Apply]),
            (Program::Component(component), Part::Rollback) => (component, vec![Call::Rollback]),
            (Program::Source(source), Part::Apply) => {
                (&source.plugin, vec![Call::Source(Action::Apply, source.source.clone())])
            }
            (Program::Source(source), Part::Rollback) => {
                let call = Call::Source(Action::Rollback, source.source.clone());
                (&source.plugin, source.has_rollback.then_some(call).into_iter().collect())
            }
            (Program::Data(data), Part::Apply) => {
                let steps = data.steps.iter().enumerate();
                let calls = steps.map(|(index, (apply, _))| data.call(Action::Apply, index, apply));
                (&data.template, calls.collect())
            }
            (Program::Data(data), Part::Rollback) => {
                let steps = data.steps.iter().enumerate().rev();
                let calls = steps.filter_map(|(index, (_, rollback))| {
                    rollback.as_ref().map(|payload| data.call(Action::Rollback, index, payload))
                });
                (&data.template, calls.collect())
            }
        }
    }

    /// The call that asks whether it is applied, if it can tell.
    pub(crate) fn verify(&self) -> Option<(&Component, Call)> {
        match &self.program {
            Program::Component(component) => {
                component.has_verify(self.target.capability()).then_some((component, Call::Verify))
            }
            Program::Source(source) => {
                let call = Call::Source(Action::Verify, source.source.clone());
                source.has_verify.then_some((&source.plugin, call))
            }
            Program::Data(data) => {
                let verify = data.verify.as_ref()?;
                Some((&data.template, data.call(Action::Verify, 0, verify)))
            }
        }
    }

    /// Where in the change's file a place of the payload of a call is, or of the source that it runs.
    pub(crate) fn locate(&self, call: &Call, place: &PayloadPlace) -> Option<Place> {
        if let Program::Source(SourceProgram { source, .. }) = &self.program {
            return Some(Place::in_text(self.file.as_str(), &source.text, place.offset? as usize));
        }
        let (Program::Data(data), Call::Step(step)) = (&self.program, call) else { return None };
        Some(data.payload(step)?.locate(&place.pointer, place.offset.map(|offset| offset as usize)))
    }

    /// Where the one statement stands in the file that is `meant`; nothing where that are several.
    pub(crate) fn locate_statement(
        &self,
        call: &Call,
        meant: impl Fn(&Statement<'_>) -> bool,
    ) -> Option<Place> {
        let (Program::Data(data), Call::Step(step)) = (&self.program, call) else { return None };
        let payload = data.payload(step)?;
        let text: String = serde_json::from_str(payload.json()).ok()?;
        let statements = split(&text, Dialect::from_kind(&data.target_kind)).ok()?;
        let mut found = statements.iter().filter(|statement| meant(statement));
        match (found.next(), found.next()) {
            (Some(statement), None) => Some(payload.locate("", Some(statement.offset))),
            _ => None,
        }
    }
}

impl DataProgram {
    /// The call of one step.
    pub(crate) fn call(&self, action: Action, index: usize, payload: &Payload) -> Call {
        Call::Step(Step {
            action,
            index: u32::try_from(index).unwrap_or(u32::MAX),
            target_kind: self.target_kind.clone(),
            configuration: self.configuration.clone(),
            payload: payload.json().to_owned(),
            finished_statements: 0,
        })
    }

    /// Every step with its payload, to be assessed.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Step, &Payload)> {
        let steps = self.steps.iter().enumerate().flat_map(|(index, (apply, rollback))| {
            let apply = (self.call(Action::Apply, index, apply), apply);
            let rollback =
                rollback.as_ref().map(|payload| (self.call(Action::Rollback, index, payload), payload));
            std::iter::once(apply).chain(rollback)
        });
        let verify = self.verify.as_ref().map(|payload| (self.call(Action::Verify, 0, payload), payload));
        steps.chain(verify).filter_map(|(call, payload)| match call {
            Call::Step(step) => Some((step, payload)),
            Call::Apply | Call::Rollback | Call::Verify | Call::Source(..) => None,
        })
    }

    fn payload(&self, step: &Step) -> Option<&Payload> {
        match step.action {
            Action::Verify => self.verify.as_ref(),
            Action::Apply => self.steps.get(step.index as usize).map(|(apply, _)| apply),
            Action::Rollback => {
                self.steps.get(step.index as usize).and_then(|(_, rollback)| rollback.as_ref())
            }
        }
    }
}

/// A fault says which of the systems it is about.
pub(crate) fn of_system(mut fault: Fault, name: &str) -> Fault {
    if !fault.message.contains(&format!("`{name}`")) {
        fault.message = format!("`{name}`: {}", fault.message);
    }
    fault
}
