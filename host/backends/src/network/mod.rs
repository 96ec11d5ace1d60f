//! What all servers have in common: where connections wait, how they are protected, and the parts of an address.

pub(crate) mod address;
mod socket;
mod thread;
mod tls;

pub(crate) use socket::{Buffered, Socket};
pub(crate) use thread::Network;
pub(crate) use tls::{Mode, Names, Protection, encrypt};
