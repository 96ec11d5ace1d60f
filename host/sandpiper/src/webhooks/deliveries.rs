//! What is on its way to webhooks, and the wait for it at the end of a process.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::courier::{Courier, Message};
use crate::stopping::Stopper;

/// How long what is on its way has at the end of a process.
const LIMIT: Duration = Duration::from_secs(10);
/// The same once the process was told to stop.
const LIMIT_OF_A_STOP: Duration = Duration::from_secs(2);
/// How often is looked whether all of it has arrived.
const LOOK: Duration = Duration::from_millis(5);

/// Events that are on their way to webhooks. Clones are the same.
///
/// A process that goes on need not care: they are sent beside it. One that is about to end, or to become another, waits
/// with [`settle`](Self::settle).
#[derive(Clone, Default)]
pub struct Deliveries(Arc<Mutex<Vec<Arc<Courier>>>>);

impl Deliveries {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Has a message sent.
    pub(super) fn send(&self, courier: &Arc<Courier>, message: Arc<Message>) {
        if courier.take(message) {
            let mut couriers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            couriers.retain(|courier| !courier.is_done());
            couriers.push(courier.clone());
        }
    }

    /// Waits until everything was delivered or told as undelivered, at most 10 s; once `stopper` was told to stop, at most
    /// 2 s. What is left then is told as undelivered. Returns at once when nothing is on its way.
    pub fn settle(&self, stopper: &Stopper) {
        let couriers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let begun = Instant::now();
        let (mut until, mut is_stopping) = (begun + LIMIT, false);
        while couriers.iter().any(|courier| courier.is_busy()) && Instant::now() < until {
            if !is_stopping && stopper.asked().is_some() {
                is_stopping = true;
                until = until.min(Instant::now() + LIMIT_OF_A_STOP);
            }
            std::thread::sleep(LOOK);
        }
        let waited = begun.elapsed().as_secs();
        let why = format!("the process does not wait longer than {waited} s for it");
        couriers.iter().for_each(|courier| courier.give_up(&why));
    }
}
