//! The systems behind handles, whatever they lend: the change's target, and those that a guest opens by name.

use wasmtime::component::{Resource, ResourceTableError};

use crate::state::{Lent, Stopped, View};
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

impl Lent {
    /// The session on a system, unless it was given back.
    pub(crate) fn session_of(&mut self, system: System) -> Option<&mut Box<dyn Session>> {
        match system {
            System::Target => self.session.as_mut(),
            System::Further(index) => self.further.get_mut(index)?.as_mut(),
        }
    }
}

impl View<'_> {
    /// Opens a further system that the change declared, for the handle of one capability.
    pub(crate) async fn open_further<H: Send + 'static, E>(
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
        if !self.lent.context.uses.iter().any(|declared| declared == system) {
            return Err(denied("the change does not declare it in `uses`"));
        }
        self.lent.enter()?;
        // The place is taken first: a table that is full must not leave a session without a handle.
        let place = System::Further(self.lent.further.len());
        let handle = self.table.push(handle(place))?;
        let mut session = match host.open(system).await {
            Ok(session) => session,
            Err(why) => {
                self.table.delete(handle)?;
                return Err(denied(&why));
            }
        };
        self.lent.stop.on_stop(session.interrupter());
        let lends = super::of(session.as_mut());
        self.lent.further.push(Some(session));
        if lends != Some(capability) {
            self.table.delete(handle)?;
            self.give_back(place).await;
            return Err(denied(&format!("it lends no `sandpiper:{}/client`", capability.as_str())));
        }
        Ok(handle)
    }

    /// Closes the session on a further system whose handle the guest dropped.
    pub(crate) async fn give_back(&mut self, system: System) {
        let System::Further(index) = system else {
            return;
        };
        let session = self.lent.further.get_mut(index).and_then(Option::take);
        if let Some(session) = session {
            self.lent.closed(session.close().await);
        }
    }
}
