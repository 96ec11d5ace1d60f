//! Waiting for systems to come up: whoever starts a database and this at the same time must not lose the race.
//!
//! Only that nobody answers yet, or that whoever answers is still starting, is waited for. A wrong password, a missing
//! right or a missing database is an answer, and waiting would only hide it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sandpiper_engine::fault::{Blame, Fault};
use sandpiper_engine::scope::{Scope, SystemName};
use sandpiper_engine::store::{Store, StoreError};
use sandpiper_runtime::target::{Target, TargetError};
use tokio::task::JoinSet;

use crate::clock::milliseconds;
use crate::observer::{Event, Observer};
use crate::run::ready::of_system;
use crate::secrets::Secrets;
use crate::stopping::Stopper;

/// How long is paused before a system is asked again: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How often it is said that something is still waited for.
const TELLING: Duration = Duration::from_secs(10);
/// How soon it is noticed that the run was told to stop.
const NOTICING: Duration = Duration::from_millis(50);

/// How long a command waits for all that it needs, together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    limit: Duration,
    begun: Instant,
}

impl Patience {
    /// Begins now.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, begun: Instant::now() }
    }

    /// Whether nothing is waited for.
    pub(crate) fn is_none(self) -> bool {
        self.limit.is_zero()
    }

    fn left(self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }
}

/// What is waited for.
#[derive(Clone)]
pub(crate) enum Awaited {
    /// The audit store.
    Store(Arc<dyn Store>, Scope),
    /// A target system.
    Target(SystemName, Arc<dyn Target>),
}

/// Why it cannot be worked with.
enum Down {
    /// It may come up.
    NotYet(String),
    /// It is up, and says no.
    Never(Fault),
}

impl Awaited {
    /// Its name, for people.
    fn name(&self) -> String {
        match self {
            Self::Store(..) => "the audit store".to_owned(),
            Self::Target(name, _) => format!("`{name}`"),
        }
    }

    async fn ask(&self) -> Result<(), Down> {
        match self {
            Self::Store(store, scope) => match store.states(scope).await {
                Ok(_) => Ok(()),
                Err(StoreError::Unreachable(why)) => Err(Down::NotYet(why)),
                Err(error) => Err(Down::Never(error.into())),
            },
            Self::Target(name, target) => match target.check().await {
                // Somebody is at work on it: so it is up.
                Ok(()) | Err(TargetError::Busy(_)) => Ok(()),
                Err(TargetError::Unreachable(why)) => {
                    // Some say their own name first.
                    let said = why.strip_prefix(&format!("`{name}`: ")).map(str::to_owned);
                    Err(Down::NotYet(said.unwrap_or(why)))
                }
                Err(error) => Err(Down::Never(of_system(error.into(), name.as_str()))),
            },
        }
    }
}

/// Who waits.
pub(crate) struct Waiting<'a> {
    pub(crate) patience: Patience,
    pub(crate) stopper: &'a Stopper,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) secrets: &'a Secrets,
}

/// Something that is not up yet.
struct Waited {
    awaited: Awaited,
    /// What it answered last; nothing before it was asked.
    answer: Option<String>,
    told: Instant,
    is_up: bool,
}

impl Waiting<'_> {
    /// Waits until all of them are up.
    ///
    /// # Errors
    ///
    /// What one says that is up and does not let us in; `unreachable` with the last answer of each that did not come up
    /// in time; `interrupted` when the run was told to stop.
    pub(crate) async fn until_up(&self, systems: Vec<Awaited>) -> Result<(), Fault> {
        let begun = self.patience.begun;
        let mut waited: Vec<Waited> = systems
            .into_iter()
            .map(|awaited| Waited { awaited, answer: None, told: begun, is_up: false })
            .collect();
        for it in &waited {
            self.tell(&it.awaited, None);
        }
        let mut pause = FIRST_PAUSE;
        loop {
            self.ask(&mut waited).await?;
            if waited.is_empty() {
                return Ok(());
            }
            if self.patience.left().is_zero() {
                return Err(self.given_up(&waited));
            }
            self.rest(pause.min(self.patience.left())).await?;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Asks all of them at once, and leaves those that are not up.
    async fn ask(&self, waited: &mut Vec<Waited>) -> Result<(), Fault> {
        let mut asked = JoinSet::new();
        for (index, it) in waited.iter().enumerate() {
            let awaited = it.awaited.clone();
            asked.spawn(async move { (index, awaited.ask().await) });
        }
        while !asked.is_empty() {
            let answer = match tokio::time::timeout(NOTICING, asked.join_next()).await {
                Ok(Some(answer)) => answer,
                Ok(None) => break,
                // No answer is an answer too, once the time is over.
                Err(_) if self.patience.left().is_zero() => break,
                Err(_) => {
                    self.go_on(waited)?;
                    continue;
                }
            };
            let (index, answer) = answer.map_err(|error| Fault::bug(error.to_string()))?;
            let Some(it) = waited.get_mut(index) else { continue };
            match answer {
                Ok(()) => {
                    if it.answer.is_some() {
                        let (name, waited) = (it.awaited.name(), self.patience.begun.elapsed());
                        self.observer.event(&Event::CameUp { what: &name, waited });
                    }
                    it.is_up = true;
                }
                Err(Down::Never(fault)) => return Err(fault),
                Err(Down::NotYet(why)) => self.answered(it, why),
            }
        }
        waited.retain(|it| !it.is_up);
        self.go_on(waited)
    }

    fn answered(&self, it: &mut Waited, why: String) {
        let why = self.secrets.redact(&why).into_owned();
        let is_new = it.answer.as_ref() != Some(&why);
        it.answer = Some(why);
        if is_new || it.told.elapsed() >= TELLING {
            it.told = Instant::now();
            self.tell(&it.awaited, it.answer.as_deref());
        }
    }

    fn tell(&self, awaited: &Awaited, answer: Option<&str>) {
        let Patience { limit, begun } = self.patience;
        let what = awaited.name();
        self.observer.event(&Event::Awaiting { what: &what, answer, waited: begun.elapsed(), limit });
    }

    async fn rest(&self, pause: Duration) -> Result<(), Fault> {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(left.min(NOTICING)).await;
            self.go_on(&[])?;
        }
    }

    /// Unless the run was told to stop.
    fn go_on(&self, waited: &[Waited]) -> Result<(), Fault> {
        match self.stopper.asked() {
            None => Ok(()),
            Some(_) => {
                let what = waited.first().map_or_else(|| "all systems".to_owned(), |it| it.awaited.name());
                Err(Stopper::fault(&format!("{what} came up")))
            }
        }
    }

    fn given_up(&self, waited: &[Waited]) -> Fault {
        let is_store = waited.iter().any(|it| matches!(it.awaited, Awaited::Store(..)));
        let answers = waited.iter().map(|it| {
            let answer = it.answer.as_deref().unwrap_or("no answer at all");
            format!("{} did not come up within {}: {answer}", it.awaited.name(), words(self.patience.limit))
        });
        let message = answers.collect::<Vec<_>>().join("; ");
        let (code, blame) = match is_store {
            true => ("store::unreachable", Blame::Store),
            false => ("target::unreachable", Blame::Target),
        };
        let fault = Fault::new(code, blame, message).with_transience(true);
        fault.with_help(
            "check that it is started, and its address in the configuration; or let `--wait` be longer",
        )
    }
}

/// A duration, for people.
fn words(limit: Duration) -> String {
    match milliseconds(limit) {
        limit if limit % 1000 == 0 => format!("{} s", limit / 1000),
        limit => format!("{limit} ms"),
    }
}
