//! Messages to and from a server.

use std::io;

use bytes::BytesMut;
use postgres_protocol::message::backend::{Header, Message};

use crate::network::{Buffered, Socket};

/// The longest message that is taken, in bytes: a bound for what one value of a server may take here.
const LONGEST: i32 = 256 << 20;

/// A connection, as messages.
pub(crate) struct Wire(Buffered);

impl Wire {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self(Buffered::new(socket))
    }

    /// Where messages to the server are written.
    pub(crate) fn out(&mut self) -> &mut BytesMut {
        &mut self.0.outgoing
    }

    /// Sends everything, without waiting for an answer.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        self.0.send().await
    }

    /// The next message from the server.
    pub(crate) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(header) = Header::parse(&self.0.incoming)?
                && header.len() > LONGEST
            {
                let message =
                    format!("the server sent a message of {} bytes, more than {LONGEST}", header.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if let Some(message) = Message::parse(&mut self.0.incoming)? {
                return Ok(message);
            }
            self.0.receive().await?;
        }
    }
}
