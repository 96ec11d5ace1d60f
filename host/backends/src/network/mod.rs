//! What all servers have in common: where connections wait, and how they are protected.

pub(crate) mod certificates;
mod interrupt;
mod pings;
mod socket;
mod thread;
mod tls;

pub(crate) use interrupt::{Cancel, Interrupt};
pub(crate) use pings::{Beat, Pings};
pub(crate) use socket::{Buffered, Socket};
pub(crate) use thread::Network;
pub(crate) use tls::{Mode, Names, Protection, encrypt};
