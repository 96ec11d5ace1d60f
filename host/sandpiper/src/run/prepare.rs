//! Making a change ready to run: its code loaded and compiled, its data assessed, its mode chosen. All of it happens
//! before any lock is taken, and every problem is found at once.

use std::sync::Arc;

use sandpiper_engine::attempt::Part;
use sandpiper_engine::change::Change;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::{Place, Problem};
use sandpiper_engine::scope::SystemName;
use sandpiper_runtime::guest::{Action, PayloadProblem};
use sandpiper_runtime::target::{Atomicity, Capability, Target};
use sandpiper_runtime::{Component, Runtime};

use crate::config::Config;
use crate::languages::{self, Language};
use crate::load::{self, Item};
use crate::project::{DataChange, Payload};
use crate::run::ready::{DataProgram, Program, Ready, SourceProgram};
use crate::run::undo::archive::ARCHIVE;
use crate::scaffold::is_untouched;
use crate::systems::Systems;
use crate::templates::{Template, Templates};

/// What ran a change that is not a component itself.
pub(crate) enum Runner {
    /// The template of a data file.
    Template(Arc<Template>),
    /// The language plugin of a source file.
    Language(Arc<Language>),
}

/// What preparing needs.
pub(crate) struct Preparing<'a> {
    /// The configuration.
    pub(crate) config: &'a Config,
    /// The systems; nothing is connected to.
    pub(crate) systems: &'a Systems,
    /// Compiles, and lets templates assess.
    pub(crate) runtime: &'a Runtime,
    /// The templates.
    pub(crate) templates: &'a Templates,
}

