//! Sends what was gathered, on a thread of its own: nobody who works waits for it before the end, and there only so long.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self as results, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;

use super::delivery::{Delivery, Failures};
use super::meter::Meter;
use super::otlp::{Metric, Span};
use super::variables::{Batch, Settings};

/// Takes spans, and has them sent together with what is counted.
pub(super) struct Exporter {
    batch: Batch,
    spans: mpsc::Sender<Span>,
    /// How many found no room.
    lost: AtomicU64,
    /// Until when everything has to be sent; none while there is time.
    end: watch::Sender<Option<Instant>>,
    /// What the thread needs, until it is begun; what it says at its end, from then on.
    thread: Mutex<Thread>,
    /// Where it sends, as it may be shown.
    shown: Vec<String>,
}

enum Thread {
    NotBegun(Box<Worker>),
    Runs(results::Receiver<Failures>),
    /// There is none, and why.
    Missing(String),
}

impl Exporter {
    /// Sends as the settings say; begins with the first thing that there is to send.
    /// What cannot be sent is told to `complain` at once, rather than at the end, where it is given.
    pub(super) fn new(settings: Settings, meter: Arc<Mutex<Meter>>, complain: Option<fn(&str)>) -> Self {
        let (spans, to_send) = mpsc::channel(settings.batch.queue);
        let (end, told) = watch::channel(None);
        let (batch, interval) = (settings.batch, settings.interval);
        let delivery = Delivery::new(settings, told.clone());
        let shown = delivery.shown();
        let worker = Worker { batch, interval, spans: to_send, end: told, meter, delivery, complain };
        let thread = Mutex::new(Thread::NotBegun(Box::new(worker)));
        Self { batch, spans, lost: AtomicU64::new(0), end, thread, shown }
    }

    /// Takes a span that is over; loses it where too many wait.
    pub(super) fn take(&self, span: Span) {
        self.begin();
        if self.spans.try_send(span).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Begins to send, if it has not yet.
    pub(super) fn begin(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Thread::NotBegun(_) = *thread
            && let Thread::NotBegun(worker) = std::mem::replace(&mut *thread, Thread::Missing(String::new()))
        {
            let (said, say) = results::channel();
            let work = move || drop(said.send(worker.work()));
            *thread = match std::thread::Builder::new().name("telemetry".to_owned()).spawn(work) {
                Ok(_) => Thread::Runs(say),
                Err(error) => Thread::Missing(format!("there is no thread for it: {error}")),
            };
        }
    }

    /// Has everything sent, and waits for that a limited time; gives what was not, in words. Nothing is sent after it.
    pub(super) fn end(&self) -> Option<String> {
        self.begin();
        self.end.send_replace(Some(Instant::now() + self.batch.at_end - self.batch.at_end / 10));
        // Whoever still works is not kept from it meanwhile.
        let over = Thread::Missing("it has ended".to_owned());
        let thread =
            std::mem::replace(&mut *self.thread.lock().unwrap_or_else(PoisonError::into_inner), over);
        let ended = match thread {
            Thread::Runs(say) => say.recv_timeout(self.batch.at_end).map_err(|error| match error {
                RecvTimeoutError::Timeout => format!("not all was taken within {:?}", self.batch.at_end),
                RecvTimeoutError::Disconnected => "its thread broke down".to_owned(),
            }),
            Thread::Missing(why) => Err(why),
            Thread::NotBegun(_) => return None,
        };
        let lost = self.lost.load(Ordering::Relaxed);
        let full = || format!("{lost} spans found no room among {} that waited", self.batch.queue);
        let failed = match ended {
            Ok(failures) => failures.in_words(),
            Err(why) => Some(format!("telemetry did not all arrive at {}: {why}", self.shown.join(" and "))),
        };
        match (failed, lost > 0) {
            (Some(failed), true) => Some(format!("{failed}; {}", full())),
            (None, true) => Some(format!("telemetry is not complete: {}", full())),
            (failed, false) => failed,
        }
    }
}

/// What the thread does.
struct Worker {
    batch: Batch,
    interval: Duration,
    spans: mpsc::Receiver<Span>,
    end: watch::Receiver<Option<Instant>>,
    meter: Arc<Mutex<Meter>>,
    delivery: Delivery,
    complain: Option<fn(&str)>,
}

impl Worker {
    fn work(mut self: Box<Self>) -> Failures {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(executor) => executor.block_on(self.run()),
            Err(error) => return Failures::of_everything(&self.delivery.shown(), &error.to_string()),
        }
        self.delivery.failures
    }

    /// Sends what comes, in batches, and what is counted, now and then; all of it at the end.
    async fn run(&mut self) {
        let mut gathered = Vec::new();
        let mut spans_at = Instant::now();
        let mut metrics_at = Instant::now() + self.interval;
        loop {
            let mut end = self.end.clone();
            tokio::select! {
                ended = end.wait_for(Option::is_some) => {
                    drop(ended);
                    break;
                }
                Some(span) = self.spans.recv() => {
                    if gathered.is_empty() {
                        spans_at = Instant::now() + self.batch.delay;
                    }
                    gathered.push(span);
                    if gathered.len() >= self.batch.size {
                        self.delivery.spans(std::mem::take(&mut gathered)).await;
                    }
                }
                () = sleep_until(spans_at.into()), if !gathered.is_empty() => {
                    self.delivery.spans(std::mem::take(&mut gathered)).await;
                }
                () = sleep_until(metrics_at.into()) => {
                    let metrics = self.counted();
                    self.delivery.metrics(metrics).await;
                    metrics_at = Instant::now() + self.interval;
                }
            }
            self.complains();
        }
        while let Ok(span) = self.spans.try_recv() {
            gathered.push(span);
            if gathered.len() >= self.batch.size {
                self.delivery.spans(std::mem::take(&mut gathered)).await;
            }
        }
        self.delivery.spans(gathered).await;
        let metrics = self.counted();
        self.delivery.last_metrics(metrics).await;
    }

    fn counted(&self) -> Vec<Metric> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).report()
    }

    /// Tells what could not be sent, the first time that it could not.
    fn complains(&mut self) {
        if let (Some(complain), Some(said)) = (self.complain, self.delivery.failures.news()) {
            complain(&said);
        }
    }
}
