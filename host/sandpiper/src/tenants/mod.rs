//! Going over tenants: one tenant's run is the ordinary run, with a scope, variables and perhaps a store of its own, and
//! this is what goes through all of them.

mod going;
mod names;
mod observing;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sandpiper_engine::fault::{Fault, Problem, Severity};

use crate::clock::milliseconds;
use crate::commands::{Sandpiper, on_a_thread};
use crate::config::{Config, Tenants};
use crate::observer::Event;
use crate::report::{Exit, Finished, OverTenants, Summed, TenantOutcome, TenantReport};
use crate::secrets::Secrets;
use crate::stopping::Asked;

use going::Going;
use observing::OfTenant;

/// So many problems of tenants are told, and so many warnings; more say nothing new.
const MOST_TOLD: usize = 100;

/// The code, among ourselves, of a tenant that does not have what was asked for.
pub(crate) const NOT_HERE: &str = "usage::not-here";

/// How a command goes over tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rollout {
    /// No further tenant is begun once one has failed.
    pub fail_fast: bool,
    /// So many tenants, the first of the list, go alone; the others only when all of these went well.
    pub canary: Option<usize>,
}

impl Rollout {
    /// That it says how to go over tenants, where there is only one, or none.
    fn idle(self) -> Option<Problem> {
        let option = match self {
            Self { fail_fast: true, .. } => "--fail-fast",
            Self { canary: Some(_), .. } => "--canary",
            Self { fail_fast: false, canary: None } => return None,
        };
        let message = format!("`{option}` has no effect: it is about tenants, and this run goes over none");
        Some(
            Problem::warning("usage", message)
                .help("name the tenants under `tenants` in the configuration, or leave it out"),
        )
    }
}

impl Sandpiper {
    /// Does a command for each tenant, `parallel-tenants` at a time; or once, where the pipeline has no tenants, or one
    /// was chosen. A tenant whose lock another run holds is left to it, and come back to at the end.
    ///
    /// Each tenant's command runs on a thread with an executor of its own.
    ///
    /// ```no_run
    /// # async fn start(sandpiper: sandpiper::Sandpiper) {
    /// use sandpiper::{Rollout, Sandpiper, Select};
    ///
    /// let apply = async |one: &Sandpiper| one.apply(&Select::default()).await;
    /// let finished = sandpiper.each(Rollout::default(), apply).await;
    /// for tenant in finished.body.tenants.unwrap_or_default() {
    ///     println!("{}: {} applied", tenant.name, tenant.body.counts.applied);
    /// }
    /// # }
    /// ```
    pub async fn each<B, W>(&self, rollout: Rollout, work: W) -> Finished<OverTenants<B>>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B> + Send + Sync + 'static,
    {
        if matches!(self.config.tenants, Tenants::None) || self.config.tenant.is_some() {
            return self.once(rollout, work).await;
        }
        let begun = Instant::now();
        let mut finished = match self.over(rollout, work).await {
            Ok(finished) => finished,
            Err(fault) => {
                let body = OverTenants { tenants: Some(Vec::new()), ..OverTenants::default() };
                let fault = self.secrets.redact_fault(fault);
                Finished { exit: self.exit_of(&fault), error: Some(fault), warnings: Vec::new(), body }
            }
        };
        finished.body.body.spanned(&self.owner.run_id, milliseconds(begun.elapsed()));
        if let Some(run) = B::as_run(&finished) {
            self.observer.event(&Event::RunFinished(&run));
        }
        finished
    }

    async fn once<B, W>(&self, rollout: Rollout, work: W) -> Finished<OverTenants<B>>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B>,
    {
        let is_there = match (&self.config.tenants, &self.config.tenant) {
            (Tenants::Query { .. }, Some(tenant)) => self.is_among_those_asked(tenant).await,
            _ => Ok(()),
        };
        let mut finished = match is_there {
            Ok(()) => work(self).await,
            Err(fault) => self.refused(fault),
        };
        finished.warnings.extend(rollout.idle());
        let Finished { exit, error, warnings, body } = finished;
        let tenants = self.config.tenant.as_ref().map(|name| {
            let (error, body) = (error.clone(), body.clone());
            vec![TenantReport { name: name.clone(), outcome: TenantOutcome::of(exit), exit, error, body }]
        });
        let is_chosen = tenants.is_some();
        Finished { exit, error, warnings, body: OverTenants { body, tenants, is_chosen } }
    }

