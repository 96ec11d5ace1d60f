//! `doctor`: looks at everything that a run needs, and says how to mend what is wrong. It makes and changes nothing.

mod cache;
mod failure;

use std::sync::Arc;

use sandpiper_engine::diagnosis::{Finding, Health};
use sandpiper_engine::fault::{Fault, Problem, Severity};
use sandpiper_engine::scope::SystemName;
use sandpiper_engine::store::{LockStatus, Store};
use sandpiper_runtime::target::Target;
use tokio::task::JoinSet;

use super::{Builder, Sandpiper};
use crate::process::is_gone;
use crate::report::{Check, DoctorReport, Exit, Finished};
use crate::secrets::Secrets;
use crate::systems::Systems;

/// What is looked at besides the configuration, where that cannot be read.
const REST: [&str; 5] = ["changes", "cache", "store", "issues", "target-systems"];

impl Builder {
    /// Looks at everything that a run needs, the configuration included.
    pub async fn doctor(self) -> Finished<DoctorReport> {
        match self.build() {
            Ok(sandpiper) => sandpiper.doctor().await,
            Err(fault) => {
                let mut checks = Checks::new(Secrets::new());
                let help =
                    fault.help.clone().or_else(|| fault.problems.iter().find_map(|it| it.help.clone()));
                checks
                    .add("", Finding::bad("configuration", fault.message.as_str(), help.unwrap_or_default()));
                checks.extend("", Finding::unknown(REST, "configuration"));
                let mut finished = checks.finished();
                finished.body.failure = None;
                Finished { error: Some(fault), ..finished }
            }
        }
    }
}

/// The checks so far.
struct Checks {
    secrets: Secrets,
    found: Vec<Check>,
    /// What the first that failed is as an error.
    failure: Option<Fault>,
}

impl Checks {
    fn new(secrets: Secrets) -> Self {
        Self { secrets, found: Vec::new(), failure: None }
    }

    fn add(&mut self, of: &str, finding: Finding) {
        let aspect = finding.aspect;
        let check = Check::new(of, finding, &self.secrets);
        if check.health == Health::Bad {
            self.failure.get_or_insert_with(|| failure::of_check(of, aspect, &check));
        }
        self.found.push(check);
    }

    /// What failed with an error of its own.
    fn add_failed(&mut self, of: &str, finding: Finding, fault: Fault) {
        self.failure.get_or_insert_with(|| self.secrets.redact_fault(fault));
        self.add(of, finding);
    }

    fn extend(&mut self, of: &str, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.add(of, finding));
    }

    fn finished(self) -> Finished<DoctorReport> {
        let exit = if self.found.iter().all(|check| check.ok) { Exit::Done } else { Exit::Unreachable };
        let error = self.failure.clone();
        let body = DoctorReport { checks: self.found, failure: self.failure };
        Finished { exit, error, ..Finished::done(body) }
    }
}

impl Sandpiper {
    /// Looks at everything that a run needs.
    pub async fn doctor(&self) -> Finished<DoctorReport> {
        if let Err(fault) = super::is_of_one_tenant(&self.config) {
            return Finished::refused(fault);
        }
        let mut checks = Checks::new(self.secrets.clone());
        checks.add("", self.configuration());
        let (changes, problems) = self.changes().await;
        let are_sound = problems.is_none();
        match problems {
            Some(fault) => checks.add_failed("", changes, fault),
            None => checks.add("", changes),
        }
        checks.add("", cache::look(self.memory.as_deref().and_then(std::path::Path::parent)));
        match self.systems_of(&self.config) {
            Ok(systems) => self.look_at(&systems, are_sound, &mut checks).await,
            Err(fault) => {
                checks.add_failed("store", of_fault("driver", &fault), fault);
                checks.extend("", Finding::unknown(["issues", "target-systems"], "store.driver"));
            }
        }
        checks.finished()
    }

