//! What the tests share: guests, sessions in memory, a host that remembers, and one way to call a guest with them.

mod api;
pub(crate) mod guests;
mod host;
mod session;

use std::future::Future;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sandpiper_engine::digest::Digest;
use sandpiper_runtime::guest::{Answer, Call, CallError, Context, Loan};
use sandpiper_runtime::stop::Stop;
use sandpiper_runtime::target::Session;
use sandpiper_runtime::{Component, Limits, Runtime, Settings};

pub(crate) use api::{Api, ApiSession};
pub(crate) use guests::guest;
pub(crate) use host::Host;
pub(crate) use session::{Database, MemorySession};

/// One runtime for most tests: components are compiled once.
pub(crate) static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Runtime::new(Settings { cache_dir: None, limits: limits() }));

/// The limits of the tests: smaller where reaching the real ones would take long.
pub(crate) fn limits() -> Limits {
    Limits { describe_deadline: Duration::from_secs(3), ..Limits::default() }
}

/// Runs a future as the runner does: on one thread, without timers.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// Loads bytes.
pub(crate) fn load(bytes: impl Into<Arc<[u8]>>) -> Component {
    let bytes = bytes.into();
    let digest = Digest::of(&bytes);
    RUNTIME.load(bytes, digest).unwrap()
}

/// One attempt with a guest.
pub(crate) struct Attempt {
    pub(crate) runtime: &'static Runtime,
    pub(crate) component: Component,
    pub(crate) call: Call,
    pub(crate) context: Context,
    pub(crate) host: Arc<Host>,
    pub(crate) database: Arc<Database>,
    /// The target system, where it is an API and not the database.
    pub(crate) api: Option<Arc<Api>>,
    pub(crate) stop: Stop,
    pub(crate) deadline: Duration,
}

/// What came of an attempt.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) answer: Result<Answer, CallError>,
    pub(crate) calls: u64,
    pub(crate) transient: bool,
}

impl Attempt {
    /// To apply a change.
    pub(crate) fn new(component: Component) -> Self {
        Self {
            runtime: &RUNTIME,
            component,
            call: Call::Apply,
            context: Context { idempotency_key: "key-1".to_owned(), attempt: 1, ..Context::default() },
            host: Arc::default(),
            database: Arc::default(),
            api: None,
            stop: Stop::new(),
            deadline: Duration::from_secs(60),
        }
    }

    /// To apply a case of the library of guests.
    pub(crate) fn case(case: &str) -> Self {
        Self::new(guest("lib")).variable("case", case)
    }

    /// With a variable.
    pub(crate) fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.context.variables.push((name.to_owned(), value.to_string()));
        self
    }

    /// Within a time.
    pub(crate) fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs it. Whatever happens, the session must come back, with no cursor open.
    pub(crate) fn run(&self) -> Ended {
        let session: Box<dyn Session> = match &self.api {
            Some(api) => Box::new(ApiSession(api.clone())),
            None => Box::new(MemorySession::new(self.database.clone())),
        };
        let loan = Loan {
            session,
            context: self.context.clone(),
            host: self.host.clone(),
            stop: self.stop.clone(),
            deadline: self.deadline,
        };
        let mut returned = block_on(self.runtime.call(&self.component, self.call.clone(), loan));
        let lends = (returned.session.sql().map(|sql| sql.dialect()), returned.session.http().is_some());
        let expected = if self.api.is_some() { (None, true) } else { (Some("sqlite"), false) };
        assert_eq!(lends, expected, "the session that came back is another one");
        assert_eq!(self.database.open_cursors(), 0, "the guest left a cursor open");
        Ended { answer: returned.answer, calls: returned.calls, transient: returned.transient }
    }
}

impl Ended {
    /// That it ended well.
    #[track_caller]
    pub(crate) fn done(self) {
        assert_eq!(self.answer, Ok(Answer::Done));
    }

    /// Why it did not.
    #[track_caller]
    pub(crate) fn error(self) -> CallError {
        self.answer.unwrap_err()
    }

    /// Which limit it reached.
    #[track_caller]
    pub(crate) fn limit(self) -> (&'static str, String) {
        match self.error() {
            CallError::Limit { code, message } => (code, message),
            other => panic!("no limit was reached: {other:?}"),
        }
    }

    /// Why it trapped.
    #[track_caller]
    pub(crate) fn trap(self) -> String {
        match self.error() {
            CallError::Trap(why) => why,
            other => panic!("it did not trap: {other:?}"),
        }
    }
}
