//! `validate`: every problem of configuration and changes. It connects to nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_engine::fault::{Fault, Problem, Severity};

use super::{Builder, Sandpiper};
use crate::load::Changes;
use crate::report::{Exit, Finished, ValidateReport};
use crate::run::idle;
use crate::run::one_transaction;
use crate::run::prepare::Preparing;
use crate::templates::Templates;

impl Builder {
    /// Every problem of configuration and changes, those of the configuration included. It connects to nothing.
    pub async fn validate(self) -> Finished<ValidateReport> {
        match self.build() {
            Ok(sandpiper) => match sandpiper.for_one_of_each() {
                Ok(of_each) => {
                    let mut whole = ValidateReport::default();
                    for one in of_each {
                        let ValidateReport { problems, changes } = one.validate().await;
                        let new = problems.into_iter().filter(|it| !whole.problems.contains(it));
                        let new: Vec<Problem> = new.collect();
                        whole.problems.extend(new);
                        whole.changes = whole.changes.max(changes);
                    }
                    finished(whole)
                }
                Err(fault) => refused(fault),
            },
            Err(fault) => refused(fault),
        }
    }
}

fn refused(fault: Fault) -> Finished<ValidateReport> {
    let body = ValidateReport { problems: problems_of(&fault), changes: 0 };
    Finished { exit: Exit::before_anything(&fault), error: Some(fault), warnings: Vec::new(), body }
}

/// Errors first.
fn finished(mut body: ValidateReport) -> Finished<ValidateReport> {
    body.problems.sort_by_key(|problem| problem.severity == Severity::Warning);
    let errors = body.problems.iter().filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<Problem> = errors.cloned().collect();
    let error = (!errors.is_empty()).then(|| Fault::from_problems(errors));
    let exit = error.as_ref().map_or(Exit::Done, |_| Exit::Usage);
    Finished { exit, error, warnings: Vec::new(), body }
}

impl Sandpiper {
    pub(super) async fn validate(&self) -> ValidateReport {
        let mut loaded = self.read_files(false).await;
        let mut problems = std::mem::take(&mut loaded.problems);
        problems.append(&mut loaded.project.warnings);
        let mut changes = loaded.project.stages.iter().map(|stage| stage.files.len()).sum();
        match self.looked_at(loaded.project).await {
            Ok((found, count)) => {
                problems.extend(found);
                changes = count;
            }
            Err(fault) => problems.extend(problems_of(&fault)),
        }
        let mut problems: Vec<Problem> =
            problems.into_iter().map(|problem| self.secrets.redact_problem(problem)).collect();
        problems.dedup();
        ValidateReport { problems, changes }
    }

    /// Every change is loaded, and made ready as if it were pending.
    async fn looked_at(&self, project: crate::project::Project) -> Result<(Vec<Problem>, usize), Fault> {
        let systems = self.systems_of(&project.config)?;
        let changes = Changes::load(project, &self.runtime, None).await?;
        let templates = Templates::default();
        let preparing = Preparing {
            config: &changes.config,
            systems: &systems,
            runtime: &self.runtime,
            templates: &templates,
        };
        let (mut problems, mut readied) = (Vec::new(), BTreeMap::new());
        for change in changes.stages.iter().flat_map(|stage| &stage.changes) {
            let Some(item) = changes.item(&change.id) else { continue };
            // What names a system that is not there was told already, and cannot be looked at further.
            if !crate::project::check_info(&item.info, &changes.config, &item.file.shown).is_empty() {
                continue;
            }
            match preparing.ready(change, item).await {
                Ok(ready) => {
                    problems.extend(idle::warning(&ready));
                    readied.insert(change.id.clone(), Arc::new(ready));
                }
                Err(found) => problems.extend(found),
            }
        }
        problems.extend(one_transaction::problems(&changes, &readied));
        Ok((problems, changes.count()))
    }
}

fn problems_of(fault: &Fault) -> Vec<Problem> {
    if !fault.problems.is_empty() {
        return fault.problems.clone();
    }
    let problem = Problem::error(fault.code, fault.message.clone());
    let problem = fault.place.clone().into_iter().fold(problem, Problem::at);
    vec![fault.help.clone().into_iter().fold(problem, Problem::help)]
}
