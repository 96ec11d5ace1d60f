//! Messages to and from a server: what is to be sent goes out while answers come in, so that neither side waits for the
//! other however much is under way.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{Buf as _, BytesMut};
use postgres_protocol::message::backend::{Header, Message};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

/// What bytes travel on: plain or encrypted, TCP or a socket of this machine.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Socket for T {}

/// The longest message that is taken, in bytes: a bound for what one value of a server may take here.
const LONGEST: i32 = 256 << 20;

/// A connection, as messages.
pub(crate) struct Wire {
    socket: Box<dyn Socket>,
    incoming: BytesMut,
    outgoing: BytesMut,
    unflushed: bool,
}

impl Wire {
    pub(crate) fn new(socket: Box<dyn Socket>) -> Self {
        Self { socket, incoming: BytesMut::new(), outgoing: BytesMut::new(), unflushed: false }
    }

    /// Where messages to the server are written.
    pub(crate) fn out(&mut self) -> &mut BytesMut {
        &mut self.outgoing
    }

    /// Sends everything, without waiting for an answer.
    pub(crate) async fn send(&mut self) -> io::Result<()> {
        use tokio::io::AsyncWriteExt as _;
        self.socket.write_all(&self.outgoing).await?;
        self.outgoing.clear();
        self.socket.flush().await
    }

    /// The next message from the server.
    pub(crate) async fn next(&mut self) -> io::Result<Message> {
        loop {
            if let Some(header) = Header::parse(&self.incoming)?
                && header.len() > LONGEST
            {
                let message =
                    format!("the server sent a message of {} bytes, more than {LONGEST}", header.len());
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
            if let Some(message) = Message::parse(&mut self.incoming)? {
                return Ok(message);
            }
            if self.move_bytes().await? == 0 {
                let message = "the server closed the connection";
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, message));
            }
        }
    }

    /// Sends until something was received. Gives how much.
    async fn move_bytes(&mut self) -> io::Result<usize> {
        poll_fn(|context| {
            while !self.outgoing.is_empty() {
                match Pin::new(&mut self.socket).poll_write(context, &self.outgoing) {
                    Poll::Ready(Ok(sent)) => {
                        self.outgoing.advance(sent);
                        self.unflushed = true;
                    }
                    // Why it will not listen any more is among what it said.
                    Poll::Ready(Err(_)) => self.outgoing.clear(),
                    Poll::Pending => break,
                }
            }
            if self.unflushed
                && self.outgoing.is_empty()
                && Pin::new(&mut self.socket).poll_flush(context).is_ready()
            {
                self.unflushed = false;
            }
            pin!(self.socket.read_buf(&mut self.incoming)).poll(context)
        })
        .await
    }
}
