//! Whether the changes of an atomic stage can be one transaction. Looked at before anything runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use sandpiper_engine::change::ChangeId;
use sandpiper_engine::fault::{Place, Problem};

use crate::load::{Changes, Item};
use crate::run::ready::Ready;

/// What keeps those that are to run, stage by stage, from being one transaction.
pub(crate) fn problems(changes: &Changes, readied: &BTreeMap<ChangeId, Arc<Ready>>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for stage in changes.config.stages.iter().filter(|stage| stage.atomic) {
        let planned = changes.stages.iter().filter(|planned| planned.name == stage.name);
        let ready = planned.flat_map(|planned| &planned.changes).filter_map(|change| readied.get(&change.id));
        let mut first: Option<&Ready> = None;
        for ready in ready {
            let Some(item) = changes.item(&ready.change.id) else { continue };
            let first = *first.get_or_insert(ready);
            problems.extend(outside(stage.name.as_str(), ready, item));
            problems.extend(elsewhere(stage.name.as_str(), ready, first, item));
        }
    }
    problems
}

/// A change that runs outside of a transaction.
fn outside(stage: &str, ready: &Ready, item: &Item) -> Option<Problem> {
    if ready.mode.is_transactional() {
        return None;
    }
    let (id, why) =
        (&ready.change.id, ready.mode_reason.as_deref().unwrap_or("it runs outside of a transaction"));
    let places = item.info.places();
    let place = places.transactional.clone().or_else(|| places.id.clone());
    let problem = Problem::error(
        "change::syntax",
        format!("change `{id}` cannot be part of the atomic stage `{stage}`: {why}"),
    );
    Some(problem.at(place.unwrap_or_else(|| Place::file(item.file.shown.as_str()))).help(
        "move it to a stage of its own, which may stand `after` this one or before it, or take `atomic` out; where it is \
         applied already, `apply` leaves it alone and goes on",
    ))
}

/// A change of another system than the first of its stage.
fn elsewhere(stage: &str, ready: &Ready, first: &Ready, item: &Item) -> Option<Problem> {
    let (own, common) = (&ready.change.target_system, &first.change.target_system);
    if own == common {
        return None;
    }
    let (id, other) = (&ready.change.id, &first.change.id);
    let problem = Problem::error(
        "change::syntax",
        format!(
            "change `{id}` is applied to `{own}`, but `{other}` of the same atomic stage `{stage}` to `{common}`: one \
             transaction is of one target system"
        ),
    );
    let place = item.info.places().target_system.clone();
    Some(
        problem
            .at(place.unwrap_or_else(|| Place::file(item.file.shown.as_str())))
            .help("give each target system a stage of its own"),
    )
}