impl Preparing<'_> {
    /// Makes a change ready.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it.
    pub(crate) async fn ready(&self, change: &Change, item: &Item) -> Result<Ready, Vec<Problem>> {
        let shown = item.file.shown.as_str();
        if is_untouched(change, shown.rsplit('.').next().unwrap_or_default()) {
            let message =
                format!("change `{}` does nothing, as one that `sandpiper new` has just made", change.id);
            let problem = Problem::error("change::syntax", message).at(Place::file(shown));
            return Err(vec![
                problem.help("write into the file what applies it; or a comment that says why it does nothing; or remove the file"),
            ]);
        }
        self.for_part(change, item, Part::Apply, None).await
    }

    /// Makes an applied change ready to be taken back: by the plugin that ran it, else by today's.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with it: that it has no rollback, say.
    pub(crate) async fn ready_to_undo(
        &self,
        change: &Change,
        item: &Item,
        runner: Option<Runner>,
    ) -> Result<Ready, Vec<Problem>> {
        let ready = self.for_part(change, item, Part::Rollback, runner).await?;
        if ready.has_rollback() {
            return Ok(ready);
        }
        let message = format!("change `{}` has no `rollback`, so that it cannot be taken back", change.id);
        let problem = Problem::error("change::no-rollback", message);
        Err(vec![match item.file.shown.starts_with(ARCHIVE) {
            true => problem.help(
                "take it back by a new change; or put its file back with a `rollback` in it and run \
                 `undo --working-copy`",
            ),
            false => problem.at(Place::file(ready.file.as_str())).help(
                "take it back by a new change; or write its `rollback` into the file and run `undo --working-copy`",
            ),
        }])
    }

    async fn for_part(
        &self,
        change: &Change,
        item: &Item,
        part: Part,
        runner: Option<Runner>,
    ) -> Result<Ready, Vec<Problem>> {
        let whole = Place::file(item.file.shown.as_str());
        let one = |problem: Problem| vec![at(problem, &whole)];
        let target = self.target(&change.target_system).map_err(one)?;
        let mut uses = Vec::new();
        for name in &item.info.uses {
            uses.push((name.clone(), self.target(name).map_err(one)?));
        }
        let capabilities: Vec<Capability> = uses.iter().map(|(_, target)| target.capability()).collect();
        let check = |component: &Component| {
            let (id, name) = (change.id.as_str(), change.target_system.as_str());
            component.check_imports(id, name, target.kind(), target.capability(), &capabilities).map_err(one)
        };
        let mut change = change.clone();
        let (program, direct) = match item.file.data(self.config) {
            Some(data) => {
                let data = data?;
                let place = item.info.places().template.clone().unwrap_or_else(|| whole.clone());
                let template = match runner {
                    Some(Runner::Template(template)) => Ok(template),
                    _ => self.templates.get(&data.template, self.config, self.runtime).await,
                };
                let template = template.map_err(|problem| vec![at(problem, &place)])?;
                check(&template.component)?;
                change.template_digest = Some(template.component.digest());
                let (program, direct) = self.assessed(data, part, &template, &*target, &whole).await?;
                (Program::Data(program), direct)
            }
            None => {
                let component = match (&item.source, runner) {
                    (None, _) => item.component(self.runtime).map_err(one)?,
                    (Some(_), Some(Runner::Language(language))) => language.component.clone(),
                    (Some(source), _) => self.language(source, item).await.map_err(one)?.component.clone(),
                };
                check(&component)?;
                self.runtime.compile(&component).map_err(|fault| one(load::problem(fault, &item.file)))?;
                let program = match &item.source {
                    None => Program::Component(component),
                    Some(source) => {
                        change.template_digest = Some(component.digest());
                        Program::Source(SourceProgram {
                            plugin: component,
                            source: Arc::new(languages::source(&item.file).map_err(one)?),
                            has_rollback: source.has_rollback,
                            has_verify: source.has_verify,
                        })
                    }
                };
                (program, None)
            }
        };
        let (mode, mode_reason) = self.mode(item, part, &*target, direct).map_err(one)?;
        Ok(Ready {
            change,
            mode,
            mode_reason,
            target,
            uses,
            program,
            retry: item.info.retry,
            deadline: self.config.limits.deadline,
            file: item.file.shown.clone(),
        })
    }

    /// The plugin that runs a source file: the one that was asked about it, else today's.
    async fn language(&self, source: &load::Source, item: &Item) -> Result<Arc<Language>, Problem> {
        match &source.language {
            Some(language) => Ok(language.clone()),
            None => self.templates.languages.get(&item.file.name.extension, self.config, self.runtime).await,
        }
    }

    fn target(&self, name: &SystemName) -> Result<Arc<dyn Target>, Problem> {
        self.systems.target(name).map_err(|fault| {
            let problem = Problem::error(fault.code, fault.message);
            fault.help.into_iter().fold(problem, Problem::help)
        })
    }

    /// Lets the template look at every step. Gives also why the change cannot run in a transaction, if it cannot.
    async fn assessed(
        &self,
        data: DataChange,
        part: Part,
        template: &Template,
        target: &dyn Target,
        whole: &Place,
    ) -> Result<(DataProgram, Option<String>), Vec<Problem>> {
        let mut problems = Vec::new();
        let info = &template.info;
        let is_configured = data.configuration.json() != "null";
        match &template.configuration {
            Some(validator) if is_configured => problems.extend(violations(validator, &data.configuration)),
            None if is_configured => problems.push(
                Problem::error(
                    "change::syntax",
                    format!("the template `{}` takes no `configuration`", info.name),
                )
                .at(data.configuration.locate("", None))
                .help("leave it out"),
            ),
            Some(_) | None => {}
        }
        if info.rollback_required
            && let Some(step) = data.steps.iter().find(|step| step.rollback.is_none())
        {
            problems.push(
                Problem::error(
                    "change::no-rollback",
                    format!("the template `{}` needs a `rollback` for every step", info.name),
                )
                .at(step.apply.locate("", None))
                .help("say how this step is taken back"),
            );
        }
        let program = DataProgram {
            template: template.component.clone(),
            configuration: data.configuration.json().to_owned(),
            steps: data.steps.into_iter().map(|step| (step.apply, step.rollback)).collect(),
            verify: data.verify,
            target_kind: target.kind().to_owned(),
        };
        let action = match part {
            Part::Apply => Action::Apply,
            Part::Rollback => Action::Rollback,
        };
        let mut direct = None;
        let mut assessor = template.assessor.lock().await;
        for (step, payload) in program.all() {
            let assessment = assessor.assess(self.runtime, &step).await;
            let assessment = assessment.map_err(|fault| {
                let problem = Problem::error(fault.code, fault.message).at(whole.clone());
                vec![fault.help.into_iter().fold(problem, Problem::help)]
            })?;
            if assessment.problems.is_empty() {
                // What the template sees itself it says better than its schema.
                problems.extend(violations(&template.payload, payload));
            }
            problems.extend(assessment.problems.into_iter().map(|found| located(found, payload)));
            if !assessment.transactional && step.action == action {
                let what = if part == Part::Apply { "it" } else { "its rollback" };
                let why = commits_definitions(target);
                direct.get_or_insert_with(|| match program.steps.len() {
                    1 => format!("{what} cannot run inside a transaction{why}"),
                    _ => format!("its step {} cannot run inside a transaction{why}", step.index + 1),
                });
            }
        }
        if problems.is_empty() { Ok((program, direct)) } else { Err(problems) }
    }

    fn mode(
        &self,
        item: &Item,
        part: Part,
        target: &dyn Target,
        direct: Option<String>,
    ) -> Result<(Mode, Option<String>), Problem> {
        let in_transaction =
            if self.systems.shares_store(&item.info.target_system) { Mode::Shared } else { Mode::Marked };
        match (target.atomicity(), item.info.transactional, direct) {
            (Atomicity::PerCall, ..) => {
                Ok((Mode::Direct, Some(format!("a system of kind `{}` has no transactions", target.kind()))))
            }
            (_, Some(false), _) => Ok((Mode::Direct, Some("it says `transactional: false`".to_owned()))),
            (_, None, Some(why)) => Ok((Mode::Direct, Some(why))),
            // What is applied can be edited no more: its rollback runs as it can.
            (_, Some(true), Some(why)) if part == Part::Rollback => Ok((Mode::Direct, Some(why))),
            (_, Some(true), Some(why)) => {
                let problem =
                    Problem::error("change::syntax", format!("it says `transactional: true`, but {why}"))
                        .help("leave `transactional` out, or move what cannot into a change of its own");
                Err(item.info.places().transactional.clone().into_iter().fold(problem, Problem::at))
            }
            (_, _, None) => Ok((in_transaction, None)),
        }
    }
}