    async fn over<B, W>(&self, rollout: Rollout, work: W) -> Result<Finished<OverTenants<B>>, Fault>
    where
        B: Summed,
        W: AsyncFn(&Sandpiper) -> Finished<B> + Send + Sync + 'static,
    {
        if let Some(command) = B::RUN {
            self.tell_start(command);
        }
        let names = self.tenants().await?;
        let tenants = self.configured_for(&names)?;
        let base = self.ready_for(&tenants).await?;
        self.observer.event(&Event::Tenants { count: names.len() });
        let going = Going { base, tenants, work, rollout };
        let ended = on_a_thread(move || going.run()).await??;
        Ok(self.summed(names, ended))
    }

    /// The configuration of each tenant, before anything is done for the first.
    fn configured_for(&self, names: &[String]) -> Result<Vec<(Config, Secrets)>, Fault> {
        let (mut tenants, mut problems) = (Vec::with_capacity(names.len()), Vec::new());
        for name in names {
            let secrets = Secrets::new();
            match self.file.resolve(Some(name), &secrets) {
                Ok(config) => tenants.push((config, secrets)),
                Err(found) => {
                    let found = found.into_iter().map(|problem| secrets.redact_problem(problem));
                    extend_by_new(&mut problems, found);
                }
            }
        }
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            return Err(Fault::from_problems(problems));
        }
        Ok(tenants)
    }

    /// The same for tenants by which changes can be looked at without asking anybody who the tenants are: one for each
    /// set of folders, after the configuration was looked at for each that is known.
    pub(crate) fn for_one_of_each(self) -> Result<Vec<Sandpiper>, Fault> {
        let names = match &self.config.tenants {
            Tenants::Named(names) if self.config.tenant.is_none() => names.clone(),
            Tenants::Query { .. } if self.config.tenant.is_none() => vec!["tenant".to_owned()],
            _ => return Ok(vec![self]),
        };
        let tenants = self.configured_for(&names)?;
        let of_each = one_of_each(&tenants).into_iter();
        let of_each: Vec<_> =
            of_each.map(|(config, secrets)| self.with(config.clone(), secrets.clone())).collect();
        Ok(if of_each.is_empty() { vec![self] } else { of_each })
    }

    /// What all tenants share, with what would stop one of them found out before anything is done for another: files
    /// that are wrong, and a store that is not there.
    async fn ready_for(&self, tenants: &[(Config, Secrets)]) -> Result<Sandpiper, Fault> {
        let mut base = self.with(self.config.clone(), self.secrets.clone());
        let mut problems = Vec::new();
        for (config, secrets) in one_of_each(tenants) {
            let one = self.with(config.clone(), secrets.clone());
            let found = one.problems_of_files().await.into_iter();
            extend_by_new(&mut problems, found.map(|problem| secrets.redact_problem(problem)));
        }
        if !problems.is_empty() {
            return Err(Fault::from_problems(problems));
        }
        if let Some((config, secrets)) = tenants.first()
            && !self.config.store_awaits_tenant
        {
            let first = self.with(config.clone(), secrets.clone());
            base.common = self.common.with_store(first.store_that_is_up().await?);
        }
        Ok(base)
    }

    /// The same for a tenant; `yields` where a lock that is held is left to its holder at once.
    fn for_tenant(&self, config: &Config, secrets: &Secrets, yields: bool) -> Sandpiper {
        let tenant = config.tenant.as_deref().unwrap_or_default();
        let observer = Arc::new(OfTenant::new(tenant, self.observer.clone()));
        Sandpiper { observer, yields, is_one_of_many: true, ..self.with(config.clone(), secrets.clone()) }
    }

    /// The same with another configuration. What is remembered between runs is of pipelines without tenants.
    fn with(&self, config: Config, secrets: Secrets) -> Sandpiper {
        Sandpiper {
            file: self.file.clone(),
            config,
            secrets,
            runtime: self.runtime.clone(),
            templates: self.templates.clone(),
            common: self.common.clone(),
            memory: None,
            observer: self.observer.clone(),
            stopper: self.stopper.clone(),
            stage: self.stage.clone(),
            owner: self.owner.clone(),
            wait: self.wait,
            yields: false,
            is_one_of_many: false,
        }
    }

    fn is_told_to_stop(&self) -> bool {
        self.stopper.asked().is_some()
    }

    fn tell(&self, event: &Event<'_>) {
        self.observer.event(event);
    }

    fn summed<B: Summed>(
        &self,
        names: Vec<String>,
        mut ended: Vec<Option<Finished<B>>>,
    ) -> Finished<OverTenants<B>> {
        found_elsewhere(&mut ended);
        let mut exit = self.stopper.asked().map_or(Exit::Done, Asked::exit);
        let (mut body, mut warnings, mut tenants) = (B::nothing(), Vec::new(), Vec::new());
        for (name, finished) in names.into_iter().zip(ended) {
            tenants.push(match finished {
                None => {
                    let (outcome, body) = (TenantOutcome::NotReached, B::default());
                    TenantReport { name, outcome, exit: Exit::Done, error: None, body }
                }
                Some(finished) => {
                    exit = exit.or(finished.exit);
                    body.add(&finished.body);
                    extend_by_new(&mut warnings, finished.warnings);
                    let Finished { exit, error, body, .. } = finished;
                    TenantReport { name, outcome: TenantOutcome::of(exit), exit, error, body }
                }
            });
        }
        if tenants.is_empty() {
            warnings.push(
                Problem::warning("config::not-found", "there are no tenants, and so there is nothing to do")
                    .help("see what `tenants` in the configuration yields"),
            );
        }
        // Of what is only looked at, the error is that which gives the exit code.
        let decides = |tenant: &&TenantReport<B>| B::RUN.is_some() || tenant.exit == exit;
        let error = tenants.iter().filter(decides).find_map(|tenant| tenant.error.clone());
        let body = OverTenants { body, tenants: Some(tenants), is_chosen: false };
        Finished { exit, error, warnings, body }
    }
}

