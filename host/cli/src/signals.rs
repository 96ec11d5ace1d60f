//! SIGINT and SIGTERM: the first asks the run to stop in good order, the second ends the process at once.
//!
//! They are listened for once a lock is about to be taken, a system is waited for, or a preview begins; before that
//! there is nothing to put in order.

use std::sync::{Arc, Once};

use sandpiper::observer::{Event, Observer};
use sandpiper::{Asked, Stopper};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::output::Output;
use crate::watch::Watch;

/// Listens to signals from the first such event on, and passes every event on.
pub(crate) struct StopOnSignal {
    observer: Arc<dyn Observer>,
    stopper: Stopper,
    output: Output,
    /// What stands on the terminal.
    watch: Option<Arc<Watch>>,
    listening: Once,
}

impl StopOnSignal {
    /// Signals go to `stopper`, events to `observer`.
    /// A second signal ends the process with what `output` says then.
    pub(crate) fn new(
        observer: Arc<dyn Observer>,
        stopper: Stopper,
        output: Output,
        watch: Option<Arc<Watch>>,
    ) -> Self {
        Self { observer, stopper, output, watch, listening: Once::new() }
    }

    /// Listens from now on: the first process of a container is not ended by a signal that nobody listens to.
    pub(crate) fn listen(&self) {
        self.listening.call_once(|| listen(self.stopper.clone(), self.output.clone(), self.watch.clone()));
    }
}

impl Observer for StopOnSignal {
    fn event(&self, event: &Event<'_>) {
        let of_tenant = match event {
            Event::OfTenant { event, .. } => event,
            event => event,
        };
        if matches!(of_tenant, Event::Locking { .. } | Event::Awaiting { .. } | Event::PreviewStarted { .. })
        {
            self.listen();
        }
        self.observer.event(event);
    }
}

/// Where signals cannot be listened to, they end the process, which the next run recovers from like from any crash.
fn listen(stopper: Stopper, output: Output, watch: Option<Arc<Watch>>) {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let listen = move || {
        let mut first = None;
        for signal in signals.forever() {
            let asked =
                *first.get_or_insert(if signal == SIGINT { Asked::Interrupt } else { Asked::Terminate });
            if stopper.stop(asked) {
                let line =
                    "stopping: the running change is told, and given its grace; once more to end at once";
                match &watch {
                    Some(watch) => watch.say(line),
                    None => eprintln!("{line}"),
                }
            } else {
                watch.iter().for_each(|watch| watch.take_away());
                output.end_at_once(asked.exit());
                std::process::exit(i32::from(asked.exit().code()));
            }
        }
    };
    drop(std::thread::Builder::new().name("signals".to_owned()).spawn(listen));
}