/// Why so much cannot run inside a transaction of a system, where that is so.
fn commits_definitions(target: &dyn Target) -> String {
    match target.atomicity() {
        Atomicity::Transaction { ddl: false } => {
            format!(
                ": what defines, alters or drops objects commits at once on a system of kind `{}`",
                target.kind()
            )
        }
        Atomicity::Transaction { ddl: true } | Atomicity::PerCall => String::new(),
    }
}

/// What a schema finds wrong with a payload, each at its place.
fn violations(validator: &jsonschema::Validator, payload: &Payload) -> Vec<Problem> {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(payload.json()) else { return Vec::new() };
    validator
        .iter_errors(&json)
        .map(|error| {
            Problem::error("change::syntax", error.to_string())
                .at(payload.locate(error.instance_path().as_str(), None))
                .help("the template's schema says what is expected: `sandpiper inspect` shows it")
        })
        .collect()
}

fn located(found: PayloadProblem, payload: &Payload) -> Problem {
    let place = payload.locate(&found.place.pointer, found.place.offset.map(|offset| offset as usize));
    let problem = Problem::error("change::syntax", found.message).at(place);
    found.help.into_iter().fold(problem, Problem::help)
}

fn at(problem: Problem, place: &Place) -> Problem {
    if problem.place.is_some() { problem } else { problem.at(place.clone()) }
}
