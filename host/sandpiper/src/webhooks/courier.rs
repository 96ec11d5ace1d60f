//! Sends what one webhook is to be told, in its order, from a thread of its own: signed, repeated while that may help, and
//! told as undelivered when it did not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sandpiper_backends::http::{Client, Settings};
use sandpiper_engine::fault::Problem;
use tokio::sync::Notify;
use uuid::Uuid;

use super::Webhook;
use crate::observer::{Event, Observer};
use crate::secrets::Secrets;

/// How often one message is sent, at most.
const ATTEMPTS: u32 = 5;
/// How long is waited after the first attempt; twice as long after each next one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest that a receiver may ask us to wait.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// So many messages wait at most; what comes then is not sent.
const MOST: usize = 10_000;
/// So many undelivered messages are told one by one; further ones are counted.
const MOST_TOLD: usize = 10;

/// What is sent.
pub(super) struct Message {
    /// The same in every attempt, so that a receiver knows what it has.
    id: String,
    /// What it is called in a warning.
    shown: String,
    body: String,
}

impl Message {
    pub(super) fn new(shown: String, body: String) -> Self {
        Self { id: format!("msg_{}", Uuid::now_v7().simple()), shown, body }
    }
}

/// Why a message was not taken.
struct Refusal {
    why: String,
    /// How long to wait before the same may succeed; none where it will not.
    pause: Option<Duration>,
}

/// Sends what one webhook is to be told.
pub(super) struct Courier {
    webhook: Webhook,
    /// Who is told of what could not be delivered.
    observer: Arc<dyn Observer>,
    secrets: Secrets,
    state: Mutex<State>,
    /// There is something to do.
    more: Notify,
}

#[derive(Default)]
struct State {
    /// The first of them is being sent.
    queue: VecDeque<Arc<Message>>,
    has_thread: bool,
    /// Nothing more comes.
    is_over: bool,
    /// Why the first of the queue was not taken yet.
    last: Option<String>,
    /// Whether the last message was given up: the next ones are sent once, until one is taken.
    is_down: bool,
    /// Whether one that could not be delivered is being told.
    is_telling: bool,
    told: usize,
    untold: usize,
}

impl Courier {
    pub(super) fn new(webhook: Webhook, observer: Arc<dyn Observer>, secrets: Secrets) -> Self {
        Self { webhook, observer, secrets, state: Mutex::default(), more: Notify::new() }
    }

    /// Takes a message to send; gives whether it is the first at all. Waits for nothing.
    pub(super) fn take(self: &Arc<Self>, message: Arc<Message>) -> bool {
        let mut state = self.state();
        if state.queue.len() >= MOST {
            state.untold += 1;
            return false;
        }
        state.queue.push_back(message);
        let is_first = !std::mem::replace(&mut state.has_thread, true);
        drop(state);
        self.more.notify_one();
        if is_first {
            let courier = self.clone();
            let spawned = std::thread::Builder::new().name("webhook".to_owned()).spawn(move || courier.run());
            if let Err(error) = spawned {
                self.state().has_thread = false;
                self.give_up(&format!("there is no thread to send it: {error}"));
            }
        }
        is_first
    }

    /// Nothing more comes.
    pub(super) fn end(&self) {
        self.state().is_over = true;
        self.more.notify_one();
    }

