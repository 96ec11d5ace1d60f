//! Which stage runs when: each as soon as those that it is after are complete, up to `parallelism` at once.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};

use sandpiper_engine::fault::Fault;
use sandpiper_engine::plan::PlannedStage;
use sandpiper_engine::scope::StageName;

use crate::report::{ChangeOutcome, ChangeReport, Exit, StageOutcome, StageReport};
use crate::run::Core;
use crate::run::outcome::{StageEnd, stage_end};
use crate::run::stage;

/// Runs every stage that has something to do, each on a thread of its own, and gives the ends of all, as configured.
/// What `run` gives nothing for ends as it was planned.
pub(crate) fn run(
    stages: &[PlannedStage],
    parallelism: usize,
    run: &(dyn Fn(&StageName) -> Option<StageEnd> + Sync),
) -> Vec<StageEnd> {
    let mut ends: BTreeMap<StageName, StageEnd> = BTreeMap::new();
    let mut waiting: Vec<&PlannedStage> = stages.iter().collect();
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel::<(&PlannedStage, Option<StageEnd>)>();
        let mut running = 0;
        loop {
            let mut index = 0;
            while let Some(planned) = waiting.get(index).copied() {
                match readiness(planned, &ends) {
                    Readiness::Starts if planned.has_work() && running >= parallelism.max(1) => index += 1,
                    Readiness::Waits => index += 1,
                    Readiness::Starts if planned.has_work() => {
                        waiting.remove(index);
                        running += 1;
                        let sender = sender.clone();
                        scope.spawn(move || {
                            let end = catch_unwind(AssertUnwindSafe(|| run(&planned.name)));
                            let end = end.unwrap_or_else(|_| Some(broken(&planned.name, "it panicked")));
                            // Nobody listens only when the whole run is gone.
                            drop(sender.send((planned, end)));
                        });
                    }
                    Readiness::Starts => {
                        waiting.remove(index);
                        ends.insert(planned.name.clone(), stage_end(planned, &BTreeMap::new(), None));
                        // It may be what another one waits for.
                        index = 0;
                    }
                    Readiness::NeverStarts(why) => {
                        waiting.remove(index);
                        ends.insert(planned.name.clone(), not_reached(planned, &why));
                        index = 0;
                    }
                }
            }
            if running == 0 {
                break;
            }
            if let Ok((planned, end)) = receiver.recv() {
                running -= 1;
                let end = end.unwrap_or_else(|| stage_end(planned, &BTreeMap::new(), None));
                ends.insert(planned.name.clone(), end);
            }
        }
    });
    stages.iter().filter_map(|planned| ends.remove(&planned.name)).collect()
}

enum Readiness {
    Starts,
    Waits,
    NeverStarts(String),
}

fn readiness(planned: &PlannedStage, ends: &BTreeMap<StageName, StageEnd>) -> Readiness {
    for before in &planned.after {
        match ends.get(before).map(|end| end.report.outcome) {
            None => return Readiness::Waits,
            Some(StageOutcome::Complete | StageOutcome::Skipped) => {}
            Some(StageOutcome::Failed | StageOutcome::Blocked | StageOutcome::NotReached) => {
                return Readiness::NeverStarts(format!(
                    "stage `{before}`, which it is after, is not complete"
                ));
            }
        }
    }
    Readiness::Starts
}

/// A stage that never starts: what is pending in it is not reached. One that has nothing pending is as complete as ever.
fn not_reached(planned: &PlannedStage, why: &str) -> StageEnd {
    let mut end = stage_end(planned, &BTreeMap::new(), None);
    if end.report.outcome == StageOutcome::Blocked || !end.report.changes.iter().any(is_pending) {
        return end;
    }
    end.report.outcome = StageOutcome::NotReached;
    for change in end.report.changes.iter_mut().filter(|change| is_pending(change)) {
        change.reason = why.to_owned().into();
    }
    end
}

fn is_pending(change: &ChangeReport) -> bool {
    change.outcome == ChangeOutcome::NotReached
}

/// Guests and embedded databases compute on the thread that calls them: a stage has the small executor that its waits
/// need on its own.
pub(crate) fn on_this_thread(core: &Arc<Core>, name: &StageName) -> StageEnd {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(executor) => executor.block_on(stage::run(core, name)),
        Err(error) => broken(name, &format!("it has no executor: {error}")),
    }
}

/// The end of a stage that a defect of ours ended.
fn broken(name: &StageName, how: &str) -> StageEnd {
    let report = StageReport {
        name: name.as_str().to_owned(),
        outcome: StageOutcome::Failed,
        error: Some(Fault::bug(format!("stage `{name}` did not run to its end: {how}"))),
        changes: Vec::new(),
    };
    StageEnd { report, exit: Exit::Bug }
}

#[cfg(test)]
mod tests {
    use sandpiper_engine::change::{Cadence, Change, ChangeId, Recovery};
    use sandpiper_engine::digest::Digest;
    use sandpiper_engine::plan::{Action, Planned};

    use super::*;

    fn stage(name: &str, after: &[&str]) -> PlannedStage {
        let change = Change {
            id: ChangeId::new(name).unwrap(),
            order: "0001".parse().unwrap(),
            name: name.into(),
            author: "me".into(),
            target_system: "app".into(),
            digest: Digest::ZERO,
            meaning: Digest::ZERO,
            template_digest: None,
            recovery: Recovery::default(),
            cadence: Cadence::default(),
            labels: Vec::new(),
            excluded: None,
        };
        let planned = Planned {
            change,
            state: None,
            action: Action::Apply,
            reason: "it is pending".into(),
            pending: true,
            modified: false,
            rebuilt: false,
            needs_person: false,
        };
        PlannedStage {
            name: name.into(),
            after: after.iter().map(|name| (*name).into()).collect(),
            changes: vec![planned],
            excluded: None,
            held: None,
        }
    }

    #[test]
    fn a_stage_that_panics_ends_and_stops_what_is_after_it() {
        let stages = [stage("one", &[]), stage("two", &["one"])];
        let ends = run(&stages, 1, &|name| panic!("stage `{name}` is to panic"));
        let told: Vec<_> = ends.iter().map(|end| (end.report.outcome, end.exit)).collect();
        assert_eq!(told[0], (StageOutcome::Failed, Exit::Bug));
        assert_eq!(told[1].0, StageOutcome::NotReached);
        assert!(ends[0].report.error.as_ref().unwrap().message.contains("`one`"));
    }
}
