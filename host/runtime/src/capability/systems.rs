//! The systems behind handles, whatever they lend: the change's target, and those that a guest opens by name.

use std::time::Instant;

use wasmtime::component::{Resource, ResourceTableError};

use crate::handle_call::{Came, HandleCall, Passed};
use crate::state::{Further, Lent, Stopped, View};
use crate::target::{Capability, Session};
use crate::text;

/// Which system a handle stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// The change's target system.
    Target,
    /// One that the guest opened: where it is in [`Lent::further`].
    Further(usize),
}

/// Why a function of a client did not do what the guest asked: the client's `convert_error` decides what the guest
/// sees.
#[expect(unreachable_pub, reason = "the bindings that `bindgen!` makes export it again")]
pub enum Failure<E> {
    /// The session says no.
    Session(E),
    /// The guest must end.
    Trap(wasmtime::Error),
}

impl<E> From<Stopped> for Failure<E> {
    fn from(stopped: Stopped) -> Self {
        Self::Trap(wasmtime::Error::new(stopped))
    }
}

impl<E> From<ResourceTableError> for Failure<E> {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(wasmtime::Error::new(error))
    }
}

/// A call of a guest, before it is known what came of it.
#[derive(Clone, Copy)]
pub(crate) struct Made<'a> {
    system: System,
    capability: Capability,
    operation: &'static str,
    statement: &'a str,
    passed: Passed<'a>,
    since: Instant,
}

impl<'a> Made<'a> {
    /// A call that is about to be made.
    pub(crate) fn now(
        system: System,
        capability: Capability,
        operation: &'static str,
        statement: &'a str,
        passed: Passed<'a>,
    ) -> Self {
        Self { system, capability, operation, statement, passed, since: Instant::now() }
    }
}

impl Lent {
    /// The session on a system, unless it was given back.
    pub(crate) fn session_of(&mut self, system: System) -> Option<&mut Box<dyn Session>> {
        match system {
            System::Target => self.session.as_mut(),
            System::Further(index) => self.further.get_mut(index)?.session.as_mut(),
        }
    }

    /// Tells the host of a call that has ended, unless it did not count, and logs what the system remarked meanwhile.
    pub(crate) fn called<T, E: std::fmt::Display>(
        &mut self,
        made: Made<'_>,
        result: &Result<T, Failure<E>>,
        came: impl FnOnce(&T) -> Came<'_>,
    ) {
        let notices = self.session_of(made.system).map(|session| session.take_notices());
        for (level, notice) in notices.into_iter().flatten() {
            self.log.message(level, &notice);
        }
        let (Some(host), system) = (&self.host, self.name_of(made.system)) else { return };
        let Made { capability, operation, statement, passed, since, .. } = made;
        let tell = |came: Result<Came<'_>, &str>| {
            let duration = since.elapsed();
            host.called(&HandleCall { system, capability, operation, statement, passed, came, duration });
        };
        match result {
            Ok(value) => tell(Ok(came(value))),
            Err(Failure::Session(error)) => tell(Err(&error.to_string())),
            // The guest was at its end before.
            Err(Failure::Trap(_)) => {}
        }
    }

    /// The name of a further system.
    fn name_of(&self, system: System) -> Option<&str> {
        let System::Further(index) = system else { return None };
        let used = self.further.get(index)?.used;
        self.context.uses.get(used).map(String::as_str)
    }
}

impl View<'_> {
    /// Opens a further system that the change declared, for the handle of one capability.
    pub(crate) async fn open_further<H: Send + 'static, E: std::fmt::Display>(
        &mut self,
        system: &str,
        capability: Capability,
        handle: fn(System) -> H,
        denied: fn(String) -> E,
    ) -> Result<Resource<H>, Failure<E>> {
        let denied = |why: &str| {
            let shown = text::line(text::cut(system, 255));
            Failure::Session(denied(format!("`{shown}` cannot be opened: {why}")))
        };
        let Some(host) = self.lent.host.clone() else {
            return Err(denied("a component that describes itself has no access to any system"));
        };
        let Some(used) = self.lent.context.uses.iter().position(|declared| declared == system) else {
            return Err(denied("the change does not declare it in `uses`"));
        };
        self.lent.enter()?;
        // The place is taken first: a table that is full must not leave a session without a handle.
        let place = System::Further(self.lent.further.len());
        let handle = self.table.push(handle(place))?;
        let made = Made::now(place, capability, "open", system, Passed::Nothing);
        let opened = match host.open(system).await {
            Ok(mut session) => {
                self.lent.stop.on_stop(session.interrupter());
                let lends = super::of(session.as_mut());
                self.lent.further.push(Further { used, session: Some(session) });
                if lends == Some(capability) {
                    Ok(())
                } else {
                    self.give_back(place).await;
                    Err(denied(&format!("it lends no `sandpiper:{}/client`", capability.as_str())))
                }
            }
            Err(why) => Err(denied(&why)),
        };
        self.lent.called(made, &opened, |()| Came::Done);
        match opened {
            Ok(()) => Ok(handle),
            Err(refused) => {
                self.table.delete(handle)?;
                Err(refused)
            }
        }
    }

    /// Closes the session on a further system whose handle the guest dropped.
    pub(crate) async fn give_back(&mut self, system: System) {
        let System::Further(index) = system else {
            return;
        };
        let session = self.lent.further.get_mut(index).and_then(|further| further.session.take());
        if let Some(session) = session {
            self.lent.closed(session.close().await);
        }
    }
}