    /// Whether something is still to be sent.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.state();
        state.is_telling || !state.queue.is_empty()
    }

    /// Whether it will never send anything again.
    pub(super) fn is_done(&self) -> bool {
        let state = self.state();
        state.is_over && state.queue.is_empty()
    }

    /// Sends nothing more of what waits, and tells what was not delivered and has not been told.
    pub(super) fn give_up(&self, why: &str) {
        let mut state = self.state();
        let left: Vec<_> = state.queue.drain(..).collect();
        let untold = std::mem::take(&mut state.untold);
        let last = state.last.take();
        drop(state);
        let why = last.map_or_else(|| why.to_owned(), |last| format!("{last}; {why}"));
        if !left.is_empty() {
            let (named, rest) = left.split_at(left.len().min(MOST_TOLD));
            let mut shown = named.iter().map(|message| message.shown.as_str()).collect::<Vec<_>>().join(", ");
            if !rest.is_empty() {
                shown.push_str(&format!(" and {} more events", rest.len()));
            }
            self.tell(&shown, &why);
        }
        if untold > 0 {
            self.tell(&format!("{untold} more events"), "they could not be delivered either");
        }
    }

    /// The thread.
    fn run(self: Arc<Self>) {
        let executor = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(executor) => executor,
            Err(error) => return self.give_up(&format!("there is no executor to send it: {error}")),
        };
        let settings = Settings { connect_timeout: self.webhook.timeout, ..Settings::default() };
        let untrusted = "set `SSL_CERT_FILE` to a file with its root";
        let mut client = Client::new(self.webhook.address.clone(), settings, untrusted);
        executor.block_on(async {
            while let Some(message) = self.next().await {
                let delivered = self.deliver(&mut client, &message).await;
                self.over(&message, delivered);
            }
        });
        // A name that is still being looked up is nobody's any more.
        executor.shutdown_background();
    }

    /// The message that is next; none when there will be no more.
    async fn next(&self) -> Option<Arc<Message>> {
        loop {
            {
                let state = self.state();
                if let Some(message) = state.queue.front() {
                    return Some(message.clone());
                }
                if state.is_over {
                    return None;
                }
            }
            self.more.notified().await;
        }
    }

    /// Sends a message until it is taken, or it is clear that it will not be.
    async fn deliver(&self, client: &mut Client, message: &Arc<Message>) -> Result<(), String> {
        let attempts = if self.state().is_down { 1 } else { ATTEMPTS };
        let mut attempt = 1;
        loop {
            let Refusal { why, pause } = match self.attempt(client, message, attempt).await {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            };
            let Some(pause) = pause.filter(|_| attempt < attempts && self.is_next(message)) else {
                let times = if attempt > 1 { format!(", after {attempt} attempts") } else { String::new() };
                return Err(format!("{why}{times}"));
            };
            self.state().last = Some(why);
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, client: &mut Client, message: &Message, attempt: u32) -> Result<(), Refusal> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let Message { id, body, .. } = message;
        let signatures: Vec<String> = self.webhook.keys.iter().map(|key| key.sign(id, now, body)).collect();
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id.as_str()),
            ("webhook-timestamp", &now.to_string()),
            ("webhook-signature", &signatures.join(" ")),
        ];
        let own = FIRST_PAUSE * 2u32.saturating_pow(attempt - 1);
        let reply =
            client.post(&headers, body.clone(), self.webhook.timeout).await.map_err(|unanswered| {
                Refusal { why: unanswered.why, pause: unanswered.may_pass.then_some(own) }
            })?;
        let status = reply.status;
        match status {
            200..=299 => Ok(()),
            408 | 429 | 500.. => {
                let asked = reply.retry_after.unwrap_or_default().min(LONGEST_PAUSE);
                Err(Refusal { why: format!("it answered with {status}"), pause: Some(own.max(asked)) })
            }
            300..=399 => {
                let why = format!(
                    "it answered with {status}, and redirects are not followed: write the address that it leads to"
                );
                Err(Refusal { why, pause: None })
            }
            _ => Err(Refusal { why: format!("it answered with {status}"), pause: None }),
        }
    }

    /// Whether a message was not given up meanwhile.
    fn is_next(&self, message: &Arc<Message>) -> bool {
        self.state().queue.front().is_some_and(|front| Arc::ptr_eq(front, message))
    }

    fn over(&self, message: &Arc<Message>, delivered: Result<(), String>) {
        let mut state = self.state();
        // What was given up meanwhile was told.
        if state.queue.pop_front_if(|front| Arc::ptr_eq(front, message)).is_none() {
            return;
        }
        (state.last, state.is_down) = (None, delivered.is_err());
        let Err(why) = delivered else {
            state.told = 0;
            return;
        };
        if state.told >= MOST_TOLD {
            state.untold += 1;
            return;
        }
        (state.told, state.is_telling) = (state.told + 1, true);
        drop(state);
        self.tell(&message.shown, &why);
        self.state().is_telling = false;
    }

    fn tell(&self, what: &str, why: &str) {
        let host = self.webhook.address.host();
        let problem = Problem::warning(
            "webhook::undelivered",
            format!("the webhook `{host}` was not told of {what}: {why}"),
        );
        let problem = problem
            .help("nothing of the run depends on it, and it is not sent again: see what the receiver says");
        self.observer.event(&Event::Undelivered(&self.secrets.redact_problem(problem)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