/// What some tenants do not have is no failure of theirs, unless none has it.
fn found_elsewhere<B>(ended: &mut [Option<Finished<B>>]) {
    let is_here = |ended: &Finished<B>| ended.error.as_ref().is_none_or(|error| error.code != NOT_HERE);
    let is_somewhere = ended.iter().flatten().any(is_here);
    for ended in ended.iter_mut().flatten().filter(|ended| !is_here(ended)) {
        match &mut ended.error {
            Some(error) if !is_somewhere => error.code = "usage",
            error => (*error, ended.exit) = (None, Exit::Done),
        }
    }
}

/// The first tenant of those whose stages have the same folders.
fn one_of_each(tenants: &[(Config, Secrets)]) -> Vec<&(Config, Secrets)> {
    let mut seen = HashSet::new();
    let mut first = Vec::new();
    for tenant in tenants {
        let (config, _) = tenant;
        let folders: Vec<&Path> = config.stages.iter().map(|stage| stage.location.as_path()).collect();
        if seen.insert(folders) {
            first.push(tenant);
        }
    }
    first
}

/// Adds what was not there yet: most tenants have the same to say.
fn extend_by_new(problems: &mut Vec<Problem>, found: impl IntoIterator<Item = Problem>) {
    for problem in found {
        if problems.len() < MOST_TOLD && !problems.contains(&problem) {
            problems.push(problem);
        }
    }
}
