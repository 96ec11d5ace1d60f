//! Events of a run, for those who watch it: a terminal, a log, metrics. They never steer.

use std::sync::Arc;
use std::time::Duration;

use sandpiper_engine::calls::RecordedCall;
use sandpiper_engine::entry::Mode;
use sandpiper_engine::fault::{Fault, Problem};
pub use sandpiper_runtime::Usage;
pub use sandpiper_runtime::guest::Level;

use crate::report::{ChangeReport, Exit, Finished, Report, StageReport};

/// Something that happened in a run. Texts are free of secrets and of control characters.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A run has begun.
    RunStarted {
        /// Identifies the run, also in the audit.
        run_id: &'a str,
        /// `apply` or `undo`.
        command: &'a str,
        /// Whose changes it applies.
        service: &'a str,
        /// In which environment.
        environment: &'a str,
        /// For whom, where one tenant was chosen.
        tenant: Option<&'a str>,
    },
    /// The tenants are known, and it begins with them.
    Tenants {
        /// How many there are.
        count: usize,
    },
    /// Something that happened with one of the tenants.
    OfTenant {
        /// Which.
        tenant: &'a str,
        /// What.
        event: &'a Event<'a>,
    },
    /// A lock of the tenant is held by somebody else: it is come back to when there is nothing else to do.
    TenantDeferred {
        /// Which.
        tenant: &'a str,
    },
    /// A tenant is over.
    TenantFinished {
        /// Which.
        tenant: &'a str,
        /// How it ended.
        exit: Exit,
        /// What went wrong first, if anything did.
        error: Option<&'a Fault>,
        /// How many are over, with this one.
        done: usize,
        /// Of how many.
        count: usize,
    },
    /// What the guests of a run took of the machine. Told before it is over, if there were any.
    GuestsTook(Usage),
    /// The run is over; whatever it began was told before.
    RunFinished(&'a Finished<Report>),
    /// Something is odd, but stops nothing.
    Warning(&'a Problem),
    /// A webhook could not be told of something. It may come when the run is over.
    Undelivered(&'a Problem),
    /// A system is waited for, until it is up. Told when the waiting begins, when its answer is a new one, and now and
    /// then.
    Awaiting {
        /// Which, in words.
        what: &'a str,
        /// Why it is not up yet; none before it was asked.
        answer: Option<&'a str>,
        /// How long the command has waited.
        waited: Duration,
        /// How long it waits at most.
        limit: Duration,
    },
    /// A system that was waited for is up.
    CameUp {
        /// Which, in words.
        what: &'a str,
        /// How long the command has waited.
        waited: Duration,
    },
    /// The lock of a stage is about to be taken: from here on there is something to put in order when the run is told to
    /// stop.
    Locking {
        /// The stage.
        stage: &'a str,
    },
    /// The lock of a stage is held by somebody else, and the run waits for it.
    Waiting {
        /// The stage.
        stage: &'a str,
        /// Who holds it, in words.
        holder: &'a str,
        /// How long the run has waited.
        waited: Duration,
    },
    /// A stage has begun: its lock is taken.
    StageStarted {
        /// The stage.
        stage: &'a str,
    },
    /// A change is about to be applied.
    ChangeStarted {
        /// Its stage.
        stage: &'a str,
        /// Its identity.
        id: &'a str,
        /// Its mode.
        mode: Mode,
    },
    /// A change is about to be run, to be rolled back.
    PreviewStarted {
        /// Its stage.
        stage: &'a str,
        /// Its identity.
        id: &'a str,
    },
    /// A change that was run to be rolled back is over.
    PreviewFinished {
        /// Its identity.
        id: &'a str,
    },
    /// A line of a change's log, standard output or standard error.
    Log {
        /// The change.
        id: &'a str,
        /// How loud.
        level: Level,
        /// The line.
        line: &'a str,
    },
    /// How far a change says that it is.
    Progress {
        /// The change.
        id: &'a str,
        /// So much is done.
        done: u64,
        /// Of so much; 0 if unknown.
        total: u64,
    },
    /// A change has made a call through a handle.
    Called {
        /// Its stage.
        stage: &'a str,
        /// The change.
        id: &'a str,
        /// The system that it went to, by its name.
        system: &'a str,
        /// The kind of that system, as the configuration names it: `postgres`, `http`.
        kind: &'static str,
        /// The URL of that system; none of a file.
        address: Option<&'a str>,
        /// What the audit keeps of it; none where it is only counted.
        call: Option<&'a RecordedCall>,
        /// How long it took, until now.
        took: Duration,
    },
    /// An attempt of a change failed, and another one follows.
    ChangeRetried {
        /// Its stage.
        stage: &'a str,
        /// The change.
        id: &'a str,
        /// So many attempts of this run failed.
        failed: u32,
        /// So many are made at most.
        attempts: u32,
        /// How long is waited before the next.
        pause: Duration,
        /// Why the last one failed.
        error: Option<&'a Fault>,
    },
    /// A change is over.
    ChangeFinished {
        /// Its stage.
        stage: &'a str,
        /// What became of it.
        change: &'a ChangeReport,
    },
    /// A stage is over.
    StageFinished(&'a StageReport),
}

/// Hears the events of a run, one at a time, from the threads that cause them.
pub trait Observer: Send + Sync {
    /// Called for each event; it should return soon.
    fn event(&self, event: &Event<'_>);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _: &Event<'_>) {}
}

/// Tells several who hear, in their order.
#[derive(Clone, Default)]
pub struct Each(pub Vec<Arc<dyn Observer>>);

impl Observer for Each {
    fn event(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.event(event));
    }
}
