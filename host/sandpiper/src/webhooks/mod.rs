//! Webhooks: events of a run, posted to the addresses that the configuration names.
//!
//! They hear and never steer. What is to be sent is queued where the event happens, and sent by a thread of its own, which
//! starts with the first of it: a run with nothing to do starts none. `courier` sends, signs and repeats; [`Deliveries`]
//! waits for it at the end.

mod courier;
mod deliveries;
mod kind;
mod signature;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sandpiper_backends::http::Address;

use crate::events::{Line, Lines};
use crate::observer::{Each, Event, Observer};
use crate::secrets::Secrets;
use courier::{Courier, Message};
pub use deliveries::Deliveries;
pub use kind::Kind;
pub use signature::Key;

/// Whom to tell of what.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where it is sent.
    pub address: Address,
    /// What it is signed with: one signature for each, so that a key can be exchanged without a gap.
    pub keys: Vec<Key>,
    /// What it is told of.
    pub events: Vec<Kind>,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// `observer`, and with it the webhooks of a configuration, if there are any.
pub(crate) fn beside(
    observer: Arc<dyn Observer>,
    webhooks: &[Webhook],
    deliveries: &Deliveries,
    secrets: &Secrets,
) -> Arc<dyn Observer> {
    if webhooks.is_empty() {
        return observer;
    }
    let couriers = webhooks.iter().map(|webhook| {
        let courier = Courier::new(webhook.clone(), observer.clone(), secrets.clone());
        (webhook.events.clone(), Arc::new(courier))
    });
    let telling =
        Telling { couriers: couriers.collect(), deliveries: deliveries.clone(), state: Mutex::default() };
    Arc::new(Each(vec![observer, Arc::new(telling)]))
}

/// Hears the events, and gives those to the couriers that were asked for.
///
/// That a run, or a tenant of it, has begun or is over is told only where it found something to do, or failed: of an
/// application that is started a hundred times a day, one run or none is worth telling.
struct Telling {
    couriers: Vec<(Vec<Kind>, Arc<Courier>)>,
    deliveries: Deliveries,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lines: Lines,
    /// Whether a run has begun: other commands have events too.
    runs: bool,
    /// The run itself, which has no name, and tenants that found something to do.
    busy: HashSet<String>,
    /// Beginnings that are told once there is something to do, and whose they are.
    held: Vec<(String, Arc<Message>, Vec<usize>)>,
}

impl Observer for Telling {
    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tenant, of_tenant, inner) = match event {
            Event::OfTenant { tenant, event } => (*tenant, true, *event),
            Event::TenantFinished { tenant, .. } => (*tenant, false, event),
            event => ("", false, event),
        };
        let begins = matches!(inner, Event::RunStarted { .. });
        state.runs |= begins && !of_tenant;
        if !state.runs {
            return;
        }
        let (ends, failed) = match inner {
            Event::RunFinished(finished) => (!of_tenant, finished.exit.code() != 0),
            Event::TenantFinished { exit, .. } => (true, exit.code() != 0),
            _ => (false, false),
        };
        let wanted = |(index, (kinds, _)): (usize, &(Vec<Kind>, _))| {
            kinds.iter().any(|kind| kind.is(inner, of_tenant)).then_some(index)
        };
        let to: Vec<usize> = self.couriers.iter().enumerate().filter_map(wanted).collect();
        let is_work = matches!(inner, Event::Locking { .. }) || (!begins && !ends && !to.is_empty());
        if is_work || (ends && failed) {
            self.is_busy("", &mut state);
            self.is_busy(tenant, &mut state);
        }
        // The lines learn from its first event what they say of a run.
        if to.is_empty() && !begins {
            self.end(ends, tenant, &mut state);
            return;
        }
        if let Some(line) = state.lines.line(event).filter(|_| !to.is_empty()) {
            let message = Arc::new(message(line));
            match (begins, ends) {
                // Of a tenant that is come back to, it was told.
                (true, _) if state.busy.contains(tenant) => {}
                (true, _) => state.held.push((tenant.to_owned(), message, to)),
                (_, true) if !state.busy.contains(tenant) => {}
                _ => self.send(&message, &to),
            }
        }
        self.end(ends, tenant, &mut state);
    }
}

impl Telling {
    /// The run, or a tenant, found something to do: that it has begun is told now.
    fn is_busy(&self, whose: &str, state: &mut MutexGuard<'_, State>) {
        if !state.busy.insert(whose.to_owned()) {
            return;
        }
        for (_, message, to) in state.held.extract_if(.., |(of, ..)| of == whose) {
            self.send(&message, &to);
        }
    }

    fn end(&self, ends: bool, whose: &str, state: &mut MutexGuard<'_, State>) {
        if ends {
            state.busy.remove(whose);
            state.held.retain(|(of, ..)| of != whose);
            state.runs &= !whose.is_empty();
        }
    }

    fn send(&self, message: &Arc<Message>, to: &[usize]) {
        for (_, courier) in to.iter().filter_map(|index| self.couriers.get(*index)) {
            self.deliveries.send(courier, message.clone());
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.couriers.iter().for_each(|(_, courier)| courier.end());
    }
}

/// What is sent: the line of the event, and what it is called where it could not be sent.
fn message(line: Line) -> Message {
    let (event, fields) = (line.event, serde_json::Value::Object(line.fields));
    let text = |pointer: &str| fields.pointer(pointer).and_then(serde_json::Value::as_str);
    let mut shown = format!("`{event}`");
    if let Some(about) = text("/change/id").or_else(|| text("/id")).or_else(|| text("/stage")) {
        shown.push_str(&format!(" of `{about}`"));
    }
    if let Some(tenant) = text("/tenant") {
        shown.push_str(&format!(" for `{tenant}`"));
    }
    Message::new(shown, fields.to_string())
}