    async fn look_at(&self, systems: &Systems, are_sound: bool, checks: &mut Checks) {
        let store = systems.store().diagnose(&self.scope()).await;
        let is_there = store.iter().all(|finding| finding.health != Health::Bad);
        checks.extend("store", store);
        match is_there {
            true => checks.add("store", self.held(&**systems.store()).await),
            false => checks.extend("store", Finding::unknown(["locks"], "store")),
        }
        match (is_there, are_sound) {
            (true, true) => checks.add("", self.waiting_issues().await),
            (false, _) => checks.extend("", Finding::unknown(["issues"], "store")),
            (true, false) => checks.extend("", Finding::unknown(["issues"], "changes")),
        }
        for (name, findings) in self.targets(systems).await {
            checks.extend(&format!("target.{name}"), findings);
        }
    }

    fn configuration(&self) -> Finding {
        let (service, environment) = (&self.config.service, &self.config.environment);
        Finding::good("configuration", format!("service `{service}`, environment `{environment}`"))
    }

    /// The changes, and what is wrong with them.
    async fn changes(&self) -> (Finding, Option<Fault>) {
        let report = self.validate().await;
        let errors: Vec<Problem> =
            report.problems.into_iter().filter(|problem| problem.severity == Severity::Error).collect();
        let finding = match (errors.as_slice(), report.changes) {
            ([], 1) => Finding::good("changes", "1 change, no problems"),
            ([], count) => Finding::good("changes", format!("{count} changes, no problems")),
            ([first, rest @ ..], _) => {
                let more = if rest.is_empty() { String::new() } else { format!("; and {} more", rest.len()) };
                let help = "see all problems, and where they are: `sandpiper validate`";
                Finding::bad("changes", format!("{}{more}", first.message), help)
            }
        };
        (finding, (!errors.is_empty()).then(|| Fault::from_problems(errors)))
    }

    /// Who holds which lock.
    async fn held(&self, store: &dyn Store) -> Finding {
        let locks = match store.locks(&self.scope()).await {
            Ok(locks) => locks,
            Err(error) => return of_fault("locks", &error.into()),
        };
        let held = |LockStatus { key, holder, .. }: LockStatus| {
            let holder = holder?;
            let gone = holder.owner.process.as_deref().is_some_and(is_gone);
            let (operator, host) = (&holder.owner.operator, &holder.owner.host);
            let what = if gone { ", whose process is gone" } else { "" };
            Some(format!("stage `{}` is held by {operator} on {host}{what}", key.stage))
        };
        let held: Vec<String> = locks.into_iter().filter_map(held).collect();
        match held.is_empty() {
            true => Finding::good("locks", "none is held"),
            false => {
                Finding::good("locks", format!("{}: `sandpiper lock status` tells more", held.join("; ")))
            }
        }
    }

    async fn waiting_issues(&self) -> Finding {
        let found = self.issues(None).await;
        if let Some(fault) = found.error {
            return of_fault("issues", &fault);
        }
        let ids: Vec<String> =
            found.body.issues.iter().map(|issue| format!("`{}`", issue.change_id)).collect();
        match ids.as_slice() {
            [] => Finding::good("issues", "no change needs a person"),
            _ => Finding::bad(
                "issues",
                format!("waiting for a person: {}", ids.join(", ")),
                "see what is known of each, and what to do: `sandpiper issue show`",
            ),
        }
    }

    /// All target systems at once: one that does not answer takes its time.
    async fn targets(&self, systems: &Systems) -> Vec<(SystemName, Vec<Finding>)> {
        let mut found: Vec<(SystemName, Vec<Finding>)> = Vec::new();
        let mut asked = JoinSet::new();
        for system in &self.config.systems {
            let name = system.name.clone();
            let target: Arc<dyn Target> = match systems.target(&name) {
                Ok(target) => target,
                Err(fault) => {
                    found.push((name, vec![of_fault("driver", &fault)]));
                    continue;
                }
            };
            asked.spawn(async move { (name, target.diagnose().await) });
        }
        // One that panicked has nothing to tell.
        found.extend(asked.join_all().await);
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        found
    }
}

fn of_fault(aspect: &'static str, fault: &Fault) -> Finding {
    Finding::bad(aspect, fault.message.as_str(), fault.help.as_deref().unwrap_or_default())
}
